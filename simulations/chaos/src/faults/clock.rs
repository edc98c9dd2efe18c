//! The clock of one node is wrong, and jumps.

use std::fs;
use std::time::Duration;

use hyper::Method;
use serde_json::json;

use crate::client::{Call, Told};
use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::process::Specially;
use crate::scene::{SERVED_MAX, Scene};

/// What is done to the clock, as libfaketime takes it, for people, and how many seconds it is ahead then,
/// if that does not depend on when it is asked.
const CLOCKS: [(&str, &str, Option<i64>); 7] = [
    ("+60", "a minute ahead", Some(60)),
    ("-60", "a minute behind", Some(-60)),
    ("+3600", "an hour ahead", Some(3_600)),
    ("-3600", "an hour behind", Some(-3_600)),
    ("+0 x10", "ten times as fast", None),
    ("+0 x0.1", "ten times as slow", None),
    ("+0 x1", "right", Some(0)),
];

/// How long a clock is so: libfaketime looks once a second what it is to do.
const LASTING: Duration = Duration::from_secs(5);

/// How exactly the clocks of two nodes are compared, in seconds.
const EXACT_SECONDS: i64 = 2;

/// Enough of them to reach all shards.
const WRITES: u64 = 16;

/// A clock that calls elections does so each time. A machine that stands still for a second does, now and then.
const TURNS: u32 = 3;

pub(super) const CLOCK: Fault = Fault {
    name: "clock",
    about: "the clock of the node that leads most shards jumps by a minute and by an hour, and runs ten \
            times as fast and as slow: it leads nothing then",
    ground: Ground::Loopback,
    passing: &[],
    unnoticed: false,
    possible: || machine::faketime().map(drop),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let library = machine::faketime().map_err(ChaosError::Broken)?;
    let file = scene.cluster.folder().join("clock");
    let set =
        |clock: &str| fs::write(&file, clock).map_err(ChaosError::io(file.display().to_string()));
    set("+0")?;
    let settings = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        // Nothing sets the clock that intervals are measured with.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let node = scene.busiest()?;
    scene.cluster.kill(node)?;
    scene.cluster.start_specially(node, &Specially { settings, ..Specially::default() })?;
    scene.served()?;
    scene.settled()?;
    for (clock, name, seconds) in CLOCKS {
        scene.phase(name);
        let mut turn = 1;
        loop {
            set(clock)?;
            leads(scene, node, seconds == Some(0))?;
            let before = scene.terms()?;
            is_well(scene, node, seconds).map_err(|error| match error {
                ChaosError::Broken(what) => ChaosError::Broken(format!("{name}: {what}")),
                other @ (ChaosError::Io(..) | ChaosError::Stopped) => other,
            })?;
            let elections = scene.terms()?.saturating_sub(before);
            if elections == 0 {
                break;
            }
            scene.note(format!("{name}: {elections} elections in turn {turn}"));
            if turn == TURNS {
                return Err(ChaosError::broken(format!("{name}: elections in each turn")));
            }
            turn += 1;
            set("+0 x1")?;
            scene.settled()?;
        }
    }
    Ok(())
}

/// Waits until a node leads something, or nothing: as long as its clock is wrong it had better not.
fn leads(scene: &mut Scene<'_>, node: usize, is_right: bool) -> Result<(), ChaosError> {
    let what = if is_right { "it leads again" } else { "it leads nothing" };
    let url = scene.cluster.url(node).to_owned();
    let waited = scene.until(what, SERVED_MAX, |scene| {
        Ok(scene.ask(scene.operator.check_leads(&url, node, is_right)))
    })?;
    scene.note(format!("{what} after {:.1} s", waited.as_secs_f64()));
    if is_right { scene.settled() } else { Ok(()) }
}

/// The clock is as it was set, and nobody minds.
fn is_well(scene: &mut Scene<'_>, node: usize, seconds: Option<i64>) -> Result<(), ChaosError> {
    scene.rest(LASTING)?;
    let ahead = ahead(scene, node)?;
    if seconds.is_some_and(|it| (it - ahead).abs() > EXACT_SECONDS) {
        return Err(ChaosError::broken(format!("the clock is {ahead} s ahead")));
    }
    scene.served()?;
    write(scene, node).map_err(|told| ChaosError::broken(format!("{told:?}")))
}

/// Writes without a key, to shards of all nodes. Such a command is named by the node that it is sent to, with
/// the time that the clock says there.
fn write(scene: &Scene<'_>, node: usize) -> Result<(), Told> {
    for number in 0..WRITES {
        let call = Call {
            method: Method::PUT,
            path: format!("/v1/operator/probes/{number}"),
            key: String::new(),
            body: json!({ "value": "" }),
        };
        match scene.ask(scene.operator.ask(scene.cluster.url(node), &call)) {
            Told::Done(_) => {}
            other @ (Told::Again(_) | Told::Refused(..)) => return Err(other),
        }
    }
    Ok(())
}

/// How many seconds the clock of a node is ahead of that of another one.
fn ahead(scene: &Scene<'_>, node: usize) -> Result<i64, ChaosError> {
    let seconds = |node: usize| {
        let time = scene.ask(scene.operator.clock(scene.cluster.url(node)));
        let time = time.ok_or_else(|| ChaosError::broken(format!("node {node} has no time")))?;
        Ok((time.0 / 1_000_000).cast_signed())
    };
    Ok(seconds(node)? - seconds(node % NODES + 1)?)
}
