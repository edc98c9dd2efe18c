//! Users who follow each other, and cease to.

use std::collections::{BTreeMap, BTreeSet};

use actors::accounts::api::UserId;
use actors::follows::api::{Counts, Follow, FollowerId, Following as Wanted, Unfollow};
use actors::page::PageLimit;
use actors::posts::api::{AuthorId, Counts as AuthorCounts};
use entity::Id;

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::Chance;
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The first user of this workload.
const USERS_FROM: u128 = 2_000_000;

/// Who follows whom.
type Pair = (UserId, UserId);

/// Follows and unfollows.
#[derive(Debug)]
pub struct Following {
    clients: usize,
    users: u64,
    hands: Hands<(Pair, bool)>,
    /// What somebody is doing something about.
    busy: BTreeSet<Pair>,
    /// Whether somebody follows somebody; `None` when nobody knows.
    last: BTreeMap<Pair, Option<bool>>,
}

impl Following {
    /// Some clients, some users.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(1..=8).try_into().expect("a few"),
            users: chance.within(2..=30),
            hands: Hands::default(),
            busy: BTreeSet::new(),
            last: BTreeMap::new(),
        }
    }

    fn user(&self, number: u64) -> UserId {
        debug_assert!(number < self.users, "one of the users");
        UserId(Id(USERS_FROM + u128::from(number)))
    }
}

/// Whom somebody follows.
///
/// # Errors
///
/// What went wrong.
pub fn followed(view: &mut View<'_>, follower: UserId) -> Result<BTreeSet<UserId>, String> {
    let mut found = BTreeSet::new();
    let mut after = None;
    loop {
        let page = view.ask(&FollowerId(follower), &Wanted { after, limit: PageLimit::MAX })?;
        for followed in &page.users {
            holds(found.insert(followed.user), || format!("{} is there twice", followed.user))?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

impl Workload for Following {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let follower = chance.below(self.users);
        let other = (follower + 1 + chance.below(self.users - 1)) % self.users;
        let pair = (self.user(follower), self.user(other));
        let is_follow = chance.flips();
        if !self.busy.insert(pair) {
            // Somebody else is at it: of two at once nobody could tell which came last.
            self.last.insert(pair, None);
        }
        self.hands.begin(client, (pair, is_follow));
        let (follower, user) = (FollowerId(pair.0), pair.1);
        let follow = Call::command(&follower, &Follow { user });
        let unfollow = Call::command(&follower, &Unfollow { user });
        Some(if is_follow { follow } else { unfollow })
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let (pair, is_follow) = self.hands.end(client);
        self.busy.remove(&pair);
        let fate = Fate::of(done);
        holds(fate != Fate::Refused, || format!("{pair:?} was refused"))?;
        let last = self.last.entry(pair).or_insert(Some(false));
        *last = last.and((fate == Fate::Done).then_some(is_follow));
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        let mut followers: BTreeMap<UserId, u32> = BTreeMap::new();
        for number in 0..self.users {
            let user = self.user(number);
            let found = followed(view, user)?;
            let counts = view.ask(&FollowerId(user), &Counts {})?;
            holds(counts.following as usize == found.len(), || {
                format!("{user} follows {found:?}, and counts {counts:?}")
            })
            .under(&user)?;
            for other in &found {
                *followers.entry(*other).or_default() += 1;
            }
            for (pair, last) in self.last.iter().filter(|((follower, _), _)| *follower == user) {
                let is = found.contains(&pair.1);
                holds(last.is_none_or(|last| last == is), || {
                    format!("{pair:?} should be {last:?}, and is {is}")
                })
                .under(&user)?;
            }
        }
        for number in 0..self.users {
            let user = self.user(number);
            let counted = view.ask(&AuthorId(user), &AuthorCounts {})?.followers;
            let expected = followers.get(&user).copied().unwrap_or(0);
            let checked = holds(counted == expected, || {
                format!("{user} counts {counted} followers, and {expected} follow")
            });
            let asked = self.last.keys().filter(|(_, followed)| *followed == user);
            asked.fold(checked.map_err(Wrong::from), |it, (follower, _)| it.under(follower))?;
        }
        Ok(())
    }
}
