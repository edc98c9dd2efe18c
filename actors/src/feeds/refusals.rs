//! Why feeds refuse: every refusal with its status, its stable code and its sentence.

use entity::{data, refusals};

use crate::feeds::api::TASKS_MAX;

/// Why nothing is spread.
#[data]
pub enum SpreadError {
    /// [`TASKS_MAX`] pushes are waiting. What is refused waits as a dead letter.
    Full,
}

refusals! { SpreadError {
    Full => 429 "fan_out_full" "{TASKS_MAX} pushes are waiting; redrive this one once they are done.",
} }

/// Why a page of followers is of no use.
#[data]
pub enum FollowersPageError {
    /// It is not the page that was asked for.
    NotAsked,
}

refusals! { FollowersPageError {
    NotAsked => 409 "fan_out_page_not_asked" "The fan-out waits for another page, or for none.",
} }

/// Why there is no page.
#[data]
pub enum HomeFeedError {
    /// The cursor is no `next` of a page.
    CursorInvalid,
}

refusals! { HomeFeedError {
    CursorInvalid => 422 "cursor_invalid" "The cursor is not the `next` of a page; begin without one.",
} }
