//! One shard that performs a script.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::executor::{Executor, Input, Knobs, Output, Setup};
use cluster::memory::MemoryShard;
use cluster::record::Record;
use cluster::request::{Answer, Request, RequestId, Trace, Verb};
use cluster::slots::{Directory, ShardId};
use entity::registry::{Entry, Registry};
use entity::{Address, Caller, Id, Release, Time};
use serde_json::Value;

use super::names::Names;
use super::script::{Act, Asked, Binding, Speaker, Way};

/// When every script begins: 2026-01-01T00:00:00Z.
const BEGINNING: Time = Time(1_767_225_600_000_000);

/// What every line of a script takes.
const LINE_LASTING: Duration = Duration::from_millis(1);

/// Who sends the commands of a script.
const SENDER: u64 = 1;

/// Most steps until everything in flight has settled. More is a loop.
const STEPS_MAX: usize = 100_000;

/// One shard, and the node that runs it.
pub struct Stage {
    /// What is run.
    pub registry: Arc<Registry>,
    /// Short names.
    pub names: Names,
    memory: MemoryShard,
    executor: Executor,
    seat: u32,
    now: Time,
    users: u128,
    requests: u64,
    answers: BTreeMap<u64, Answer>,
}

impl Stage {
    /// A shard that nobody has written to.
    pub fn new(registry: Registry) -> Self {
        let registry = Arc::new(registry);
        let mut memory = MemoryShard::new();
        memory.keep_history();
        let executor = executor(&registry);
        let mut stage = Self {
            registry,
            names: Names::default(),
            memory,
            executor,
            seat: 0,
            now: BEGINNING,
            users: 0,
            requests: 0,
            answers: BTreeMap::new(),
        };
        stage.settle();
        stage
    }

    /// Performs an act, and yields the answer in readable form if it has one.
    ///
    /// # Errors
    ///
    /// What is wrong with the act.
    pub fn perform(&mut self, act: &Act) -> Result<Option<String>, String> {
        self.now = self.now + LINE_LASTING;
        match act {
            Act::User(name) => {
                self.users += 1;
                self.names.bind(name, &Id(self.users).to_string());
            }
            Act::Request(asked) => return self.request(asked).map(Some),
            Act::Pass(lasting) => self.pass(*lasting),
            Act::Crash => {
                self.executor = executor(&self.registry);
                self.seat += 1;
                self.settle();
            }
        }
        Ok(None)
    }

    /// The records that have committed since the last call.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.memory.take_history()
    }

    fn request(&mut self, asked: &Asked) -> Result<String, String> {
        let (request, names) = (self.encode(asked)?, (request_names(asked)));
        self.requests += 1;
        let ticket = self.requests;
        self.executor.input(Input::Request { ticket, request });
        self.settle();
        let outcome = match self.answers.remove(&ticket).ok_or("it was not answered")? {
            Answer::Outcome(outcome) => outcome,
            Answer::Failure(failure) => return Ok(format!("failure {}", failure.class().code)),
        };
        let text = (entry(&self.registry, &names)?.1.show_outcome)(&outcome);
        if let Some(binding) = &asked.binding {
            let reply = text.strip_prefix("ok ").ok_or("a refusal has nothing to be named")?;
            self.names.bind(&binding.name, &bound(binding, reply)?);
        }
        Ok(text)
    }

    fn encode(&self, asked: &Asked) -> Result<Request, String> {
        let (family, entry) = entry(&self.registry, &request_names(asked))?;
        let key = self.names.replace(&asked.key)?;
        let key = (family.key_of)(&key).ok_or(format!("`{key}` is no key of {}", family.name))?;
        let caller = match &asked.caller {
            Speaker::Operator => Caller::Operator,
            Speaker::Anyone => Caller::Anyone,
            Speaker::Account(text) => {
                let id = self.names.replace(text)?.parse();
                Caller::Account(id.map_err(|error| format!("`{text}`: {error}"))?)
            }
        };
        let verb = match asked.way {
            Way::Ask => Verb::Query,
            Way::Call => Verb::Command(RequestId::Inside {
                sender: SENDER,
                number: self.requests + 1,
                birth: self.now,
                acknowledged: 0,
            }),
        };
        let body = (entry.encode)(&self.names.replace(&asked.json)?)?;
        let to = Address { kind: family.tag, key };
        let (body, trace) = (Bytes::from(body), Trace::default());
        Ok(Request { to, caller, verb, tag: entry.tag, body, trace })
    }

    /// Lets time pass; what should happen meanwhile does, each at its moment.
    fn pass(&mut self, lasting: Duration) {
        let end = self.now + lasting;
        while let Some(next) = self.executor.next_step().filter(|it| *it <= end) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Steps until nothing happens any more.
    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            self.step();
            let status = self.executor.status();
            if status.serving && status.queued == 0 && status.in_flight == 0 {
                self.step();
                if !self.executor.has_work() && self.executor.status().in_flight == 0 {
                    return;
                }
            }
        }
        panic!("the shard does not settle");
    }

    fn step(&mut self) {
        self.executor.step(&mut self.memory.seat(self.seat), self.now);
        while let Some(output) = self.executor.output() {
            if let Output::Answer { ticket, answer } = output {
                assert!(self.answers.insert(ticket, answer).is_none(), "answered twice");
            } else {
                assert!(!matches!(output, Output::Ended), "nobody else has the shard");
            }
        }
    }
}

/// What names a request in the registry: kind, way, command or query.
struct RequestNames<'a>(&'a str, Way, &'a str);

fn request_names(asked: &Asked) -> RequestNames<'_> {
    RequestNames(&asked.kind, asked.way, &asked.name)
}

fn entry<'a>(
    registry: &'a Registry,
    RequestNames(kind, way, name): &RequestNames<'_>,
) -> Result<(&'a entity::registry::Family, &'a Entry), String> {
    let mut kinds = registry.kinds();
    let family = kinds.find(|it| it.name == *kind).ok_or(format!("no kind is named {kind}"))?;
    let entries = match way {
        Way::Call => &family.commands,
        Way::Ask => &family.queries,
    };
    let entry = entries.iter().find(|it| it.name == *name);
    Ok((family, entry.ok_or(format!("{kind} has no {name} in its contract"))?))
}

/// The text that a reply gives a name to.
fn bound(binding: &Binding, reply: &str) -> Result<String, String> {
    let reply: Value = serde_json::from_str(reply).map_err(|error| error.to_string())?;
    let value = match &binding.field {
        Some(field) => &reply[field.as_str()],
        None => &reply,
    };
    let text = value.as_str().ok_or(format!("${} would be no string: {value}", binding.name))?;
    Ok(text.to_owned())
}

fn executor(registry: &Arc<Registry>) -> Executor {
    Executor::new(Setup {
        shard: ShardId(0),
        incarnation: 1,
        registry: registry.clone(),
        directory: Arc::new(Directory::even(1)),
        release: Release::NEWEST,
        chance: 1,
        knobs: Knobs::default(),
    })
}
