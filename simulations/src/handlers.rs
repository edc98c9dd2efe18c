//! Whatever entities are sent: no handler panics.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use entity::kind::Offset;
use entity::registry::{Family, Live, Outcome, Ran};
use entity::setting::Settings;
use entity::transaction::{Effects, Order, Part, Range, Read, Scope, State};
use entity::{Address, Caller, Id, Key, Release, Time};

use crate::workloads::catalogue::{self, Shape};

/// What there is.
const SHAPE: Shape = Shape { shards: 4, pull_above_followers: 256, guest: None };

/// Rows of one entity, all in memory.
#[derive(Default)]
struct Rows(BTreeMap<Vec<u8>, Bytes>);

impl State for Rows {
    fn get(&self, key: &[u8]) -> Read<Option<Bytes>> {
        Read::Ready(self.0.get(key).cloned())
    }

    fn scan(&self, range: &Range) -> Read<Vec<(Bytes, Bytes)>> {
        if range.from >= range.to {
            return Read::Ready(Vec::new());
        }
        let found = self.0.range(range.from.clone()..range.to.clone());
        let found = found.map(|(key, row)| (Bytes::from(key.clone()), row.clone()));
        Read::Ready(match range.order {
            Order::Up => found.take(range.limit).collect(),
            Order::Down => found.rev().take(range.limit).collect(),
        })
    }
}

/// An entity that gets one command after the other.
struct Rig<'a> {
    family: &'a Family,
    key: Vec<u8>,
    live: Box<dyn Live>,
    rows: Rows,
    now: Time,
}

impl<'a> Rig<'a> {
    fn new(family: &'a Family) -> Option<Self> {
        let texts = [Id(1).to_string(), "ann".to_owned(), "1".to_owned(), "meta".to_owned()];
        let key = texts.iter().find_map(|it| (family.key_of)(it))?;
        let live = (family.load)(None).ok()?;
        Some(Self { family, key, live, rows: Rows::default(), now: Time(1_000_000_000) })
    }

    /// The `n`th command of the contract, or query behind them.
    fn entry(&self, n: u8) -> (u16, bool) {
        let commands = self.family.commands.iter().map(|it| (it.tag, true));
        let all: Vec<_> =
            commands.chain(self.family.queries.iter().map(|it| (it.tag, false))).collect();
        all[usize::from(n) % all.len()]
    }

    fn run(&mut self, (tag, is_command): (u16, bool), caller: &Caller, body: &[u8]) {
        self.now = Time(self.now.0 + 1_000_000);
        let mut effects = Effects { chance: self.now.0, ..Effects::default() };
        let settings = Settings::default();
        let scope = Scope {
            key: &self.key,
            durability: self.family.durability,
            caller,
            now: self.now,
            shard: 0,
            release: Release::NEWEST,
            settings: &settings,
            state: &self.rows,
        };
        let ran = if is_command {
            self.live.run(&scope, &mut effects, tag, body)
        } else {
            self.live.ask(&scope, tag, body)
        };
        match ran {
            Ran::Panicked(words) => panic!("{}, {tag}: {words}", self.family.name),
            Ran::Done { outcome: Outcome::Reply(_), changed } => {
                if let Some(changed) = changed {
                    self.live = (self.family.load)(Some(&changed.head)).unwrap();
                }
                self.keep(effects);
            }
            Ran::Done { outcome: Outcome::Refusal(_), .. }
            | Ran::Miss(_)
            | Ran::Limit(_)
            | Ran::Malformed => {}
        }
    }

    fn keep(&mut self, effects: Effects) {
        for (key, row) in effects.rows {
            match row {
                Some(row) => self.rows.0.insert(key, row),
                None => self.rows.0.remove(&key),
            };
        }
        for (stream, offset, item) in effects.appended {
            let key = |part: Part| vec![part as u8, stream];
            let at = |offset: Offset| [key(Part::Item), offset.to_bytes()].concat();
            self.rows.0.insert(at(offset), item);
        }
    }
}

/// Bytes as commands: the kind, and for each command its place in the contract, who sends it, the
/// length of its body, and its body.
fn run_all(families: &[&Family], bytes: &[u8]) {
    let Some((kind, mut rest)) = bytes.split_first() else { return };
    let Some(mut rig) = Rig::new(families[usize::from(*kind) % families.len()]) else { return };
    while let Some((&[entry, caller, length], after)) = rest.split_first_chunk::<3>() {
        let (body, behind) = after.split_at(usize::from(length).min(after.len()));
        let callers = [
            Caller::Operator,
            Caller::Account(Id(1)),
            Caller::Itself,
            Caller::Anyone,
            Caller::Entity(Address { kind: rig.family.tag, key: rig.key.clone() }),
        ];
        rig.run(rig.entry(entry), &callers[usize::from(caller) % callers.len()], body);
        rest = behind;
    }
}

/// Every command and query of which there are golden bytes, alone.
fn golden(families: &[&Family]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../actors/golden/wire");
    let files = fs::read_dir(folder).unwrap().map(|it| fs::read_to_string(it.unwrap().path()));
    let text: String = files.map(Result::unwrap).collect();
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (name, body) = (words.next().unwrap(), unhex(words.nth(1).unwrap()));
        for (kind, family) in (0..).zip(families) {
            let entries = family.commands.iter().chain(&family.queries);
            let place = (0..).zip(entries).find(|(_, it)| it.name == name);
            let Some((place, _)) = place else { continue };
            let length = u8::try_from(body.len()).unwrap();
            found.push([&[kind, place, 0, length][..], &body].concat());
        }
    }
    found
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len() / 2).map(|at| digits(2 * at)).collect()
}

#[test]
fn whatever_comes_to_an_entity_does_not_make_it_panic() {
    let registry = catalogue::registry(&SHAPE);
    let families: Vec<_> = registry.kinds().collect();
    let seeds = golden(&families);
    assert!(seeds.len() > 30, "{} commands are known", seeds.len());
    fuzz::target("handlers").seeds(seeds).bytes_max(1_024).growth(4_096).run(|bytes| {
        run_all(&families, bytes);
    });
}

/// What is stored of an entity, and shown to operators.
#[test]
fn whatever_comes_from_storage_is_read_or_refused() {
    let registry = catalogue::registry(&SHAPE);
    let families: Vec<_> = registry.kinds().collect();
    let seeds = golden(&families);
    fuzz::target("stored").seeds(seeds).growth(4_096).run(|bytes| {
        let Some((&[kind, _, _, length], body)) = bytes.split_first_chunk::<4>() else { return };
        let family = families[usize::from(kind) % families.len()];
        let (key, row) = body.split_at(usize::from(length).min(body.len()));
        if let Ok(live) = (family.load)(Some(body)) {
            let head = live.head(Release::NEWEST);
            assert_eq!((family.load)(Some(&head)).unwrap().head(Release::NEWEST), head);
        }
        (family.show_head)(body);
        if (family.is_key)(key) {
            let text = (family.show_key)(key);
            assert_eq!((family.key_of)(&text).as_deref(), Some(key), "{text}");
        }
        for table in &family.tables {
            (table.show)(key, Some(row));
        }
        for entry in family.commands.iter().chain(&family.queries) {
            (entry.show)(body);
            (entry.show_outcome)(&Outcome::Reply(Bytes::copy_from_slice(body)));
            (entry.problem)(body).ok();
            if let Ok(text) = str::from_utf8(body) {
                (entry.encode)(text).ok();
            }
        }
    });
}
