//! What can be stored and sent: versioned values with a validated layout.

use std::cell::Cell;
use std::fmt::{self, Debug};

use bytes::Bytes;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::{Archive, Deserialize, Portable, Serialize};

/// A value with a stored form: two bytes of layout version, then the rkyv layout of that version.
///
/// Values travel inside something that has a checksum ([`crate::header`]); the version is what they
/// need themselves. A layout never changes once released: a change is a new type with an
/// [`Upgrade`] from the one before. Write `#[data]` instead of implementing this by hand.
pub trait Data: Clone + Debug + Eq + Send + Sized + 'static {
    /// The layout this type has. Counts from 1 within a chain of predecessors.
    const VERSION: u16;
    /// The first cluster release whose nodes can all read this layout.
    const RELEASE: Release;
    /// The layout before this one, [`Never`] for the first.
    type Previous: Data;

    /// Appends the layout, without its version.
    fn write(&self, to: &mut Vec<u8>);

    /// Reads what [`Data::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`DataError::Invalid`] when the bytes are not a valid layout.
    fn read(bytes: &[u8]) -> Result<Self, DataError>;

    /// Comes from the layout before.
    fn up(before: Self::Previous) -> Self;

    /// Goes back to the layout before; `None` for the first.
    fn down(&self) -> Option<Self::Previous>;

    /// Appends the value in the newest layout that every node of `release` can read.
    fn encode(&self, release: Release, to: &mut Vec<u8>) {
        if release < Self::RELEASE
            && let Some(before) = self.down()
        {
            return before.encode(release, to);
        }
        to.extend_from_slice(&Self::VERSION.to_le_bytes());
        self.write(to);
    }

    /// Reads a value in this layout or any before it.
    ///
    /// # Errors
    ///
    /// [`DataError::Invalid`] when bytes are damaged, [`DataError::TooNew`] when the layout comes
    /// from a later release than this one.
    fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        let (version, layout) = bytes.split_first_chunk().ok_or(DataError::Invalid)?;
        Self::decode_version(u16::from_le_bytes(*version), layout)
    }

    /// Reads layout `version`.
    ///
    /// # Errors
    ///
    /// As [`Data::decode`].
    fn decode_version(version: u16, layout: &[u8]) -> Result<Self, DataError> {
        match version {
            0 => Err(DataError::Invalid),
            it if it == Self::VERSION => Self::read(layout),
            it if it < Self::VERSION => Self::Previous::decode_version(it, layout).map(Self::up),
            it => Err(DataError::TooNew { version: it, known: Self::VERSION }),
        }
    }
}

/// How to come from the layout before, and back to it while a rolling upgrade is not finalized.
pub trait Upgrade<Previous>: Sized {
    /// Comes from the layout before. Pure; held by golden bytes.
    fn up(before: Previous) -> Self;
    /// Goes back. What the old layout cannot say is lost.
    fn down(&self) -> Previous;
}

/// The version of a cluster: what every one of its nodes can read. Raised by an explicit command
/// after a rolling upgrade, never by a restart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Release(pub u16);

impl Release {
    /// What this program writes when nothing older has to read it.
    pub const NEWEST: Self = Self(1);

    /// What is written before anybody has said which release the cluster has: every program that can
    /// be part of one reads it.
    pub const OLDEST: Self = Self(1);
}

/// Why bytes are not a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DataError {
    /// The bytes are cut short or damaged.
    Invalid,
    /// A later release wrote them.
    TooNew {
        /// The layout found.
        version: u16,
        /// The newest layout known here.
        known: u16,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => write!(f, "the bytes are not a valid layout"),
            Self::TooNew { version, known } => {
                write!(f, "layout {version} is newer than {known}, the newest known here")
            }
        }
    }
}

impl std::error::Error for DataError {}

/// A value that cannot exist: the refusal of a command that never refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Never {}

impl Data for Never {
    const VERSION: u16 = 0;
    const RELEASE: Release = Release(0);
    type Previous = Self;

