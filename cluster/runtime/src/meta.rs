//! What a node asks of the meta group.

use std::fmt::Debug;
use std::time::Duration;

use cluster::meta::api::TakeIncarnations;
use cluster::meta::{MetaKey, Metas};
use cluster::request::{Answer, Request, RequestId, Verb};
use cluster::slots::META;
use entity::digest::sha256;
use entity::registry::Outcome;
use entity::{Address, Caller, Command, Data, Id, Key, Kind, Release};

use crate::router::Router;

/// How long the meta group is asked before whoever asks has to decide.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes an incarnation for a sender: a number that nobody else gets, ever.
pub(crate) async fn take_incarnation(router: &Router) -> Result<u64, String> {
    let chance = router.peers().home();
    let key = format!("incarnation {:016x}{:016x}", chance.seed(), chance.seed());
    command(router, key, &TakeIncarnations { count: 1 }).await
}

/// Lets the meta group do something. Whoever asks again under the same `key`, in whichever life of
/// whichever node, gets the same answer.
///
/// # Errors
///
/// The refusal, or why there is no answer.
pub async fn command<C>(router: &Router, key: String, command: &C) -> Result<C::Reply, String>
where
    C: Command<Kind = Metas, Error: Debug>,
{
    let mut body = Vec::new();
    command.encode(Release::NEWEST, &mut body);
    let name = RequestId::Outside { account: Id(0), key, fingerprint: sha256(&body) };
    let to = Address { kind: Metas::TAG, key: MetaKey.to_bytes() };
    let (caller, verb) = (Caller::Operator, Verb::Command(name));
    let request = Request { to, caller, verb, tag: C::TAG, body: body.into() };
    let deadline = router.peers().home().now() + PATIENCE;
    let mut answers = router.ask(META, vec![request], deadline).await;
    match answers.pop() {
        Some(Answer::Outcome(Outcome::Reply(bytes))) => {
            C::Reply::decode(&bytes).map_err(|error| error.to_string())
        }
        Some(Answer::Outcome(Outcome::Refusal(bytes))) => {
            Err(format!("the meta group refuses: {:?}", C::Error::decode(&bytes)))
        }
        Some(Answer::Failure(failure)) => Err(format!("the meta group: {failure}")),
        None => Err("the meta group does not answer".to_owned()),
    }
}
