//! As `simulations/src/workloads`: the workload finds there what all have in common.

pub mod polls;

pub use simulations::workloads::crew;
