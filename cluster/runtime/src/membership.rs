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
    let has_others = !status.learners.iter().all(is_asked);
    if voters == status.voters && !has_others && !status.is_changing {
        return Ok(true);
    }
    let (next, begins) = if status.is_changing {
        // A change that an earlier leader began, and did not live to end, is ended first.
        (status.goal.clone(), false)
    } else {
        let next = next_voters(&voters, status);
        (next.clone(), next != status.voters)
    };
    let is_due = if begins {
        are_there(shards, group, &next).await
    } else {
        status.is_changing || has_others
    };
    if is_due {
        probe::sometimes!(MembersChangedUnderLoad, status.applied < status.last);
        probe::sometimes!(MembersChangedInPart, begins && next != voters);
        let learners = learners.union(&voters).filter(|it| !next.contains(it)).copied().collect();
        group.change_voters(&next, &learners).await?;
    }
    Ok(false)
}

/// Those who are to vote, as far as they can already; for each one that cannot, one that votes now and is
/// to go stays. So nobody waits for one that does not come, and there are never fewer than before.
fn next_voters(wanted: &BTreeSet<Member>, status: &Status) -> BTreeSet<Member> {
    let is_ready = |it: &&Member| status.voters.contains(it) || is_close(status, **it);
    let ready: BTreeSet<Member> = wanted.iter().filter(is_ready).copied().collect();
    let mut going: Vec<_> = status.voters.difference(wanted).copied().collect();
    // Whoever has most of the log is there, if anybody is; a life that another one follows is not.
    let is_past = |it: &Member| wanted.iter().any(|other| other.node == it.node);
    going.sort_by_key(|it| (is_past(it), lag(status, *it).unwrap_or(u64::MAX)));
    let stays = going.into_iter().take(wanted.len() - ready.len());
    let next: BTreeSet<Member> = ready.iter().copied().chain(stays).collect();
    if next.len() < wanted.len() { status.voters.clone() } else { next }
}

/// Every node follows the meta group, voter or not.
fn watchers(shards: &Router, voters: &BTreeSet<Member>) -> BTreeSet<Member> {
    let roster = shards.roster();
    let is_voter = |node: NodeId| voters.iter().any(|it| it.node == node.0);
    let nodes = roster.nodes.keys().filter(|it| !is_voter(**it));
    nodes.map(|it| roster.follower(*it)).collect()
}

/// Whether a quorum of those who are to be voters is there in this moment, and follows. A change that is begun
/// cannot be taken back: without them the group would be without a leader, whoever of the former voters is there.
async fn are_there(shards: &Router, group: &Group, voters: &BTreeSet<Member>) -> bool {
    let (me, lane) = (group.member(), Lane::usual(group.id()));
    let others = voters.iter().filter(|it| **it != me);
    let asked = others.map(async |it| {
        leave::stays(shards, NodeId(it.node), lane).await
            && group.is_followed_by(*it, shards.peers()).await
    });
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(node: u32) -> Member {
        Member { node, life: 1 }
    }

    fn members<const N: usize>(nodes: [u32; N]) -> BTreeSet<Member> {
        nodes.map(member).into()
    }

    /// Voters that have everything, but for those that are said to lack something.
    fn status(voters: &BTreeSet<Member>, matched: &[(u32, u64)]) -> Status {
        let usual = voters.iter().map(|it| (it.node, 1_000));
        let matched: BTreeMap<_, _> = usual.chain(matched.iter().copied()).collect();
        let matched = matched.into_iter().map(|(node, index)| (member(node), index)).collect();
        Status {
            group: 0,
            member: member(1),
            leads: true,
            leader: Some(member(1)),
            term: 1,
            vote: (1, 1, true),
            last: 1_000,
            committed: 1_000,
            applied: 1_000,
            snapshot: 0,
            purged: 0,
            voters: voters.clone(),
            goal: voters.clone(),
            learners: BTreeSet::new(),
            is_changing: false,
            matched,
            failure: None,
        }
    }

    #[test]
    fn nobody_waits_for_one_that_does_not_come() {
        let (voters, wanted) = (members([1, 3, 4, 5, 6]), members([1, 2, 3, 5, 7]));
        let next = |matched| next_voters(&wanted, &status(&voters, matched));
        assert_eq!(next(&[]), voters, "nobody is ready");
        assert_eq!(next(&[(7, 990), (4, 500)]), members([1, 3, 5, 6, 7]), "4 lacks more than 6");
        assert_eq!(next(&[(7, 990), (6, 0)]), members([1, 3, 4, 5, 7]), "nothing is known of 6");
        assert_eq!(next(&[(7, 990), (2, 100)]), members([1, 3, 4, 5, 7]), "2 lacks too much");
        assert_eq!(next(&[(7, 990), (2, 990)]), wanted);
    }

    #[test]
    fn there_are_never_fewer_voters_than_there_should_be() {
        let (voters, wanted) = (members([1]), members([1, 2, 3]));
        let next = |matched| next_voters(&wanted, &status(&voters, matched));
        assert_eq!(next(&[(2, 1_000)]), voters, "one of two could stop both");
        assert_eq!(next(&[(2, 1_000), (3, 1_000)]), wanted);
        let many = members([1, 2, 3, 4, 5]);
        assert_eq!(next_voters(&wanted, &status(&many, &[])), wanted, "copies are given up");
        let others = next_voters(&members([1, 2, 6]), &status(&many, &[(3, 900)]));
        assert_eq!(others, members([1, 2, 4]), "one that goes stays until 6 is ready");
    }
}
