//! The clock of one node is wrong, and jumps.

use std::fs;
use std::time::Duration;

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::process::Specially;
use crate::scene::Scene;

/// What libfaketime does to the clock, and for people.
const CLOCKS: [(&str, &str); 7] = [
    ("+60", "a minute ahead"),
    ("-60", "a minute behind"),
    ("+3600", "an hour ahead"),
    ("-3600", "an hour behind"),
    ("+0 x10", "ten times as fast"),
    ("-3600 x0.1", "an hour behind and ten times as slow"),
    ("+0", "right"),
];

/// How long a clock is so.
const LASTING: Duration = Duration::from_secs(6);

/// Most elections in all this time: no clock is a reason for one.
const ELECTIONS_MAX: u64 = 10;

pub(super) const CLOCK: Fault = Fault {
    name: "clock",
    about: "the clock of the node that leads most shards jumps by a minute and by an hour, and runs fast",
    ground: Ground::Loopback,
    passing: &[],
    possible: || machine::faketime().map(drop),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let library = machine::faketime().map_err(ChaosError::Broken)?;
    let file = scene.cluster.folder().join("clock");
    let set = |clock: &str| {
        fs::write(&file, clock).map_err(ChaosError::io(file.display().to_string()))
    };
    set("+0")?;
    let settings = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let node = scene.busiest()?;
    scene.cluster.kill(node)?;
    scene.cluster.start_specially(node, &Specially { settings, ..Specially::default() })?;
    scene.served()?;
    scene.leads(node)?;
    let before = scene.terms()?;
    for (clock, name) in CLOCKS {
        scene.phase(name);
        set(clock)?;
        scene.rest(LASTING)?;
        scene.served().map_err(|error| ChaosError::broken(format!("{name}: {error}")))?;
    }
    let elections = scene.terms()?.saturating_sub(before);
    scene.note(format!("{elections} elections"));
    if elections > ELECTIONS_MAX {
        return Err(ChaosError::broken(format!("clocks call {elections} elections")));
    }
    Ok(())
}
