//! How far an import is, in a file that the next run reads: one JSON value per line.
//!
//! The file holds tokens of accounts, so nobody but its owner may read it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ImportError;
use super::plan::{Phase, Plan};
use crate::world;

/// Whoever owns the file reads and writes it, nobody else does anything.
const MODE: u32 = 0o600;

/// What an import is known by.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Header {
    to: String,
    seed: u64,
    people: usize,
    follows: usize,
    posts: usize,
    /// What passwords are made of.
    pub(crate) secret: [u8; 32],
}

impl Header {
    fn new(plan: &Plan, to: &str) -> Self {
        Self {
            to: to.to_owned(),
            seed: plan.seed,
            people: plan.graph.people.len(),
            follows: plan.graph.follows.len(),
            posts: plan.posts.len(),
            secret: world::secret(),
        }
    }

    /// What tells two imports apart, if anything does.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let differences = [
            (self.to != other.to, "another address"),
            (self.seed != other.seed, "another seed"),
            (self.people != other.people, "another number of people"),
            (self.follows != other.follows, "another number of follows"),
            (self.posts != other.posts, "another number of posts"),
        ];
        differences.into_iter().find(|it| it.0).map(|it| it.1)
    }
}

/// An account that was registered.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Account {
    /// Its id.
    pub(crate) user: String,
    /// What proves its session.
    pub(crate) token: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Import(Header),
    Account { person: usize, account: Account },
    Done { phase: Phase, count: usize },
}

/// How far an import is.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    file: File,
    pub(crate) header: Header,
    /// Accounts by the index of their person.
    pub(crate) accounts: BTreeMap<usize, Account>,
    done: BTreeMap<Phase, usize>,
}

impl State {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path, plan: &Plan, to: &str) -> Result<Self, ImportError> {
        let failed = |error| ImportError::File { path: path.to_owned(), error };
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            it => it.map_err(failed)?,
        };
        // A line without an end was cut off while it was written: what it says was not counted on.
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(MODE).open(path).map_err(failed)?;
        file.set_len(whole as u64).map_err(failed)?;
        let header = Header::new(plan, to);
        let (accounts, done) = (BTreeMap::new(), BTreeMap::new());
        let mut state = Self { path: path.to_owned(), file, header, accounts, done };
        if whole == 0 {
            state.write(&Line::Import(state.header.clone()))?;
        }
        for (line, number) in text[..whole].lines().zip(1..) {
            state.read_line(line, number)?;
        }
        Ok(state)
    }

    fn read_line(&mut self, text: &str, line: u64) -> Result<(), ImportError> {
        let wrong = |error: serde_json::Error| ImportError::Line {
            path: self.path.clone(),
            line,
            problem: format!("expected a state of `roost import`: {error}"),
        };
        match serde_json::from_str(text).map_err(wrong)? {
            Line::Import(header) => {
                if let Some(what) = header.difference(&self.header) {
                    return Err(ImportError::OtherImport { path: self.path.clone(), what });
                }
                self.header = header;
            }
            Line::Account { person, account } => {
                self.accounts.insert(person, account);
            }
            Line::Done { phase, count } => {
                self.done.insert(phase, count);
            }
        }
        Ok(())
    }

    /// How many items of a phase are done: all those before this number.
    pub(crate) fn done(&self, phase: Phase) -> usize {
        self.done.get(&phase).copied().unwrap_or(0)
    }

    /// Remembers an account.
    pub(crate) fn add(&mut self, person: usize, account: Account) -> Result<(), ImportError> {
        self.write(&Line::Account { person, account: account.clone() })?;
        self.accounts.insert(person, account);
        Ok(())
    }

    /// Remembers that all items of a phase before number `count` are done.
    pub(crate) fn set_done(&mut self, phase: Phase, count: usize) -> Result<(), ImportError> {
        self.write(&Line::Done { phase, count })?;
        self.done.insert(phase, count);
        Ok(())
    }

    fn write(&mut self, line: &Line) -> Result<(), ImportError> {
        let text = serde_json::to_string(line).expect("a line is plain data");
        let failed = |error| ImportError::File { path: self.path.clone(), error };
        self.file.write_all(format!("{text}\n").as_bytes()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::import::graph::Graph;

    fn plan(seed: u64) -> Plan {
        Plan { graph: Graph::default(), posts: Vec::new(), seed }
    }

    fn account(name: &str) -> Account {
        Account { user: name.to_owned(), token: format!("roost_{name}") }
    }

    #[test]
    fn the_next_run_goes_on() {
        let path = std::env::temp_dir().join(format!("roost-state-{}.jsonl", world::id()));
        let mut first = State::open(&path, &plan(1), "a").expect("a new file");
        first.add(3, account("c")).expect("written");
        first.set_done(Phase::Follows, 10).expect("written");
        first.set_done(Phase::Follows, 20).expect("written");
        first.file.write_all(b"{\"done\":{\"phase\":\"pos").expect("written");

        let second = State::open(&path, &plan(1), "a").expect("the same import");
        assert_eq!(second.header, first.header);
        assert_eq!(second.accounts, BTreeMap::from([(3, account("c"))]));
        assert_eq!((second.done(Phase::Follows), second.done(Phase::Posts)), (20, 0));
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);

        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.ends_with('\n'), "{text}");
        let error = State::open(&path, &plan(2), "a").expect_err("another seed");
        assert!(error.to_string().contains("another seed"), "{error}");
        std::fs::remove_file(&path).expect("it is there");
    }
}
