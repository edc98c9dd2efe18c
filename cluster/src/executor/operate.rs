//! What a shard itself does for operators; see [`crate::operator`].

use bytes::Bytes;
use entity::registry::Outcome;
use entity::transaction::{Read, Want};
use entity::{
    Address, Caller, Command, Data, Id, Key, Kind, Offset, Query, Refusal,
    Release as ClusterRelease,
};

use super::shard::Executor;
use super::stored::{Quarantined, decode};
use super::view::{FetchedRows, Reader};
use crate::envelope::{DeadLetter, Parcel};
use crate::ledger::Ledger;
use crate::operator::{
    DEAD_LETTERS_PAGE, DeadLetterError, DeadLetterPage, DeadLetterView, Discard, ListDeadLetters,
    ListQuarantined, QUARANTINED_PAGE, QuarantinedPage, QuarantinedView, Redrive, Release,
    ReleaseError, Shards,
};
use crate::request::{Failure, Request, Verb};
use crate::storage;
use crate::stream::{
    Lengths, PAGE_BYTES_MAX, PAGE_ITEMS_MAX, POSITIONS_MAX, Positions, ReadStream, StreamId,
    StreamPage,
};

/// Whether a request is for the shard itself.
pub(super) fn is_for_shard(address: &Address) -> bool {
    address.kind == Shards::TAG
}

/// Whether a shard understands a request.
pub(super) fn is_understood(request: &Request) -> bool {
    let known: &[u16] = match request.verb {
        Verb::Command(_) => &[Redrive::TAG, Discard::TAG, Release::TAG],
        Verb::Query => {
            &[ListDeadLetters::TAG, ListQuarantined::TAG, Positions::TAG, ReadStream::TAG]
        }
    };
    request.caller == Caller::Operator && known.contains(&request.tag)
}

/// Why a shard has no outcome.
pub(super) enum Missing {
    /// A row has to be fetched first.
    Row(Want),
    /// This says it.
    Failure(Failure),
}

type Done<R, E> = Result<Result<R, E>, Missing>;

impl Executor {
    /// Does what a command to the shard says.
    pub(super) fn obey(
        &mut self,
        ledger: &dyn Ledger,
        request: &Request,
        fetched: &FetchedRows,
    ) -> Result<Outcome, Missing> {
        match request.tag {
            Redrive::TAG => {
                let Redrive { id } = read(&request.body)?;
                let taken = self.take_dead_letter(ledger, id, fetched)?;
                Ok(outcome(&taken.map(|letter| self.send_again(letter))))
            }
            Discard::TAG => {
                let Discard { id } = read(&request.body)?;
                let taken = self.take_dead_letter(ledger, id, fetched)?;
                Ok(outcome(&taken.map(|_| ())))
            }
            Release::TAG => Ok(outcome(&self.release(&read(&request.body)?))),
            _ => Err(Missing::Failure(Failure::Malformed)),
        }
    }

    /// Answers a question to the shard.
    pub(super) fn report(
        &self,
        ledger: &dyn Ledger,
        request: &Request,
        fetched: &FetchedRows,
    ) -> Result<Outcome, Missing> {
        match request.tag {
            ListDeadLetters::TAG => {
                let ListDeadLetters { after } = read(&request.body)?;
                let page = self.dead_letters(ledger, after.unwrap_or(Id::MIN), fetched)?;
                Ok(outcome::<_, entity::Never>(&Ok(page)))
            }
            ListQuarantined::TAG => Ok(outcome::<_, entity::Never>(&Ok(self.quarantined()))),
            Positions::TAG => {
                let Positions { streams } = read(&request.body)?;
                if streams.len() > POSITIONS_MAX {
                    return Err(Missing::Failure(Failure::Malformed));
                }
                let reader = self.reader(ledger, fetched);
                let lasts = streams.iter().map(|of| position(&reader, of));
                let lasts = Lengths { lasts: lasts.collect::<Result<_, _>>()? };
                Ok(outcome::<_, entity::Never>(&Ok(lasts)))
            }
            ReadStream::TAG => {
                let page = page(&self.reader(ledger, fetched), &read(&request.body)?)?;
                Ok(outcome::<_, entity::Never>(&Ok(page)))
            }
            _ => Err(Missing::Failure(Failure::Malformed)),
        }
    }

    fn dead_letters(
        &self,
        ledger: &dyn Ledger,
        after: Id,
        fetched: &FetchedRows,
    ) -> Result<DeadLetterPage, Missing> {
        let limit = probe::knob!(LettersPage, DEAD_LETTERS_PAGE);
        let range = storage::dead_letters(after, limit);
        let rows = match self.reader(ledger, fetched).scan(&range) {
            Read::Ready(rows) => rows,
            Read::Miss => return Err(Missing::Row(Want::Rows(range))),
        };
        let views = rows.iter().map(|(key, row)| {
            let id = storage::dead_letter_of(key).expect("written by `give_up`");
            self.view(id, decode(row))
        });
        let letters: Vec<_> = views.collect();
        let last = letters.last().map(|letter| letter.id);
        let next = last.filter(|_| letters.len() == limit);
        Ok(DeadLetterPage { letters, next })
    }

