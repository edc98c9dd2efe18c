//! All of them.

use super::{
    clock, cut, deaf_sockets, descriptors, fsync, full, kill, memory, pause, rolling, slow_clients,
    slow_disk, strangers, weather,
};
use crate::fault::Fault;

/// All faults, in the order in which they happen.
pub const FAULTS: [&Fault; 14] = [
    &kill::KILL,
    &pause::PAUSE,
    &rolling::ROLLING,
    &cut::CUT,
    &weather::WEATHER,
    &fsync::FSYNC,
    &slow_disk::SLOW_DISK,
    &full::FULL,
    &clock::CLOCK,
    &descriptors::DESCRIPTORS,
    &memory::MEMORY,
    &slow_clients::SLOW_CLIENTS,
    &deaf_sockets::DEAF_SOCKETS,
    &strangers::STRANGERS,
];
