//! All checks.

use crate::fault::Fault;
use crate::file::File;
use crate::{
    comments, contents, documents, gates, layers, leftovers, limits, names, orphans, purity,
    services, size, twins,
};

type OfFile = fn(&File) -> Vec<Fault>;

type OfTree = fn(&[File]) -> Vec<Fault>;

/// Checks of one file.
const OF_FILE: [OfFile; 17] = [
    comments::comment_ratio,
    comments::commented_out_code,
    contents::code_in_contents,
    documents::documents,
    gates::gates,
    layers::edges,
    layers::raft_library,
    leftovers::machine_paths,
    leftovers::markers,
    leftovers::silenced_lints,
    limits::unstated_limits,
    names::module_names,
    names::type_names,
    purity::impurities,
    purity::unordered_waits,
    size::long_file,
    size::long_functions,
];

/// Checks of all files together.
const OF_TREE: [OfTree; 4] =
    [layers::insides, orphans::orphans, services::incomplete_services, twins::twins];

/// Runs every check, and returns the faults in the order of path and line.
pub fn run(files: &[File]) -> Vec<Fault> {
    let of_files = files.iter().flat_map(|file| OF_FILE.iter().flat_map(|check| check(file)));
    let of_tree = OF_TREE.iter().flat_map(|check| check(files));
    let mut faults: Vec<Fault> = of_files.chain(of_tree).collect();
    faults.sort();
    faults
}
