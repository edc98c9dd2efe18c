//! The applied state of shards in fjall.
