//! The lives of a node's copies: one that has lost anything is given up, and begins anew as somebody
//! else.

use bytes::Bytes;
use cluster::meta::Member;
use cluster::meta::api::{BeginLife, LifeError};
use cluster::slots::ShardId;
use engine::State;
use entity::Key;
use tokio::sync::oneshot;
use wal::Write;

use crate::host::Parts;
use crate::meta::{self, MetaError};

/// Sees to it that what this node holds of a shard belongs to the member that it is to be. Yields which
/// member that is: a roster that is behind may not know the newest. None: it is not to be one, and
/// nothing is left of it.
///
/// # Errors
///
/// When the meta group does not say what becomes of a copy that has lost something, or the log has
/// failed.
pub(crate) async fn prepare(
    parts: &Parts,
    shard: ShardId,
    wanted: Member,
) -> Result<Option<Member>, String> {
    let owner = owner(parts, shard)?;
    if let Some(Owner::Former(before)) = owner
        && wanted.life <= before.life
        && !probe::mutant!(RosterBelieved)
    {
        return again(parts, shard).await;
    }
    let held = owner.and_then(Owner::present);
    let member = match (held, damage(parts, shard, owner)) {
        (Some(held), None) if held.life >= wanted.life => return Ok(Some(held)),
        (Some(_) | None, None) => wanted,
        (Some(held), Some(_)) if probe::mutant!(LifeKept) => held,
        (_, Some(what)) => {
            tracing::error!(shard = shard.0, what, "a copy has lost something: it ends");
            match begin(parts, shard).await {
                Ok(member) => {
                    probe::sometimes!(LifeBegun);
                    member
                }
                Err(MetaError::Refused(LifeError::Unknown)) => return leave(parts, shard).await,
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    reset(parts, shard, member).await?;
    Ok(Some(member))
}

/// Nobody begins again as who he was: what he has promised is forgotten. A node that has left, and is named as
/// who it was, is behind, or was named before that was known: then it begins another life.
async fn again(parts: &Parts, shard: ShardId) -> Result<Option<Member>, String> {
    match begin(parts, shard).await {
        Ok(member) => reset(parts, shard, member).await.map(|()| Some(member)),
        Err(MetaError::Refused(LifeError::Unknown)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Whose a log is, as its label says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// This member's.
    Present(Member),
    /// Nobody's: this member has left, and what it had is gone.
    Former(Member),
}

impl Owner {
    /// Stands behind the number of a member that has left.
    const LEFT: u8 = 1;

    /// The member whose it is.
    pub(crate) fn present(self) -> Option<Member> {
        match self {
            Self::Present(member) => Some(member),
            Self::Former(_) => None,
        }
    }

    fn label(self) -> Write {
        let (member, rest) = match self {
            Self::Present(member) => (member, &[][..]),
            Self::Former(member) => (member, &[Self::LEFT][..]),
        };
        Write::Label([&member.id().to_bytes()[..], rest].concat().into())
    }

    fn of(label: &[u8]) -> Option<Self> {
        match label.strip_suffix(&[Self::LEFT]).and_then(u64::from_bytes) {
            Some(id) => Some(Self::Former(Member::of(id))),
            None => u64::from_bytes(label).map(|id| Self::Present(Member::of(id))),
        }
    }
}

/// Whose the log of a shard is; none for one that nobody has had.
pub(crate) fn owner(parts: &Parts, shard: ShardId) -> Result<Option<Owner>, String> {
    let label = parts.appender.group(shard.0).label();
    let owner =
        |label: Bytes| Owner::of(&label).ok_or("the label of a log is no member".to_owned());
    label.map(owner).transpose()
}

/// Whether something is left here of a copy of a shard: nothing is of one that has left.
pub(crate) fn is_left(parts: &Parts, shard: ShardId) -> bool {
    let is_damaged = parts.appender.group(shard.0).damage().is_some();
    is_damaged || !matches!(owner(parts, shard), Ok(None | Some(Owner::Former(_))))
}

/// What a copy has lost, if it has.
fn damage(parts: &Parts, shard: ShardId, owner: Option<Owner>) -> Option<String> {
    let log = parts.appender.group(shard.0);
    if let Some(what) = log.damage() {
        return Some(what);
    }
    match owner {
        Some(Owner::Present(_)) => {}
        Some(Owner::Former(_)) => return None,
        // The rest of the log is broken: nobody can tell whether this copy is new.
        None => return parts.is_log_broken.then(|| "it may have been in a broken log".to_owned()),
    }
    let applied = match parts.engine.state(shard.0) {
        Some(State::Damaged(what)) => return Some(what),
        Some(State::Sound(mark)) => Some(mark.applied),
        None => None,
    };
    let purged = log.purged().map(|(index, _)| index);
    let is_short = purged.is_some_and(|purged| applied.is_none_or(|applied| applied < purged));
    probe::sometimes!(RowsLost, is_short);
    is_short.then(|| format!("rows up to {applied:?} only, and the log is purged to {purged:?}"))
}

/// Asks the meta group for a new life, one that nobody has begun: who the copy was may be among what it
/// has lost.
async fn begin(parts: &Parts, shard: ShardId) -> Result<Member, MetaError<LifeError>> {
    let node = parts.router.peers().me();
    meta::once(&parts.router, "life", &BeginLife { group: shard.0, node }).await
}

/// A copy that has lost something and is not to be here any more goes once its group does without it.
async fn leave(parts: &Parts, shard: ShardId) -> Result<Option<Member>, String> {
    let me = parts.router.peers().me();
    let members = parts.router.members(shard).await;
    if !members.is_some_and(|it| it.lack_all_of(me)) {
        return Err("its group does not do without it yet".to_owned());
    }
    forget(parts, shard).await.map(|()| None)
}

/// Forgets what the node holds of a shard, and labels it as another member's.
async fn reset(parts: &Parts, shard: ShardId, member: Member) -> Result<(), String> {
    let label = Owner::Present(member).label();
    remove(parts, shard, vec![(shard.0, Write::Reset), (shard.0, label)]).await
}

async fn remove(parts: &Parts, shard: ShardId, writes: Vec<(u32, Write)>) -> Result<(), String> {
    let (engine, group) = (parts.engine.clone(), shard.0);
    let removed = parts.offload.run(move || engine.remove(group)).await;
    removed.map_err(|it| it.to_string())?.map_err(|it| it.to_string())?;
    let (sender, receiver) = oneshot::channel();
    let done = Box::new(move |done| {
        // Nobody waits any more when the node goes down.
        sender.send(done).ok();
    });
    parts.appender.submit(writes, done).map_err(|error| error.to_string())?;
    let done = receiver.await.map_err(|_dropped| "the node is going down".to_owned())?;
    done.map_err(|error| error.to_string())
}

/// Forgets what the node holds of a shard that it has left, but not as which member it held it.
pub(crate) async fn forget(parts: &Parts, shard: ShardId) -> Result<(), String> {
    let member = owner(parts, shard)?.map(|(Owner::Present(it) | Owner::Former(it))| it);
    let label = member.map(|it| (shard.0, Owner::Former(it).label()));
    let writes = [(shard.0, Write::Reset)].into_iter().chain(label);
    remove(parts, shard, writes.collect()).await
}
