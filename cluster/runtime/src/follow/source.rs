//! A shard as a node follows it: what it has got, what is missing, how far it may be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use cluster::stream::{Mark, POSITIONS_MAX, StreamId, StreamPage};
use entity::Offset;
use raft::home::Moment;
use tokio::sync::mpsc;

use super::message::{Frame, Item, Watch, Watched};

/// How long after a question that was answered with nothing missing a shard is trusted to say what
/// changes.
pub(crate) const TRUST: Duration = Duration::from_secs(1);

/// Readers of a shard that has not said for so long whether everything has come are told: longer than an
/// election takes.
const SILENCE: Duration = Duration::from_secs(5);

/// A shard that nobody wants anything of for so long is not followed any more.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Most frames that are kept because an earlier one is on its way.
const EARLY_MAX: usize = 256;

/// What a reader of a stream gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// What comes now begins behind this position.
    Begin(Offset),
    /// The next item.
    Item(Offset, Bytes),
    /// Items before this position are no longer there: it goes on with this one.
    Gap(Offset),
    /// Nothing has been heard of the shard for seconds: there may be items that this node does not get.
    /// When it is heard again they come.
    Silence,
}

/// A shard that is followed.
pub(crate) struct Source {
    session: u64,
    /// Questions of the session so far.
    asked: u64,
    is_open: bool,
    /// Frames 1 to this one have come.
    received: u64,
    early: BTreeMap<u64, Frame>,
    /// Frames up to this number will have come if none is lost; since when that is known.
    promised: Option<(u64, Moment)>,
    trusted: Option<Moment>,
    /// When nothing was missing last, and whether readers know that this was long ago.
    whole: Moment,
    is_silent: bool,
    streams: BTreeMap<StreamId, Followed>,
    unfollow: BTreeSet<StreamId>,
    wanted: Moment,
}

#[derive(Default)]
struct Followed {
    is_confirmed: bool,
    /// Readers have got everything up to here.
    position: Option<Offset>,
    /// The last item that is known to be there.
    last: Offset,
    readers: Vec<mpsc::Sender<Event>>,
}

impl Source {
    /// Nothing is known yet. `session` should be none that an earlier life of the node has used, nor an earlier
    /// source of the same shard: what was kept under it would be trusted.
    pub(crate) fn new(session: u64, now: Moment) -> Self {
        Self {
            session,
            asked: 0,
            is_open: false,
            received: 0,
            early: BTreeMap::new(),
            promised: None,
            trusted: None,
            whole: now,
            is_silent: false,
            streams: BTreeMap::new(),
            unfollow: BTreeSet::new(),
            wanted: now,
        }
    }

    /// Somebody wants the items of a stream.
    pub(crate) fn read(&mut self, stream: &StreamId, reader: mpsc::Sender<Event>) {
        self.unfollow.remove(stream);
        let followed = self.streams.entry(stream.clone()).or_default();
        followed.readers.push(reader);
        if let Some(position) = followed.position {
            let last = followed.readers.len() - 1;
            followed.readers[last].try_send(Event::Begin(position)).ok();
            if self.is_silent {
                followed.readers[last].try_send(Event::Silence).ok();
            }
        }
    }

    /// If nothing has been missed up to now: the session in which nothing has. Whoever asks wants to know.
    pub(crate) fn trusted(&mut self, now: Moment) -> Option<u64> {
        self.wanted = now;
        self.trusted.is_some_and(|until| now < until).then_some(self.session)
    }

    /// What to ask of the leader now.
    pub(crate) fn order(&mut self) -> Watch {
        if !self.is_open {
            // A leader that got the last question and one that gets this must not count together.
            self.session = self.session.wrapping_add(1);
            self.asked = 0;
            self.begin();
        }
        self.asked += 1;
        self.leave_unread();
        let wanted = self.streams.iter().filter(|(_, it)| !it.is_confirmed);
        let follow = wanted.map(|(stream, _)| stream.clone()).take(POSITIONS_MAX).collect();
        let unfollow = self.unfollow.iter().take(POSITIONS_MAX).cloned().collect();
        Watch { session: self.session, number: self.asked, follow, unfollow }
    }

