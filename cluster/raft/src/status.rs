//! How a member of a group is doing.

use std::collections::BTreeSet;

use engine::GroupId;
use openraft::{RaftMetrics, ServerState};

use crate::proposal::{LogId, Member, Types, Vote};

/// How a member is doing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Which group.
    pub group: GroupId,
    /// Which member.
    pub member: Member,
    /// Whether it leads.
    pub leads: bool,
    /// Who leads, as far as it knows.
    pub leader: Option<Member>,
    /// Its term.
    pub term: u64,
    /// Its vote, as it stands on its disk: for which term and whom, and whether a quorum has elected that one.
    pub vote: Ballot,
    /// Index of the last entry of its log.
    pub last: u64,
    /// Index of the last entry that it knows to be committed.
    pub committed: u64,
    /// Index of the last entry applied.
    pub applied: u64,
    /// Index up to which the last snapshot goes.
    pub snapshot: u64,
    /// Index up to which the log is purged.
    pub purged: u64,
    /// The voters; in the middle of a change those before and those after it.
    pub voters: BTreeSet<Member>,
    /// The voters once the change that is under way has ended.
    pub goal: BTreeSet<Member>,
    /// The learners.
    pub learners: BTreeSet<Member>,
    /// Whether a change of members is under way.
    pub is_changing: bool,
    /// For a leader: up to which index each other member has the log.
    pub matched: Vec<(Member, u64)>,
    /// Why it does nothing any more.
    pub failure: Option<String>,
}

/// A vote, in the order in which a member may give them: a term, a member's [id](Member::id), and whether a quorum
/// has elected that one.
pub type Ballot = (u64, u64, bool);

impl Status {
    pub(crate) fn of((group, member): (GroupId, Member), metrics: &RaftMetrics<Types>) -> Self {
        let index = |id: Option<LogId>| id.map_or(0, |it| it.index());
        let members = metrics.membership_config.membership();
        let configs = members.get_joint_config();
        let matched = metrics.replication.iter().flatten();
        Self {
            group,
            member,
            leads: metrics.state == ServerState::Leader,
            leader: metrics.current_leader.map(Member::of),
            term: metrics.current_term,
            vote: ballot(&metrics.vote),
            last: metrics.last_log_index.unwrap_or(0),
            committed: index(metrics.local_committed),
            applied: index(metrics.last_applied),
            snapshot: index(metrics.snapshot),
            purged: index(metrics.purged),
            voters: members.voter_ids().map(Member::of).collect(),
            goal: configs.last().into_iter().flatten().copied().map(Member::of).collect(),
            learners: members.learner_ids().map(Member::of).collect(),
            is_changing: configs.len() > 1
                || metrics.membership_config != metrics.committed_membership_config,
            matched: matched.map(|(id, it)| (Member::of(*id), index(*it))).collect(),
            failure: metrics.running_state.as_ref().err().map(ToString::to_string),
        }
    }
}

fn ballot(vote: &Vote) -> Ballot {
    (vote.leader_id.term, vote.leader_id.node_id, vote.committed)
}
