//! Who leads, and for how long.

use std::time::Duration;

use cluster::transport::NodeId;
use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;

use crate::group::Group;
use crate::proposal::Member;

/// A leader that has not heard of its quorum for so long does nothing for anybody. Twice the longest time
/// until an election: whoever could be elected in its place has had the time.
const FORSAKEN_AFTER: Duration = Duration::from_secs(4);

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// So many looks say so, one after the other: a node that stood still has heard of nobody either.
const LOOKS: u32 = 4;

impl Group {
    /// Whether this member leads, as far as it knows. Nothing may be answered on its account: it asks
    /// nobody.
    pub fn believes_to_lead(&self) -> bool {
        self.reign().is_some()
    }

    /// The term in which this member leads, as far as it knows.
    pub fn reign(&self) -> Option<u64> {
        let metrics = self.raft().server_metrics();
        let known = metrics.borrow_watched();
        (known.state == ServerState::Leader).then(|| known.vote.leader_id().term)
    }

    /// Waits until this member does not lead in `term` any more. It may lead again by then.
    pub async fn reign_ended(&self, term: u64) {
        let mut changes = self.changes();
        while self.reign() == Some(term) && changes.next().await {}
    }

    /// Waits until this member leads and nobody answers it. Those who still hear it elect nobody else, so
    /// it has to go.
    pub async fn forsaken(&self) {
        let mut looks = 0;
        while looks < LOOKS {
            self.home().sleep(PERIOD).await;
            looks = if self.is_unheard() { looks + 1 } else { 0 };
        }
        probe::sometimes!(Forsaken);
    }

    fn is_unheard(&self) -> bool {
        let metrics = self.raft().metrics();
        let known = metrics.borrow_watched();
        let is_alone = known.membership_config.membership().voter_ids().count() <= 1;
        let heard = known.last_quorum_acked.map(openraft::metrics::SerdeInstant::into_inner);
        !is_alone && heard.is_some_and(|at| self.home().now() - at > FORSAKEN_AFTER)
    }

    /// Who leads, as far as this member knows.
    pub fn leader(&self) -> Option<Member> {
        self.raft().server_metrics().borrow_watched().current_leader.map(Member::of)
    }

    /// The node of the leader, as far as this member knows.
    pub fn leader_node(&self) -> Option<NodeId> {
        self.leader().map(|it| NodeId(it.node))
    }
}
