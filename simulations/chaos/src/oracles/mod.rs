//! What must hold, whatever happens. Each judges a part of the ledger.

pub(crate) mod away;
pub(crate) mod posts;
pub(crate) mod probes;
pub(crate) mod verdict;
