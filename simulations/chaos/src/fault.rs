//! What goes wrong: a name, whether the machine can do it, and what happens.

use crate::cluster::Ground;
use crate::error::ChaosError;
use crate::scene::Scene;

/// What goes wrong. Each has a file of its own in [`faults`](crate::faults).
#[derive(Debug)]
pub struct Fault {
    /// What it is called.
    pub name: &'static str,
    /// For people.
    pub about: &'static str,
    /// Where the nodes are.
    pub ground: Ground,
    /// What nodes may answer meanwhile, besides [`PASSING`](crate::client::PASSING).
    pub passing: &'static [&'static str],
    /// Whether clients are to notice nothing of it.
    pub unnoticed: bool,
    /// Whether this machine can do it, and else why not.
    pub possible: fn() -> Result<(), String>,
    /// Does it, checks what is expected of it alone, and undoes it. What is expected of all is checked
    /// when it is over.
    pub happen: fn(&mut Scene<'_>) -> Result<(), ChaosError>,
}
