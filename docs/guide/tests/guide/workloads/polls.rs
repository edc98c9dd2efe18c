//! Voters who vote in polls, more than once if they can.

use std::collections::{BTreeMap, BTreeSet};

use actors::accounts::api::UserId;
use actors::polls::api::{MyPolls, Open, PollId, PollsterId, Results, Vote, VoteError};
use actors::polls::open_poll::OpenPoll;
use entity::{Caller, Data, Id};

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::{Chance, Odds};
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The first user of this workload, and the first poll.
const IDS_FROM: u128 = 5_000_000;

/// Who opens all polls.
const OWNER: PollsterId = PollsterId(UserId(Id(IDS_FROM)));

/// Choices of each poll.
const CHOICES: u8 = 3;

/// What a client is doing.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Opening(PollId),
    Voting(Attempt),
}

/// Somebody votes, or tries to.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    poll: PollId,
    voter: UserId,
    choice: u8,
    /// Whether it began when the poll was known to be closed.
    is_late: bool,
}

/// Votes.
#[derive(Debug)]
pub struct Polling {
    clients: usize,
    voters: u64,
    hands: Hands<Doing>,
    /// What became of each poll that somebody opened.
    polls: BTreeMap<PollId, Fate>,
    /// What became of all attempts but those that were refused, by poll and voter.
    votes: BTreeMap<(PollId, UserId), Vec<(u8, Fate)>>,
    /// Who was told to have voted before, and where.
    told: BTreeSet<(PollId, UserId)>,
    /// Polls that are known to be closed.
    closed: BTreeSet<PollId>,
}

impl Polling {
    /// Some clients, some voters.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(1..=8).try_into().expect("a few"),
            voters: chance.magnitude(1..=40),
            hands: Hands::default(),
            polls: BTreeMap::new(),
            votes: BTreeMap::new(),
            told: BTreeSet::new(),
            closed: BTreeSet::new(),
        }
    }

    fn open(&mut self, client: usize, chance: &mut Chance) -> Call {
        let poll = PollId(Id(IDS_FROM + self.polls.len() as u128));
        // Until it is known to be done.
        self.polls.insert(poll, Fate::Unknown);
        self.hands.begin(client, Doing::Opening(poll));
        let wanted = OpenPoll {
            question: "Which?".to_owned(),
            choices: (0..CHOICES).map(|it| it.to_string()).collect(),
            lasting_seconds: chance.magnitude(1..=60).try_into().expect("small"),
        };
        Call::command(&poll, &Open { owner: OWNER.0, poll: wanted })
    }

    fn vote(&mut self, client: usize, poll: PollId, chance: &mut Chance) -> Call {
        let voter = UserId(Id(IDS_FROM + u128::from(chance.below(self.voters))));
        let choice = chance.below(CHOICES.into()).try_into().expect("small");
        let is_late = self.closed.contains(&poll);
        self.hands.begin(client, Doing::Voting(Attempt { poll, voter, choice, is_late }));
        let vote = Call::command(&poll, &Vote { choice });
        Call { caller: Caller::Account(voter.0), ..vote }
    }
}

impl Workload for Polling {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let done = self.polls.iter().filter(|(_, fate)| **fate == Fate::Done);
        let opened: Vec<PollId> = done.map(|(poll, _)| *poll).collect();
        if opened.is_empty() || chance.hits(Odds(100_000)) {
            return Some(self.open(client, chance));
        }
        let poll = *chance.pick(&opened);
        Some(self.vote(client, poll, chance))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let fate = Fate::of(done);
        match (self.hands.end(client), done) {
            (Doing::Opening(poll), _) => {
                holds(fate != Fate::Refused, || format!("{poll} is not opened"))?;
                self.polls.insert(poll, fate);
            }
            (Doing::Voting(Attempt { poll, voter, .. }), Done::Refusal(refusal)) => {
                match VoteError::decode(refusal).map_err(|error| error.to_string())? {
                    VoteError::Voted => self.told.insert((poll, voter)),
                    VoteError::Closed => self.closed.insert(poll),
                    error @ (VoteError::Unknown | VoteError::NoAccount | VoteError::Choice) => {
                        return Err(format!("{voter} is refused in {poll}: {error:?}"));
                    }
                };
            }
            (Doing::Voting(Attempt { poll, voter, choice, is_late }), _) => {
                let is_wrong = is_late && fate == Fate::Done;
                holds(!is_wrong, || format!("{poll} took a vote when it was closed"))?;
                self.votes.entry((poll, voter)).or_default().push((choice, fate));
            }
        }
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        for doing in self.hands.unfinished() {
            if let Doing::Voting(Attempt { poll, voter, choice, .. }) = *doing {
                self.votes.entry((poll, voter)).or_default().push((choice, Fate::Unknown));
            }
        }
        for (poll, voter) in &self.told {
            let has_tried = self.votes.contains_key(&(*poll, *voter));
            holds(has_tried, || format!("{voter} should have voted in {poll}, and never tried"))?;
        }
        let mine: BTreeSet<_> = view.ask(&OWNER, &MyPolls {})?.polls.into_iter().collect();
        for (poll, fate) in &self.polls {
            holds(fate.allows(mine.contains(poll).into()), || {
                format!("{poll} is {fate:?}: {mine:?}")
            })?;
            if *fate == Fate::Done {
                self.check_poll(*poll, view).under(poll)?;
            }
        }
        Ok(())
    }
}

impl Polling {
    /// Compares the votes of a poll with what voters know.
    fn check_poll(&self, poll: PollId, view: &mut View<'_>) -> Result<(), String> {
        let (mut least, mut most) = ([0; CHOICES as usize], [0; CHOICES as usize]);
        for ((_, voter), attempts) in self.votes.iter().filter(|((it, _), _)| *it == poll) {
            let done: Vec<_> = attempts.iter().filter(|(_, fate)| *fate == Fate::Done).collect();
            holds(done.len() <= 1, || format!("{voter} has voted in {poll}: {attempts:?}"))?;
            // Whoever has voted once has no other vote, whatever became of the other attempts.
            let possible: BTreeSet<_> = match done.first() {
                Some((choice, _)) => BTreeSet::from([usize::from(*choice)]),
                None => attempts.iter().map(|(choice, _)| usize::from(*choice)).collect(),
            };
            for choice in possible {
                least[choice] += u32::from(!done.is_empty());
                most[choice] += 1;
            }
        }
        let found = view.ask(&poll, &Results {})?;
        let should_be_closed = view.is_at_rest() || self.closed.contains(&poll);
        holds(found.is_closed || !should_be_closed, || format!("{poll} is still open"))?;
        for (choice, counted) in found.choices.iter().enumerate() {
            holds((least[choice]..=most[choice]).contains(&counted.votes), || {
                format!("{poll} counts {counted:?}: {} to {} did", least[choice], most[choice])
            })?;
        }
        Ok(())
    }
}
