//! How much a user published, and for how many.

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, data};

use crate::accounts::api::{Profile, ProfileError, UserId};
use crate::posts::api::{AuthorCounts, AuthorId, Counts};

/// Asks how many followers and posts a user has. A follower counts once posts come to them.
#[data]
pub struct UserCounts {
    /// Whose.
    pub user: UserId,
}

impl Operation for UserCounts {
    type Reply = AuthorCounts;

    fn problems() -> Vec<ProblemClass> {
        ProfileError::PROBLEMS.to_vec()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<AuthorCounts, Stop> {
        cx.ask(&self.user, &Profile {})??;
        Ok(cx.ask(&AuthorId(self.user), &Counts {})??)
    }
}
