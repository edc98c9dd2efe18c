//! How a node comes to be a part of its cluster.
//!
//! - `presence`: what nodes ask each other before they have numbers, and answer
//! - `decide`: what a node does with the answers
//! - `meeting`: asks the peers until it is clear what to do
//! - `reception`: what a node that runs tells those that ask
//! - `announce`: sees to it that the cluster knows this node, and where it is

mod announce;
mod decide;
mod meeting;
mod presence;
mod reception;

pub use announce::{Announcement, announce};
pub use decide::{Decision, decide};
pub use meeting::{Meeting, MeetingError, meet};
pub use presence::{Presence, Stage};
pub use reception::Reception;
