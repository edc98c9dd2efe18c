//! One author's pushes to many feeds.

use entity::registry::Rows;
use entity::{Answer, Context, Entity, Handle, Never, Table, data};

use crate::accounts::api::UserId;
use crate::feeds::api::{
    AnnouncePulled, AuthorPulled, Backlog, BacklogSize, Deliver, FanOuts, FeedId, FollowersPage,
    FollowersPageError, LISTING_RETRY, ListAgain, ListingRefused, Spread, SpreadError,
    SpreadWithdrawn, TASKS_MAX, Withdraw,
};
use crate::posts::api::{AuthorId, ListFollowers, PostId};

/// A queue of pushes, worked off one page of followers at a time.
///
/// The position in the followers is their order of ids, not their number: whoever comes or goes
/// meanwhile makes nobody else be told twice or not at all.
#[data]
#[derive(Default)]
pub struct FanOut {
    /// How many tasks were ever added. They are numbered from 1.
    added: u64,
    /// How many of them are done. The next one, if there is one, is in hand.
    done: u64,
    /// Who was told last for the task in hand; nobody yet when there is none.
    told: Option<UserId>,
}

impl Entity for FanOut {
    type Kind = FanOuts;
    type Tables = (Rows<Tasks>,);
}

/// The tasks that are not done, by number.
pub enum Tasks {}

impl Table for Tasks {
    const NAME: &'static str = "tasks";
    const TAG: u8 = 1;
    type Key = u64;
    type Row = Task;
}

/// What to tell the feeds of all followers.
#[data]
#[derive(Copy)]
pub enum Task {
    /// That there is a post.
    Deliver {
        /// Which one.
        post: PostId,
    },
    /// That there are posts to pull.
    AnnouncePulled,
    /// That a post is deleted.
    Withdraw {
        /// Which one.
        post: PostId,
    },
}

impl Handle<Spread> for FanOut {
    fn handle(&mut self, spread: Spread, cx: &mut Context<'_, Self>) -> Result<(), SpreadError> {
        self.add(Task::Deliver { post: spread.post }, cx)
    }
}

impl Handle<SpreadWithdrawn> for FanOut {
    fn handle(
        &mut self,
        spread: SpreadWithdrawn,
        cx: &mut Context<'_, Self>,
    ) -> Result<(), SpreadError> {
        self.add(Task::Withdraw { post: spread.post }, cx)
    }
}

impl Handle<AnnouncePulled> for FanOut {
    fn handle(&mut self, _: AnnouncePulled, cx: &mut Context<'_, Self>) -> Result<(), SpreadError> {
        self.add(Task::AnnouncePulled, cx)
    }
}

impl Handle<FollowersPage> for FanOut {
    fn handle(
        &mut self,
        page: FollowersPage,
        cx: &mut Context<'_, Self>,
    ) -> Result<(), FollowersPageError> {
        if self.is_idle() || page.after != self.told {
            return Err(FollowersPageError::NotAsked);
        }
        let task = cx.get::<Tasks>(&self.in_hand()).expect("kept until it is done");

        self.told = page.next;
        if self.told.is_none() {
            cx.remove::<Tasks>(&self.in_hand());
            self.done += 1;
        }

        tell(page.followers, task, cx);
        self.list(cx);
        Ok(())
    }
}

impl Handle<ListingRefused> for FanOut {
    fn handle(&mut self, _: ListingRefused, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.wake_at(cx.now() + LISTING_RETRY, &ListAgain {});
        Ok(())
    }
}

impl Handle<ListAgain> for FanOut {
    fn handle(&mut self, _: ListAgain, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        self.list(cx);
        Ok(())
    }
}

impl Answer<Backlog> for FanOut {
    fn answer(&self, _: Backlog, _: &Context<'_, Self>) -> Result<BacklogSize, Never> {
        Ok(BacklogSize { tasks: self.waiting() })
    }
}

impl FanOut {
    fn add(&mut self, task: Task, cx: &mut Context<'_, Self>) -> Result<(), SpreadError> {
        if self.waiting() == TASKS_MAX {
            return Err(SpreadError::Full);
        }

        let was_idle = self.is_idle();
        self.added += 1;
        cx.put::<Tasks>(&self.added, &task);

        if was_idle {
            self.list(cx);
        }
        Ok(())
    }

    /// Asks for the next followers, unless everything is done.
    fn list(&self, cx: &mut Context<'_, Self>) {
        if !self.is_idle() {
            let list = ListFollowers { after: self.told };
            cx.send_or(&AuthorId(cx.key().0), &list, &ListingRefused {});
        }
    }

    fn waiting(&self) -> u64 {
        self.added - self.done
    }

    fn is_idle(&self) -> bool {
        self.waiting() == 0
    }

    /// The number of the task in hand.
    fn in_hand(&self) -> u64 {
        self.done + 1
    }
}

/// Tells one page of followers.
fn tell(followers: Vec<UserId>, task: Task, cx: &mut Context<'_, FanOut>) {
    let author = cx.key().0;
    let feeds = followers.into_iter().map(FeedId);
    match task {
        Task::Deliver { post } => cx.send_many(feeds, &Deliver { author, post }),
        Task::Withdraw { post } => cx.send_many(feeds, &Withdraw { author, post }),
        Task::AnnouncePulled => cx.send_many(feeds, &AuthorPulled { author }),
    }
}
