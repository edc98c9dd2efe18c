//! The port for the applied state of shards, and its form in memory.
