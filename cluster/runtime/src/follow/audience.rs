//! The nodes that follow a shard, as its leader sees them. It is in memory only: a new leader begins
//! without one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cluster::executor::Input;
use cluster::limits::FOLLOWED_MAX;
use cluster::stream::{Mark, Publication, StreamId};
use cluster::transport::NodeId;
use raft::home::Moment;

use super::message::{Frame, Item, Watch};

/// How long changes are gathered. Items leave at once, and take the changes along.
const GATHERED: Duration = Duration::from_millis(50);

/// A frame is closed above so many bytes.
const FRAME_BYTES: usize = 256 * 1024;

/// A node that has asked nothing for so long does not follow any more.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Who follows a shard, and what they are to be told.
#[derive(Default)]
pub(crate) struct Audience {
    seats: BTreeMap<NodeId, Seat>,
    streams: BTreeMap<StreamId, BTreeSet<NodeId>>,
    /// How many streams are followed, each counted once for every node.
    followed: usize,
}

struct Seat {
    session: u64,
    /// Number of the last question.
    asked: u64,
    /// Number of the last frame.
    number: u64,
    heard: Moment,
    /// Closed, and not sent yet.
    ready: Vec<Frame>,
    changed: BTreeSet<Mark>,
    published: Vec<Item>,
    bytes: usize,
    /// When the open frame is to leave.
    due: Option<Moment>,
}

impl Audience {
    /// A node asks. Yields what the executor has to know; none if the session is not known here, the
    /// question comes late, or it wants too much.
    pub(crate) fn watch(&mut self, node: NodeId, watch: &Watch, now: Moment) -> Option<Vec<Input>> {
        let mut inputs = self.leave_the_silent(now);
        let known = self.seats.get(&node).filter(|it| it.session == watch.session);
        let (is_known, asked) = (known.is_some(), known.map_or(0, |it| it.asked));
        let is_next = if is_known { watch.number > asked } else { watch.number == 1 };
        if !is_next || self.followed + watch.follow.len() > FOLLOWED_MAX {
            return None;
        }
        if !is_known {
            inputs.extend(self.leave(node));
            if self.seats.is_empty() {
                inputs.push(Input::TellChanges(true));
            }
            self.seats.insert(node, Seat::new(watch.session, now));
        }
        if let Some(seat) = self.seats.get_mut(&node) {
            (seat.heard, seat.asked) = (now, watch.number);
        }
        inputs.extend(watch.unfollow.iter().filter_map(|it| self.unfollow(node, it)));
        inputs.extend(watch.follow.iter().filter_map(|it| self.follow(node, it)));
        Some(inputs)
    }

    fn follow(&mut self, node: NodeId, stream: &StreamId) -> Option<Input> {
        let nodes = self.streams.entry(stream.clone()).or_default();
        let is_first = nodes.is_empty();
        self.followed += usize::from(nodes.insert(node));
        is_first.then(|| Input::Follow(stream.clone()))
    }

    fn unfollow(&mut self, node: NodeId, stream: &StreamId) -> Option<Input> {
        let nodes = self.streams.get_mut(stream)?;
        self.followed -= usize::from(nodes.remove(&node));
        if !nodes.is_empty() {
            return None;
        }
        self.streams.remove(stream);
        Some(Input::Unfollow(stream.clone()))
    }

    /// A node does not follow any more.
    fn leave(&mut self, node: NodeId) -> Vec<Input> {
        if self.seats.remove(&node).is_none() {
            return Vec::new();
        }
        let followed = self.streams.iter().filter(|(_, nodes)| nodes.contains(&node));
        let followed: Vec<_> = followed.map(|(stream, _)| stream.clone()).collect();
        let mut inputs: Vec<_> =
            followed.iter().filter_map(|stream| self.unfollow(node, stream)).collect();
        if self.seats.is_empty() {
            inputs.push(Input::TellChanges(false));
        }
        inputs
    }

    fn leave_the_silent(&mut self, now: Moment) -> Vec<Input> {
        let silence = probe::knob!(FollowerSilence, SILENCE_MAX);
        let is_silent = |(_, seat): &(&NodeId, &Seat)| now - seat.heard > silence;
        let silent: Vec<_> = self.seats.iter().filter(is_silent).map(|(node, _)| *node).collect();
        silent.into_iter().flat_map(|node| self.leave(node)).collect()
    }

    /// An item has committed.
    pub(crate) fn published(&mut self, publication: Publication, now: Moment) {
        let Publication { of, offset, item } = publication;
        for node in self.streams.get(&of).into_iter().flatten() {
            if let Some(seat) = self.seats.get_mut(node) {
                seat.publish(Item { of: of.clone(), offset, item: item.to_vec() }, now);
            }
        }
    }

    /// An entity has changed.
    pub(crate) fn changed(&mut self, mark: Mark, now: Moment) {
        for seat in self.seats.values_mut() {
            seat.changed.insert(mark);
            let due = now + probe::knob!(GatheredFor, GATHERED);
            seat.due = Some(seat.due.map_or(due, |before| before.min(due)));
        }
    }

    /// The frames that are to leave now.
    pub(crate) fn leaving(&mut self, now: Moment) -> Vec<(NodeId, Frame)> {
        let mut frames = Vec::new();
        for (node, seat) in &mut self.seats {
            if seat.due.is_some_and(|due| due <= now) {
                seat.close();
            }
            frames.extend(seat.ready.drain(..).map(|frame| (*node, frame)));
        }
        frames
    }

    /// Closes what is open for one node, if the session is still its own. Yields the number of the last
    /// frame.
    pub(crate) fn close(&mut self, node: NodeId, session: u64) -> Option<u64> {
        let seat = self.seats.get_mut(&node).filter(|it| it.session == session)?;
        seat.close();
        Some(seat.number)
    }

