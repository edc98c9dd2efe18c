//! What clients reach: HTTP routes made from the contracts of the services.
//!
//! In reading order, which is the way of a request:
//!
//! | module           | does                                                               |
//! |------------------|--------------------------------------------------------------------|
//! | [`server`]       | accepts connections                                                |
//! | [`hall`]         | bounds them, speaks HTTP, ends them                                |
//! | `tls`            | speaks TLS, where there is a certificate                           |
//! | `router`         | finds the endpoint of a path and method                            |
//! | `envelope`       | names every request, catches panics, finishes every answer         |
//! | `trace`          | reads the name of a trace                                          |
//! | `serve`          | takes one request from its head to its answer                      |
//! | [`authentication`] | decides who asks                                                 |
//! | `body`           | reads a body within its limits                                     |
//! | `endpoint`       | turns path, query string and body into the input of a route        |
//! | `fields`, `json`, `query` | read schema, body and query string strictly              |
//! | `idempotency`, [`origin`] | make repeats harmless                                    |
//! | `driver`         | drives the operation, step by step                                 |
//! | `passwords`      | hashes passwords, a few at once                                    |
//! | `ports`, `knobs` | the world around all of it, and limits that simulations make small |
//! | `problem`        | answers with a problem, as RFC 9457 has it                         |
//! | `channels`       | follows streams for clients, once for all of them                  |
//! | `socket`         | serves channels and requests over a WebSocket                      |
//! | `pages`          | answers what needs no entity                                       |
//! | `metrics`        | figures of this node for Prometheus                                |
//! | `overview`       | the cluster as operators see it                                    |
//! | `console`        | the same, as it changes                                            |
//! | `waiting`        | answers while the node is not a part of its cluster yet            |
//! | `openapi`, `responses` | describe all of it                                           |

pub mod authentication;
pub mod hall;
pub mod origin;
pub mod server;

mod body;
mod channels;
mod console;
mod driver;
mod endpoint;
mod envelope;
mod fields;
mod idempotency;
mod json;
mod knobs;
mod metrics;
mod openapi;
mod overview;
mod pages;
mod passwords;
mod ports;
mod problem;
mod query;
mod responses;
mod router;
mod serve;
mod socket;
mod tls;
mod trace;
mod waiting;

pub use authentication::OperatorToken;
pub use hall::Hall;
pub use knobs::Knobs;
pub use origin::register;
pub use overview::is_ready;
pub(crate) use overview::{CopyStatus, NodeStatus, ShardStatus};
pub use ports::{Entropy, Ports};
pub use router::{Gateway, Setup};
pub use server::Server;
pub use waiting::waiting;
