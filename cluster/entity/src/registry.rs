//! Kinds with their types forgotten, for whoever runs them.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::data::encode_exactly;
use crate::kind::{Answer, Command, Durability, Entity, Form, Handle, Kind, Query, Stream, Table};
use crate::limits::{ANSWER_BYTES_MAX, HEAD_BYTES_MAX, REPLY_BYTES_MAX};
use crate::setting::Settings;
use crate::transaction::{Effects, Halt, Limit, Scope, Transaction, Want};
use crate::{Context, Data, DataError, Key, Problem, Refusal, Release};

/// Every kind that a node can run, by [`Kind::TAG`].
#[derive(Debug, Default)]
pub struct Registry {
    kinds: BTreeMap<u16, Family>,
    /// What an operator changed.
    pub settings: Settings,
}

impl Registry {
    /// Adds a kind. Does not compile unless `E` fulfils its whole contract.
    ///
    /// # Panics
    ///
    /// When a tag is used twice: an error of the programmer, found at every start.
    pub fn add<E>(&mut self)
    where
        E: Entity,
        <E::Kind as Kind>::Commands: CommandSet<E>,
        <E::Kind as Kind>::Queries: QuerySet<E>,
    {
        let family = Family::of::<E>();
        assert_ne!(family.tag, 0, "{}: tag 0 is reserved for the shard itself", family.name);
        let unique = |tags: Vec<u16>| {
            let mut sorted = tags.clone();
            sorted.sort_unstable();
            sorted.dedup();
            sorted.len() == tags.len()
        };
        assert!(unique(tags(&family.commands)), "{}: a command's tag is used twice", family.name);
        assert!(unique(tags(&family.queries)), "{}: a query's tag is used twice", family.name);
        let tables = family.tables.iter().map(|it| u16::from(it.tag)).collect();
        assert!(unique(tables), "{}: a table's tag is used twice", family.name);
        let name = family.name;
        assert!(self.kinds.insert(family.tag, family).is_none(), "{name}: its tag is used twice");
    }

    /// Finds a kind by its tag.
    pub fn kind(&self, tag: u16) -> Option<&Family> {
        self.kinds.get(&tag)
    }

    /// All kinds in the order of their tags.
    pub fn kinds(&self) -> impl Iterator<Item = &Family> {
        self.kinds.values()
    }
}

fn tags(entries: &[Entry]) -> Vec<u16> {
    entries.iter().map(|it| it.tag).collect()
}

/// One kind: a table of functions.
#[derive(Debug)]
pub struct Family {
    /// [`Kind::NAME`]
    pub name: &'static str,
    /// [`Kind::TAG`]
    pub tag: u16,
    /// [`Kind::DURABILITY`]
    pub durability: Durability,
    /// The commands of the contract.
    pub commands: Vec<Entry>,
    /// The queries of the contract.
    pub queries: Vec<Entry>,
    /// Tables and streams.
    pub tables: Vec<TableEntry>,
    /// Whether bytes are a key of this kind.
    pub is_key: fn(&[u8]) -> bool,
    /// A key's text.
    pub show_key: fn(&[u8]) -> String,
    /// The key that has a text.
    pub key_of: fn(&str) -> Option<Vec<u8>>,
    /// A head for people.
    pub show_head: fn(&[u8]) -> String,
    /// Brings an entity into memory, from its committed head, if it has one.
    pub load: Load,
}

/// Brings an entity into memory.
pub type Load = fn(Option<&[u8]>) -> Result<Box<dyn Live>, DataError>;

/// A command or a query.
#[derive(Debug)]
pub struct Entry {
    /// Its tag.
    pub tag: u16,
    /// Name of its type.
    pub name: &'static str,
    /// Whether it makes room, or takes none.
    pub frees_space: bool,
    /// Encodes it from JSON.
    pub encode: fn(&str) -> Result<Vec<u8>, String>,
    /// The encoded request, for people.
    pub show: fn(&[u8]) -> String,
    /// The encoded outcome, for people.
    pub show_outcome: fn(&Outcome) -> String,
    /// What the caller is told of an encoded refusal.
    pub problem: fn(&[u8]) -> Result<Problem, DataError>,
}