    fn view(&self, id: Id, letter: DeadLetter) -> DeadLetterView {
        let family = self.setup.registry.kind(letter.to.kind);
        let command = family.and_then(|family| family.command(letter.command));
        DeadLetterView {
            id,
            from: self.show(&letter.from),
            to: self.show(&letter.to),
            command: command
                .map_or_else(|| letter.command.to_string(), |entry| entry.name.to_owned()),
            body: command.map_or_else(String::new, |entry| (entry.show)(&letter.body)),
            at: letter.at,
            code: letter.code,
            detail: letter.detail,
        }
    }

    fn show(&self, address: &Address) -> String {
        match self.setup.registry.kind(address.kind) {
            Some(family) => format!("{} {}", family.name, (family.show_key)(&address.key)),
            None => format!("kind {}", address.kind),
        }
    }

    /// Takes a dead letter out.
    fn take_dead_letter(
        &mut self,
        ledger: &dyn Ledger,
        id: Id,
        fetched: &FetchedRows,
    ) -> Done<DeadLetter, DeadLetterError> {
        let key = storage::dead_letter(id);
        let row = match self.reader(ledger, fetched).get(&key) {
            Read::Ready(Some(row)) => row,
            Read::Ready(None) => return Ok(Err(DeadLetterError::Unknown)),
            Read::Miss => return Err(Missing::Row(Want::Row(key.to_vec()))),
        };
        self.write_row(key, None);
        self.count_dead_letters(-1);
        Ok(Ok(decode(&row)))
    }

    fn send_again(&mut self, letter: DeadLetter) {
        let Some(shard) = self.setup.directory.home(&letter.to) else { return };
        let parcel = Parcel {
            from: letter.from,
            kind: letter.to.kind,
            command: letter.command,
            body: letter.body,
            targets: vec![letter.to.key],
            refused: None,
        };
        self.batch.send(shard, parcel);
    }

    fn quarantined(&self) -> QuarantinedPage {
        let view = |it: &Quarantined| {
            let family = self.setup.registry.kind(it.entity.kind).expect("it has panicked");
            QuarantinedView {
                kind: family.name.to_owned(),
                key: (family.show_key)(&it.entity.key),
                since: it.since,
                panic: it.panic.clone(),
            }
        };
        let entities = self.quarantined.values().take(QUARANTINED_PAGE).map(view);
        QuarantinedPage { entities: entities.collect() }
    }

    fn release(&mut self, release: &Release) -> Result<(), ReleaseError> {
        let family = self.setup.registry.kinds().find(|family| family.name == release.kind);
        let address = family.and_then(|family| {
            let key = (family.key_of)(&release.key)?;
            Some(Address { kind: family.tag, key })
        });
        let released = address.filter(|it| self.quarantined.remove(it).is_some());
        let released = released.ok_or(ReleaseError::Unknown)?;
        self.batch.write(storage::quarantine(&released), None);
        Ok(())
    }
}

/// Position of the last item of a stream.
fn position(reader: &Reader<'_>, of: &StreamId) -> Result<Offset, Missing> {
    let key = storage::stream_length(of);
    match reader.get(&key) {
        Read::Ready(None) => Ok(Offset(0)),
        Read::Ready(Some(bytes)) => {
            Offset::from_bytes(&bytes).ok_or(Missing::Failure(Failure::Unreadable))
        }
        Read::Miss => Err(Missing::Row(Want::Row(key.to_vec()))),
    }
}

fn page(reader: &Reader<'_>, wanted: &ReadStream) -> Result<StreamPage, Missing> {
    let last = position(reader, &wanted.of)?;
    let limit = usize::from(wanted.limit).min(probe::knob!(PageItems, PAGE_ITEMS_MAX));
    let range = storage::stream_items(&wanted.of, wanted.from, limit);
    let rows = match reader.scan(&range) {
        Read::Ready(rows) => rows,
        Read::Miss => return Err(Missing::Row(Want::Rows(range))),
    };
    let mut bytes = 0;
    let fits = |(_, item): &(Bytes, Bytes)| {
        let is_first = bytes == 0;
        bytes += item.len() + 1;
        is_first || bytes <= probe::knob!(PageBytes, PAGE_BYTES_MAX)
    };
    let items = rows.into_iter().take_while(fits);
    let items = items.map(|(key, item)| Some((storage::stream_offset(&key)?, item.to_vec())));
    let items = items.collect::<Option<_>>().ok_or(Missing::Failure(Failure::Unreadable))?;
    Ok(StreamPage { last, items })
}

fn read<D: Data>(body: &Bytes) -> Result<D, Missing> {
    D::decode(body).or(Err(Missing::Failure(Failure::Malformed)))
}

fn outcome<R: Data, E: Refusal>(result: &Result<R, E>) -> Outcome {
    let mut bytes = Vec::new();
    match result {
        Ok(reply) => {
            reply.encode(ClusterRelease::NEWEST, &mut bytes);
            Outcome::Reply(bytes.into())
        }
        Err(refusal) => {
            refusal.encode(ClusterRelease::NEWEST, &mut bytes);
            Outcome::Refusal(bytes.into())
        }
    }
}
