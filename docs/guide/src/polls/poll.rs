//! One poll.

use std::time::Duration;

use entity::registry::{Items, Rows};
use entity::{Answer, Caller, Context, Entity, Handle, Never, Stream, Table, Time, data};

use crate::accounts::api::UserId;
use crate::polls::api::{
    CHANGES_MAX, CHOICES_MAX, CHOICES_MIN, Choice, Close, LASTING_SECONDS_MAX, NoteOpened, Open,
    OpenError, PollView, Polls, PollsterId, Results, TEXT_BYTES_MAX, UnknownPollError, Vote,
    VoteError,
};
use crate::polls::channel::PollEvent;
use crate::polls::open_poll::OpenPoll;

/// A poll. Without choices nobody has opened it.
#[data]
#[derive(Default)]
pub struct Poll {
    question: String,
    choices: Vec<Choice>,
    closes_at: Time,
    is_closed: bool,
}

impl Entity for Poll {
    type Kind = Polls;
    type Tables = (Rows<Votes>, Items<Changes>);
}

/// Who has voted.
pub enum Votes {}

impl Table for Votes {
    const NAME: &'static str = "votes";
    const TAG: u8 = 1;
    type Key = UserId;
    type Row = ();
}

/// What has changed lately.
pub enum Changes {}

impl Stream for Changes {
    const NAME: &'static str = "changes";
    const TAG: u8 = 2;
    const ITEMS_MAX: u64 = CHANGES_MAX;
    type Item = PollEvent;
}

impl Handle<Open> for Poll {
    fn handle(&mut self, open: Open, cx: &mut Context<'_, Self>) -> Result<(), OpenError> {
        open.poll.check()?;
        if !self.choices.is_empty() {
            return Ok(());
        }

        let OpenPoll { question, choices, lasting_seconds } = open.poll;
        self.question = question;
        self.choices = choices.into_iter().map(|text| Choice { text, votes: 0 }).collect();
        self.closes_at = cx.now() + Duration::from_secs(lasting_seconds.into());

        cx.wake_at(self.closes_at, &Close {});
        cx.send(&PollsterId(open.owner), &NoteOpened { poll: cx.key() });
        Ok(())
    }
}

impl Handle<Vote> for Poll {
    fn handle(&mut self, vote: Vote, cx: &mut Context<'_, Self>) -> Result<(), VoteError> {
        let Caller::Account(voter) = *cx.caller() else { return Err(VoteError::NoAccount) };
        let voter = UserId(voter);
        if self.choices.is_empty() {
            return Err(VoteError::Unknown);
        }
        if self.is_closed {
            return Err(VoteError::Closed);
        }
        if cx.get::<Votes>(&voter).is_some() {
            return Err(VoteError::Voted);
        }
        let Vote { choice } = vote;
        let chosen = self.choices.get_mut(usize::from(choice)).ok_or(VoteError::Choice)?;

        chosen.votes += 1;
        let change = PollEvent::Voted { choice, votes: chosen.votes };
        cx.put::<Votes>(&voter, &());
        cx.append::<Changes>(&change);
        Ok(())
    }
}

impl Handle<Close> for Poll {
    fn handle(&mut self, _: Close, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        self.is_closed = true;
        cx.append::<Changes>(&PollEvent::Closed);
        Ok(())
    }
}

impl Answer<Results> for Poll {
    fn answer(&self, _: Results, _: &Context<'_, Self>) -> Result<PollView, UnknownPollError> {
        if self.choices.is_empty() {
            return Err(UnknownPollError::Unknown);
        }
        let Self { question, choices, closes_at, is_closed } = self.clone();
        Ok(PollView { question, choices, closes_at, is_closed })
    }
}

impl OpenPoll {
    fn check(&self) -> Result<(), OpenError> {
        let texts = self.choices.iter().chain([&self.question]);
        let wrong = texts.map(String::len).find(|bytes| !(1..=TEXT_BYTES_MAX).contains(bytes));
        if let Some(bytes) = wrong {
            return Err(OpenError::TextSize { bytes: bytes as u64 });
        }
        let count = self.choices.len();
        if !(CHOICES_MIN..=CHOICES_MAX).contains(&count) {
            return Err(OpenError::ChoiceCount { count: count as u64 });
        }
        match self.lasting_seconds {
            1..=LASTING_SECONDS_MAX => Ok(()),
            seconds => Err(OpenError::Lasting { seconds }),
        }
    }
}
