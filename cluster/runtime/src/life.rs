//! The lives of a node's copies: one that has lost anything is given up, and begins anew as somebody
//! else.

use std::time::Duration;

use bytes::Bytes;
use cluster::meta::api::{BeginLife, LifeError};
use cluster::meta::{Member, MetaKey, Metas};
use cluster::request::{Answer, Request, RequestId, Verb};
use cluster::slots::{META, ShardId};
use engine::State;
use entity::digest::sha256;
use entity::registry::Outcome;
use entity::{Address, Caller, Command, Data, Id, Key, Kind};
use tokio::sync::oneshot;
use wal::Write;

use crate::host::Parts;

/// How long the meta group is asked for a new life before the supervisor lets it be asked again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sees to it that what this node holds of a shard belongs to the member that it is to be. Yields which
/// member that is: a roster that is behind may not know the newest.
///
/// # Errors
///
/// When the meta group gives no new life to a copy that needs one, or the log has failed.
pub(crate) async fn prepare(
    parts: &Parts,
    shard: ShardId,
    wanted: Member,
) -> Result<Member, String> {
    let held = held(parts, shard)?;
    if let Some(what) = damage(parts, shard, held) {
        let lost = held.unwrap_or(wanted);
        tracing::error!(shard = shard.0, what, "a copy has lost something and begins a new life");
        let member = begin(parts, shard, lost).await?;
        reset(parts, shard, member).await?;
        return Ok(member);
    }
    match held {
        Some(held) if held.life >= wanted.life => Ok(held),
        Some(_) | None => {
            reset(parts, shard, wanted).await?;
            Ok(wanted)
        }
    }
}

/// The member that the log of a shard belongs to; none for an empty one.
fn held(parts: &Parts, shard: ShardId) -> Result<Option<Member>, String> {
    let label = parts.appender.group(shard.0).label();
    let member = |label: Bytes| {
        u64::from_bytes(&label).map(Member::of).ok_or("the label of a log is no member".to_owned())
    };
    label.map(member).transpose()
}

/// What a copy has lost, if it has.
fn damage(parts: &Parts, shard: ShardId, held: Option<Member>) -> Option<String> {
    let log = parts.appender.group(shard.0);
    if let Some(what) = log.damage() {
        return Some(what);
    }
    if held.is_none() {
        // The rest of the log is broken: nobody can tell whether this copy is new.
        return parts.is_log_broken.then(|| "it may have been in a broken log".to_owned());
    }
    let applied = match parts.engine.state(shard.0) {
        Some(State::Damaged(what)) => return Some(what),
        Some(State::Sound(mark)) => Some(mark.applied),
        None => None,
    };
    let purged = log.purged().map(|(index, _)| index);
    let is_short = purged.is_some_and(|purged| applied.is_none_or(|applied| applied < purged));
    is_short.then(|| format!("rows up to {applied:?} only, and the log is purged to {purged:?}"))
}

/// Asks the meta group for a new life.
async fn begin(parts: &Parts, shard: ShardId, lost: Member) -> Result<Member, String> {
    let command = BeginLife { group: shard.0, lost };
    let mut body = Vec::new();
    command.encode(parts.release, &mut body);
    // Whoever asks again, in whichever life of the node, gets the same answer.
    let key = format!("life {} {}", shard.0, lost.id());
    let name = RequestId::Outside { account: Id(0), key, fingerprint: sha256(&body) };
    let to = Address { kind: Metas::TAG, key: MetaKey.to_bytes() };
    let (caller, verb) = (Caller::Operator, Verb::Command(name));
    let request = Request { to, caller, verb, tag: BeginLife::TAG, body: body.into() };
    let deadline = parts.router.peers().home().now() + PATIENCE;
    let mut answers = parts.router.ask(META, vec![request], deadline).await;
    match answers.pop() {
        Some(Answer::Outcome(Outcome::Reply(bytes))) => {
            Member::decode(&bytes).map_err(|error| error.to_string())
        }
        Some(Answer::Outcome(Outcome::Refusal(bytes))) => {
            let refusal = LifeError::decode(&bytes);
            Err(format!("the meta group refuses a new life: {refusal:?}"))
        }
        Some(Answer::Failure(failure)) => Err(format!("the meta group: {failure}")),
        None => Err("the meta group does not answer".to_owned()),
    }
}

/// Forgets what the node holds of a shard, and labels it as another member's.
async fn reset(parts: &Parts, shard: ShardId, member: Member) -> Result<(), String> {
    let (engine, group) = (parts.engine.clone(), shard.0);
    let removed = parts.offload.run(move || engine.remove(group)).await;
    removed.map_err(|it| it.to_string())?.map_err(|it| it.to_string())?;
    let (sender, receiver) = oneshot::channel();
    let writes = vec![(group, Write::Reset), (group, Write::Label(member.id().to_bytes().into()))];
    let done = Box::new(move |done| {
        // Nobody waits any more when the node goes down.
        sender.send(done).ok();
    });
    parts.appender.submit(writes, done).map_err(|error| error.to_string())?;
    let done = receiver.await.map_err(|_dropped| "the node is going down".to_owned())?;
    done.map_err(|error| error.to_string())
}
