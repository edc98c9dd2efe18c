//! Messages in a stream: each behind its length.

use bytes::{Buf, Bytes, BytesMut};
use cluster::transport::MESSAGE_BYTES_MAX;

/// Bytes of the length of a message, little-endian.
const LENGTH_BYTES: usize = 4;

/// A stream that holds no messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooLong {
    /// What the other side claims, in bytes.
    pub(crate) bytes: usize,
}

/// Takes messages out of what comes on a stream.
#[derive(Default)]
pub(crate) struct Frames(BytesMut);

/// The length of a message, as it stands before it.
pub(crate) fn length(message: &Bytes) -> Bytes {
    let length = u32::try_from(message.len()).expect("checked when it was sent");
    Bytes::copy_from_slice(&length.to_le_bytes())
}

impl Frames {
    /// More has come.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.0.extend_from_slice(chunk);
    }

    /// The next message, if it is whole.
    ///
    /// # Errors
    ///
    /// [`TooLong`], before any of it is waited for.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, TooLong> {
        let Some(length) = self.0.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let bytes = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if bytes > MESSAGE_BYTES_MAX {
            return Err(TooLong { bytes });
        }
        if self.0.len() < LENGTH_BYTES + bytes {
            return Ok(None);
        }
        self.0.advance(LENGTH_BYTES);
        Ok(Some(self.0.split_to(bytes).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_came_in() {
        let messages = [&b""[..], b"a", b"longer than the others"].map(Bytes::from_static);
        let stream: Vec<u8> =
            messages.iter().flat_map(|it| [length(it), it.clone()].concat()).collect();
        for step in 1..=stream.len() {
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            for chunk in stream.chunks(step) {
                frames.push(chunk);
                while let Some(message) = frames.next().unwrap() {
                    out.push(message);
                }
            }
            assert_eq!(out, messages, "{step} bytes at a time");
        }
    }

    /// However it is cut into chunks: the same messages come out, and hold what was put in.
    #[test]
    fn whatever_comes_is_messages_or_too_long() {
        let read = |stream: &[u8], step: usize| {
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            for chunk in stream.chunks(step) {
                frames.push(chunk);
                loop {
                    match frames.next() {
                        Ok(Some(message)) => out.push(message),
                        Ok(None) => break,
                        Err(too_long) => return (out, Some(too_long)),
                    }
                }
            }
            (out, None)
        };
        let seeds = [&b"\0\0\0\0\x01\0\0\0a"[..], b"\0\0\x80\0", b"\x01\0\x80\0"];
        fuzz::target("frames").seeds(seeds).run(|stream| {
            let (messages, too_long) = read(stream, stream.len().max(1));
            let written: Vec<u8> =
                messages.iter().flat_map(|it| [length(it), it.clone()].concat()).collect();
            assert!(stream.starts_with(&written));
            for step in [1, 3, 7] {
                assert_eq!(read(stream, step), (messages.clone(), too_long));
            }
        });
    }

    #[test]
    fn what_is_too_long_is_not_waited_for() {
        let mut frames = Frames::default();
        frames.push(&u32::MAX.to_le_bytes());
        assert_eq!(frames.next(), Err(TooLong { bytes: u32::MAX as usize }));
    }
}
