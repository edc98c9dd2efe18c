//! Channels: streams of entities as clients follow them.
//!
//! A push is a hint, a read is the truth. A node follows each stream once, however many of its clients do;
//! an item is shown and written once for all of them. A client that comes back says what it has seen, on
//! whatever node, and what came since is read from the stream.
//!
//! - `hub`: finds a channel by its name, joins it, reads its past
//! - `topic`: a channel that somebody follows
//! - `outbox`: what waits for one connection
//! - `publication`: an item as clients get it
//! - `description`: the channels, described for clients

mod description;
mod hub;
mod outbox;
mod publication;
mod topic;

pub(crate) use description::described;
pub(crate) use hub::{CHANNEL_BYTES_MAX, Followed, Hub, Past, Refused};
pub(crate) use outbox::{End, Outbox, Push};
pub(crate) use publication::Publication;
pub(crate) use topic::Membership;
