//! Nodes are cut off from each other: a leader, in both directions or in one, and again and again.

use std::time::Duration;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::scene::Scene;
use crate::wires::Lost;

/// How long a cut lasts.
const LASTING: Duration = Duration::from_secs(8);

/// How often what is cut off comes and goes, and how long it takes each time.
const FLAPS: usize = 8;
const FLAP: Duration = Duration::from_secs(1);

/// What is lost, by the node that leads most shards.
const CUTS: [(&str, fn(usize) -> Vec<(usize, usize)>); 5] = [
    ("alone", around),
    ("unheard", from),
    ("deaf", to),
    ("apart from one", between),
    ("everybody alone", everywhere),
];

pub(super) const CUT: Fault = Fault {
    name: "cut",
    about: "the node that leads most shards is cut off: both ways, unheard, deaf, from one node, and \
            again and again; then nobody hears anybody",
    ground: Ground::Wires,
    passing: &[],
    possible: machine::has_wires,
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    for (name, ways) in CUTS {
        let node = scene.busiest()?;
        scene.phase(name);
        let lost = Lost::new(&ways(node))?;
        scene.rest(LASTING)?;
        drop(lost);
        scene.served()?;
    }
    let node = scene.busiest()?;
    scene.phase("comes and goes");
    for _ in 0..FLAPS {
        let lost = Lost::new(&around(node))?;
        scene.rest(FLAP)?;
        drop(lost);
        scene.rest(FLAP)?;
    }
    Ok(())
}

fn around(node: usize) -> Vec<(usize, usize)> {
    [from(node), to(node)].concat()
}

fn from(node: usize) -> Vec<(usize, usize)> {
    Scene::others(node).into_iter().map(|it| (node, it)).collect()
}

fn to(node: usize) -> Vec<(usize, usize)> {
    Scene::others(node).into_iter().map(|it| (it, node)).collect()
}

/// The third one hears both.
fn between(node: usize) -> Vec<(usize, usize)> {
    let other = node % NODES + 1;
    vec![(node, other), (other, node)]
}

fn everywhere(_: usize) -> Vec<(usize, usize)> {
    (1..=NODES).flat_map(from).collect()
}
