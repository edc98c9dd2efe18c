//! Entities that misbehave in every way a handler can.

use entity::kind::{Kind, Stream, Table};
use entity::registry::{Items, Rows};
use entity::{
    Answer, Command, Context, Durability, Entity, Handle, Never, Offset, Query, data, refusals,
};

/// The family of tallies.
#[derive(Debug)]
pub(crate) enum Tallies {}

impl Kind for Tallies {
    const NAME: &'static str = "test.tally";
    const TAG: u16 = 1;
    type Key = Name;
    type Commands = (Add, Misbehave, Tell, Later, Note, Refused, Pass);
    type Queries = (Look, LogOf);
}

/// Names a tally.
#[data]
#[derive(Ord, PartialOrd)]
pub(crate) struct Name(pub(crate) String);
entity::key! { Name(String) }

/// A count, and what happened to it.
#[data]
#[derive(Default)]
pub(crate) struct Tally {
    /// The sum of all that was added.
    pub(crate) count: u64,
    /// Refusals that came back.
    pub(crate) refusals: u64,
    /// Whatever makes a head large.
    pub(crate) ballast: Vec<u8>,
}

impl Entity for Tally {
    type Kind = Tallies;
    type Tables = (Rows<Added>, Items<Log>, Rows<Texts>);
}

/// What was added, by how much.
pub(crate) enum Added {}

impl Table for Added {
    const NAME: &'static str = "added";
    const TAG: u8 = 1;
    type Key = u64;
    type Row = u64;
}

/// The same as a stream of the last ten.
pub(crate) enum Log {}

impl Stream for Log {
    const NAME: &'static str = "log";
    const TAG: u8 = 2;
    const ITEMS_MAX: u64 = 10;
    type Item = u64;
}

/// Adds `n`. Odd numbers above a hundred are refused, after everything has been written.
#[data]
pub(crate) struct Add {
    /// How much.
    pub(crate) n: u64,
}

impl Command for Add {
    type Kind = Tallies;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = AddError;
}

/// Why a number is refused.
#[data]
pub(crate) enum AddError {
    /// It is odd and above a hundred.
    Odd {
        /// The number.
        n: u64,
    },
}
refusals! { AddError { Odd { n } => 422 "odd" "{n} is odd; take an even number.", } }

impl Handle<Add> for Tally {
    fn handle(&mut self, add: Add, cx: &mut Context<'_, Self>) -> Result<u64, AddError> {
        self.count += add.n;
        let before = cx.get::<Added>(&add.n).unwrap_or(0);
        cx.put::<Added>(&add.n, &(before + 1));
        cx.append::<Log>(&add.n);
        if add.n > 100 && add.n % 2 == 1 {
            cx.send(&Name("elsewhere".into()), &Add { n: 2 });
            return Err(AddError::Odd { n: add.n });
        }
        Ok(self.count)
    }
}

/// Does what a handler must not.
#[data]
pub(crate) enum Misbehave {
    /// Writes, then panics.
    Panic,
    /// Writes a row above the limit.
    LargeRow,
    /// Writes many rows.
    ManyRows,
    /// Writes many bytes.
    ManyBytes,
    /// Sends many messages.
    ManyMessages,
    /// Sets many wake-ups.
    ManyWakeUps,
    /// Makes the head too large.
    LargeHead,
    /// Replies with too much.
    LargeReply,
    /// Sends to an entity whose name is above the limit.
    LargeTarget,
    /// Does as much as one command may: rows, messages, head and reply.
    AllAtOnce,
    /// Writes a row under a key above the limit.
    LargeKey,
}

impl Command for Misbehave {
    type Kind = Tallies;
    const TAG: u16 = 2;
    type Reply = String;
    type Error = Never;
}

