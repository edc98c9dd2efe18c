//! Real processes of roost, what goes wrong on machines, and what must hold nevertheless.
//!
//! In reading order:
//!
//! | module       | says                                                                       |
//! |--------------|----------------------------------------------------------------------------|
//! | [`cli`]      | the command line of the binary `chaos`                                     |
//! | [`run`]      | one fault after the other, each happening to a cluster of its own          |
//! | [`fault`]    | what a fault is                                                            |
//! | [`faults`]   | all of them, a file each                                                   |
//! | [`scene`]    | a cluster under load to which something happens, and what is checked then  |
//! | [`report`]   | what came of it, as a table                                                |
//! | [`cluster`]  | processes, and what can be done to them                                    |
//! | [`wires`]    | networks of their own for nodes, and what is lost between them             |
//! | [`relay`]    | the weather between nodes                                                  |
//! | [`client`]   | requests, tried again and again                                            |
//! | [`operator`] | what nodes say of themselves                                               |
//! | `load`       | clients that write and ask all the time; `author`: those who publish       |
//! | `ledger`     | what they wanted and what came of it; `oracles`: what must be true of that |
//! | `machine`    | what this machine can do; `stranger`: who speaks QUIC and is no node       |

pub mod cli;
pub mod client;
pub mod cluster;
pub mod error;
pub mod fault;
pub mod faults;
pub mod operator;
pub mod process;
pub mod relay;
pub mod report;
pub mod run;
pub mod scene;
pub mod wires;

mod author;
mod disk;
mod ledger;
mod load;
mod machine;
mod oracles;
mod stranger;
mod tracing;