    fn write(&self, _: &mut Vec<u8>) {
        match *self {}
    }

    fn read(_: &[u8]) -> Result<Self, DataError> {
        Err(DataError::Invalid)
    }

    fn up(before: Self) -> Self {
        before
    }

    fn down(&self) -> Option<Self> {
        match *self {}
    }
}

impl serde::Serialize for Never {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

/// `#[data]` for types that get their JSON form elsewhere: first layouts, for ever.
macro_rules! standard {
    ($($type:ty)+) => { $(
        impl $crate::data::Data for $type {
            const VERSION: u16 = 1;
            const RELEASE: $crate::data::Release = $crate::data::Release(1);
            type Previous = $crate::data::Never;

            fn write(&self, to: &mut Vec<u8>) {
                $crate::data::write(self, to);
            }

            fn read(bytes: &[u8]) -> Result<Self, $crate::data::DataError> {
                $crate::data::read(bytes)
            }

            fn up(before: $crate::data::Never) -> Self {
                match before {}
            }

            fn down(&self) -> Option<$crate::data::Never> {
                None
            }
        }
    )+ };
}
pub(crate) use standard;

standard!(() bool u32 u64 String);

/// What rkyv needs of a type to be written here.
pub trait Writable:
    for<'a, 'b> Serialize<HighSerializer<Out<'a>, ArenaHandle<'b>, Failure>>
{
}

impl<T> Writable for T where
    T: for<'a, 'b> Serialize<HighSerializer<Out<'a>, ArenaHandle<'b>, Failure>>
{
}

/// What rkyv needs of a type to be read here: its archived form can be checked.
pub trait Readable:
    Sized
    + Archive<
        Archived: for<'a> CheckBytes<HighValidator<'a, Failure>>
                      + Deserialize<Self, HighDeserializer<Failure>>,
    >
{
}

impl<T> Readable for T where
    T: Archive<
        Archived: for<'a> CheckBytes<HighValidator<'a, Failure>>
                      + Deserialize<T, HighDeserializer<Failure>>,
    >
{
}

/// Where rkyv writes.
pub type Out<'a> = &'a mut Vec<u8>;

/// Appends the rkyv layout of `value`.
pub fn write<T: Writable>(value: &T, to: &mut Vec<u8>) {
    rkyv::api::high::to_bytes_in::<_, Failure>(value, to).expect("memory is the only resource");
}

thread_local! {
    /// Where values are written before their length is known.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A value's stored form in as much memory as it needs: heads and replies stay for long.
pub(crate) fn encode_exactly<D: Data>(value: &D, release: Release) -> Bytes {
    let mut scratch = SCRATCH.take();
    scratch.clear();
    value.encode(release, &mut scratch);
    let bytes = Bytes::copy_from_slice(&scratch);
    SCRATCH.set(scratch);
    bytes
}

/// Validates and reads an rkyv layout.
///
/// # Errors
///
/// [`DataError::Invalid`] when validation fails.
pub fn read<T: Readable>(bytes: &[u8]) -> Result<T, DataError> {
    rkyv::from_bytes::<T, Failure>(bytes).or(Err(DataError::Invalid))
}

/// Validates a stored form in exactly the newest layout, to be looked at where it is: nothing is copied.
///
/// # Errors
///
/// [`DataError::Invalid`] when it is damaged or in an earlier layout, [`DataError::TooNew`].
pub fn view<T>(bytes: &[u8]) -> Result<&T::Archived, DataError>
where
    T: Data + Archive<Archived: Portable + for<'a> CheckBytes<HighValidator<'a, Failure>>>,
{
    let (version, layout) = bytes.split_first_chunk().ok_or(DataError::Invalid)?;
    match u16::from_le_bytes(*version) {
        it if it == T::VERSION => {
            rkyv::access::<T::Archived, Failure>(layout).or(Err(DataError::Invalid))
        }
        it if it < T::VERSION => Err(DataError::Invalid),
        it => Err(DataError::TooNew { version: it, known: T::VERSION }),
    }
}
