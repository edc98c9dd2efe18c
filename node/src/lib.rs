//! The binary `roost`: the edge of the system, where clocks, threads and sockets are.
//!
//! In reading order:
//!
//! | module       | is                                                         |
//! |--------------|------------------------------------------------------------|
//! | [`cli`]      | the command line                                           |
//! | [`mod@bench`]| `roost bench`: what this machine can do                    |
//! | [`commands`] | `roost node` and `roost dev`                               |
//! | [`import`]   | `roost import`: fills a running roost                      |
//! | [`operate`]  | `roost status`, `roost shards`, `roost finalize`           |
//! | [`api`]      | sends requests to a running roost                          |
//! | [`gateway`]  | what clients reach: HTTP routes made from the contracts    |
//! | [`launch`]   | from a configuration to a node that serves                 |
//! | [`probe`]    | entities that operators measure a running cluster with     |
//! | [`secret`]   | what all nodes of a cluster know, and nobody else          |
//! | [`settings`] | numbers of the services, as an operator sets them          |
//! | [`assembly`] | a node of a cluster, put together: its folder, its threads    |
//! | [`bootstrap`]| how a node comes to be a part of its cluster               |
//! | [`world`]    | the clock and the chance of this machine                   |

pub mod api;
pub mod assembly;
pub mod bench;
pub mod bootstrap;
pub mod cli;
pub mod commands;
pub mod gateway;
pub mod import;
pub mod launch;
pub mod operate;
pub mod probe;
pub mod secret;
pub mod settings;
pub mod world;

mod files;
mod hex;
