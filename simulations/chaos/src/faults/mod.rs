//! What goes wrong, a file each.

mod clock;
mod cut;
mod deaf_sockets;
mod descriptors;
mod fsync;
mod full;
mod kill;
mod memory;
mod pause;
mod rolling;
mod slow_clients;
mod slow_disk;
mod strangers;
mod weather;

mod list;

pub use list::FAULTS;
