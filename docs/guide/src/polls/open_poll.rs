//! How somebody opens a poll.

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, data};

use crate::accounts::api::UserId;
use crate::polls::api::{
    CHOICES_MAX, CHOICES_MIN, LASTING_SECONDS_MAX, Open, OpenError, PollId, TEXT_BYTES_MAX,
};

/// Opens a poll, which closes by itself.
#[data]
pub struct OpenPoll {
    /// What is asked: 1 to 200 bytes of UTF-8.
    #[schemars(length(min = 1, max = TEXT_BYTES_MAX))]
    pub question: String,
    /// What can be answered: 2 to 8 texts of 1 to 200 bytes.
    #[schemars(length(min = CHOICES_MIN, max = CHOICES_MAX))]
    pub choices: Vec<String>,
    /// How long it takes votes, in seconds: at most a week.
    #[schemars(range(min = 1, max = LASTING_SECONDS_MAX))]
    pub lasting_seconds: u32,
}

/// A poll that was opened.
#[data]
pub struct OpenedPoll {
    /// Which one.
    pub poll: PollId,
}

impl Operation for OpenPoll {
    type Reply = OpenedPoll;

    fn problems() -> Vec<ProblemClass> {
        OpenError::PROBLEMS.to_vec()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<OpenedPoll, Stop> {
        let owner = UserId(cx.account()?);
        let poll = PollId(cx.request()?);
        cx.call(&poll, &Open { owner, poll: self.clone() })??;
        Ok(OpenedPoll { poll })
    }
}
