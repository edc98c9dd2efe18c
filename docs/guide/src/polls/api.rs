//! What polls promise to the rest of the system.

use entity::{Command, Id, Kind, Never, Query, Time, data};

use crate::accounts::api::UserId;
use crate::polls::open_poll::OpenPoll;
pub use crate::polls::refusals::{OpenError, UnknownPollError, VoteError};

/// The family of polls.
#[derive(Debug)]
pub enum Polls {}

impl Kind for Polls {
    const NAME: &'static str = "polls.poll";
    const TAG: u16 = 1_000;
    type Key = PollId;
    type Commands = (Open, Vote, Close);
    type Queries = (Results,);
}

/// Names a poll. Later polls have larger ids.
#[data]
#[derive(Copy, Ord, PartialOrd)]
#[schemars(inline)]
pub struct PollId(pub Id);

/// The family of users as those who open polls, one per user.
#[derive(Debug)]
pub enum Pollsters {}

impl Kind for Pollsters {
    const NAME: &'static str = "polls.pollster";
    const TAG: u16 = 1_001;
    type Key = PollsterId;
    type Commands = (NoteOpened,);
    type Queries = (MyPolls,);
}

/// Names a user as somebody who opens polls. Lives where the user's account lives.
#[data]
#[derive(Copy, Ord, PartialOrd)]
pub struct PollsterId(pub UserId);

entity::key! { PollId(Id) PollsterId(UserId) }

impl PollId {
    /// Behind every poll that there is.
    pub const MAX: Self = Self(Id::MAX);
}

/// Fewest choices of a poll.
pub const CHOICES_MIN: usize = 2;

/// Most choices of a poll. Bounds what a poll has in its head.
pub const CHOICES_MAX: usize = 8;

/// Longest question, and longest choice, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 200;

/// Longest time that a poll takes votes, in seconds: a week.
pub const LASTING_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;

/// Most polls in the answer to [`MyPolls`].
pub const MY_POLLS_MAX: usize = 100;

/// Most changes of a poll that are kept for clients that come back. Who has missed more reads it.
pub const CHANGES_MAX: u64 = 256;

/// Opens the poll, which closes by itself, and notes it with its owner. A repeat changes nothing.
#[data]
pub struct Open {
    /// Who opens it.
    pub owner: UserId,
    /// What is asked, and for how long.
    pub poll: OpenPoll,
}

impl Command for Open {
    type Kind = Polls;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = OpenError;
}

/// Votes. Everybody has one vote in a poll.
#[data]
pub struct Vote {
    /// For which choice, counted from 0.
    pub choice: u8,
}

impl Command for Vote {
    type Kind = Polls;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = VoteError;
}

/// Closes the poll. It tells itself so when its time is over.
#[data]
pub struct Close {}

impl Command for Close {
    type Kind = Polls;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = Never;
}

/// Asks how the poll stands.
#[data]
pub struct Results {}

impl Query for Results {
    type Kind = Polls;
    const TAG: u16 = 1;
    type Reply = PollView;
    type Error = UnknownPollError;
}

/// How a poll stands.
#[data]
pub struct PollView {
    /// What is asked, at most 200 bytes.
    pub question: String,
    /// What can be answered, at most [`CHOICES_MAX`].
    pub choices: Vec<Choice>,
    /// Until when it takes votes.
    pub closes_at: Time,
    /// Whether it takes no more.
    pub is_closed: bool,
}

/// A choice, and who has chosen it.
#[data]
pub struct Choice {
    /// The choice, at most 200 bytes.
    pub text: String,
    /// How many.
    pub votes: u32,
}

/// Notes that the user has opened a poll. A repeat changes nothing.
#[data]
pub struct NoteOpened {
    /// Which one.
    pub poll: PollId,
}

impl Command for NoteOpened {
    type Kind = Pollsters;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = Never;
}

/// Asks which polls the user has opened, the latest first.
#[data]
pub struct MyPolls {}

impl Query for MyPolls {
    type Kind = Pollsters;
    const TAG: u16 = 1;
    type Reply = PollList;
    type Error = Never;
}

/// Some polls.
#[data]
pub struct PollList {
    /// At most [`MY_POLLS_MAX`].
    pub polls: Vec<PollId>,
}
