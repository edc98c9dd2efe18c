//! Nodes that connect, and those who are none.
//!
//! On real sockets there is what only they can show: `real`. Everything else is simulated: the crate runs
//! unchanged, with quinn and TLS inside, over UDP in memory, in virtual time and in one thread, without a
//! driver for anything real. In reading order:
//!
//! - `identities`: who they are
//! - `network`, `socket`: UDP, and what datagrams suffer
//! - `trace`, `word`, `world`: what happens, what nodes say, the nodes themselves
//! - `stranger`: who speaks QUIC, and is no node
//! - `repeat`: a seed is all that counts
//! - all others: scenarios
//!
//! # What follows from a seed
//!
//! When each datagram leaves and arrives, from where to where, how long it is and what becomes of it; what
//! each node hears, and what it logs. For time is tokio's, chance is seeded (of the network, of scenarios,
//! of nodes, and of quinn by [`crate::endpoint::Quic::start`]), and nothing that TLS draws from the system
//! changes a length or a moment: keys are of one kind, and so are certificates, each of a key that follows
//! from the number of its node.
//!
//! Not what is in the datagrams, and so not what an altered one is taken for: seldom a packet that cannot
//! be opened looks like the beginning of a connection, and is refused as one. Two things are left out for
//! that: refusals from what [`repeat`] compares, and altered copies from what it plays. And certificates
//! are judged by the clock of the machine.

mod certificates;
mod cuts;
mod floods;
mod identities;
mod lives;
mod messages;
mod network;
mod real;
mod repeat;
mod silence;
mod socket;
mod storm;
mod stranger;
mod strangers;
mod trace;
mod word;
mod world;
