//! A connection: bytes in both directions, with delay, and an end at any byte.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use raft::shared::Shared;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::chance::Chance;

/// How a connection behaves.
#[derive(Clone, Copy, Debug)]
pub struct Nature {
    /// Bytes to the node, and bytes to the client, after which it breaks.
    pub bytes_max: (u64, u64),
    /// How it breaks.
    pub fate: Fate,
    /// Longest delay of some bytes, in microseconds.
    pub delay_micros: u64,
    /// Bytes that are on their way or wait to be read, at most.
    pub window: usize,
    /// Whether nobody hears of it when the client goes away, and when the node does.
    pub is_silent: (bool, bool),
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// Nothing arrives any more in this direction; the other one goes on. Nobody is told.
    Deaf,
    /// Nothing arrives any more. Nobody is told.
    Dead,
    /// Both sides find the end, behind what has been sent.
    Closed,
    /// Both sides find it broken at once, and what is on its way is lost.
    Reset,
}

/// One end of a connection.
pub struct Pipe {
    incoming: Arc<Shared<Flow>>,
    outgoing: Arc<Shared<Flow>>,
    fate: Fate,
    is_silent: bool,
    /// When the next bytes arrive.
    arrival: Pin<Box<Sleep>>,
}

/// One direction.
struct Flow {
    state: State,
    /// What is on its way or waits to be read, with its arrival.
    chunks: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// Bytes until it breaks.
    left: u64,
    window: usize,
    delay_micros: u64,
    chance: Chance,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Open,
    /// What is sent from now on goes nowhere.
    Lost,
    /// The end comes behind what has been sent.
    Ended,
    Broken,
}

/// What there is to read.
enum Found {
    Bytes(Bytes),
    /// Not before then.
    Later(Instant),
    Nothing,
    End,
}

impl Pipe {
    /// The end of the client, and that of the node.
    pub fn pair(nature: &Nature, chance: &mut Chance) -> (Self, Self) {
        let mut flow = |left| {
            let Nature { window, delay_micros, .. } = *nature;
            let chance = Chance::of(chance.draw(), "pipe");
            Arc::new(Shared::new(Flow::new(left, window, (delay_micros, chance))))
        };
        let (up, down) = (flow(nature.bytes_max.0), flow(nature.bytes_max.1));
        let end = |incoming: &Arc<Shared<Flow>>, outgoing: &Arc<Shared<Flow>>, is_silent| Self {
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
            fate: nature.fate,
            is_silent,
            arrival: Box::pin(sleep_until(Instant::now())),
        };
        (end(&down, &up, nature.is_silent.0), end(&up, &down, nature.is_silent.1))
    }

    /// The outgoing direction has carried all that it ever will.
    fn break_off(&self) {
        match self.fate {
            Fate::Deaf => become_(&self.outgoing, State::Lost),
            Fate::Dead => self.become_both(State::Lost),
            Fate::Closed => self.become_both(State::Ended),
            Fate::Reset => self.become_both(State::Broken),
        }
    }

    fn become_both(&self, state: State) {
        become_(&self.outgoing, state);
        become_(&self.incoming, state);
    }
}

/// A direction that has broken once does not change any more.
fn become_(flow: &Shared<Flow>, state: State) {
    let wakers = flow.with(|flow| {
        if flow.state == State::Open {
            flow.state = state;
        }
        if state == State::Broken {
            flow.chunks.clear();
        }
        [flow.reader.take(), flow.writer.take()]
    });
    wakers.into_iter().flatten().for_each(Waker::wake);
}

impl Flow {
    fn new(left: u64, window: usize, (delay_micros, chance): (u64, Chance)) -> Self {
        Self {
            state: State::Open,
            chunks: VecDeque::new(),
            bytes: 0,
            left,
            window,
            delay_micros,
            chance,
            reader: None,
            writer: None,
        }
    }

    /// Takes bytes on their way, as many as there is room for. None: it has to wait.
    fn put(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        match self.state {
            State::Open | State::Lost => {}
            State::Ended => return Err(io::ErrorKind::BrokenPipe.into()),
            State::Broken => return Err(io::ErrorKind::ConnectionReset.into()),
        }
        let count = bytes.len().min(self.window.saturating_sub(self.bytes));
        if count == 0 {
            return Ok(None);
        }
        self.bytes += count;
        if self.state == State::Open {
            let carried = usize::try_from(self.left).unwrap_or(usize::MAX).min(count);
            let last = self.chunks.back().map_or_else(Instant::now, |(at, _)| *at);
            let delay = self.chance.lasting(10..=10 + self.delay_micros);
            let arrival = last.max(Instant::now() + delay);
            self.chunks.push_back((arrival, Bytes::copy_from_slice(&bytes[..carried])));
            self.left -= carried as u64;
        }
        Ok(Some(count))
    }

