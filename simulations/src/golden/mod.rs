//! Golden transcripts: a script, and below each of its lines what became of it.
//!
//! A script is text. Every line is one of:
//!
//! ```text
//! # narration
//! user ann                                  names an account: $ann
//! call posts.author $ann Publish {"body": "Hi"} -> $post .post
//! as $ann call follows.follower $ann Follow {"user": "$bob"}
//! ask feeds.feed $ann Page {}
//! pass 60s                                  also m, h, d
//! crash                                     another node takes over
//!   two spaces                              transcript: written, never read
//! ```
//!
//! In reading order:
//!
//! - [`script`]: lines to acts
//! - [`stage`]: one shard that performs them
//! - [`transcript`]: records to lines, decoded through the registry
//! - [`names`]: `$ann` for what is long
//! - [`mod@file`]: a file of both, compared or rewritten

pub mod file;
pub mod names;
pub mod script;
pub mod stage;
pub mod transcript;
