//! One user's follows.

use entity::registry::{Items, Rows};
use entity::{Answer, Context, Entity, Handle, Never, Stream, Table, Time, data};

use crate::accounts::api::UserId;
use crate::feeds::api::{AuthorFollowed, AuthorUnfollowed, FeedId};
use crate::follows::api::{
    CHANGES_MAX, Counts, FOLLOWING_MAX, Follow, FollowError, Followed, FollowerCounts, Followers,
    Following, FollowingPage, Unfollow,
};
use crate::follows::channel::FollowsEvent;
use crate::page::page;
use crate::posts::api::{AddFollower, AuthorId, RemoveFollower};

/// A user as somebody who follows others.
#[data]
#[derive(Default)]
pub struct Follower {
    following_count: u32,
}

impl Entity for Follower {
    type Kind = Followers;
    type Tables = (Rows<Follows>, Items<Changes>);
}

/// Whom the user follows.
pub enum Follows {}

impl Table for Follows {
    const NAME: &'static str = "follows";
    const TAG: u8 = 1;
    type Key = UserId;
    type Row = Since;
}

/// What has changed lately.
pub enum Changes {}

impl Stream for Changes {
    const NAME: &'static str = "changes";
    const TAG: u8 = 2;
    const ITEMS_MAX: u64 = CHANGES_MAX;
    type Item = FollowsEvent;
}

/// Since when somebody is followed.
#[data]
pub struct Since {
    /// When it began.
    pub time: Time,
}

impl Handle<Follow> for Follower {
    fn handle(&mut self, follow: Follow, cx: &mut Context<'_, Self>) -> Result<(), FollowError> {
        let (follower, author) = (cx.key().0, follow.user);
        if follower == author {
            return Err(FollowError::Oneself);
        }
        if cx.get::<Follows>(&author).is_some() {
            return Ok(());
        }
        if self.following_count == FOLLOWING_MAX {
            return Err(FollowError::Full);
        }

        self.following_count += 1;
        cx.put::<Follows>(&author, &Since { time: cx.now() });
        cx.append::<Changes>(&FollowsEvent::Followed { user: author });

        cx.send(&FeedId(follower), &AuthorFollowed { author });
        cx.send(&AuthorId(author), &AddFollower { follower });
        Ok(())
    }
}

impl Handle<Unfollow> for Follower {
    fn handle(&mut self, unfollow: Unfollow, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        let (follower, author) = (cx.key().0, unfollow.user);
        if cx.get::<Follows>(&author).is_none() {
            return Ok(());
        }

        self.following_count -= 1;
        cx.remove::<Follows>(&author);
        cx.append::<Changes>(&FollowsEvent::Unfollowed { user: author });

        cx.send(&FeedId(follower), &AuthorUnfollowed { author });
        cx.send(&AuthorId(author), &RemoveFollower { follower });
        Ok(())
    }
}

impl Answer<Following> for Follower {
    fn answer(
        &self,
        following: Following,
        view: &Context<'_, Self>,
    ) -> Result<FollowingPage, Never> {
        let from = following.after.map_or(UserId::MIN, UserId::next);
        let items_max = following.limit.items();
        let (rows, next) = page(view.scan::<Follows>(&from, items_max + 1), items_max);
        let users =
            rows.into_iter().map(|(user, Since { time })| Followed { user, since: time }).collect();
        Ok(FollowingPage { users, next })
    }
}

impl Answer<Counts> for Follower {
    fn answer(&self, _: Counts, _: &Context<'_, Self>) -> Result<FollowerCounts, Never> {
        Ok(FollowerCounts { following: self.following_count })
    }
}
