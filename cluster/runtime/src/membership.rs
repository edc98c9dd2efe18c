//! Brings the members of a group in line with its assignment. Runs where the group is led.

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::meta::Member;
use cluster::slots::{META, ShardId};
use cluster::transport::{Lane, NodeId};
use futures::future::join_all;
use raft::group::{Group, GroupError, Status};

use crate::disk::Disk;
use crate::leave;
use crate::router::Router;
use crate::wire::Sign;

/// Between two looks at the assignment.
const PERIOD: Duration = Duration::from_millis(500);

/// How many entries a learner may lack when it becomes a voter, or a voter when it is to lead.
const LAG_MAX: u64 = 64;

/// How long the member that comes first has to have been there before it is to lead.
const PREFER_AFTER: Duration = Duration::from_secs(3);

/// Within such a time after that leaders hand over, each when chance says: a node that is back would get
/// all of its shards in one moment otherwise, and everybody would wait for it.
const PREFER_WITHIN: Duration = Duration::from_secs(4);

/// How long what is in flight has to reach the heir before leadership is handed over.
const DRAIN: Duration = Duration::from_millis(200);

/// Keeps the members of a group as the roster says. Ends when somebody else is to lead: that one.
pub(crate) async fn keep(shards: &Router, shard: ShardId, group: &Group, disk: &Disk) -> Member {
    let home = group.home();
    let part = u32::try_from(home.seed() % 1_024).expect("small");
    let patience = probe::knob!(PreferAfter, PREFER_AFTER) + PREFER_WITHIN * part / 1_024;
    let mut there = None;
    loop {
        home.sleep(probe::knob!(MembersPeriod, PERIOD)).await;
        let status = group.status();
        if !status.leads || probe::buggify!(MembershipSkipped) {
            continue;
        }
        if !is_fit(shards, disk)
            && let Some(heir) = fit_voter(shards, shard, group, &status).await
        {
            return heir;
        }
        match step(shards, shard, group, &status).await {
            Ok(true) => match first_member(shards, shard, group, &status).await {
                Some(heir)
                    if home.now() - *there.get_or_insert(home.now()) >= patience
                        || probe::buggify!(HandedOver) =>
                {
                    return heir;
                }
                Some(_) => {}
                None => there = None,
            },
            Ok(false) => there = None,
            Err(error) => tracing::debug!(shard = shard.0, %error, "a change of members waits"),
        }
    }
}

/// Hands leadership over once nothing is in flight, and one of the heirs has everything: one that lacks
/// something would not call an election, and the group would wait for one. If the heir does not take it all
/// the same, whoever leads next does as well.
pub(crate) async fn hand_over(group: &Group, term: u64, heirs: &[Member]) {
    let home = group.home();
    probe::sometimes!(HandedOver);
    let deadline = home.now() + probe::knob!(Drain, DRAIN);
    let whole = loop {
        let status = group.status();
        if !status.leads {
            return;
        }
        // A node that has just come back is sent what it lacks in its own time.
        let whole = heirs.iter().find(|it| lag(&status, **it) == Some(0));
        if let (Some(whole), true) = (whole, status.applied == status.last) {
            break *whole;
        }
        if home.now() >= deadline {
            tracing::debug!(shard = group.id(), ?heirs, "a shard is not handed over");
            return;
        }
        home.sleep(DRAIN / 100).await;
    };
    probe::sometimes!(OtherHeir, heirs.first() != Some(&whole));
    group.transfer(whole).await;
    tokio::time::timeout(home.true_time(DRAIN), group.reign_ended(term)).await.ok();
}

