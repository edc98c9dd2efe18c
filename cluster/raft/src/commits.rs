//! Tells followers of commits together with entries.
//!
//! openraft tells every follower of every commit at once, with an append that holds nothing else. Nobody
//! waits for that: who leads answers from its own copy, and who is elected learns what has committed by an
//! entry of its own. So such news waits a little for the next entries, which say as much. Under load
//! that is half of all questions and answers between members.

use std::pin::pin;
use std::time::Duration;

use futures::Stream;
use futures::stream::{self, Fuse, StreamExt};
use openraft::raft::AppendEntriesRequest;

use crate::home::Home;
use crate::proposal::{LogId, Types};

/// How long a follower may not know of a commit although nothing is lost or late. Far longer than from one
/// entry to the next under load, and not noticed by who looks at followers.
const DELAY: Duration = Duration::from_millis(20);

type Append = AppendEntriesRequest<Types>;

/// The same appends, without those that say only what the next one says as well.
pub(crate) fn gathered<S>(appends: S, home: Home) -> impl Stream<Item = Append> + Unpin
where
    S: Stream<Item = Append> + Unpin,
{
    let gathering = Gathering { appends: appends.fuse(), home, sent: None };
    Box::pin(stream::unfold(gathering, |mut it| async {
        let next = it.next().await?;
        Some((next, it))
    }))
}

struct Gathering<S> {
    appends: Fuse<S>,
    home: Home,
    /// The last entry that the follower has been sent.
    sent: Option<LogId>,
}

impl<S: Stream<Item = Append> + Unpin> Gathering<S> {
    async fn next(&mut self) -> Option<Append> {
        let mut append = self.appends.next().await?;
        let mut over = pin!(self.home.sleep(DELAY));
        while self.is_news_only(&append) {
            tokio::select! {
                biased;
                next = self.appends.next() => match next {
                    Some(next) => append = next,
                    None => break,
                },
                () = &mut over => break,
            }
        }
        self.sent = append.entries.last().map(|it| it.log_id).or(append.prev_log_id);
        Some(append)
    }

    /// Whether an append says only what has committed. The first one of all asks what the follower has.
    fn is_news_only(&self, append: &Append) -> bool {
        append.entries.is_empty() && self.sent.is_some() && append.prev_log_id == self.sent
    }
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;
    use crate::home::Drift;
    use crate::proposal::{Entry, LeaderId, Vote};

    /// An append behind an entry, with so many more; all up to an index have committed.
    fn append(behind: u64, count: u64, committed: u64) -> Append {
        let leader_id = LeaderId { term: 1, node_id: 1 };
        let id = |index| LogId::new(leader_id, index);
        let entry = |index| Entry { log_id: id(index), payload: EntryPayload::Blank };
        AppendEntriesRequest {
            vote: Vote { leader_id, committed: true },
            prev_log_id: Some(id(behind)),
            entries: (behind + 1..=behind + count).map(entry).collect(),
            leader_commit: Some(id(committed)),
        }
    }

    /// What is sent when these come, each after so many milliseconds, and when, up to what.
    async fn sent(appends: Vec<(u64, Append)>) -> Vec<(u64, usize, u64)> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let came = stream::poll_fn(move |context| receiver.poll_recv(context));
        let began = Instant::now();
        let feed = async move {
            for (pause, append) in appends {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                sender.send(append).unwrap();
            }
        };
        let gathered = gathered(came, Home::new(1, Drift::default())).map(|it| {
            let at = u64::try_from(began.elapsed().as_millis()).unwrap();
            (at, it.entries.len(), it.leader_commit.unwrap().index)
        });
        tokio::join!(feed, gathered.collect()).1
    }

    #[tokio::test(start_paused = true)]
    async fn news_wait_for_entries() {
        let appends = vec![(0, append(0, 2, 0)), (5, append(2, 0, 2)), (5, append(2, 1, 2))];
        assert_eq!(sent(appends).await, [(0, 2, 0), (10, 1, 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn news_do_not_wait_for_ever() {
        let news = |pause, committed| (pause, append(4, 0, committed));
        let appends = vec![(0, append(0, 4, 0)), news(5, 1), news(10, 2), news(20, 4)];
        assert_eq!(sent(appends).await, [(0, 4, 0), (25, 0, 2), (35, 0, 4)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_asks_how_far_a_follower_is_does_not_wait() {
        let appends = vec![(0, append(3, 0, 2)), (1, append(2, 0, 2)), (1, append(2, 1, 2))];
        assert_eq!(sent(appends).await, [(0, 0, 2), (1, 0, 2), (2, 1, 2)]);
    }
}
