//! A poll as it comes to whoever is there.

use entity::channel::Audience;
use entity::{Channel, Operating, Stop, data};

use crate::polls::api::Polls;
use crate::polls::poll::Changes;

/// The channel `poll:POLL`.
#[derive(Debug)]
pub enum PollChannel {}

/// A change of a poll.
#[data]
#[derive(Copy)]
pub enum PollEvent {
    /// Somebody has voted.
    Voted {
        /// For which choice, counted from 0.
        choice: u8,
        /// How many votes it has now.
        votes: u32,
    },
    /// The poll takes no more votes.
    Closed,
}

impl Channel for PollChannel {
    const NAME: &'static str = "poll";
    const KEY: &'static str = "poll";
    const ABOUT: &'static str = "The votes of a poll as they are counted, and its end.";
    const AUDIENCE: Audience = Audience::Accounts;
    type Kind = Polls;
    type Stream = Changes;
    type Shown = PollEvent;

    fn show(items: &[PollEvent], _: &mut Operating<'_>) -> Result<Vec<PollEvent>, Stop> {
        Ok(items.to_vec())
    }
}
