//! What users have done, as far as they were told.

use std::collections::{BTreeMap, BTreeSet};

use actors::accounts::api::UserId;
use entity::Time;
use serde_json::Value;

use super::deed::Deed;

/// What users have done, as far as they were told.
#[derive(Debug, Default)]
pub struct Book {
    /// The account of each user, once there is one.
    pub users: Vec<Option<UserId>>,
    /// Every post that somebody has begun to publish, by its text.
    pub posts: BTreeMap<String, Post>,
    /// Who follows whom from the beginning to the end: follower, author.
    pub steady: BTreeSet<(usize, usize)>,
    /// Who follows whom as the last thing that was told.
    pub follows: BTreeSet<(usize, usize)>,
}

/// A post that somebody has begun to publish.
#[derive(Clone, Debug)]
pub struct Post {
    /// Whose it is.
    pub author: usize,
    /// The device that published it, and its number among those of the device.
    pub order: (usize, u64),
    /// Its id, once that was told.
    pub id: Option<String>,
    /// When somebody began to delete it.
    pub deleted_from: Option<Time>,
    /// When that was done for certain.
    pub deleted_by: Option<Time>,
}

impl Post {
    /// One that is on its way.
    pub fn new(author: usize, order: (usize, u64)) -> Self {
        Self { author, order, id: None, deleted_from: None, deleted_by: None }
    }
}

impl Book {
    /// Somebody begins something.
    pub fn begin(&mut self, user: usize, order: (usize, u64), deed: &Deed, now: Time) {
        match deed {
            Deed::Publish { body } => {
                self.posts.insert(body.clone(), Post::new(user, order));
            }
            Deed::Delete { post } => {
                if let Some(post) = self.find(post) {
                    post.deleted_from = Some(now);
                }
            }
            Deed::Register { .. }
            | Deed::LogIn { .. }
            | Deed::LogOut { .. }
            | Deed::Follow { .. }
            | Deed::Unfollow { .. }
            | Deed::Page { .. } => {}
        }
    }

    /// Somebody was told that it was done.
    ///
    /// # Errors
    ///
    /// What is wrong with the answer.
    pub fn end(&mut self, user: usize, deed: &Deed, told: &Value, now: Time) -> Result<(), String> {
        match deed {
            Deed::Register { .. } | Deed::LogIn { .. } => {
                let found = read(told, "user")?.parse();
                let found = found.map_err(|error| format!("{error}: {told}"))?;
                let known = self.users[user].get_or_insert(found);
                if *known != found {
                    return Err(format!("{found} is told, and it is {known}"));
                }
            }
            Deed::Publish { body } => {
                let id = read(told, "post")?;
                let post = self.posts.get_mut(body).ok_or("nobody published it")?;
                post.id = Some(id.to_owned());
            }
            Deed::Delete { post } => {
                let post = self.find(post).ok_or("nobody published it")?;
                post.deleted_by = Some(now);
            }
            Deed::Follow { whom, .. } => {
                self.follows.insert((user, *whom));
            }
            Deed::Unfollow { whom, .. } => {
                self.follows.remove(&(user, *whom));
            }
            Deed::LogOut { .. } | Deed::Page { .. } => {}
        }
        Ok(())
    }

    /// A post by its id.
    fn find(&mut self, id: &str) -> Option<&mut Post> {
        self.posts.values_mut().find(|it| it.id.as_deref() == Some(id))
    }

    /// A post of a device that is there and is not to be deleted yet.
    pub fn any_of(&self, device: usize) -> Option<&str> {
        let own = self.posts.values().filter(|it| it.order.0 == device);
        let whole = own.filter(|it| it.deleted_from.is_none());
        whole.filter_map(|it| it.id.as_deref()).next_back()
    }
}

/// A text in an answer.
fn read<'a>(told: &'a Value, field: &str) -> Result<&'a str, String> {
    told[field].as_str().ok_or_else(|| format!("no {field} in {told}"))
}