/// A table or a stream.
#[derive(Debug)]
pub struct TableEntry {
    /// Its tag.
    pub tag: u8,
    /// Its name.
    pub name: &'static str,
    /// Key and row for people. A row without bytes is a key alone.
    pub show: fn(&[u8], Option<&[u8]>) -> String,
}

/// What a command or query came to, encoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The reply.
    Reply(Bytes),
    /// The refusal.
    Refusal(Bytes),
}

impl Outcome {
    /// The reply or the refusal.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Reply(bytes) | Self::Refusal(bytes) => bytes,
        }
    }
}

/// One entity in memory.
pub trait Live: Send {
    /// Runs the handler of `command`. Changes nothing here: what it came to is in `effects` and in
    /// the outcome.
    fn run(&self, scope: &Scope<'_>, effects: &mut Effects, command: u16, body: &[u8]) -> Ran;

    /// Runs the answer to `query`.
    fn ask(&self, scope: &Scope<'_>, query: u16, body: &[u8]) -> Ran;

    /// The head, encoded.
    fn head(&self, release: Release) -> Vec<u8>;
}

/// How a run ended.
pub enum Ran {
    /// The handler returned.
    Done {
        /// What it returned.
        outcome: Outcome,
        /// The entity from now on, when its head has other bytes than before.
        changed: Option<Changed>,
    },
    /// It needs what is not in memory.
    Miss(Want),
    /// It reached a limit.
    Limit(Limit),
    /// It panicked, saying this.
    Panicked(String),
    /// The body is not what its tag says, or the tag is unknown.
    Malformed,
}

/// A head that a command changed.
pub struct Changed {
    /// Its bytes.
    pub head: Bytes,
    /// The entity that has it.
    pub live: Box<dyn Live>,
}

struct Active<E> {
    head: E,
}

impl<E> Live for Active<E>
where
    E: Entity,
    <E::Kind as Kind>::Commands: CommandSet<E>,
    <E::Kind as Kind>::Queries: QuerySet<E>,
{
    fn run(&self, scope: &Scope<'_>, effects: &mut Effects, command: u16, body: &[u8]) -> Ran {
        let mut next = self.head.clone();
        let ran = caught(REPLY_BYTES_MAX, || {
            let mut cx = Context::new(Transaction::new(scope, effects));
            <E::Kind as Kind>::Commands::run(&mut next, &mut cx, command, body)
        });
        let Ran::Done { outcome: Outcome::Reply(reply), .. } = ran else { return ran };
        let outcome = Outcome::Reply(reply);
        if next == self.head {
            return Ran::Done { outcome, changed: None };
        }
        let head = encode_exactly(&next, scope.release);
        if head.len() > HEAD_BYTES_MAX {
            return Ran::Limit(Limit::HeadBytes);
        }
        let changed = Changed { head, live: Box::new(Self { head: next }) };
        Ran::Done { outcome, changed: Some(changed) }
    }

    fn ask(&self, scope: &Scope<'_>, query: u16, body: &[u8]) -> Ran {
        let mut effects = Effects::default();
        caught(ANSWER_BYTES_MAX, || {
            let cx = Context::new(Transaction::new(scope, &mut effects));
            <E::Kind as Kind>::Queries::run(&self.head, &cx, query, body)
        })
    }

    fn head(&self, release: Release) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.head.encode(release, &mut bytes);
        bytes
    }
}

/// Runs a handler to its end, whichever way it ends.
fn caught(bytes_max: usize, run: impl FnOnce() -> Result<Outcome, NotInContract>) -> Ran {
    // What the handler may leave half changed is a clone or is thrown away by the caller.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(outcome)) if outcome.bytes().len() > bytes_max => Ran::Limit(Limit::ReplyBytes),
        Ok(Ok(outcome)) => Ran::Done { outcome, changed: None },
        Ok(Err(NotInContract)) => Ran::Malformed,
        Err(payload) => match payload.downcast::<Halt>().map(|it| *it) {
            Ok(Halt::Miss(want)) => Ran::Miss(want),
            Ok(Halt::Limit(limit)) => Ran::Limit(limit),
            Err(payload) => Ran::Panicked(panic_text(&*payload)),
        },
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text").into()
}

/// The tag is unknown, or the body is not a value of the type that has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotInContract;

/// The commands of a contract, all handled by `E`. Implemented for tuples.
pub trait CommandSet<E> {
    /// Finds the handler for a tag and runs it.
    ///
    /// # Errors
    ///
    /// [`NotInContract`]
    fn run(
        head: &mut E,
        cx: &mut Context<'_, E>,
        tag: u16,
        body: &[u8],
    ) -> Result<Outcome, NotInContract>;