    /// When frames are to leave even if nothing happens.
    pub(crate) fn due(&self) -> Option<Moment> {
        self.seats.values().filter_map(|it| it.due).min()
    }
}

impl Seat {
    fn new(session: u64, heard: Moment) -> Self {
        Self {
            session,
            asked: 0,
            number: 0,
            heard,
            ready: Vec::new(),
            changed: BTreeSet::new(),
            published: Vec::new(),
            bytes: 0,
            due: None,
        }
    }

    fn publish(&mut self, item: Item, now: Moment) {
        self.bytes += item.item.len() + item.of.entity.key.len();
        self.published.push(item);
        self.due = Some(now);
        if self.bytes > probe::knob!(FrameBytes, FRAME_BYTES) {
            self.close();
        }
    }

    fn close(&mut self) {
        self.due = None;
        if self.changed.is_empty() && self.published.is_empty() {
            return;
        }
        self.number += 1;
        self.bytes = 0;
        let changed = std::mem::take(&mut self.changed).into_iter().map(|it| it.0).collect();
        let published = std::mem::take(&mut self.published);
        let (session, number) = (self.session, self.number);
        self.ready.push(Frame { session, number, changed, published });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use entity::{Address, Offset};
    use raft::home::{Drift, Home};

    use super::*;

    fn stream(key: &str) -> StreamId {
        StreamId { entity: Address { kind: 1, key: key.into() }, stream: 1 }
    }

    fn watch(session: u64, number: u64, follow: &[&str], unfollow: &[&str]) -> Watch {
        let streams = |keys: &[&str]| keys.iter().map(|it| stream(it)).collect();
        Watch { session, number, follow: streams(follow), unfollow: streams(unfollow) }
    }

    fn item(key: &str, offset: u64) -> Publication {
        Publication { of: stream(key), offset: Offset(offset), item: Bytes::from_static(b"item") }
    }

    fn told(inputs: Option<Vec<Input>>) -> Vec<String> {
        let text = |input: &Input| match input {
            Input::Follow(it) => format!("+{}", String::from_utf8_lossy(&it.entity.key)),
            Input::Unfollow(it) => format!("-{}", String::from_utf8_lossy(&it.entity.key)),
            Input::TellChanges(tells) => format!("changes {tells}"),
            Input::Request { .. }
            | Input::Envelope(_)
            | Input::Acknowledged { .. }
            | Input::Redirected(_) => {
                unreachable!("an audience sends nothing")
            }
        };
        inputs.expect("the session is known").iter().map(text).collect()
    }

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    #[tokio::test(start_paused = true)]
    async fn the_executor_is_told_of_first_and_last() {
        let home = Home::new(1, Drift::default());
        let (mut audience, now) = (Audience::default(), home.now());
        assert!(audience.watch(A, &watch(7, 2, &[], &[]), now).is_none(), "not known");
        let first = audience.watch(A, &watch(7, 1, &["x", "y"], &[]), now);
        assert_eq!(told(first), ["changes true", "+x", "+y"]);
        assert!(audience.watch(A, &watch(7, 1, &["x"], &[]), now).is_none(), "again");
        assert_eq!(told(audience.watch(A, &watch(7, 2, &["x"], &[]), now)), [""; 0]);
        assert_eq!(told(audience.watch(B, &watch(3, 1, &["x"], &[]), now)), [""; 0]);
        assert_eq!(told(audience.watch(A, &watch(7, 4, &[], &["x", "y"]), now)), ["-y"]);
        assert!(audience.watch(A, &watch(7, 3, &["x"], &[]), now).is_none(), "it comes late");
        assert_eq!(told(audience.watch(B, &watch(4, 1, &["z"], &[]), now)), ["-x", "+z"]);
        home.sleep(SILENCE_MAX * 2).await;
        let last = audience.watch(A, &watch(8, 1, &[], &[]), home.now());
        assert_eq!(told(last), ["-z", "changes false", "changes true"]);
        assert_eq!(audience.followed, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn items_leave_at_once_and_changes_together() {
        let home = Home::new(1, Drift::default());
        let (mut audience, now) = (Audience::default(), home.now());
        audience.watch(A, &watch(7, 1, &["x"], &[]), now);
        audience.watch(B, &watch(8, 1, &[], &[]), now);
        audience.changed(Mark(5), now);
        assert_eq!(audience.leaving(now), []);
        audience.published(item("x", 1), now);
        audience.published(item("y", 1), now);
        let frames = audience.leaving(now);
        let [(A, Frame { session: 7, number: 1, changed, published })] = &frames[..] else {
            panic!("{frames:?}")
        };
        assert_eq!((&changed[..], published.len()), (&[5][..], 1));
        home.sleep_until(audience.due().unwrap()).await;
        let frames = audience.leaving(home.now());
        assert!(matches!(&frames[..], [(B, Frame { number: 1, .. })]), "{frames:?}");
        assert_eq!(audience.close(A, 7), Some(1));
        assert_eq!(audience.close(A, 6), None, "the session of another life");
    }

    #[tokio::test(start_paused = true)]
    async fn long_frames_are_split() {
        let home = Home::new(1, Drift::default());
        let (mut audience, now) = (Audience::default(), home.now());
        audience.watch(A, &watch(7, 1, &["x"], &[]), now);
        for offset in 1..=9 {
            let long = Bytes::from(vec![0; 60_000]);
            audience.published(Publication { item: long, ..item("x", offset) }, now);
        }
        let counts: Vec<_> =
            audience.leaving(now).iter().map(|(_, it)| it.published.len()).collect();
        assert_eq!(counts, [5, 4]);
    }
}
