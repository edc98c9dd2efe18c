//! What nodes send each other is lost, late, overtaken, doubled and damaged.

use std::time::Duration;

use chance::Odds;

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::relay::{FAIR, Weather};
use crate::scene::Scene;

/// How long each weather lasts.
const LASTING: Duration = Duration::from_secs(10);

/// In a million.
const PERCENT: u32 = 10_000;

const WEATHERS: [(&str, Weather); 6] = [
    ("5 % lost", Weather { lost: Odds(5 * PERCENT), ..FAIR }),
    ("5 % doubled", Weather { doubled: Odds(5 * PERCENT), ..FAIR }),
    ("1 % damaged", Weather { damaged: Odds(PERCENT), ..FAIR }),
    ("10 % overtaken", Weather { overtaken: Odds(10 * PERCENT), ..FAIR }),
    ("50 to 300 ms late", Weather { delay_micros: (50_000, 300_000), ..FAIR }),
    ("30 % lost", Weather { lost: Odds(30 * PERCENT), ..FAIR }),
];

pub(super) const WEATHER: Fault = Fault {
    name: "weather",
    about: "what nodes send each other is lost, doubled, damaged, late and overtaken",
    ground: Ground::Relays,
    passing: &[],
    unnoticed: false,
    possible: || Ok(()),
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    scene.settled()?;
    for (name, weather) in WEATHERS {
        let before = scene.terms()?;
        scene.phase(name);
        scene.relays()?.change(weather);
        scene.rest(LASTING)?;
        scene.relays()?.change(FAIR);
        scene.served()?;
        let after = scene.terms()?;
        scene.note(format!("{name}: {} elections", after.saturating_sub(before)));
    }
    Ok(())
}