impl Handle<Misbehave> for Tally {
    fn handle(&mut self, how: Misbehave, cx: &mut Context<'_, Self>) -> Result<String, Never> {
        self.count += 1_000;
        cx.put::<Added>(&999, &1);
        match how {
            Misbehave::Panic => panic!("as it was told"),
            Misbehave::LargeRow => cx.put::<Texts>(&String::new(), &"x".repeat(70_000)),
            Misbehave::LargeKey => cx.put::<Texts>(&"x".repeat(2_000), &String::new()),
            Misbehave::ManyRows => (0..10_000).for_each(|n| cx.put::<Added>(&n, &n)),
            Misbehave::ManyBytes => {
                (0..100).for_each(|n| cx.put::<Texts>(&format!("{n}"), &"x".repeat(60_000)));
            }
            Misbehave::ManyMessages => {
                (0..5_000).for_each(|n| cx.send(&Name(format!("{n}")), &Add { n: 2 }));
            }
            Misbehave::ManyWakeUps => (0..1_000).for_each(|_| cx.wake_at(cx.now(), &Add { n: 2 })),
            Misbehave::LargeHead => self.ballast = vec![7; 70_000],
            Misbehave::LargeTarget => cx.send(&Name("x".repeat(300)), &Add { n: 2 }),
            Misbehave::AllAtOnce => {
                (0..7).for_each(|n| cx.put::<Texts>(&format!("{n}"), &"x".repeat(62_000)));
                (0..300).for_each(|n| cx.send(&Name(format!("{n}")), &Add { n: 2 }));
                self.ballast = vec![(self.ballast.first().unwrap_or(&0)) + 1; 65_000];
                return Ok("x".repeat(63_000));
            }
            Misbehave::LargeReply => return Ok("x".repeat(70_000)),
        }
        Ok(String::new())
    }
}

/// Rows of any size.
pub(crate) enum Texts {}

impl Table for Texts {
    const NAME: &'static str = "texts";
    const TAG: u8 = 3;
    type Key = String;
    type Row = String;
}

/// Adds `n` to others by message.
#[data]
pub(crate) struct Tell {
    /// Whom.
    pub(crate) others: Vec<Name>,
    /// How much.
    pub(crate) n: u64,
    /// Whether a refusal comes back as [`Refused`].
    pub(crate) wants_refusal: bool,
}

impl Command for Tell {
    type Kind = Tallies;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = Never;
}

impl Handle<Tell> for Tally {
    fn handle(&mut self, tell: Tell, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let add = Add { n: tell.n };
        if tell.wants_refusal {
            tell.others.iter().for_each(|other| cx.send_or(other, &add, &Refused));
        } else {
            cx.send_many(tell.others, &add);
        }
        Ok(())
    }
}

/// Adds `n` after a while.
#[data]
pub(crate) struct Later {
    /// How much.
    pub(crate) n: u64,
    /// After how many seconds.
    pub(crate) seconds: u64,
}

impl Command for Later {
    type Kind = Tallies;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = Never;
}

impl Handle<Later> for Tally {
    fn handle(&mut self, later: Later, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let at = cx.now() + std::time::Duration::from_secs(later.seconds);
        cx.wake_at(at, &Add { n: later.n });
        Ok(())
    }
}

/// Tells a note (an ephemeral entity) of the count.
#[data]
pub(crate) struct Note;

impl Command for Note {
    type Kind = Tallies;
    const TAG: u16 = 5;
    type Reply = ();
    type Error = Never;
}

impl Handle<Note> for Tally {
    fn handle(&mut self, Note: Note, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.send(&cx.key(), &Remember { n: self.count });
        Ok(())
    }
}

/// A message was refused.
#[data]
pub(crate) struct Refused;

impl Command for Refused {
    type Kind = Tallies;
    const TAG: u16 = 6;
    type Reply = ();
    type Error = Never;
}

impl Handle<Refused> for Tally {
    fn handle(&mut self, Refused: Refused, _: &mut Context<'_, Self>) -> Result<(), Never> {
        self.refusals += 1;
        Ok(())
    }
}

