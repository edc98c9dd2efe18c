//! Records for people: every row decoded.

use bytes::Bytes;
use cluster::envelope::{DeadLetter, Envelope};
use cluster::record::{Record, Write};
use cluster::storage::{self, Class};
use entity::registry::{Family, Registry};
use entity::transaction::Part;
use entity::{Address, Data, Key, Offset, data};

/// Lines about a record, one per row, without indentation.
///
/// # Errors
///
/// A row that its entity's contract does not know.
pub fn lines(registry: &Registry, record: &Record) -> Result<Vec<String>, String> {
    let (fence, bytes) = (record.fence, record.encode().len());
    let mut lines = vec![format!("record {}.{} {bytes} bytes", fence.activation, fence.sequence)];
    for write in &record.writes {
        let verb = if write.value.is_some() { "put" } else { "remove" };
        let size = write.value.as_ref().map_or(String::new(), |it| format!(", {} B", it.len()));
        let (row, details) = Rows { registry }.show(write)?;
        lines.push(format!("  {verb} {row}{size}"));
        lines.extend(details.into_iter().map(|it| format!("    {it}")));
    }
    Ok(lines)
}

/// Shows rows of kinds that are in a registry.
struct Rows<'a> {
    registry: &'a Registry,
}

/// A row, and lines about what is in it.
type Shown = (String, Vec<String>);

impl Rows<'_> {
    fn show(&self, write: &Write) -> Result<Shown, String> {
        match storage::class_of(&write.key) {
            Some(class) => self.of_executor(class, write),
            None => Ok((self.of_entity(write)?, Vec::new())),
        }
    }

    fn of_entity(&self, write: &Write) -> Result<String, String> {
        let strange = || format!("a key of another layout: {:02x?}", &write.key[..]);
        let (_, tag) = <(u16, u16)>::from_bytes(&write.key[..4]).ok_or_else(strange)?;
        let length = usize::from(*write.key.get(4).ok_or_else(strange)?);
        let (key, rest) = write.key[5..].split_at_checked(length).ok_or_else(strange)?;
        let family = self.registry.kind(tag).ok_or(format!("no kind has the tag {tag}"))?;
        let entity = format!("{} {}", family.name, (family.show_key)(key));
        let part = part(family, rest, write.value.as_deref())?;
        Ok(format!("{entity} {part}"))
    }

    fn of_executor(&self, class: u8, write: &Write) -> Result<Shown, String> {
        let strange = || format!("a row of class {class} with another layout");
        let is = |it: Class| class == it as u8;
        let key = &write.key;
        let mut details = Vec::new();
        let text = if is(Class::ReplyInside) {
            let (_, (sender, number)) = storage::reply_inside_of(key).ok_or_else(strange)?;
            format!("reply {sender}.{number}")
        } else if is(Class::WakeUp) {
            let at = storage::wake_up_at(key).ok_or_else(strange)?;
            details.extend(decoded::<WakeUp>(write)?.map(|it| self.wake_up(&it)));
            format!("wake-up at {at}")
        } else if is(Class::Outbox) {
            let (to, number) = storage::outbox_of(key).ok_or_else(strange)?;
            if let Some(envelope) = &write.value {
                details = self.parcels(envelope)?;
            }
            format!("outbox to shard {} number {number}", to.0)
        } else if is(Class::LinkOut) {
            let to = storage::link_of(key).ok_or_else(strange)?;
            let last = write.value.as_deref().and_then(u64::from_bytes);
            format!(
                "link to shard {}{}",
                to.0,
                last.map_or(String::new(), |it| format!(" at {it}"))
            )
        } else if is(Class::LinkIn) {
            let from = storage::link_of(key).ok_or_else(strange)?;
            let position = decoded::<LinkIn>(write)?;
            let position = position.map(|it| format!(" at {}+{}", it.handled, it.messages));
            format!("link from shard {}{}", from.0, position.unwrap_or_default())
        } else if is(Class::Acknowledged) {
            let sender = storage::acknowledged_of(key).ok_or_else(strange)?;
            format!("acknowledged by {sender}")
        } else if is(Class::DeadLetter) {
            let id = storage::dead_letter_of(key).ok_or_else(strange)?;
            details.extend(decoded::<DeadLetter>(write)?.map(|it| self.dead_letter(&it)));
            format!("dead letter {id}")
        } else if is(Class::Counters) {
            let counters = decoded::<Counters>(write)?;
            format!("counters {}", counters.map_or(String::new(), |it| it.to_string()))
        } else {
            let (name, at) = name_and_slot(class).ok_or_else(strange)?;
            let slot = key.get(at..at + 2).and_then(u16::from_bytes).ok_or_else(strange)?;
            format!("{name} of slot {slot}")
        };
        Ok((text, details))
    }

    fn parcels(&self, envelope: &Bytes) -> Result<Vec<String>, String> {
        let envelope =
            Envelope::open(envelope).map_err(|error| format!("an envelope: {error:?}"))?;
        let show = |parcel: &cluster::envelope::Parcel| {
            let target =
                |key: &Vec<u8>| self.address(&Address { kind: parcel.kind, key: key.clone() });
            let targets: Vec<_> = parcel.targets.iter().map(target).collect();
            let command = self.command(parcel.kind, parcel.command, &parcel.body);
            let refused = parcel.refused.as_ref().map_or(String::new(), |it| {
                format!(", or back {}", self.command(parcel.from.kind, it.command, &it.body))
            });
            format!(
                "{} tells {}: {command}{refused}",
                self.address(&parcel.from),
                targets.join(", ")
            )
        };
        Ok(envelope.parcels.iter().map(show).collect())
    }

    fn wake_up(&self, wake_up: &WakeUp) -> String {
        let command = self.command(wake_up.to.kind, wake_up.command, &wake_up.body);
        format!("{} tells itself: {command}", self.address(&wake_up.to))
    }

    fn dead_letter(&self, letter: &DeadLetter) -> String {
        let command = self.command(letter.to.kind, letter.command, &letter.body);
        let (from, to) = (self.address(&letter.from), self.address(&letter.to));
        format!("{from} told {to}: {command}: {}", letter.code)
    }

    fn address(&self, of: &Address) -> String {
        self.registry.kind(of.kind).map_or_else(
            || format!("kind {}", of.kind),
            |family| format!("{} {}", family.name, (family.show_key)(&of.key)),
        )
    }

    fn command(&self, kind: u16, tag: u16, body: &[u8]) -> String {
        let command = self.registry.kind(kind).and_then(|family| family.command(tag));
        command.map_or_else(
            || format!("command {tag}"),
            |entry| format!("{} {}", entry.name, (entry.show)(body)),
        )
    }
}

