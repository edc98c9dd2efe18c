//! What a user published.

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, data};

use crate::accounts::api::{Profile, ProfileError, UserId};
use crate::page::PageLimit;
use crate::posts::api::{AuthorId, PostId, Posts, PostsPage};

/// Asks for a user's posts, newest first.
#[data]
pub struct UserPosts {
    /// Whose posts.
    pub user: UserId,
    /// Begins with the first post older than this one, with the newest when not given.
    pub before: Option<PostId>,
    /// Most posts wanted: 1 to 100, 20 when not given.
    #[serde(default)]
    pub limit: PageLimit,
}

impl Operation for UserPosts {
    type Reply = PostsPage;

    fn problems() -> Vec<ProblemClass> {
        ProfileError::PROBLEMS.to_vec()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<PostsPage, Stop> {
        let Self { user, before, limit } = *self;
        cx.ask(&user, &Profile {})??;
        Ok(cx.ask(&AuthorId(user), &Posts { before, limit })??)
    }
}
