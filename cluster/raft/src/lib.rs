//! Shards replicated by Raft: the one crate that knows openraft.
//!
//! In reading order:
//!
//! | module        | says                                                                   |
//! |---------------|------------------------------------------------------------------------|
//! | [`group`]     | one member of a group: replication, state, what others ask of it       |
//! | `reign`       | who leads, and for how long                                            |
//! | [`ledger`]    | the port `Ledger` over a group                                         |
//! | [`machine`]   | applying: the fence on every replica, rows in the engine               |
//! | [`storage`]   | the part of a group in the log of the node                             |
//! | `status`      | how a member is doing                                                  |
//! | `presence`    | whether a member follows its leader                                    |
//! | `network`     | openraft's way to the other members                                    |
//! | `commits`     | news for followers that need not be told at once                       |
//! | [`snapshot`]  | state on its way to a member that is far behind                        |
//! | [`peers`]     | questions and answers over a transport that only sends                 |
//! | `wire`        | what members say to each other, as bytes                               |
//! | `codec`       | openraft's values as bytes                                             |
//! | [`home`]      | what the tasks of a node have in common: its end, its clock, its chance |
//! | [`scheduler`] | openraft's runtime, by that clock and that chance                      |
//! | [`offload`]   | work that may wait for a disk                                          |
//! | [`shared`]    | state that tasks share for a moment                                    |
//! | [`proposal`]  | what is proposed, and what openraft leaves open, filled in             |
//! | [`timing`]    | how a group keeps time and its log                                     |

mod codec;
mod commits;
pub mod group;
pub mod home;
pub mod ledger;
pub mod machine;
mod network;
pub mod offload;
pub mod peers;
mod presence;
pub mod proposal;
mod reign;
pub mod scheduler;
pub mod shared;
pub mod snapshot;
mod status;
pub mod storage;
pub mod timing;
mod wire;

pub use codec::Malformed;
pub use network::{address, not_here};
