//! Whether a member follows its leader.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};

use crate::group::Group;
use crate::network::Lines;
use crate::peers::Peers;
use crate::proposal::Member;
use crate::wire::{Answer, Question};

/// How long a member has to answer: its log may be waiting for an fsync.
const PATIENCE: Duration = Duration::from_millis(500);

impl Group {
    /// Whether a member follows this leader in this moment, and what it has taken before is durable: it is asked to
    /// take nothing. A node that answers whatever it is asked may do nothing all the same.
    pub async fn is_followed_by(&self, member: Member, peers: &Peers) -> bool {
        let vote = self.raft().metrics().borrow_watched().vote;
        let (prev_log_id, entries, leader_commit) = (None, Vec::new(), None);
        let nothing = AppendEntriesRequest { vote, prev_log_id, entries, leader_commit };
        let line = Lines { group: self.id(), peers: peers.clone() }.line(member);
        let answer = line.ask(&Question::Append(nothing), PATIENCE).await;
        matches!(answer, Ok(Answer::Append(AppendEntriesResponse::Success)))
    }
}
