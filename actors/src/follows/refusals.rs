//! Why follows refuse: every refusal with its status, its stable code and its sentence.

use entity::{data, refusals};

use crate::follows::api::FOLLOWING_MAX;

/// Why somebody is not followed.
#[data]
pub enum FollowError {
    /// It is the user themselves, who sees their own posts anyway.
    Oneself,
    /// The user follows [`FOLLOWING_MAX`] others.
    Full,
}

refusals! { FollowError {
    Oneself => 422 "follow_self" "Nobody can follow themselves; follow somebody else.",
    Full => 409 "following_full" "Nobody can follow more than {FOLLOWING_MAX} users; unfollow some first.",
} }
