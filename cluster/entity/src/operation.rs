//! What the outside may ask for, as a plain function over many entities.
//!
//! An operation asks and calls entities and computes an answer. It is a synchronous function: where
//! it needs an answer that is not there yet, it stops ([`Stop::Suspended`], carried by `?`), the edge
//! performs the [`Step`], and the function runs again from the start with one answer more. So it has
//! neither `await` nor state of its own, and must be a pure function of what it is told.

use std::time::Duration;

use crate::kind::{Form, Kind};
use crate::registry::Outcome;
use crate::{
    Address, Caller, Command, Data, Id, Key, Problem, ProblemClass, Query, Refusal, Release,
};

/// Most steps of one operation: more is a loop.
pub const STEPS_MAX: usize = 64;

/// Most entities asked in one step.
pub const ASKED_MAX: usize = 1_000;

/// A request from outside that concerns more than one command to one entity.
pub trait Operation: Form + Clone + Send + Sync + 'static {
    /// What it answers.
    type Reply: Form;

    /// Every problem that it can yield, besides those of the edge itself.
    fn problems() -> Vec<ProblemClass>;

    /// Runs from the start; see the module.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`] until everything is known, then perhaps a refusal.
    fn run(&self, cx: &mut Operating<'_>) -> Result<Self::Reply, Stop>;
}

/// Why an operation ended without a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stop {
    /// A step has to be performed first.
    Suspended,
    /// It was refused.
    Refused(Problem),
}

impl<R: Refusal> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.problem())
    }
}

/// A request to one entity, encoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// To whom.
    pub to: Address,
    /// Tag of the command or query.
    pub tag: u16,
    /// The encoded command or query.
    pub body: Vec<u8>,
}

/// What an operation needs next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Answers to queries, in this order.
    Ask(Vec<Request>),
    /// The same, but each answer may be a second old.
    AskRecent(Vec<Request>),
    /// The outcome of a command.
    Call(Request),
    /// A salted hash of a password.
    HashPassword(String),
    /// Whether a password has a hash. Takes as long when there is none.
    VerifyPassword {
        /// What the caller gave.
        password: String,
        /// What is stored.
        hash: Option<String>,
    },
    /// 32 bytes that nobody can guess.
    Secret,
    /// An id that a repeat of the request gets again.
    Request,
    /// Some time to pass.
    Pause(Duration),
}

/// What became of a [`Step`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// Of [`Step::Ask`] and [`Step::AskRecent`].
    Answers(Vec<Outcome>),
    /// Of [`Step::Call`].
    Outcome(Outcome),
    /// Of [`Step::HashPassword`].
    Hash(String),
    /// Of [`Step::VerifyPassword`].
    Verified(bool),
    /// Of [`Step::Secret`].
    Secret([u8; 32]),
    /// Of [`Step::Request`].
    Request(Id),
    /// Of [`Step::Pause`].
    Paused,
}

/// What a broken driver of operations is told when it panics.
const MISPLACED: &str = "every step is done in its own way";

/// What each of many entities answered.
pub type Answers<Q> = Vec<Result<<Q as Query>::Reply, <Q as Query>::Error>>;

/// What an operation may know and do.
#[derive(Debug)]
pub struct Operating<'a> {
    caller: &'a Caller,
    done: &'a [Done],
    next: Option<Step>,
}

impl<'a> Operating<'a> {
    /// Begins a run with what became of the steps of the run before.
    pub fn new(caller: &'a Caller, done: &'a [Done]) -> Self {
        Self { caller, done, next: None }
    }

    /// The step that a suspended run asked for.
    pub fn into_step(self) -> Option<Step> {
        self.next
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        self.caller
    }

    /// The account that asks.
    ///
    /// # Errors
    ///
    /// Refuses anybody else.
    pub fn account(&self) -> Result<Id, Stop> {
        match self.caller {
            Caller::Account(account) => Ok(*account),
            Caller::Anyone | Caller::Operator | Caller::Entity(_) | Caller::Itself => {
                Err(Stop::Refused(NO_ACCOUNT.because("Send the token of an account.")))
            }
        }
    }

    /// An id for something new. A repeat under the same `Idempotency-Key` gets the same one, with the
    /// time of the first attempt in it.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`]
    pub fn request(&mut self) -> Result<Id, Stop> {
        let Done::Request(id) = self.step(|| Step::Request)? else { unreachable!("{MISPLACED}") };
        Ok(*id)
    }

    /// Asks one entity.
    ///
    /// # Errors
    ///
    /// [`Stop`]; the entity's own refusal is the inner result.
    pub fn ask<Q: Query>(
        &mut self,
        of: &<Q::Kind as Kind>::Key,
        query: &Q,
    ) -> Result<Result<Q::Reply, Q::Error>, Stop> {
        let mut answers = self.ask_many([(of.clone(), query.clone())])?;
        Ok(answers.pop().expect("one answer for each question"))
    }