    /// The streams that nobody reads any more are followed no longer.
    fn leave_unread(&mut self) {
        for followed in self.streams.values_mut() {
            followed.readers.retain(|it| !it.is_closed());
        }
        let unread = self.streams.extract_if(.., |_, it| it.readers.is_empty());
        self.unfollow.extend(unread.map(|(stream, _)| stream));
    }

    /// The leader has answered what was `asked` then. Without an answer it does not know the session.
    pub(crate) fn answered(&mut self, watch: Watch, asked: Moment, answer: Option<Watched>) {
        if watch.session != self.session {
            return;
        }
        let Some(Watched { sent, lasts }) = answer else { return self.lose() };
        self.is_open = true;
        for (stream, last) in watch.follow.iter().zip(lasts) {
            if let Some(followed) = self.streams.get_mut(stream) {
                followed.confirm(last);
            }
        }
        for stream in watch.unfollow {
            self.unfollow.remove(&stream);
        }
        let is_late = self.promised.is_some_and(|(promised, _)| self.received < promised);
        if is_late {
            return self.lose();
        }
        self.promised = Some((sent, asked));
        self.keep_promise();
    }

    fn keep_promise(&mut self) {
        if let Some((sent, asked)) = self.promised
            && self.received >= sent
        {
            let lasting = probe::knob!(TrustedFor, TRUST);
            let factor = if probe::mutant!(TrustedLong) { 60 } else { 1 };
            self.trusted = Some(asked + factor * lasting);
            self.promised = None;
            (self.whole, self.is_silent) = (asked, false);
        }
    }

    /// Tells readers, once, when nothing has been heard of the shard for long.
    pub(crate) fn listen(&mut self, now: Moment) {
        if self.is_silent || now - self.whole < SILENCE {
            return;
        }
        self.is_silent = true;
        probe::sometimes!(SilenceTold, !self.streams.is_empty());
        for followed in self.streams.values_mut() {
            // Whoever does not keep up sees the end.
            followed.readers.retain(|it| it.try_send(Event::Silence).is_ok());
        }
    }

    /// Something may be missing: another session is to begin.
    fn lose(&mut self) {
        probe::sometimes!(SessionLost, self.is_open);
        self.is_open = false;
        self.begin();
    }

    fn begin(&mut self) {
        (self.received, self.promised, self.trusted) = (0, None, None);
        self.early.clear();
        self.streams.values_mut().for_each(|it| it.is_confirmed = false);
    }

    /// A frame has come. Yields what has changed.
    pub(crate) fn frame(&mut self, frame: Frame) -> Vec<Mark> {
        let mut changed = Vec::new();
        if frame.session != self.session || frame.number <= self.received {
            return changed;
        }
        probe::sometimes!(FrameEarly, frame.number > self.received + 1);
        if self.early.len() < probe::knob!(EarlyFrames, EARLY_MAX) {
            self.early.insert(frame.number, frame);
        }
        let first = self.early.first_key_value().map(|(number, _)| number - 1);
        if probe::mutant!(FrameSkipped) {
            self.received = self.received.max(first.unwrap_or(0));
        }
        while let Some(frame) = self.early.remove(&(self.received + 1)) {
            self.received += 1;
            changed.extend(frame.changed.into_iter().map(Mark));
            for Item { of, offset, item } in frame.published {
                if let Some(followed) = self.streams.get_mut(&of) {
                    followed.push(offset, item.into());
                }
            }
        }
        self.keep_promise();
        changed
    }

    /// The streams of which items are missing, and the first one of each that is.
    pub(crate) fn missing(&self, limit: usize) -> Vec<(StreamId, Offset)> {
        let missing = self.streams.iter().filter_map(|(stream, it)| {
            let position = it.position.filter(|position| *position < it.last)?;
            Some((stream.clone(), Offset(position.0 + 1)))
        });
        missing.take(limit).collect()
    }

    /// Items that were missing have been read.
    pub(crate) fn page(&mut self, stream: &StreamId, page: StreamPage) {
        if let Some(followed) = self.streams.get_mut(stream) {
            followed.page(page);
        }
    }

    /// Whether nobody has wanted anything for long.
    pub(crate) fn is_idle(&self, now: Moment) -> bool {
        self.streams.is_empty() && now - self.wanted > IDLE_MAX
    }

