//! Shards: the executor that runs entities, the ledgers it commits to, and the links between shards.
//!
//! In reading order:
//!
//! | module          | says                                                                  |
//! |-----------------|-----------------------------------------------------------------------|
//! | [`request`]     | what comes to a shard from outside, and what goes back                |
//! | [`executor`]    | runs entities and commits what they do, as a plain state machine      |
//! | [`record`]      | what one commit holds; the fence that stops an old activation         |
//! | [`ledger`]      | the port through which the executor knows its shard                   |
//! | [`memory`]      | a ledger in memory, with scripted outcomes                            |
//! | [`conformance`] | what every ledger must do                                             |
//! | [`operator`]    | what a shard itself answers to operators                              |
//! | [`stream`]      | what a shard tells the nodes that follow its streams and changes      |
//! | [`meta`]        | who is in the cluster, and which node holds which shard               |
//! | [`placement`]   | which node should hold which shard                                    |
//! | [`sender`]      | names for commands that roost itself sends                            |
//! | [`slots`]       | keys to slots, slots to shards                                        |
//! | [`storage`]     | the key of every stored row                                           |
//! | [`envelope`]    | messages on their way between shards                                  |
//! | [`transport`]   | the port to the other nodes                                           |
//! | [`limits`]      | every limit of a shard, with unit and reason                          |

pub mod conformance;
pub mod envelope;
pub mod executor;
pub mod ledger;
pub mod limits;
pub mod memory;
pub mod meta;
pub mod operator;
pub mod placement;
pub mod record;
pub mod request;
pub mod sender;
pub mod slots;
pub mod storage;
pub mod stream;
pub mod transport;
