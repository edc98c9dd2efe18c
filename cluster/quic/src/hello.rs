//! What both sides say first: which versions they speak, and in which life they are.

use std::fmt;

use bytes::{Buf, BufMut};
use quinn::{ReadExactError, RecvStream, SendStream, VarInt, WriteError};

/// The version that this release speaks, and the oldest that it still understands.
pub(crate) const VERSIONS: (u16, u16) = (1, 1);

const MAGIC: [u8; 6] = *b"roost\n";

/// Magic, oldest and newest version, life, purpose.
const HELLO_BYTES: usize = 19;

/// Version, life.
const WELCOME_BYTES: usize = 10;

/// What whoever dials says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Hello {
    /// Oldest and newest version that it speaks.
    pub(crate) versions: (u16, u16),
    /// Drawn by chance when the node started.
    pub(crate) life: u64,
    /// What for.
    pub(crate) purpose: Purpose,
}

/// What whoever is dialled answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Welcome {
    /// The version that both speak from now on.
    version: u16,
    /// As in [`Hello`].
    life: u64,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// Messages to a node.
    Messages = 0,
    /// A question to whoever is there.
    Question = 1,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub(crate) enum Farewell {
    /// The node goes down.
    GoingDown = 1,
    /// There is no version that both speak.
    Version = 2,
    /// The certificate names no node of this cluster.
    Stranger = 3,
    /// What was said makes no sense.
    Malformed = 4,
    /// Another connection of the same node has taken its place.
    Replaced = 5,
}

/// Why there is no conversation.
#[derive(Debug)]
pub(crate) enum HelloError {
    /// The other side does not say what it should.
    Malformed,
    /// There is no version that both speak.
    Version {
        /// Theirs.
        theirs: (u16, u16),
    },
    /// The connection.
    Read(ReadExactError),
    /// The connection.
    Write(WriteError),
}

impl Farewell {
    pub(crate) fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    pub(crate) fn reason(self) -> &'static [u8] {
        match self {
            Self::GoingDown => b"the node goes down",
            Self::Version => b"no common version: upgrade one release after the other",
            Self::Stranger => b"no node of this cluster",
            Self::Malformed => b"malformed",
            Self::Replaced => b"the same node has connected again",
        }
    }
}

impl Hello {
    pub(crate) fn encode(self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        let mut rest = &mut bytes[..];
        rest.put_slice(&MAGIC);
        rest.put_u16_le(self.versions.0);
        rest.put_u16_le(self.versions.1);
        rest.put_u64_le(self.life);
        rest.put_u8(self.purpose as u8);
        bytes
    }

    fn decode(bytes: [u8; HELLO_BYTES]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&MAGIC)?;
        let versions = (rest.get_u16_le(), rest.get_u16_le());
        let (life, purpose) = (rest.get_u64_le(), rest.get_u8());
        let all = [Purpose::Messages, Purpose::Question];
        let purpose = all.into_iter().find(|it| *it as u8 == purpose)?;
        Some(Self { versions, life, purpose })
    }

    /// The newest version that both speak.
    fn version(self) -> Option<u16> {
        let (oldest, newest) = (self.versions.0.max(VERSIONS.0), self.versions.1.min(VERSIONS.1));
        (oldest <= newest).then_some(newest)
    }
}

impl Welcome {
    fn encode(self) -> [u8; WELCOME_BYTES] {
        let mut bytes = [0; WELCOME_BYTES];
        let mut rest = &mut bytes[..];
        rest.put_u16_le(self.version);
        rest.put_u64_le(self.life);
        bytes
    }

    fn decode(bytes: [u8; WELCOME_BYTES]) -> Option<Self> {
        let mut rest = &bytes[..];
        let (version, life) = (rest.get_u16_le(), rest.get_u64_le());
        (VERSIONS.0..=VERSIONS.1).contains(&version).then_some(Self { version, life })
    }
}

/// Says hello, and yields in which life the other side is.
pub(crate) async fn say(
    (life, purpose): (u64, Purpose),
    (send, receive): (&mut SendStream, &mut RecvStream),
) -> Result<u64, HelloError> {
    let hello = Hello { versions: VERSIONS, life, purpose };
    send.write_all(&hello.encode()).await?;
    let mut bytes = [0; WELCOME_BYTES];
    receive.read_exact(&mut bytes).await?;
    let welcome = Welcome::decode(bytes).ok_or(HelloError::Malformed)?;
    Ok(welcome.life)
}

/// Hears what the other side says first, and says in which life this one is.
pub(crate) async fn hear(
    life: u64,
    (send, receive): (&mut SendStream, &mut RecvStream),
) -> Result<Hello, HelloError> {
    let mut bytes = [0; HELLO_BYTES];
    receive.read_exact(&mut bytes).await?;
    let hello = Hello::decode(bytes).ok_or(HelloError::Malformed)?;
    let version = hello.version().ok_or(HelloError::Version { theirs: hello.versions })?;
    send.write_all(&Welcome { version, life }.encode()).await?;
    Ok(hello)
}

impl HelloError {
    /// What the other side is told.
    pub(crate) fn farewell(&self) -> Farewell {
        match self {
            Self::Version { .. } => Farewell::Version,
            Self::Malformed | Self::Read(_) | Self::Write(_) => Farewell::Malformed,
        }
    }
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(f, "it speaks something else"),
            Self::Version { theirs } => {
                write!(f, "it speaks versions {theirs:?}, this node {VERSIONS:?}")
            }
            Self::Read(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl From<ReadExactError> for HelloError {
    fn from(error: ReadExactError) -> Self {
        Self::Read(error)
    }
}

impl From<WriteError> for HelloError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let hello = Hello { versions: (1, 3), life: 7, purpose: Purpose::Question };
        assert_eq!(Hello::decode(hello.encode()), Some(hello));
        let mut other = hello.encode();
        other[0] = b'R';
        assert_eq!(Hello::decode(other), None);
        let mut later = hello.encode();
        later[18] = 9;
        assert_eq!(Hello::decode(later), None, "a purpose of a later release");
        let welcome = Welcome { version: VERSIONS.1, life: 7 };
        assert_eq!(Welcome::decode(welcome.encode()), Some(welcome));
        let unknown = Welcome { version: VERSIONS.1 + 1, life: 7 };
        assert_eq!(Welcome::decode(unknown.encode()), None);
    }

    #[test]
    fn whatever_comes_is_a_hello_or_none() {
        let hello = Hello { versions: (1, 3), life: 7, purpose: Purpose::Question };
        fuzz::target("hello").seeds([hello.encode()]).run(|bytes| {
            let Some(bytes) = bytes.first_chunk::<HELLO_BYTES>() else { return };
            if let Some(hello) = Hello::decode(*bytes) {
                assert_eq!(hello.encode(), *bytes);
                assert!(hello.version().is_none_or(|it| it == VERSIONS.1));
            }
        });
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        let hello = |versions| Hello { versions, life: 0, purpose: Purpose::Messages };
        let version = |versions| hello(versions).version();
        assert_eq!(version((1, 1)), Some(1));
        assert_eq!(version((1, 9)), Some(1));
        assert_eq!(version((2, 9)), None);
        assert_eq!(version((0, 0)), None);
    }
}