    /// Asks many entities at once: one message for each shard among them.
    ///
    /// # Errors
    ///
    /// As [`Operating::ask`].
    ///
    /// # Panics
    ///
    /// Above [`ASKED_MAX`] questions: the caller has to make pages.
    pub fn ask_many<Q: Query>(
        &mut self,
        questions: impl IntoIterator<Item = (<Q::Kind as Kind>::Key, Q)>,
    ) -> Result<Answers<Q>, Stop> {
        self.questions(questions, Step::Ask)
    }

    /// The same for what is shown again and again: an answer may be as old as a second, and mostly costs
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`Operating::ask`].
    ///
    /// # Panics
    ///
    /// As [`Operating::ask_many`].
    pub fn ask_many_recent<Q: Query>(
        &mut self,
        questions: impl IntoIterator<Item = (<Q::Kind as Kind>::Key, Q)>,
    ) -> Result<Answers<Q>, Stop> {
        self.questions(questions, Step::AskRecent)
    }

    fn questions<Q: Query>(
        &mut self,
        questions: impl IntoIterator<Item = (<Q::Kind as Kind>::Key, Q)>,
        step: fn(Vec<Request>) -> Step,
    ) -> Result<Answers<Q>, Stop> {
        let asked =
            questions.into_iter().map(|(of, query)| request::<Q::Kind, _>(&of, Q::TAG, &query));
        let asked: Vec<_> = asked.collect();
        assert!(asked.len() <= ASKED_MAX, "{} questions in one step", asked.len());
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let Done::Answers(answers) = self.step(|| step(asked))? else {
            unreachable!("{MISPLACED}")
        };
        Ok(answers.iter().map(decode).collect())
    }

    /// Sends a command to one entity. A retry of the whole request does not repeat its effect.
    ///
    /// # Errors
    ///
    /// [`Stop`]; the entity's own refusal is the inner result.
    pub fn call<C: Command>(
        &mut self,
        to: &<C::Kind as Kind>::Key,
        command: &C,
    ) -> Result<Result<C::Reply, C::Error>, Stop> {
        let Done::Outcome(outcome) =
            self.step(|| Step::Call(request::<C::Kind, _>(to, C::TAG, command)))?
        else {
            unreachable!("{MISPLACED}")
        };
        Ok(decode(outcome))
    }

    /// Hashes a password with argon2id and a new salt.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`]
    pub fn hash_password(&mut self, password: &str) -> Result<String, Stop> {
        let Done::Hash(hash) = self.step(|| Step::HashPassword(password.to_owned()))? else {
            unreachable!("{MISPLACED}")
        };
        Ok(hash.clone())
    }

    /// Whether `password` has `hash`. Takes as long and says no when there is no hash.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`]
    pub fn verify_password(&mut self, password: &str, hash: Option<&str>) -> Result<bool, Stop> {
        let step = || Step::VerifyPassword {
            password: password.to_owned(),
            hash: hash.map(ToOwned::to_owned),
        };
        let Done::Verified(verified) = self.step(step)? else { unreachable!("{MISPLACED}") };
        Ok(*verified)
    }

    /// 32 bytes that nobody can guess.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`]
    pub fn secret(&mut self) -> Result<[u8; 32], Stop> {
        let Done::Secret(secret) = self.step(|| Step::Secret)? else { unreachable!("{MISPLACED}") };
        Ok(*secret)
    }

    /// Lets some time pass.
    ///
    /// # Errors
    ///
    /// [`Stop::Suspended`]
    pub fn pause(&mut self, lasting: Duration) -> Result<(), Stop> {
        let Done::Paused = self.step(|| Step::Pause(lasting))? else { unreachable!("{MISPLACED}") };
        Ok(())
    }

    /// What the next step came to, if it has been performed.
    fn step(&mut self, step: impl FnOnce() -> Step) -> Result<&'a Done, Stop> {
        if let Some((first, rest)) = self.done.split_first() {
            self.done = rest;
            return Ok(first);
        }
        // A run that goes on although it was suspended asks for nothing more.
        self.next.get_or_insert_with(step);
        Err(Stop::Suspended)
    }
}

/// The operation is for accounts only.
pub const NO_ACCOUNT: ProblemClass = ProblemClass { status: 401, code: "unauthenticated" };

fn request<K: Kind, D: Data>(to: &K::Key, tag: u16, request: &D) -> Request {
    let mut body = Vec::new();
    request.encode(Release::NEWEST, &mut body);
    Request { to: Address { kind: K::TAG, key: to.to_bytes() }, tag, body }
}

fn decode<R: Data, E: Data>(outcome: &Outcome) -> Result<R, E> {
    match outcome {
        Outcome::Reply(bytes) => Ok(R::decode(bytes).expect("encoded by the contract's entity")),
        Outcome::Refusal(bytes) => Err(E::decode(bytes).expect("encoded by the contract's entity")),
    }
}
