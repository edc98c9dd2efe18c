//! A kind and operations made for tests: what the services should never do, or not yet.

use std::time::Duration;

use entity::registry::Registry;
use entity::route::Of;
use entity::{
    Answer, Command, Context, Entity, Handle, Id, Kind, Method, Never, Operating, Operation,
    ProblemClass, Query, Route, Stop, data,
};

/// The family of probes, one per account.
pub(crate) enum Probes {}

impl Kind for Probes {
    const NAME: &'static str = "test.probe";
    const TAG: u16 = 65_000;
    type Key = Id;
    type Commands = (Count, Break);
    type Queries = (Counted,);
}

/// How often it was counted.
#[data]
#[derive(Default)]
pub(crate) struct Probe {
    count: u64,
}

impl Entity for Probe {
    type Kind = Probes;
    type Tables = ();
}

/// Counts once more.
#[data]
pub(crate) struct Count {
    /// What is counted.
    pub(crate) what: String,
    /// Whether it is loud.
    #[serde(default)]
    pub(crate) is_loud: Option<bool>,
}

impl Command for Count {
    type Kind = Probes;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Handle<Count> for Probe {
    fn handle(&mut self, _: Count, _: &mut Context<'_, Self>) -> Result<u64, Never> {
        self.count += 1;
        Ok(self.count)
    }
}

/// Panics in the handler.
#[data]
pub(crate) struct Break {}

impl Command for Break {
    type Kind = Probes;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = Never;
}

impl Handle<Break> for Probe {
    fn handle(&mut self, _: Break, _: &mut Context<'_, Self>) -> Result<(), Never> {
        panic!("canary: a secret of the handler")
    }
}

/// Asks how often it was counted.
#[data]
pub(crate) struct Counted {}

impl Query for Counted {
    type Kind = Probes;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Answer<Counted> for Probe {
    fn answer(&self, _: Counted, _: &Context<'_, Self>) -> Result<u64, Never> {
        Ok(self.count)
    }
}

macro_rules! operations {
    ($($name:ident -> $reply:ty { $self:ident, $cx:ident => $run:expr })+) => { $(
        impl Operation for $name {
            type Reply = $reply;

            fn problems() -> Vec<ProblemClass> {
                Vec::new()
            }

            fn run(&$self, $cx: &mut Operating<'_>) -> Result<$reply, Stop> {
                $run
            }
        }
    )+ };
}

/// Says what it was told.
#[data]
pub(crate) struct Echo {
    /// A part of the path.
    pub(crate) number: u64,
    /// A parameter.
    #[serde(default)]
    pub(crate) is_loud: Option<bool>,
    /// A parameter.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// A parameter.
    #[serde(default)]
    pub(crate) offset: Option<entity::Offset>,
}

/// Panics outside of any entity.
#[data]
pub(crate) struct Crash {}

/// Never comes to an end.
#[data]
pub(crate) struct Spin {}

/// Takes longer than any request may.
#[data]
pub(crate) struct Sleep {
    /// Counts first.
    pub(crate) counts: bool,
}

/// Counts as two commands.
#[data]
pub(crate) struct CountTwice {
    /// What is counted.
    pub(crate) what: String,
}

/// Two secrets and an id.
#[data]
pub(crate) struct Secrets {}

operations! {
    Echo -> Self { self, _cx => Ok(self.clone()) }
    Crash -> () { self, _cx => panic!("canary: a secret of the operation") }
    Spin -> () { self, cx => loop { cx.pause(Duration::ZERO)? } }
    Sleep -> () { self, cx => {
        if self.counts {
            let account = cx.account()?;
            cx.call(&account, &Count { what: "sheep".into(), is_loud: None })??;
        }
        cx.pause(Duration::from_hours(1))
    } }
    CountTwice -> [u64; 2] { self, cx => {
        let account = cx.account()?;
        let count = Count { what: self.what.clone(), is_loud: None };
        Ok([cx.call(&account, &count)??, cx.call(&account, &count)??])
    } }
    Secrets -> (Id, [u8; 32], [u8; 32]) { self, cx => {
        Ok((cx.request()?, cx.secret()?, cx.secret()?))
    } }
}

/// Adds the probe.
pub(crate) fn register(registry: &mut Registry) {
    registry.add::<Probe>();
}

/// All routes of the probe.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::command::<Count>(Method::Post, "/v1/test/count", Of::Caller),
        Route::query::<Counted>("/v1/test/count", Of::Caller),
        Route::command::<Break>(Method::Post, "/v1/test/break", Of::Caller),
        Route::operation::<CountTwice>(Method::Post, "/v1/test/count-twice"),
        Route::operation::<Echo>(Method::Get, "/v1/test/echo/{number}").anyone(),
        Route::operation::<Echo>(Method::Put, "/v1/test/echo/{number}").anyone(),
        Route::operation::<Crash>(Method::Post, "/v1/test/crash").anyone(),
        Route::operation::<Spin>(Method::Post, "/v1/test/spin").anyone(),
        Route::operation::<Sleep>(Method::Post, "/v1/test/sleep"),
        Route::operation::<Secrets>(Method::Post, "/v1/test/secrets").anyone(),
        Route::query::<Counted>("/v1/test/operators/{account}", Of::Path("account")).operator(),
    ]
}
