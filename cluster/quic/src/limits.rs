//! Every limit of the way to other nodes.

use std::time::Duration;

/// Most bytes that wait for one peer on one stream. What comes on top is dropped, as a network would:
/// whoever must not lose it sends it again.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// Bytes that are written at once.
pub const BATCH_BYTES: usize = 64 << 10;

/// Most messages that are written at once.
pub const BATCH_MESSAGES_MAX: usize = 256;

/// How long a peer may take to connect and to say who it is.
pub const HELLO_MAX: Duration = Duration::from_secs(5);

/// How long a peer may take to take a batch in.
pub const WRITE_MAX: Duration = Duration::from_secs(10);

/// A connection on which nothing comes for so long is over, and so is one on which nothing arrives.
pub const IDLE_MAX: Duration = Duration::from_secs(5);

/// Between two signs that a connection is still there.
pub const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Pause before the second attempt to connect. Each further one doubles it, until a connection has lasted
/// for [`PAUSE_MAX`].
pub const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Longest pause between two attempts.
pub const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Most connections that have not said who they are. More are refused.
pub const STRANGERS_MAX: usize = 64;

/// From so many such connections on, whoever connects has to show first that its address is its own.
pub const STRANGERS_TRUSTED: usize = 16;

/// Bytes that a peer may send on one stream before they are read.
pub const STREAM_WINDOW_BYTES: u32 = 16 << 20;

/// How long a certificate of a node is good for.
pub const CERTIFICATE_LASTING: Duration = Duration::from_hours(30 * 24);

/// How far the clocks of two nodes may be apart for a new certificate to be good at once.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_hours(1);

/// Longest question to an address, and longest answer, in bytes.
pub const QUESTION_BYTES_MAX: usize = 64 << 10;

/// How long a question to an address may take on the side of whoever answers it.
pub const QUESTION_MAX: Duration = Duration::from_secs(30);

/// Longest datagram, in bytes, where the network takes it: it is found out how long it may be.
pub const DATAGRAM_BYTES_MAX: u16 = 16 << 10;

/// Bytes that may wait in the socket until they are read. A buffer of the usual 208 KiB holds ten of the
/// longest datagrams: what other nodes sent while this one had other things to do was dropped, all of it, and
/// sent again after half a second.
pub const SOCKET_BYTES: usize = 4 << 20;

/// Bytes that are on their way at first, before it is known what the network carries. Trying how long a
/// datagram may be must not fill it: on most networks such a datagram is lost, and nothing else would leave
/// until that is noticed.
pub const WINDOW_BYTES_FIRST: u64 = 4 * DATAGRAM_BYTES_MAX as u64;

/// Most packets before they are acknowledged.
pub const PACKETS_UNACKNOWLEDGED_MAX: u32 = 10;
