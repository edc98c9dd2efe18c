//! Why posts refuse: every refusal with its status, its stable code and its sentence.

use entity::{data, refusals};

use crate::posts::api::{BODY_BYTES_MAX, LOOKUP_MAX};

/// Why a post is not published.
#[data]
pub enum PublishError {
    /// The body is empty or longer than [`BODY_BYTES_MAX`].
    BodySize {
        /// Its length, in bytes.
        bytes: u64,
    },
    /// The body is white space alone.
    BodyBlank,
}

refusals! { PublishError {
    BodySize { bytes } => 422 "post_body_size" "The body has {bytes} bytes; use 1 to {BODY_BYTES_MAX}.",
    BodyBlank => 422 "post_body_blank" "The body is white space alone; write something.",
} }

/// Why there is nothing to do with a post.
#[data]
pub enum UnknownPostError {
    /// The author has no such post, or has deleted it.
    Unknown,
}

refusals! { UnknownPostError {
    Unknown => 404 "post_unknown" "There is no such post; it may have been deleted.",
} }

/// Why nothing is looked up.
#[data]
pub enum LookupError {
    /// More than [`LOOKUP_MAX`] posts were asked for.
    Count {
        /// How many.
        count: u64,
    },
}

refusals! { LookupError {
    Count { count } => 422 "post_lookup_count" "{count} posts are too many; ask for at most {LOOKUP_MAX} at once.",
} }
