//! What devices ask for, over a socket or as a request of HTTP.

use std::fmt;

use actors::accounts::api::{SessionId, UserId};
use serde_json::{Value, json};

/// What devices ask for. Whatever changes something has a key, and is asked for until it is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deed {
    /// An account, and a session of it.
    Register {
        /// Its handle.
        handle: String,
    },
    /// Another session of an account.
    LogIn {
        /// Its handle.
        handle: String,
    },
    /// The session of the device is to be over.
    LogOut {
        /// Which one that is.
        session: SessionId,
    },
    /// A post.
    Publish {
        /// The text, which no other post has.
        body: String,
    },
    /// A post is to be gone.
    Delete {
        /// Its id.
        post: String,
    },
    /// Somebody is to be followed.
    Follow {
        /// Whom, by their place among the users.
        whom: usize,
        /// Their id.
        user: UserId,
    },
    /// Somebody is to be followed no more.
    Unfollow {
        /// Whom, by their place among the users.
        whom: usize,
        /// Their id.
        user: UserId,
    },
    /// A page of the feed.
    Page {
        /// Where it begins, if not with the newest.
        cursor: Option<String>,
    },
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// It was done.
    Done(Value),
    /// It is to be asked for again.
    Again,
    /// It was refused.
    Refused(String),
}

/// The password of everybody.
const PASSWORD: &str = "correct horse";

/// Items of a page.
const PAGE_ITEMS: u32 = 20;

impl Deed {
    /// The name of the route, and its fields.
    pub fn rpc(&self, key: &str) -> (&'static str, Value) {
        let (name, mut data) = match self {
            Self::Register { handle } => {
                ("Register", json!({ "handle": handle, "password": PASSWORD }))
            }
            Self::LogIn { handle } => ("LogIn", json!({ "handle": handle, "password": PASSWORD })),
            Self::LogOut { session } => ("EndSession", json!({ "session": session })),
            Self::Publish { body } => ("Publish", json!({ "body": body })),
            Self::Delete { post } => ("Delete", json!({ "post": post })),
            Self::Follow { user, .. } => ("FollowUser", json!({ "user": user })),
            Self::Unfollow { user, .. } => ("Unfollow", json!({ "user": user })),
            Self::Page { cursor } => {
                let mut data = json!({ "limit": PAGE_ITEMS });
                if let Some(cursor) = cursor {
                    data["cursor"] = json!(cursor);
                }
                return ("HomeFeed", data);
            }
        };
        data["idempotency_key"] = json!(key);
        (name, data)
    }

    /// Method, path and body of the request.
    pub fn http(&self) -> (&'static str, String, Option<Value>) {
        match self {
            Self::Register { handle } => {
                let body = json!({ "handle": handle, "password": PASSWORD });
                ("POST", "/v1/accounts".to_owned(), Some(body))
            }
            Self::LogIn { handle } => {
                let body = json!({ "handle": handle, "password": PASSWORD });
                ("POST", "/v1/sessions".to_owned(), Some(body))
            }
            Self::LogOut { session } => ("DELETE", format!("/v1/me/sessions/{session}"), None),
            Self::Publish { body } => {
                ("POST", "/v1/me/feed".to_owned(), Some(json!({ "body": body })))
            }
            Self::Delete { post } => ("DELETE", format!("/v1/me/posts/{post}"), None),
            Self::Follow { user, .. } => {
                ("PUT", format!("/v1/me/following/{user}"), Some(json!({})))
            }
            Self::Unfollow { user, .. } => ("DELETE", format!("/v1/me/following/{user}"), None),
            Self::Page { cursor } => {
                let more = cursor.as_ref().map(|it| format!("&cursor={it}")).unwrap_or_default();
                ("GET", format!("/v1/me/feed?limit={PAGE_ITEMS}{more}"), None)
            }
        }
    }
}

impl Told {
    /// What an error of a route comes to: those that pass are asked for again.
    pub fn error(status: u64, why: &impl fmt::Display) -> Self {
        match status {
            // The protocol's own, and HTTP's: nobody knows, too much is asked for, not now, full.
            100 | 408 | 429 | 503 | 504 | 507 => Self::Again,
            _ => Self::Refused(format!("{status} {why}")),
        }
    }
}