/// A part of an entity: its head, a row, a stream's length, an item.
fn part(family: &Family, key: &[u8], value: Option<&[u8]>) -> Result<String, String> {
    let strange = || format!("{}: a part of another layout: {key:02x?}", family.name);
    let (part, rest) = key.split_first().ok_or_else(strange)?;
    if *part == Part::Head as u8 {
        return Ok(value.map_or("head".to_owned(), |it| format!("= {}", (family.show_head)(it))));
    }
    let (tag, rest) = rest.split_first().ok_or_else(strange)?;
    let table = family.tables.iter().find(|it| it.tag == *tag).ok_or_else(|| {
        format!("{} writes to table {tag}, which its `Tables` do not list", family.name)
    })?;
    if *part == Part::Stream as u8 {
        let last = value.and_then(Offset::from_bytes).ok_or_else(strange)?;
        return Ok(format!("{} ends at {last}", table.name));
    }
    let is_row = [Part::Row as u8, Part::Item as u8].contains(part);
    is_row.then(|| format!("{} {}", table.name, (table.show)(rest, value))).ok_or_else(strange)
}

/// The value of a row, if it is written and not removed.
fn decoded<D: Data>(write: &Write) -> Result<Option<D>, String> {
    let decode = |bytes: &Bytes| D::decode(bytes).map_err(|error| error.to_string());
    write.value.as_ref().map(decode).transpose()
}

/// What a class is called, and where the slot stands in its keys.
fn name_and_slot(class: u8) -> Option<(&'static str, usize)> {
    let names = [
        (Class::Quarantine, "quarantine", 5),
        (Class::ReplyOutside, "reply under a key", 0),
        (Class::ReplyAge, "age of a reply under a key", 0),
        (Class::ReplyCount, "number of keys", 0),
    ];
    names.into_iter().find(|(it, ..)| *it as u8 == class).map(|(_, name, at)| (name, at))
}

/// The layout of a [`Class::WakeUp`].
#[data]
struct WakeUp {
    to: Address,
    command: u16,
    body: Vec<u8>,
}

/// The layout of a [`Class::LinkIn`].
#[data]
struct LinkIn {
    handled: u64,
    messages: u64,
}

/// The layout of [`Class::Counters`].
#[data]
struct Counters {
    dead_letters: u64,
}

impl std::fmt::Display for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dead_letters={}", self.dead_letters)
    }
}