/// Has another tell by message.
#[data]
pub(crate) struct Pass {
    /// Whom.
    pub(crate) to: Name,
    /// What to tell, and whom.
    pub(crate) tell: Tell,
}

impl Command for Pass {
    type Kind = Tallies;
    const TAG: u16 = 7;
    type Reply = ();
    type Error = Never;
}

impl Handle<Pass> for Tally {
    fn handle(&mut self, pass: Pass, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.send(&pass.to, &pass.tell);
        Ok(())
    }
}

/// Asks for the count, how many rows there are, and how often something came back.
#[data]
pub(crate) struct Look;

/// What a [`Tally`] looks like.
#[data]
#[derive(Default)]
pub(crate) struct Looks {
    /// The sum.
    pub(crate) count: u64,
    /// Rows of [`Added`].
    pub(crate) rows: u64,
    /// Refusals that came back.
    pub(crate) refusals: u64,
}

impl Query for Look {
    type Kind = Tallies;
    const TAG: u16 = 1;
    type Reply = Looks;
    type Error = Never;
}

impl Answer<Look> for Tally {
    fn answer(&self, Look: Look, view: &Context<'_, Self>) -> Result<Looks, Never> {
        let rows = view.scan_all::<Added>(1_000).len() as u64;
        Ok(Looks { count: self.count, rows, refusals: self.refusals })
    }
}

/// Asks for the log.
#[data]
pub(crate) struct LogOf;

impl Query for LogOf {
    type Kind = Tallies;
    const TAG: u16 = 2;
    type Reply = Logged;
    type Error = Never;
}

/// Offsets and items, oldest first.
#[data]
pub(crate) struct Logged(pub(crate) Vec<(u64, u64)>);

impl Answer<LogOf> for Tally {
    fn answer(&self, LogOf: LogOf, view: &Context<'_, Self>) -> Result<Logged, Never> {
        let items = view.read::<Log>(Offset(0), 1_000);
        Ok(Logged(items.into_iter().map(|(offset, item)| (offset.0, item)).collect()))
    }
}

/// The family of notes, which are forgotten when their shard moves.
#[derive(Debug)]
pub(crate) enum Notes {}

impl Kind for Notes {
    const NAME: &'static str = "test.note";
    const TAG: u16 = 2;
    const DURABILITY: Durability = Durability::Ephemeral;
    type Key = Name;
    type Commands = (Remember,);
    type Queries = (Recall,);
}

/// What was last remembered.
#[data]
#[derive(Default)]
pub(crate) struct Sheet {
    /// The number.
    pub(crate) n: u64,
}

impl Entity for Sheet {
    type Kind = Notes;
    type Tables = (Rows<Added>,);
}

/// Remembers `n`; 13 asks for what an ephemeral entity cannot do.
#[data]
pub(crate) struct Remember {
    /// The number.
    pub(crate) n: u64,
}

impl Command for Remember {
    type Kind = Notes;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = Never;
}

impl Handle<Remember> for Sheet {
    fn handle(&mut self, remember: Remember, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        self.n = remember.n;
        cx.put::<Added>(&remember.n, &remember.n);
        if remember.n == 13 {
            cx.wake_at(cx.now(), &Remember { n: 14 });
        }
        Ok(())
    }
}

/// Asks for the number, and how many were remembered.
#[data]
pub(crate) struct Recall;

impl Query for Recall {
    type Kind = Notes;
    const TAG: u16 = 1;
    type Reply = Recalled;
    type Error = Never;
}

/// What a [`Sheet`] holds.
#[data]
pub(crate) struct Recalled(pub(crate) u64, pub(crate) u64);

impl Answer<Recall> for Sheet {
    fn answer(&self, Recall: Recall, view: &Context<'_, Self>) -> Result<Recalled, Never> {
        Ok(Recalled(self.n, view.scan_all::<Added>(1_000).len() as u64))
    }
}
