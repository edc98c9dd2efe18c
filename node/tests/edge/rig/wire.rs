//! A WebSocket byte by byte: a client that can be as wrong as it likes.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// Asks for a socket (RFC 6455, 1.3).
const HELLO: &[u8] = b"GET /connection/websocket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The first byte of a frame that ends a connection.
const CLOSE: u8 = 0x88;

/// A WebSocket that is open.
pub(crate) struct Wire<S> {
    stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Shakes hands.
    pub(crate) async fn open(mut stream: S) -> Self {
        stream.write_all(HELLO).await.expect("it reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("it answers"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self { stream }
    }

    /// Says pieces, with a pause behind each, until nobody listens any more. Yields the code with which
    /// the server ends it; none if it does so without one.
    pub(crate) async fn drip(
        self,
        pieces: impl IntoIterator<Item = Vec<u8>>,
        pause: Duration,
    ) -> Option<u16> {
        let (mut reader, mut writer) = split(self.stream);
        let saying = async {
            for piece in pieces {
                if writer.write_all(&piece).await.is_err() {
                    return;
                }
                sleep(pause).await;
            }
        };
        let mut told = Vec::new();
        // What was told counts, also where the end is a broken connection.
        let ((), _end) = tokio::join!(saying, reader.read_to_end(&mut told));
        closed(&told)
    }

    /// Says something, and reads nothing of the answers for so long. Yields as [`Wire::drip`].
    pub(crate) async fn read_late(mut self, said: &[u8], pause: Duration) -> Option<u16> {
        let until = Instant::now() + pause;
        // A server whose answers are not read stops to read as well.
        timeout_at(until, self.stream.write_all(said)).await.map(drop).ok();
        sleep_until(until).await;
        let mut told = Vec::new();
        self.stream.read_to_end(&mut told).await.map(drop).ok();
        closed(&told)
    }
}

/// A frame of a client.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("it is short");
    let mask = [0; 4];
    match u8::try_from(length) {
        Ok(short @ ..126) => [&[first, 0x80 | short][..], &mask, payload].concat(),
        Ok(_) | Err(_) => [&[first, 0xFE][..], &length.to_be_bytes(), &mask, payload].concat(),
    }
}

/// The code of the frame that ends a connection, if there is one among those of a server.
fn closed(mut told: &[u8]) -> Option<u16> {
    while let [first, length, rest @ ..] = told {
        let (length, rest) = match (*length, rest) {
            (126, [high, low, rest @ ..]) => (u16::from_be_bytes([*high, *low]), rest),
            (length, rest) => (u16::from(length), rest),
        };
        let payload = rest.get(..usize::from(length))?;
        if *first == CLOSE {
            return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        }
        told = &rest[payload.len()..];
    }
    None
}