    fn take(&mut self, limit: usize) -> io::Result<Found> {
        if self.state == State::Broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let Some((at, bytes)) = self.chunks.front_mut() else {
            return Ok(if self.state == State::Ended { Found::End } else { Found::Nothing });
        };
        if *at > Instant::now() {
            return Ok(Found::Later(*at));
        }
        let taken = bytes.split_to(limit.min(bytes.len()));
        if bytes.is_empty() {
            self.chunks.pop_front();
        }
        self.bytes -= taken.len();
        Ok(Found::Bytes(taken))
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let found = self.incoming.with(|flow| {
                flow.reader = Some(context.waker().clone());
                flow.take(buffer.remaining())
            });
            match found? {
                Found::Bytes(bytes) => {
                    buffer.put_slice(&bytes);
                    let writer = self.incoming.with(|flow| flow.writer.take());
                    writer.into_iter().for_each(Waker::wake);
                    return Poll::Ready(Ok(()));
                }
                Found::Later(at) => {
                    self.arrival.as_mut().reset(at);
                    if self.arrival.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                }
                Found::Nothing => return Poll::Pending,
                Found::End => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let (put, is_over) = self.outgoing.with(|flow| {
            flow.writer = Some(context.waker().clone());
            (flow.put(bytes), flow.state == State::Open && flow.left == 0)
        });
        let Some(count) = put? else { return Poll::Pending };
        let reader = self.outgoing.with(|flow| flow.reader.take());
        reader.into_iter().for_each(Waker::wake);
        if is_over {
            self.break_off();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        become_(&self.outgoing, State::Ended);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let state = if self.is_silent { State::Lost } else { State::Ended };
        self.become_both(state);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    fn pair(nature: Nature) -> (Pipe, Pipe) {
        Pipe::pair(&nature, &mut Chance::of(1, "test"))
    }

    /// What arrives until the end comes, or nothing more within an hour.
    async fn heard(pipe: &mut Pipe) -> (Vec<u8>, String) {
        let mut bytes = Vec::new();
        let read = timeout(Duration::from_hours(1), pipe.read_to_end(&mut bytes)).await;
        let end = match read {
            Ok(Ok(_)) => "end".to_owned(),
            Ok(Err(error)) => format!("{:?}", error.kind()),
            Err(_late) => "silence".to_owned(),
        };
        (bytes, end)
    }

    #[tokio::test(start_paused = true)]
    async fn it_breaks_at_a_byte() {
        let cases = [
            (Fate::Deaf, &b"abc"[..], "silence", "silence"),
            (Fate::Dead, b"abc", "silence", "silence"),
            (Fate::Closed, b"abc", "end", "end"),
            (Fate::Reset, b"", "ConnectionReset", "ConnectionReset"),
        ];
        for (fate, expected, end, end_back) in cases {
            let nature = Nature { bytes_max: (3, 9), fate, ..Nature::calm() };
            let (mut client, mut node) = pair(nature);
            // It is told of its own break with the next byte at the earliest.
            client.write_all(b"abcd").await.ok();
            let (there, here) = tokio::join!(heard(&mut node), heard(&mut client));
            assert_eq!(there, (expected.to_vec(), end.to_owned()), "{fate:?}");
            assert_eq!(here, (Vec::new(), end_back.to_owned()), "{fate:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_deaf_side_hears_nothing() {
        let nature = Nature { bytes_max: (3, 9), fate: Fate::Deaf, ..Nature::calm() };
        let (mut client, mut node) = pair(nature);
        client.write_all(b"abcd").await.unwrap();
        node.write_all(b"still there").await.unwrap();
        let mut told = [0; 9];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(&told, b"still the");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_is_missed_or_not() {
        for (is_silent, expected) in [(false, "end"), (true, "silence")] {
            let nature = Nature { is_silent: (is_silent, false), ..Nature::calm() };
            let (mut client, mut node) = pair(nature);
            client.write_all(b"abc").await.unwrap();
            drop(client);
            assert_eq!(heard(&mut node).await, (b"abc".to_vec(), expected.to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_not_read_waits() {
        let (mut client, mut node) = pair(Nature { window: 4, ..Nature::calm() });
        let write = async {
            client.write_all(b"abcdefgh").await.unwrap();
            Instant::now()
        };
        let read = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut bytes = [0; 8];
            node.read_exact(&mut bytes).await.unwrap();
            bytes
        };
        let begun = Instant::now();
        let (written, bytes) = tokio::join!(write, read);
        assert!(written - begun >= Duration::from_secs(1));
        assert_eq!(&bytes, b"abcdefgh");
    }
}