    /// What the commands are.
    fn entries() -> Vec<Entry>;
}

/// The queries of a contract, all answered by `E`. Implemented for tuples.
pub trait QuerySet<E> {
    /// Finds the answer for a tag and runs it.
    ///
    /// # Errors
    ///
    /// [`NotInContract`]
    fn run(head: &E, cx: &Context<'_, E>, tag: u16, body: &[u8]) -> Result<Outcome, NotInContract>;

    /// What the queries are.
    fn entries() -> Vec<Entry>;
}

/// Tables and streams of an entity. Implemented for tuples of [`Rows`] and [`Items`].
pub trait TableSet {
    /// What they are.
    fn entries() -> Vec<TableEntry>;
}

/// One element of a [`TableSet`].
pub trait TableLike {
    /// What it is.
    fn entry() -> TableEntry;
}

/// A table, as an element of a [`TableSet`].
#[derive(Debug)]
pub struct Rows<T>(std::marker::PhantomData<T>);

/// A stream, as an element of a [`TableSet`].
#[derive(Debug)]
pub struct Items<S>(std::marker::PhantomData<S>);

impl<T: Table> TableLike for Rows<T> {
    fn entry() -> TableEntry {
        TableEntry { tag: T::TAG, name: T::NAME, show: show_row::<T::Key, T::Row> }
    }
}

impl<S: Stream> TableLike for Items<S> {
    fn entry() -> TableEntry {
        TableEntry { tag: S::TAG, name: S::NAME, show: show_row::<crate::Offset, S::Item> }
    }
}

macro_rules! sets {
    ($($name:ident)*) => {
        impl<E: Entity, $($name,)*> CommandSet<E> for ($($name,)*)
        where $($name: Command<Kind = E::Kind>, E: Handle<$name>,)*
        {
            fn run(
                _head: &mut E,
                _cx: &mut Context<'_, E>,
                tag: u16,
                _body: &[u8],
            ) -> Result<Outcome, NotInContract> {
                $(if tag == $name::TAG {
                    let command = $name::decode(_body).or(Err(NotInContract))?;
                    return Ok(encoded(_head.handle(command, _cx), _cx.release()));
                })*
                let _ = tag;
                Err(NotInContract)
            }

            fn entries() -> Vec<Entry> {
                vec![$(entry::<$name, $name::Reply, $name::Error>($name::TAG, $name::FREES_SPACE),)*]
            }
        }

        impl<E: Entity, $($name,)*> QuerySet<E> for ($($name,)*)
        where $($name: Query<Kind = E::Kind>, E: Answer<$name>,)*
        {
            fn run(
                _head: &E,
                _cx: &Context<'_, E>,
                tag: u16,
                _body: &[u8],
            ) -> Result<Outcome, NotInContract> {
                $(if tag == $name::TAG {
                    let query = $name::decode(_body).or(Err(NotInContract))?;
                    return Ok(encoded(_head.answer(query, _cx), _cx.release()));
                })*
                let _ = tag;
                Err(NotInContract)
            }

            fn entries() -> Vec<Entry> {
                vec![$(entry::<$name, $name::Reply, $name::Error>($name::TAG, true),)*]
            }
        }

        impl<$($name: TableLike,)*> TableSet for ($($name,)*) {
            fn entries() -> Vec<TableEntry> {
                vec![$($name::entry(),)*]
            }
        }
    };
}
sets!();
sets!(A);
sets!(A B);
sets!(A B C);
sets!(A B C D);
sets!(A B C D F);
sets!(A B C D F G);
sets!(A B C D F G H);
sets!(A B C D F G H I);
sets!(A B C D F G H I J);
sets!(A B C D F G H I J K);
sets!(A B C D F G H I J K L);
sets!(A B C D F G H I J K L M);

fn encoded<R: Data, F: Data>(result: Result<R, F>, release: Release) -> Outcome {
    match result {
        Ok(reply) => Outcome::Reply(encode_exactly(&reply, release)),
        Err(refusal) => Outcome::Refusal(encode_exactly(&refusal, release)),
    }
}

impl Family {
    fn of<E>() -> Self
    where
        E: Entity,
        <E::Kind as Kind>::Commands: CommandSet<E>,
        <E::Kind as Kind>::Queries: QuerySet<E>,
    {
        Self {
            name: E::Kind::NAME,
            tag: E::Kind::TAG,
            durability: E::Kind::DURABILITY,
            commands: <E::Kind as Kind>::Commands::entries(),
            queries: <E::Kind as Kind>::Queries::entries(),
            tables: E::Tables::entries(),
            is_key: |bytes| <E::Kind as Kind>::Key::from_bytes(bytes).is_some(),
            show_key: |bytes| {
                let key = <E::Kind as Kind>::Key::from_bytes(bytes);
                key.map_or_else(|| format!("{bytes:02x?}"), |key| key.to_string())
            },
            key_of: |text| text.parse::<<E::Kind as Kind>::Key>().ok().map(|key| key.to_bytes()),
            show_head: show::<E>,
            load: |head| {
                let head = head.map(E::decode).transpose()?.unwrap_or_default();
                Ok(Box::new(Active { head }))
            },
        }
    }

