//! `roost import`: fills a running roost with people, follows and posts.
//!
//! In reading order:
//!
//! | module     | does                                                              |
//! |------------|-------------------------------------------------------------------|
//! | `args`     | says what can be asked for                                        |
//! | `graph`    | reads who follows whom                                            |
//! | `texts`    | reads what is posted                                              |
//! | [`draw`]   | draws the author of each post                                     |
//! | `plan`     | says what is to be done, in phases                                |
//! | `state`    | remembers how far an import is, for the next run                  |
//! | `lanes`    | does the work of a phase, a bounded number of items at once       |
//! | `phases`   | does one item of each phase                                       |
//! | `settle`   | waits until every author knows their followers                    |
//! | `verify`   | reads every feed again, and compares                              |
//! | `progress` | shows how far it is                                               |
//! | [`error`]  | says what went wrong, and what to do                              |

pub mod draw;
pub mod error;

mod args;
mod graph;
mod lanes;
mod phases;
mod plan;
mod progress;
mod settle;
mod state;
mod texts;
mod verify;

pub use args::Import;
pub use error::ImportError;
pub(crate) use graph::Graph;
pub(crate) use phases::Phases;
pub use phases::Summary;
pub(crate) use plan::Plan;
pub(crate) use state::Account;
