//! Drives an operation to its end: performs each step that it asks for, and runs it again.

use cluster::request::{Answer, Failure, RequestId, Trace};
use entity::operation::{Done, Operating, Request, STEPS_MAX, Step, Stop};
use entity::registry::Outcome;
use entity::{Caller, Data, Id, Problem};
use runtime::client::Client;
use tokio::time::{Instant, sleep, timeout_at};

use super::idempotency::IdempotencyKey;
use super::origin;
use super::passwords::Passwords;
use super::ports::Ports;
use super::problem::{INTERNAL, OUTCOME_UNKNOWN, TIMEOUT};
use crate::world::SECRET_BYTES;

/// What operations are driven with.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) client: Client,
    pub(crate) passwords: Passwords,
    /// What the secrets of repeatable requests are made of: the same on all nodes, for ever.
    pub(crate) secret: [u8; SECRET_BYTES],
    pub(crate) ports: Ports,
}

/// For whom an operation is driven.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    pub(crate) caller: Caller,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) deadline: Instant,
    pub(crate) trace: Trace,
}

impl Driver {
    /// Runs the operation again and again until it replies or refuses.
    pub(crate) async fn run<T>(
        &self,
        drive: &Drive,
        operation: impl Fn(&mut Operating<'_>) -> Result<T, Stop>,
    ) -> Result<T, Problem> {
        let mut taken = Taken::default();
        let mut done = Vec::new();
        for _ in 0..=STEPS_MAX {
            let mut cx = Operating::new(&drive.caller, &done);
            let step = match operation(&mut cx) {
                Ok(reply) => return Ok(reply),
                Err(Stop::Refused(problem)) => return Err(problem),
                Err(Stop::Suspended) => cx.into_step().expect("suspended for a step"),
            };
            let may_have_happened = taken.calls > 0 || matches!(step, Step::Call(_));
            let performing = self.perform(drive, step, &mut taken);
            done.push(in_time(drive, may_have_happened, performing).await?);
        }
        Err(INTERNAL
            .because(format!("The operation takes more than {STEPS_MAX} steps. Report it.")))
    }

    async fn perform(&self, drive: &Drive, step: Step, taken: &mut Taken) -> Result<Done, Problem> {
        Ok(match step {
            Step::Ask(requests) => {
                let client = self.client.traced(drive.trace);
                told(client.ask(drive.caller.clone(), requests).await, taken.calls)?
            }
            Step::AskRecent(requests) => {
                let client = self.client.traced(drive.trace);
                told(client.ask_recent(drive.caller.clone(), requests).await, taken.calls)?
            }
            Step::Call(request) => Done::Outcome(self.call(drive, request, taken).await?),
            Step::HashPassword(password) => Done::Hash(self.passwords.hash(password).await?),
            Step::VerifyPassword { password, hash } => {
                Done::Verified(self.passwords.verify(password, hash).await?)
            }
            Step::Secret => Done::Secret(match &drive.key {
                None => self.ports.secret(),
                Some(key) => {
                    taken.secrets += 1;
                    key.secret(&self.secret, taken.secrets)
                }
            }),
            Step::Request => Done::Request(match &drive.key {
                None => self.ports.id(),
                Some(key) => self.begin(drive, key, taken).await?,
            }),
            Step::Pause(lasting) => {
                sleep(lasting).await;
                Done::Paused
            }
        })
    }

    async fn call(
        &self,
        drive: &Drive,
        request: Request,
        taken: &mut Taken,
    ) -> Result<Outcome, Problem> {
        if let Some(key) = &drive.key
            && taken.names == 0
            && !key.is_home_of(&request.to)
        {
            self.begin(drive, key, taken).await?;
        }
        let name = drive.key.as_ref().map(|key| taken.name(key));
        let answer =
            self.client.traced(drive.trace).command(drive.caller.clone(), name, request).await;
        let outcome = outcome(answer, taken.calls)?;
        taken.calls += 1;
        Ok(outcome)
    }

    /// Names a request that may be repeated: each repeat gets the same id.
    async fn begin(
        &self,
        drive: &Drive,
        key: &IdempotencyKey,
        taken: &mut Taken,
    ) -> Result<Id, Problem> {
        let name = Some(taken.name(key));
        let command = origin::begin(key.scope);
        let answer =
            self.client.traced(drive.trace).command(drive.caller.clone(), name, command).await;
        match outcome(answer, taken.calls)? {
            Outcome::Reply(bytes) => {
                Ok(<Id as Data>::decode(&bytes).expect("encoded by an origin"))
            }
            Outcome::Refusal(_) => unreachable!("an origin refuses nothing"),
        }
    }
}

/// How far an operation has come.
#[derive(Debug, Default)]
struct Taken {
    /// Commands named by the key of the request.
    names: usize,
    /// Commands that had an outcome.
    calls: usize,
    /// Secrets drawn.
    secrets: u64,
}

impl Taken {
    /// The next command's name. A repeat names its commands alike.
    fn name(&mut self, key: &IdempotencyKey) -> RequestId {
        self.names += 1;
        key.command(self.names)
    }
}

/// Ends what takes too long. Whoever has sent a command cannot tell what became of it.
async fn in_time<T>(
    drive: &Drive,
    may_have_happened: bool,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    match timeout_at(drive.deadline, work).await {
        Ok(result) => result,
        Err(_) if may_have_happened => Err(OUTCOME_UNKNOWN.because(
            "Time ran out; it may or may not have happened. Repeat it with the same Idempotency-Key.",
        )),
        Err(_) => Err(TIMEOUT.because("Time ran out. Nothing happened; try again.")),
    }
}

/// What entities answered.
fn told(answers: Vec<Answer>, calls: usize) -> Result<Done, Problem> {
    let outcomes = answers.into_iter().map(|it| outcome(it, calls));
    Ok(Done::Answers(outcomes.collect::<Result<_, _>>()?))
}

/// What an entity answered; if none did, that is the end. After other commands it is not true any more
/// that nothing happened.
fn outcome(answer: Answer, calls: usize) -> Result<Outcome, Problem> {
    match answer {
        Answer::Outcome(outcome) => Ok(outcome),
        Answer::Failure(Failure::Moved | Failure::Overloaded) if calls > 0 => {
            Err(Failure::Unknown.problem())
        }
        Answer::Failure(failure) => Err(failure.problem()),
    }
}
