//! A socket of a simulation, as quinn wants it.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use raft::shared::Shared;
use tokio::time::{Instant, Sleep, sleep_until};

use super::network::{Datagram, Network};

/// Most bytes that wait in a socket. A usual size of systems: what comes on top is dropped.
const INBOX_BYTES_MAX: usize = 208 << 10;

/// Most datagrams that leave a socket in one [`TICK`]. Then it is full.
const BURST_MAX: u32 = 64;

/// As short as the timers of tokio are.
const TICK: Duration = Duration::from_millis(1);

/// Where datagrams come and go through.
#[derive(Debug)]
pub(super) struct Socket {
    network: Network,
    port: Arc<Port>,
}

/// What waits in a socket.
#[derive(Debug)]
pub(super) struct Port(Shared<Inside>);

struct Inside {
    address: SocketAddr,
    is_open: bool,
    waiting: VecDeque<Datagram>,
    bytes: usize,
    reader: Option<Waker>,
    /// When it sent last, and how often in the same tick.
    burst: (Instant, u32),
}

impl Socket {
    pub(super) fn new(network: Network, port: Arc<Port>) -> Self {
        Self { network, port }
    }

    /// Nothing comes or goes any more, and nobody is told.
    pub(super) fn close(&self) {
        self.port.0.with(|port| port.is_open = false);
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.port.0.with(|port| port.address)
    }

    /// It is somewhere else now, and does not know it: as behind a router that has begun anew.
    pub(super) fn move_to(&self, address: SocketAddr) {
        let before = self.port.0.with(|port| std::mem::replace(&mut port.address, address));
        self.network.moved(before, address);
    }
}

impl Port {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self(Shared::new(Inside {
            address,
            is_open: true,
            waiting: VecDeque::new(),
            bytes: 0,
            reader: None,
            burst: (Instant::now(), 0),
        }))
    }

    /// Something has come. Yields what becomes of it.
    pub(super) fn arrive(&self, datagram: Datagram) -> &'static str {
        self.0.with(|port| {
            if !port.is_open {
                return "to nobody";
            }
            if port.bytes + datagram.bytes.len() > INBOX_BYTES_MAX {
                return "finds no room";
            }
            port.bytes += datagram.bytes.len();
            port.waiting.push_back(datagram);
            if let Some(reader) = port.reader.take() {
                reader.wake();
            }
            "arrives"
        })
    }

    /// When it takes the next datagram, unless that is now.
    fn full_until(&self) -> Option<Instant> {
        let (last, sent) = self.0.with(|port| port.burst);
        (sent >= BURST_MAX).then_some(last + TICK).filter(|until| *until > Instant::now())
    }
}

impl Inside {
    fn count_sent(&mut self) {
        let now = Instant::now();
        let (last, sent) = self.burst;
        self.burst = if last + TICK > now { (last, sent + 1) } else { (now, 1) };
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<RecvMeta> {
        let Datagram { from, bytes, .. } = self.waiting.pop_front()?;
        self.bytes -= bytes.len();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        let mut meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (from, length, length);
        Some(meta)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Room { port: Arc::clone(&self.port), pause: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.port.full_until().is_some() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (from, is_open) = self.port.0.with(|port| {
            port.count_sent();
            (port.address, port.is_open)
        });
        if is_open {
            let (to, bytes) = (transmit.destination, Bytes::copy_from_slice(transmit.contents));
            self.network.send(Datagram { from, to, bytes });
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.port.0.with(|port| {
            let mut count = 0;
            for (buffer, meta) in buffers.iter_mut().zip(metas) {
                let Some(received) = port.receive(buffer) else { break };
                *meta = received;
                count += 1;
            }
            if count == 0 {
                port.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Ok(count))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address())
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// Waits until a socket takes datagrams.
#[derive(Debug)]
struct Room {
    port: Arc<Port>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl UdpPoller for Room {
    fn poll_writable(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(until) = self.port.full_until() {
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep_until(until)));
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        self.pause = None;
        Poll::Ready(Ok(()))
    }
}
