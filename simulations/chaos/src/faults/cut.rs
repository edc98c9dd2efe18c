//! Nodes are cut off from each other: a leader, in both directions or in one, and again and again.

use std::time::Duration;

use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::scene::Scene;
use crate::wires::Lost;

/// How long a cut lasts: more than a node needs to notice it, and to say so.
const LASTING: Duration = Duration::from_secs(8);

/// How long clients take until what they write elsewhere is all that they write.
const REST: Duration = Duration::from_secs(1);

/// How often what is cut off comes and goes, and how long it takes each time.
const FLAPS: usize = 6;
const FLAP: Duration = Duration::from_secs(1);

/// Ways from one node to another.
type Ways = Vec<(usize, usize)>;

pub(super) const CUT: Fault = Fault {
    name: "cut",
    about: "the node that leads most shards is cut off: both ways, unheard, deaf, from one other, again and \
            again; then nobody hears anybody",
    ground: Ground::Wires,
    passing: &[],
    unnoticed: false,
    possible: machine::has_wires,
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let node = scene.busiest()?;
    scene.phase("alone, and only asked");
    // It has nothing to commit that could not be committed: only a quorum keeps answers back.
    scene.write_to(&Scene::others(node));
    scene.rest(REST)?;
    alone(scene, node)?;
    scene.write_to(&[1, 2, 3]);
    let node = scene.busiest()?;
    scene.phase("alone");
    alone(scene, node)?;
    for (name, ways) in [("unheard", from as fn(usize) -> Ways), ("deaf", to), ("apart", between)] {
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
    scene.served()?;
    scene.phase("everybody alone");
    let lost = Lost::new(&(1..=NODES).flat_map(from).collect::<Vec<_>>())?;
    scene.rest(LASTING)?;
    drop(lost);
    scene.served().map(drop)
}

/// Cuts a node off from all others. It says of itself then that it is of no use.
fn alone(scene: &mut Scene<'_>, node: usize) -> Result<(), ChaosError> {
    let lost = Lost::new(&around(node))?;
    scene.rest(LASTING)?;
    let url = scene.cluster.url(node);
    let (seen, is_ready) =
        (scene.ask(scene.operator.seen_by(url)), scene.ask(scene.operator.is_ready(url)));
    drop(lost);
    let is_alone = seen.as_ref().is_ok_and(|it| it.iter().eq([&node]));
    if is_ready || !is_alone {
        let what = format!("node {node} is alone, sees {seen:?}, and is ready: {is_ready}");
        return Err(ChaosError::broken(what));
    }
    scene.served().map(drop)
}

fn around(node: usize) -> Ways {
    [from(node), to(node)].concat()
}

fn from(node: usize) -> Ways {
    Scene::others(node).into_iter().map(|it| (node, it)).collect()
}

fn to(node: usize) -> Ways {
    Scene::others(node).into_iter().map(|it| (it, node)).collect()
}

/// The third one hears both.
fn between(node: usize) -> Ways {
    let other = node % NODES + 1;
    vec![(node, other), (other, node)]
}
