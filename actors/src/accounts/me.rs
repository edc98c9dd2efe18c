//! Who asks.

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, data};

use crate::accounts::api::{AccountProfile, Profile, ProfileError, UserId};

/// Asks who the token's account is.
#[data]
pub struct Me {}

impl Operation for Me {
    type Reply = AccountProfile;

    fn problems() -> Vec<ProblemClass> {
        ProfileError::PROBLEMS.to_vec()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<AccountProfile, Stop> {
        let user = UserId(cx.account()?);
        Ok(cx.ask(&user, &Profile {})??)
    }
}
