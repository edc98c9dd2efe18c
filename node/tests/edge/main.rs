//! The edge of a node, tested from outside: a real server, real sockets, real shards on disk.

mod bad_input;
mod channels;
mod command_line;
mod console;
mod demo;
mod docs;
mod frames;
mod framing;
mod guide;
mod idempotency;
mod import;
mod metrics;
mod openapi;
mod operations;
mod operator;
#[path = "../oracle/imported.rs"]
mod oracle;
mod rig;
mod schemathesis;
mod silence;
mod socket;
mod tokens;
