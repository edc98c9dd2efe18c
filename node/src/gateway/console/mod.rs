//! `/console`: the cluster as it is now, for operators.
//!
//! The page, `page.html`, gets all that it shows from the channel [`CHANNEL`], which is the gateway's own: no
//! service declares it, and no stream is behind it. A node finds out how the cluster is doing as long as
//! somebody follows it there, once for all of them. Each publication says everything, so there is nothing
//! to recover: in terms of the protocol the channel is neither positioned nor recoverable.
//!
//! - `observer`: finds out how the cluster is doing
//! - `status`: what is published
//! - `rates`: how quickly what is counted grows
//! - `health`: all of it in a sentence

mod health;
mod observer;
mod rates;
mod status;

pub(super) use observer::{CHANNEL, Observer, PERIOD};
pub(super) use status::ClusterStatus;
