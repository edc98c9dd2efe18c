//! Notices nodes that have fallen silent, and calls elections in the groups that they led: sooner than
//! each group would by itself, and with fewer heartbeats.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cluster::meta::Member;
use cluster::slots::ShardId;
use cluster::transport::{Lane, NodeId};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use raft::group::Group;
use raft::home::Moment;
use raft::peers::Topic;
use raft::shared::Shared;
use tokio::sync::watch;

use crate::router::Router;
use crate::wire::Message;

/// Between two signs of life that a node gives.
const PERIOD: Duration = Duration::from_millis(200);

/// A node that nothing is heard of for so long counts as down.
pub(crate) const SILENCE_MAX: Duration = Duration::from_millis(800);

/// How long it is the turn of one member to call elections: it is likely to have won one by then.
const STAGGER: Duration = Duration::from_millis(250);

/// How quickly others have to answer for an election to be called.
const ANSWER_MAX: Duration = Duration::from_millis(100);

/// Elections that a member calls in its turn. The first one may be lost to a vote that it did not know
/// of: somebody else has called one before, and lost it because others know more.
const CALLS: u32 = 3;

/// Between two of them: far above what one takes.
const CALL_PAUSE: Duration = Duration::from_millis(80);

/// How often it is each member's turn. Then the groups go on by themselves.
const ROUNDS: usize = 3;

/// What comes for so long of a node that has said that it ends was under way: it does not make it count as
/// up again. No process begins again as soon as that.
const ENDING_MAX: Duration = Duration::from_millis(300);

/// What a node has heard of the others. It takes nobody's word for it.
#[derive(Default)]
pub(crate) struct Detector {
    heard: Shared<Heard>,
    /// The nodes that count as down.
    down: watch::Sender<BTreeSet<NodeId>>,
}

#[derive(Default)]
struct Heard {
    nodes: BTreeMap<NodeId, Sign>,
    looked: Option<Moment>,
}

struct Sign {
    at: Moment,
    is_down: bool,
    /// When it said that it ends.
    ended: Option<Moment>,
}

impl Heard {
    /// Of whom nothing is known, something has been heard just now.
    fn of(&mut self, node: NodeId, now: Moment) -> &mut Sign {
        self.nodes.entry(node).or_insert(Sign { at: now, is_down: false, ended: None })
    }
}

impl Detector {
    /// Something came from a node. Yields whether it counted as down until then.
    pub(crate) fn heard(&self, node: NodeId, now: Moment) -> bool {
        // Both under one lock: whoever counts nodes as down meanwhile would never be corrected.
        self.heard.with(|heard| {
            let sign = heard.of(node, now);
            sign.at = now;
            let is_back = sign.ended.is_none_or(|it| now - it > ENDING_MAX) && sign.is_down;
            if is_back {
                (sign.is_down, sign.ended) = (false, None);
                self.down.send_if_modified(|down| down.remove(&node));
            }
            is_back
        })
    }

    /// A node has said that it ends. Yields whether it counted as up until then.
    fn ended(&self, node: NodeId, now: Moment) -> bool {
        self.heard.with(|heard| {
            let sign = heard.of(node, now);
            sign.ended = Some(now);
            let was_down = std::mem::replace(&mut sign.is_down, true);
            self.down.send_if_modified(|down| down.insert(node));
            !was_down
        })
    }

    /// The nodes that have fallen silent since the last look.
    pub(crate) fn fallen(&self, others: &[NodeId], now: Moment) -> Vec<NodeId> {
        self.heard.with(|heard| {
            let looked = heard.looked.replace(now);
            // Whoever has not looked for long was asleep itself.
            if looked.is_none_or(|it| now - it > 2 * probe::knob!(SignPeriod, PERIOD)) {
                heard.nodes.values_mut().for_each(|sign| sign.at = now);
            }
            let is_new = |node: &NodeId| {
                let sign = heard.of(*node, now);
                let silence = probe::knob!(SilenceMax, SILENCE_MAX);
                let is_down = now - sign.at > silence || probe::buggify!(FalseAlarm);
                is_down && !std::mem::replace(&mut sign.is_down, is_down)
            };
            let fallen: Vec<_> = others.iter().copied().filter(is_new).collect();
            if !fallen.is_empty() {
                self.down.send_modify(|down| down.extend(&fallen));
            }
            fallen
        })
    }

    /// The nodes that nothing has been heard of for so long.
    pub(crate) fn silent(&self, lasting: Duration, now: Moment) -> BTreeSet<NodeId> {
        let is_silent = |(node, sign): (&NodeId, &Sign)| {
            (sign.is_down && now - sign.at > lasting).then_some(*node)
        };
        self.heard.with(|heard| heard.nodes.iter().filter_map(is_silent).collect())
    }

