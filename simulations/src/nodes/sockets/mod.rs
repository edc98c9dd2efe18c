//! Clients of whole nodes: devices that follow channels over sockets, served by the gateway that ships.
//! A connection may end at any byte, in silence too; a device goes on with any other node from where it
//! was.
//!
//! In reading order:
//!
//! - [`plan`]: what a seed means: users, devices, what goes wrong with connections
//! - [`pipe`]: a connection: bytes in both directions, with delay, and an end at any byte
//! - [`door`]: where clients come in: the gateway on a simulated machine
//! - [`deed`]: what devices ask for; [`http`]: over a connection of its own
//! - [`topic`]: what they follow; [`seen`]: what one of them has seen of it
//! - [`book`]: what users have done, as far as they were told
//! - [`device`]: a device; `talk`: one of its connections
//! - [`state`]: all of them
//! - [`course`]: their part in the course of a seed
//! - [`verdict`]: what must be true in the end

pub mod book;
pub mod course;
pub mod deed;
pub mod device;
pub mod door;
pub mod http;
pub mod pipe;
pub mod plan;
pub mod seen;
pub mod state;
pub mod topic;
pub mod verdict;

mod talk;
