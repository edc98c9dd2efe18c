//! How somebody comes to follow a user.

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, data};

use crate::accounts::api::{Profile, ProfileError, UserId};
use crate::follows::api::{Follow, FollowError, FollowerId};

/// Begins to follow a user: their posts come into the feed. A repeat changes nothing.
#[data]
pub struct FollowUser {
    /// Whom.
    pub user: UserId,
}

impl Operation for FollowUser {
    type Reply = ();

    fn problems() -> Vec<ProblemClass> {
        [ProfileError::PROBLEMS, FollowError::PROBLEMS].concat()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<(), Stop> {
        let follower = FollowerId(UserId(cx.account()?));
        cx.ask(&self.user, &Profile {})??;
        Ok(cx.call(&follower, &Follow { user: self.user })??)
    }
}