    /// Whether there is something to ask for at once.
    pub(crate) fn is_hasty(&self) -> bool {
        !self.is_open || self.streams.values().any(|it| !it.is_confirmed)
    }
}

impl Followed {
    fn confirm(&mut self, last: Offset) {
        self.is_confirmed = true;
        self.last = self.last.max(last);
        if probe::mutant!(ReaderSkips) && self.position.is_some_and(|it| it < last) {
            self.position = Some(last);
        }
        if self.position.is_none() {
            self.position = Some(last);
            self.tell(&Event::Begin(last));
        }
    }

    fn push(&mut self, offset: Offset, item: Bytes) {
        self.last = self.last.max(offset);
        if self.position.is_some_and(|it| it.0 + 1 == offset.0) {
            self.position = Some(offset);
            self.tell(&Event::Item(offset, item));
        }
    }

    fn page(&mut self, page: StreamPage) {
        let Some(mut position) = self.position else { return };
        for (offset, item) in page.items {
            if offset <= position {
                continue;
            }
            if offset.0 > position.0 + 1 {
                self.tell(&Event::Gap(offset));
            }
            position = offset;
            probe::sometimes!(ReaderResumed);
            self.tell(&Event::Item(offset, item.into()));
        }
        self.position = Some(position);
        // Something newer may have been pushed since the page was read.
        self.last = self.last.max(page.last);
    }

    /// A reader that does not keep up is left behind: it sees the end, and reads from where it was.
    fn tell(&mut self, event: &Event) {
        self.readers.retain(|it| {
            let is_told = it.try_send(event.clone()).is_ok();
            probe::sometimes!(ReaderLeftBehind, !is_told && !it.is_closed());
            is_told
        });
    }
}

#[cfg(test)]
mod tests {
    use entity::Address;
    use raft::home::{Drift, Home};

    use super::*;

    fn stream() -> StreamId {
        StreamId { entity: Address { kind: 1, key: b"x".to_vec() }, stream: 1 }
    }

    /// A source with one reader, followed up to `last`.
    fn following(home: &Home, last: u64) -> (Source, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(16);
        let mut source = Source::new(7, home.now());
        source.read(&stream(), sender);
        watch(&mut source, home, 0, last);
        (source, receiver)
    }

    fn watch(source: &mut Source, home: &Home, sent: u64, last: u64) {
        let order = source.order();
        let lasts = order.follow.iter().map(|_| Offset(last)).collect();
        source.answered(order, home.now(), Some(Watched { sent, lasts }));
    }

    fn frame(source: &mut Source, number: u64, offsets: &[u64]) -> Vec<Mark> {
        let item =
            |it: &u64| Item { of: stream(), offset: Offset(*it), item: it.to_be_bytes().to_vec() };
        let published = offsets.iter().map(item).collect();
        let mark = u32::try_from(number).unwrap();
        source.frame(Frame { session: source.session, number, changed: vec![mark], published })
    }

