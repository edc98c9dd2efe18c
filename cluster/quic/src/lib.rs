//! The way to the other nodes: QUIC connections that both sides prove themselves on.
//!
//! A node dials every node that it has something to say to, and answers on connections of its own: a
//! connection carries messages one way. In reading order:
//!
//! - [`identity`]: who a node is: its certificate, and who vouches for it
//! - [`endpoint`]: the socket of a node, and the port [`cluster::transport::Transport`] over it
//! - `dialer`: the connection to one peer: as long as there is something to say to it
//! - `acceptor`: connections of others
//! - `asking`: questions to whoever is at an address
//! - `queue`: what waits for a peer
//! - `frames`: messages in a stream
//! - `hello`: what both sides say first
//! - `tls`: how both sides prove who they are
//! - [`limits`]: every limit, with unit and reason

mod acceptor;
mod asking;
mod dialer;
pub mod endpoint;
mod frames;
mod hello;
pub mod identity;
pub mod limits;
mod queue;
mod tls;

pub use tls::TlsError;

#[cfg(test)]
mod tests;
