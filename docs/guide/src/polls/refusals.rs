//! Why polls refuse: every refusal with its status, its stable code and its sentence.

use entity::{data, refusals};

use crate::polls::api::{CHOICES_MAX, CHOICES_MIN, LASTING_SECONDS_MAX, TEXT_BYTES_MAX};

/// Why a poll is not opened.
#[data]
pub enum OpenError {
    /// The question or a choice is empty, or longer than [`TEXT_BYTES_MAX`].
    TextSize {
        /// Its length, in bytes.
        bytes: u64,
    },
    /// There are too few choices, or too many.
    ChoiceCount {
        /// How many.
        count: u64,
    },
    /// It would close at once, or after more than [`LASTING_SECONDS_MAX`].
    Lasting {
        /// After how many seconds.
        seconds: u32,
    },
}

refusals! { OpenError {
    TextSize { bytes } => 422 "poll_text_size" "A text has {bytes} bytes; use 1 to {TEXT_BYTES_MAX}.",
    ChoiceCount { count } => 422 "poll_choice_count" "There are {count} choices; give {CHOICES_MIN} to {CHOICES_MAX}.",
    Lasting { seconds } => 422 "poll_lasting" "The poll would last {seconds} seconds; let it last 1 to {LASTING_SECONDS_MAX}.",
} }

/// Why there is nothing to say of a poll.
#[data]
pub enum UnknownPollError {
    /// Nobody has opened it.
    Unknown,
}

refusals! { UnknownPollError {
    Unknown => 404 "poll_unknown" "There is no such poll.",
} }

/// Why a vote does not count.
#[data]
pub enum VoteError {
    /// Nobody has opened the poll.
    Unknown,
    /// Only accounts have votes.
    NoAccount,
    /// The poll is closed.
    Closed,
    /// There are fewer choices.
    Choice,
    /// The voter has voted before.
    Voted,
}

refusals! { VoteError {
    Unknown => 404 "poll_unknown" "There is no such poll.",
    NoAccount => 403 "poll_no_account" "Only accounts can vote; log in.",
    Closed => 409 "poll_closed" "The poll is closed.",
    Choice => 422 "poll_choice" "There is no such choice; they are counted from 0.",
    Voted => 409 "poll_voted" "You have voted already; a vote cannot be changed.",
} }