    /// Finds a command by its tag.
    pub fn command(&self, tag: u16) -> Option<&Entry> {
        self.commands.iter().find(|it| it.tag == tag)
    }

    /// Finds a query by its tag.
    pub fn query(&self, tag: u16) -> Option<&Entry> {
        self.queries.iter().find(|it| it.tag == tag)
    }
}

fn entry<R: Data + Form, Reply: Data + Form, Error: Refusal>(tag: u16, frees_space: bool) -> Entry {
    Entry {
        tag,
        name: type_name::<R>(),
        frees_space,
        encode: |json| {
            let request: R = serde_json::from_str(json).map_err(|error| error.to_string())?;
            let mut bytes = Vec::new();
            request.encode(Release::NEWEST, &mut bytes);
            Ok(bytes)
        },
        show: show::<R>,
        show_outcome: |outcome| match outcome {
            Outcome::Reply(bytes) => format!("ok {}", show::<Reply>(bytes)),
            Outcome::Refusal(bytes) => format!("refused {}", show::<Error>(bytes)),
        },
        problem: |bytes| Error::decode(bytes).map(|error| error.problem()),
    }
}

/// The last part of a type's path.
pub(crate) fn type_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}

/// The folder that a type is declared in: the part of its path behind the crate.
pub(crate) fn folder_name<T>() -> &'static str {
    std::any::type_name::<T>().split("::").nth(1).unwrap_or_default()
}

/// A stored value for people: its JSON.
fn show<D: Data + serde::Serialize>(bytes: &[u8]) -> String {
    match D::decode(bytes) {
        Ok(value) => serde_json::to_string(&value).unwrap_or_else(|error| error.to_string()),
        Err(error) => error.to_string(),
    }
}

fn show_row<K: Key, D: Data + serde::Serialize>(key: &[u8], row: Option<&[u8]>) -> String {
    let key = K::from_bytes(key).map_or_else(|| format!("{key:02x?}"), |key| format!("{key:?}"));
    row.map_or_else(|| key.clone(), |row| format!("{key} = {}", show::<D>(row)))
}
