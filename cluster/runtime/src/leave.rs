//! A node that is to end gives away what it leads, so that nobody waits for an election.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::meta::Member;
use cluster::slots::ShardId;
use cluster::transport::{Lane, NodeId};
use futures::future::join_all;
use raft::group::Group;
use raft::peers::Topic;
use tokio::sync::watch;

use crate::membership;
use crate::router::{Hosted, Router};
use crate::wire::{Message, Reply, Sign};

/// Longest time that a node takes to give away what it leads. What is left then is elected a leader for,
/// as after a crash.
pub const LEAVE_MAX: Duration = Duration::from_secs(2);

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(20);

/// How quickly a node that is to lead must answer, or it is not asked to.
const ALIVE: Duration = Duration::from_millis(100);

/// How long a node that has said farewell still tells who asks it that it leads nothing: what it has said
/// gets around meanwhile.
const FAREWELL: Duration = Duration::from_millis(50);

/// Whether this node is to end.
#[derive(Debug, Default)]
pub(crate) struct Leave(watch::Sender<bool>);

impl Leave {
    /// It is.
    fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is.
    async fn begun(&self) {
        // The sender is here.
        self.0.subscribe().wait_for(|it| *it).await.map(drop).ok();
    }

    /// Whether it is.
    pub(crate) fn is_begun(&self) -> bool {
        *self.0.borrow()
    }
}

/// Gives away every shard that this node leads, as long as there is a node that stays, and says farewell, and
/// who leads. Until it knows that, its votes are of use.
pub(crate) async fn leave(shards: &Router) {
    let home = shards.peers().home();
    let deadline = home.now() + LEAVE_MAX;
    shards.leave().begin();
    while is_needed(shards) && home.now() < deadline && is_somebody_there(shards).await {
        home.sleep(PERIOD).await;
    }
    let farewell = Message::Ending(leaders(shards)).encode();
    for node in others(shards) {
        shards.peers().tell(node, Lane::CONTROL, Topic::Node, &farewell);
    }
    home.sleep(FAREWELL).await;
}

/// Waits until this node is to end, and then for members that can lead a group instead of it.
pub(crate) async fn successors(shards: &Router, shard: ShardId, group: &Group) -> Vec<Member> {
    shards.leave().begun().await;
    heirs(shards, shard, group).await
}

/// Waits until another life of this copy is to begin, and then for members that can lead a group instead of
/// it. As long as this one leads, the other one does not begin; and the group would wait for that one before
/// it does without this one.
pub(crate) async fn superseded(shards: &Router, shard: ShardId, group: &Group) -> Vec<Member> {
    let member = group.member();
    let is_later = |it: &Member| it.node == member.node && it.life > member.life;
    let mut rosters = shards.rosters();
    // Its sender is there as long as the node is.
    rosters.wait_for(|it| it.members(shard).iter().any(is_later)).await.map(drop).ok();
    probe::sometimes!(LeaderSuperseded);
    heirs(shards, shard, group).await
}

/// Waits for members that can lead a group instead of this one: those that are fit come first, and of them
/// those that stay in it. Before nobody leads, one that is not fit does.
async fn heirs(shards: &Router, shard: ShardId, group: &Group) -> Vec<Member> {
    loop {
        let status = group.status();
        let voters = membership::voters(&shards.roster().members(shard), &status);
        let voters = voters.into_iter().filter(|_| status.leads);
        let asked = voters.map(|it| membership::sign_of_heir(shards, group, &status, it));
        let there: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let of = |sign: Sign| there.iter().filter(move |it| it.0 == sign).map(|it| it.1);
        let heirs: Vec<_> = of(Sign::Fit).chain(of(Sign::Unfit)).collect();
        if !heirs.is_empty() {
            return heirs;
        }
        group.home().sleep(PERIOD).await;
    }
}

/// What a node that is there says of itself.
pub(crate) async fn sign_of(shards: &Router, node: NodeId, lane: Lane) -> Option<Sign> {
    let probe = Message::Probe.encode();
    let limit = probe::knob!(HeirPatience, ALIVE);
    let asked = shards.peers().ask((node, lane), limit, Topic::Node, &probe).await;
    match Reply::decode(&asked.ok()?) {
        Ok(Reply::Here(sign, _)) => Some(sign),
        Ok(_) | Err(_) => None,
    }
}

/// Whether a node is there, and stays.
pub(crate) async fn stays(shards: &Router, node: NodeId, lane: Lane) -> bool {
    matches!(sign_of(shards, node, lane).await, Some(Sign::Fit | Sign::Unfit))
}

fn is_needed(shards: &Router) -> bool {
    let mut groups = shards.all_hosted().into_values().filter_map(|it| it.group);
    groups.any(|it| it.believes_to_lead() || it.leader().is_none())
}

/// Who leads each shard that has a copy here, if it is somebody else.
fn leaders(shards: &Router) -> BTreeMap<ShardId, NodeId> {
    let leader = |hosted: Hosted| hosted.group.and_then(|it| it.leader_node());
    let known =
        shards.all_hosted().into_iter().filter_map(|(shard, it)| Some((shard, leader(it)?)));
    known.filter(|(_, node)| *node != shards.peers().me()).collect()
}

/// Whether any other node is there and stays: the last ones of a cluster that ends as a whole have
/// nobody to give anything to.
async fn is_somebody_there(shards: &Router) -> bool {
    let asked = others(shards).into_iter().map(|node| stays(shards, node, Lane::CONTROL));
    join_all(asked).await.into_iter().any(|it| it)
}

fn others(shards: &Router) -> Vec<NodeId> {
    let (roster, me) = (shards.roster(), shards.peers().me());
    roster.nodes.keys().copied().filter(|it| *it != me).collect()
}