/// Changes the members a little. Yields whether they are as they should be.
async fn step(
    shards: &Router,
    shard: ShardId,
    group: &Group,
    status: &Status,
) -> Result<bool, GroupError> {
    let roster = shards.roster();
    let wanted = roster.members(shard);
    let voters: BTreeSet<Member> = wanted.iter().copied().collect();
    if voters.is_empty() {
        return Ok(false);
    }
    let learners = if shard == META { watchers(shards, &voters) } else { BTreeSet::new() };
    let here: BTreeSet<Member> = status.voters.union(&status.learners).copied().collect();
    if let Some(member) = voters.union(&learners).find(|it| !here.contains(it)) {
        return group.add_learner(*member).await.map(|()| false);
    }
    let is_asked = |it: &Member| voters.contains(it) || learners.contains(it);
    let is_other = voters != status.voters || !status.learners.iter().all(is_asked);
    // A change that an earlier leader began, and did not live to end, is ended.
    if is_other || status.is_changing {
        let is_ready = |it: &Member| status.voters.contains(it) || is_close(status, *it);
        let goes_on = voters == status.voters || status.is_changing;
        if voters.iter().all(is_ready) && (goes_on || are_there(shards, group, &voters).await) {
            probe::sometimes!(MembersChangedUnderLoad, status.applied < status.last);
            group.change_voters(&voters, &learners).await?;
        }
        return Ok(false);
    }
    Ok(true)
}

/// Every node follows the meta group, voter or not.
fn watchers(shards: &Router, voters: &BTreeSet<Member>) -> BTreeSet<Member> {
    let roster = shards.roster();
    let is_voter = |node: NodeId| voters.iter().any(|it| it.node == node.0);
    let nodes = roster.nodes.keys().filter(|it| !is_voter(**it));
    nodes.map(|it| roster.follower(*it)).collect()
}

/// Whether a quorum of those who are to be voters is there in this moment. A change that is begun cannot be
/// taken back: without them the group would be without a leader, whoever of the former voters is there.
async fn are_there(shards: &Router, group: &Group, voters: &BTreeSet<Member>) -> bool {
    let (me, lane) = (group.member(), Lane::usual(group.id()));
    let others = voters.iter().filter(|it| **it != me);
    let asked = others.map(|it| leave::stays(shards, NodeId(it.node), lane));
    let there = join_all(asked).await.into_iter().filter(|it| *it).count();
    (there + usize::from(voters.contains(&me))) * 2 > voters.len()
}

fn is_close(status: &Status, member: Member) -> bool {
    lag(status, member).is_some_and(|it| it <= probe::knob!(LagMax, LAG_MAX))
}

/// How many entries a member lacks, as far as the leader knows. None: it has not said that it has any, and
/// may not be there, or have left.
fn lag(status: &Status, member: Member) -> Option<u64> {
    let matched = status.matched.iter().find(|(it, index)| *it == member && *index > 0);
    matched.map(|(_, index)| status.last.saturating_sub(*index))
}

/// Whether this node is to lead: not while its disk is nearly full, and it takes only what makes room, nor
/// while its clock is wrong.
pub(crate) fn is_fit(shards: &Router, disk: &Disk) -> bool {
    !disk.is_full() && !shards.skew().is_wrong()
}

/// The member that comes first, if it is another one and can lead.
async fn first_member(
    shards: &Router,
    shard: ShardId,
    group: &Group,
    status: &Status,
) -> Option<Member> {
    let first = shards.roster().members(shard).into_iter().next()?;
    let (sign, heir) = sign_of_heir(shards, group, status, first).await?;
    (sign == Sign::Fit).then_some(heir)
}

/// Any voter that can lead, whether the members are as they should be or not: those that stay come first.
async fn fit_voter(
    shards: &Router,
    shard: ShardId,
    group: &Group,
    status: &Status,
) -> Option<Member> {
    for voter in voters(&shards.roster().members(shard), status) {
        if let Some((Sign::Fit, heir)) = sign_of_heir(shards, group, status, voter).await {
            return Some(heir);
        }
    }
    None
}

/// The voters of a group, those first that are to stay in it.
pub(crate) fn voters(members: &[Member], status: &Status) -> Vec<Member> {
    let stay = members.iter().filter(|it| status.voters.contains(it));
    let go = status.voters.iter().filter(|it| !members.contains(it));
    stay.chain(go).copied().collect()
}

/// The member and what its node says of itself, if it is another one, has the whole log or nearly, and its
/// node is there.
pub(crate) async fn sign_of_heir(
    shards: &Router,
    group: &Group,
    status: &Status,
    member: Member,
) -> Option<(Sign, Member)> {
    if member == status.member || !is_close(status, member) {
        return None;
    }
    let (node, lane) = (NodeId(member.node), Lane::usual(group.id()));
    Some((leave::sign_of(shards, node, lane).await?, member))
}