    /// For how long nothing has been heard of a node that counts as down.
    pub(crate) fn silence(&self, node: NodeId, now: Moment) -> Option<Duration> {
        let sign = |heard: &mut Heard| heard.nodes.get(&node).map(|it| (it.is_down, it.at));
        self.heard.with(sign).and_then(|(is_down, at)| is_down.then(|| now - at))
    }

    /// Whether a node counts as down.
    pub(crate) fn is_down(&self, node: NodeId) -> bool {
        self.down.borrow().contains(&node)
    }

    /// Comes when a node counts as down.
    pub(crate) async fn falls(&self, node: NodeId) {
        let mut down = self.down.subscribe();
        // The sender is here.
        down.wait_for(|it| it.contains(&node)).await.map(drop).ok();
    }
}

/// Gives signs of life, and looks for those of others, as long as the node lives.
pub(crate) async fn watch(shards: Router) {
    let (home, me) = (shards.peers().home().clone(), shards.peers().me());
    let sign = Message::Probe.encode();
    loop {
        home.sleep(probe::knob!(SignPeriod, PERIOD)).await;
        let roster = shards.roster();
        let others: Vec<_> = roster.nodes.keys().copied().filter(|it| *it != me).collect();
        for node in &others {
            shards.peers().tell(*node, Lane::CONTROL, Topic::Node, &sign);
        }
        if probe::buggify!(ElectionCalled) {
            for group in shards.all_hosted().into_values().filter_map(|it| it.group) {
                group.succeed().await;
            }
        }
        let fallen = shards.detector().fallen(&others, home.now());
        // Perhaps this node is heard, and does not hear: whoever waits for it had better not.
        if !others.is_empty() && others.iter().all(|it| shards.detector().is_down(*it)) {
            shards.peers().fall_silent();
            for node in &others {
                shards.peers().call(*node);
            }
        }
        for node in fallen {
            tracing::warn!(peer = node.0, "a node has fallen silent");
            succeed_all(&shards, node);
        }
    }
}

/// Something came from a node. If it counted as down, whoever replicates to it tries again at once: a group
/// may have to do without another member next.
pub(crate) fn heard(shards: &Router, node: NodeId) {
    let home = shards.peers().home();
    if !shards.detector().heard(node, home.now()) {
        return;
    }
    shards.peers().is_back(node);
    let groups: Vec<_> = shards.all_hosted().into_values().filter_map(|it| it.group).collect();
    home.spawn(async move {
        for group in groups {
            group.greet(node).await;
        }
    });
}

/// A node has said that it ends, and who leads which shard now: nobody waits for its answers any more, nor
/// until it falls silent.
pub(crate) fn ends(shards: &Router, node: NodeId, heirs: &BTreeMap<ShardId, NodeId>) {
    let now = shards.peers().home().now();
    if node == shards.peers().me() || !shards.detector().ended(node, now) {
        return;
    }
    tracing::info!(peer = node.0, "a node ends");
    for (shard, hosted) in shards.all_hosted() {
        let heir = heirs.get(&shard).copied();
        if let Some(heir) = heir {
            shards.learn(shard, Some(heir));
        }
        // Whoever leads has not been heard of here yet, perhaps: an election would cost them their office.
        let grace = heir.map_or(Duration::ZERO, |_| STAGGER);
        if let Some(group) = hosted.group {
            call(shards, shard, group, (node, grace));
        }
    }
}

fn succeed_all(shards: &Router, down: NodeId) {
    for (shard, hosted) in shards.all_hosted() {
        if let Some(group) = hosted.group {
            call(shards, shard, group, (down, Duration::ZERO));
        }
    }
}

fn call(shards: &Router, shard: ShardId, group: Group, (down, grace): (NodeId, Duration)) {
    let (home, router) = (shards.peers().home(), shards.clone());
    let begin = home.now() + grace;
    home.spawn(async move { succeed(router, shard, group, (down, begin)).await });
}