    fn got(receiver: &mut mpsc::Receiver<Event>) -> Vec<String> {
        let text = |event| match event {
            Event::Begin(at) => format!("begin {}", at.0),
            Event::Item(at, _) => at.0.to_string(),
            Event::Gap(at) => format!("gap {}", at.0),
            Event::Silence => "silence".to_owned(),
        };
        std::iter::from_fn(|| receiver.try_recv().ok()).map(text).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn readers_get_every_item_once_and_in_order() {
        let home = Home::new(1, Drift::default());
        let (mut source, mut reader) = following(&home, 3);
        assert_eq!(frame(&mut source, 2, &[5]), [], "a frame is on its way");
        assert_eq!(frame(&mut source, 1, &[4]), [Mark(1), Mark(2)]);
        frame(&mut source, 2, &[5]);
        assert_eq!(got(&mut reader), ["begin 3", "4", "5"]);
        assert_eq!(source.missing(9), []);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_pushed_before_the_answer_is_read() {
        let home = Home::new(1, Drift::default());
        let (sender, mut reader) = mpsc::channel(16);
        let mut source = Source::new(7, home.now());
        source.read(&stream(), sender);
        let order = source.order();
        frame(&mut source, 1, &[4]);
        let answer = Watched { sent: 0, lasts: vec![Offset(3)] };
        source.answered(order, home.now(), Some(answer));
        assert_eq!(source.missing(9), [(stream(), Offset(4))]);
        frame(&mut source, 2, &[5, 6]);
        let items = vec![(Offset(4), Vec::new()), (Offset(5), Vec::new())];
        source.page(&stream(), StreamPage { last: Offset(5), items });
        assert_eq!(source.missing(9), [(stream(), Offset(6))], "pushed since it was read");
        frame(&mut source, 3, &[7]);
        let items = vec![(Offset(6), Vec::new()), (Offset(7), Vec::new())];
        source.page(&stream(), StreamPage { last: Offset(7), items });
        frame(&mut source, 4, &[8]);
        assert_eq!(got(&mut reader), ["begin 3", "4", "5", "6", "7", "8"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_frame_ends_the_session_and_what_is_missing_is_read() {
        let home = Home::new(1, Drift::default());
        let (mut source, mut reader) = following(&home, 3);
        let before = source.trusted(home.now());
        assert!(before.is_some());
        frame(&mut source, 2, &[5]);
        watch(&mut source, &home, 2, 0);
        home.sleep(TRUST).await;
        assert!(source.trusted(home.now()).is_none(), "a frame is missing");
        watch(&mut source, &home, 2, 0);
        let order = source.order();
        assert!(order.number == 1 && order.follow == [stream()], "{order:?}");
        source.answered(order, home.now(), Some(Watched { sent: 0, lasts: vec![Offset(5)] }));
        assert_eq!(source.missing(9), [(stream(), Offset(4))]);
        let items = vec![(Offset(5), Vec::new())];
        source.page(&stream(), StreamPage { last: Offset(5), items });
        assert_eq!(got(&mut reader), ["begin 3", "gap 5", "5"]);
        let after = source.trusted(home.now());
        assert!(after.is_some() && after != before, "what was kept before may be old");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_does_not_know_the_session_ends_it() {
        let home = Home::new(1, Drift::default());
        let (mut source, _reader) = following(&home, 3);
        let order = source.order();
        source.answered(order.clone(), home.now(), None);
        assert!(source.trusted(home.now()).is_none() && source.order().number == 1);
        let late = Watched { sent: 0, lasts: Vec::new() };
        source.answered(order, home.now(), Some(late));
        assert!(source.trusted(home.now()).is_none(), "the answer belongs to the session before");
    }

    #[tokio::test(start_paused = true)]
    async fn trust_ends_without_answers() {
        let home = Home::new(1, Drift::default());
        let (mut source, _reader) = following(&home, 3);
        home.sleep(TRUST).await;
        assert!(source.trusted(home.now()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn readers_learn_of_a_silence_once() {
        let home = Home::new(1, Drift::default());
        let (mut source, mut reader) = following(&home, 3);
        home.sleep(SILENCE.mul_f32(0.99)).await;
        source.listen(home.now());
        assert_eq!(got(&mut reader), ["begin 3"]);
        for _ in 0..3 {
            home.sleep(SILENCE).await;
            source.listen(home.now());
        }
        assert_eq!(got(&mut reader), ["silence"]);
        let (sender, mut late) = mpsc::channel(16);
        source.read(&stream(), sender);
        assert_eq!(got(&mut late), ["begin 3", "silence"]);
        watch(&mut source, &home, 0, 3);
        home.sleep(SILENCE).await;
        source.listen(home.now());
        assert_eq!(got(&mut reader), ["silence"], "it was heard between them");
    }

    #[tokio::test(start_paused = true)]
    async fn readers_that_do_not_keep_up_see_the_end() {
        let home = Home::new(1, Drift::default());
        let (mut source, mut slow) = following(&home, 0);
        let (sender, quick) = mpsc::channel(64);
        source.read(&stream(), sender);
        for number in 1..=20 {
            frame(&mut source, number, &[number]);
        }
        assert_eq!(got(&mut slow).len(), 16);
        assert!(slow.is_closed());
        drop(quick);
        assert_eq!(source.order().unfollow, [stream()]);
        home.sleep(2 * IDLE_MAX).await;
        assert!(source.is_idle(home.now()));
    }
}
