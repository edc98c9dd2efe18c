//! Does the items of each phase.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use entity::digest::sha256;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ImportError;
use super::graph::handle;
use super::lanes::{self, Watermark};
use super::plan::{Phase, Plan};
use super::progress::Progress;
use super::settle::settle;
use super::state::{Account, State};
use super::verify::{Verified, verify};
use crate::api::{Api, ApiError, Call};
use crate::hex::hex;

/// After so many items the state is written: what is repeated after a crash at most.
const WRITE_EVERY: usize = 1_000;

/// One import on its way.
#[derive(Debug)]
pub(crate) struct Phases {
    plan: Arc<Plan>,
    api: Api,
    state: State,
    concurrency: usize,
}

/// What an import has made so far.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) plan: Arc<Plan>,
    /// By the place of their person.
    pub(crate) accounts: Arc<BTreeMap<usize, Account>>,
    pub(crate) api: Api,
    /// How many requests are under way at once.
    pub(crate) width: usize,
}

/// What an import did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    phases: Vec<(Phase, usize, Duration)>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (phase, count, lasted) in &self.phases {
            let seconds = lasted.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = *count as f64 / seconds.max(0.001);
            let name = phase.name();
            writeln!(f, "{name:8} {count:>8} in {seconds:>8.1} s {rate:>8.0} per second")?;
        }
        Ok(())
    }
}

impl Phases {
    /// Prepares an import, or goes on with one.
    pub(crate) fn open(
        plan: Plan,
        to: &[String],
        state: &Path,
        concurrency: usize,
    ) -> Result<Self, ImportError> {
        let api = Api::any(to)?;
        let state = State::open(state, &plan, &to.join(","))?;
        Ok(Self { plan: Arc::new(plan), api, state, concurrency })
    }

    /// Does all that is left to do.
    pub(crate) async fn run(&mut self) -> Result<Summary, ImportError> {
        let mut phases = Vec::new();
        for phase in Plan::PHASES {
            let begun = Instant::now();
            let count = self.advance(phase).await?;
            phases.push((phase, count, begun.elapsed()));
            let is_left = self.state.done(Phase::Posts) < self.plan.count(Phase::Posts);
            if phase == Phase::Follows && (count > 0 || is_left) {
                settle(&self.site()).await?;
            }
        }
        Ok(Summary { phases })
    }

    /// Reads every feed again.
    pub(crate) async fn verify(&self) -> Result<Verified, ImportError> {
        verify(&self.site()).await
    }

    fn site(&self) -> Site {
        let (plan, api) = (Arc::clone(&self.plan), self.api.clone());
        let accounts = Arc::new(self.state.accounts.clone());
        Site { plan, accounts, api, width: self.concurrency }
    }

    /// The accounts that are there, by the place of their person.
    pub(crate) fn accounts(&self) -> &BTreeMap<usize, Account> {
        &self.state.accounts
    }

    /// Does what is left of one phase; yields how many items that was.
    async fn advance(&mut self, phase: Phase) -> Result<usize, ImportError> {
        let all = self.plan.count(phase);
        let mut watermark = Watermark::new(self.state.done(phase));
        let (done, left): (Vec<usize>, Vec<usize>) = (self.state.done(phase)..all)
            .partition(|item| phase == Phase::Accounts && self.state.accounts.contains_key(item));
        for item in done {
            watermark.add(item);
        }
        let count = left.len();
        let mut progress = Progress::new(phase.name(), all, all - count);
        let requests = Arc::new(Requests::new(&self.plan, &self.state));
        let api = self.api.clone();
        let work = move |item| {
            let (requests, api) = (Arc::clone(&requests), api.clone());
            async move { Ok(api.send(&requests.call(phase, item)).await?) }
        };
        // One person's items stay in their order: they are in one lane.
        let (plan, width, state) = (&self.plan, self.concurrency, &mut self.state);
        let lane_of = |item| plan.person(phase, item) % width;
        lanes::run(left.into_iter(), lane_of, work, |item, reply: Value| {
            progress.advance();
            if phase == Phase::Accounts {
                state.add(item, account(item, &reply)?)?;
            }
            let low = watermark.add(item);
            if low >= state.done(phase) + WRITE_EVERY { state.set_done(phase, low) } else { Ok(()) }
        })
        .await?;
        self.state.set_done(phase, all)?;
        progress.finish();
        Ok(count)
    }
}

/// What each item asks of roost.
struct Requests {
    plan: Arc<Plan>,
    accounts: BTreeMap<usize, Account>,
    secret: [u8; 32],
}

impl Requests {
    fn new(plan: &Arc<Plan>, state: &State) -> Self {
        let (accounts, secret) = (state.accounts.clone(), state.header.secret);
        Self { plan: Arc::clone(plan), accounts, secret }
    }

    fn call(&self, phase: Phase, item: usize) -> Call {
        let (method, path, body) = match phase {
            Phase::Accounts => {
                let handle = handle(self.plan.graph.people[item]);
                let body = json!({ "handle": handle, "password": self.password(item) });
                (Method::POST, "/v1/accounts".to_owned(), Some(body))
            }
            Phase::Follows => {
                let followed = &self.accounts[&self.plan.graph.follows[item].1];
                (Method::PUT, format!("/v1/me/following/{}", followed.user), None)
            }
            Phase::Posts => {
                let body = json!({ "body": self.plan.posts[item] });
                (Method::POST, "/v1/me/feed".to_owned(), Some(body))
            }
        };
        let token = match phase {
            Phase::Accounts => None,
            Phase::Follows | Phase::Posts => {
                Some(self.accounts[&self.plan.person(phase, item)].token.clone())
            }
        };
        Call { method, path, token, key: self.plan.key(phase, item), body }
    }

    /// A password that only who has the state file can compute again.
    fn password(&self, person: usize) -> String {
        hex(&sha256(&[&self.secret[..], &(person as u64).to_be_bytes()].concat()))
    }
}

/// The account that a registration made.
fn account(person: usize, reply: &Value) -> Result<Account, ImportError> {
    let field = |name: &str| reply.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    match (field("user"), field("token")) {
        (Some(user), Some(token)) => Ok(Account { user, token }),
        _ => Err(ImportError::Api(ApiError::Refused {
            what: format!("registering person {person}"),
            status: 201,
            answer: "the answer has no `user` and `token`; is this another release?".to_owned(),
        })),
    }
}
