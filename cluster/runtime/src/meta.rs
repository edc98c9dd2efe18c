//! What a node asks of the meta group.

use std::fmt::{self, Debug, Display, Formatter};
use std::time::Duration;

use cluster::meta::api::TakeIncarnations;
use cluster::meta::{MetaKey, Metas};
use cluster::request::{Answer, Request, RequestId, Trace, Verb};
use cluster::slots::META;
use entity::digest::sha256;
use entity::registry::Outcome;
use entity::{Address, Caller, Command, Data, Id, Key, Kind, Release};

use crate::router::Router;

/// How long the meta group is asked before whoever asks has to decide.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes an incarnation for a sender: a number that nobody else gets, ever.
pub(crate) async fn take_incarnation(router: &Router) -> Result<u64, String> {
    let taken = once(router, "incarnation", &TakeIncarnations { count: 1 }).await;
    taken.map_err(|error| error.to_string())
}

/// Why the meta group has not done something.
#[derive(Debug)]
pub enum MetaError<E> {
    /// It refuses, and says why.
    Refused(E),
    /// It may or may not have done it.
    Failed(String),
}

/// Lets the meta group do something for whoever asks now, and nobody else.
///
/// # Errors
///
/// [`MetaError`]
pub async fn once<C>(
    router: &Router,
    what: &str,
    command: &C,
) -> Result<C::Reply, MetaError<C::Error>>
where
    C: Command<Kind = Metas, Error: Debug>,
{
    let home = router.peers().home();
    let key = format!("{what} {:016x}{:016x}", home.seed(), home.seed());
    self::command(router, key, command).await
}

/// Lets the meta group do something. Whoever asks again under the same `key`, in whichever life of
/// whichever node, gets the same answer.
///
/// # Errors
///
/// [`MetaError`]
pub async fn command<C>(
    router: &Router,
    key: String,
    command: &C,
) -> Result<C::Reply, MetaError<C::Error>>
where
    C: Command<Kind = Metas, Error: Debug>,
{
    let mut body = Vec::new();
    command.encode(Release::NEWEST, &mut body);
    let name = RequestId::Outside { account: Id(0), key, fingerprint: sha256(&body) };
    let to = Address { kind: Metas::TAG, key: MetaKey.to_bytes() };
    let (caller, verb) = (Caller::Operator, Verb::Command(name));
    let (body, trace) = (body.into(), Trace::default());
    let request = Request { to, caller, verb, tag: C::TAG, body, trace };
    let deadline = router.peers().home().now() + PATIENCE;
    let mut answers = router.ask(META, vec![request], deadline).await;
    let failed = |error: &dyn Display| MetaError::Failed(error.to_string());
    match answers.pop() {
        Some(Answer::Outcome(Outcome::Reply(bytes))) => {
            C::Reply::decode(&bytes).map_err(|error| failed(&error))
        }
        Some(Answer::Outcome(Outcome::Refusal(bytes))) => {
            Err(C::Error::decode(&bytes).map_or_else(|error| failed(&error), MetaError::Refused))
        }
        Some(Answer::Failure(failure)) => Err(failed(&failure)),
        None => Err(failed(&"no answer")),
    }
}

impl<E: Debug> Display for MetaError<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "the meta group refuses: {refusal:?}"),
            Self::Failed(why) => write!(f, "the meta group: {why}"),
        }
    }
}