/// Calls elections until a group has a leader that is not down: one member after the other, as the
/// assignment names them.
async fn succeed(shards: Router, shard: ShardId, group: Group, (down, begin): (NodeId, Moment)) {
    let roster = shards.roster();
    let members: Vec<_> = roster.members(shard).into_iter().collect();
    let heirs: Vec<_> = members.iter().copied().filter(|it| it.node != down.0).collect();
    let Some(rank) = heirs.iter().position(|it| *it == group.member()) else { return };
    let home = group.home();
    let leads = || group.leader_node().is_some_and(|it| it != down);
    let (stagger, pause) = (probe::knob!(Stagger, STAGGER), probe::knob!(CallPause, CALL_PAUSE));
    for turn in (rank..ROUNDS * heirs.len()).step_by(heirs.len()) {
        let due = begin + stagger * u32::try_from(turn).expect("a few copies");
        home.sleep(due - home.now()).await;
        // Whoever would hand over at once lets all others have their turn.
        if turn < heirs.len() && shards.skew().is_wrong() {
            continue;
        }
        for call in 0..CALLS {
            if leads() || !shards.detector().is_down(down) {
                return;
            }
            if home.now() - due + pause > stagger {
                break;
            }
            // Perhaps it is this node that is cut off: it would win nothing, and its vote would cost the
            // others their leader when it is back.
            if !is_quorum_there(&shards, &members, group.member()).await {
                continue;
            }
            probe::sometimes!(ElectionCalled);
            tracing::debug!(
                shard = shard.0,
                term = group.status().term,
                "this node calls an election"
            );
            // After an election that was lost openraft waits for a flush under the vote that came with
            // the refusal, and there is none until the member has called one by itself.
            if call % 2 == 0 {
                tokio::select! {
                    biased;
                    () = group.succeed() => {}
                    () = home.sleep(pause) => {}
                }
            } else {
                group.elect().await;
            }
            home.sleep(pause).await;
        }
    }
}

/// Whether so many members answer that they could elect this one.
async fn is_quorum_there(shards: &Router, members: &[Member], me: Member) -> bool {
    let probe = Message::Probe.encode();
    let others = members.iter().filter(|it| **it != me).map(|it| (NodeId(it.node), Lane::CONTROL));
    let ask = |place| shards.peers().ask(place, ANSWER_MAX, Topic::Node, &probe);
    let mut asked: FuturesUnordered<_> = others.map(ask).collect();
    let mut there = 1;
    while there * 2 <= members.len()
        && let Some(answer) = asked.next().await
    {
        there += usize::from(answer.is_ok());
    }
    there * 2 > members.len()
}

#[cfg(test)]
mod tests {
    use raft::home::{Drift, Home};

    use super::*;

    const OTHERS: [NodeId; 2] = [NodeId(2), NodeId(3)];

    async fn pass(home: &Home, detector: &Detector, heard: &[NodeId], times: u32) -> Vec<NodeId> {
        let mut fallen = Vec::new();
        for _ in 0..times {
            home.sleep(PERIOD).await;
            for node in heard {
                detector.heard(*node, home.now());
            }
            fallen.extend(detector.fallen(&OTHERS, home.now()));
        }
        fallen
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_once() {
        let (home, detector) = (Home::new(1, Drift::default()), Detector::default());
        assert_eq!(pass(&home, &detector, &OTHERS, 10).await, []);
        assert_eq!(pass(&home, &detector, &[NodeId(2)], 10).await, [NodeId(3)]);
        assert!(detector.is_down(NodeId(3)) && !detector.is_down(NodeId(2)));
        let silence = |node| detector.silence(NodeId(node), home.now());
        assert_eq!((silence(2), silence(3)), (None, Some(10 * PERIOD)));
        assert_eq!(pass(&home, &detector, &OTHERS, 10).await, []);
        assert!(!detector.is_down(NodeId(3)));
        assert_eq!(pass(&home, &detector, &[], 10).await, OTHERS);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_so_ends_at_once_and_may_come_back() {
        let (home, detector) = (Home::new(1, Drift::default()), Detector::default());
        assert_eq!(pass(&home, &detector, &OTHERS, 3).await, []);
        assert!(detector.ended(NodeId(3), home.now()) && !detector.ended(NodeId(3), home.now()));
        let other = NodeId(2);
        assert_eq!(pass(&home, &detector, &OTHERS, 1).await, [], "what was under way comes");
        assert!(detector.is_down(NodeId(3)) && !detector.is_down(other));
        assert_eq!(pass(&home, &detector, &[other], 10).await, [], "it is known");
        assert_eq!(pass(&home, &detector, &OTHERS, 3).await, []);
        assert!(!detector.is_down(NodeId(3)));
        assert_eq!(pass(&home, &detector, &[other], 10).await, [NodeId(3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_slept_blames_nobody() {
        let (home, detector) = (Home::new(1, Drift::default()), Detector::default());
        assert_eq!(pass(&home, &detector, &OTHERS, 3).await, []);
        home.sleep(Duration::from_mins(1)).await;
        assert_eq!(pass(&home, &detector, &OTHERS, 3).await, []);
    }
}
