//! Reads every feed again, and compares it with what it should hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::ImportError;
use super::graph::handle;
use super::lanes;
use super::phases::Site;
use super::plan::{Phase, Plan};
use super::progress::Progress;
use crate::api::{ApiError, Call};

/// How long nothing may come into a feed that lacks something: deliveries may be under way.
const PATIENCE: Duration = Duration::from_secs(30);

/// Before a feed is read again.
const PAUSE: Duration = Duration::from_millis(500);

/// What feeds hold, beside what they should.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    feeds: u64,
    posts: u64,
    all: Differences,
    /// Feeds that differ, and the owner of one of them.
    wrong: u64,
    example: String,
    lasted: Duration,
}

/// How feeds differ from what they should be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Differences {
    /// Posts that are not there.
    missing: u64,
    /// Posts that are there again.
    twice: u64,
    /// Posts that do not belong there.
    foreign: u64,
    /// Authors whose posts are not in the order in which they were published.
    disordered: u64,
}

/// What feeds should hold.
struct Expected {
    plan: Arc<Plan>,
    /// The rows of each author.
    rows: BTreeMap<usize, Vec<usize>>,
    /// Whom each person follows.
    followed: BTreeMap<usize, Vec<usize>>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    post: String,
    handle: String,
    body: String,
}

/// Reads every feed, and compares.
pub(crate) async fn verify(site: &Site) -> Result<Verified, ImportError> {
    let (begun, count) = (Instant::now(), site.plan.count(Phase::Accounts));
    let mut progress = Progress::new("feeds", count, 0);
    let expected = Arc::new(Expected::of(&site.plan));
    let asked = site.clone();
    let work = move |person| {
        let (site, expected) = (asked.clone(), Arc::clone(&expected));
        async move { examine(&site, &expected, person).await }
    };
    let mut verified = Verified {
        feeds: 0,
        posts: 0,
        all: Differences::default(),
        wrong: 0,
        example: String::new(),
        lasted: Duration::ZERO,
    };
    let report = |person, (posts, found)| {
        progress.advance();
        verified.add(handle(site.plan.graph.people[person]), posts, found);
        Ok(())
    };
    lanes::run(0..count, |it| it % site.width, work, report).await?;
    progress.finish();
    Ok(Verified { lasted: begun.elapsed(), ..verified })
}

/// How many posts a feed has, and how it differs from what it should be.
async fn examine(
    site: &Site,
    expected: &Expected,
    person: usize,
) -> Result<(u64, Differences), ImportError> {
    let right = expected.feed(person);
    let (mut posts, mut patience) = (0, Instant::now() + PATIENCE);
    loop {
        let found = read(site, person).await?;
        let differences = compare(&right, &found);
        if found.len() as u64 > posts {
            (posts, patience) = (found.len() as u64, Instant::now() + PATIENCE);
        }
        if differences.missing == 0 || Instant::now() > patience {
            return Ok((posts, differences));
        }
        sleep(PAUSE).await;
    }
}

/// A whole feed, oldest first.
async fn read(site: &Site, person: usize) -> Result<Vec<Item>, ImportError> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let call = Call {
            method: Method::GET,
            path: format!("/v1/me/feed?limit=100{cursor}"),
            token: Some(site.accounts[&person].token.clone()),
            key: String::new(),
            body: None,
        };
        let page = site.api.send(&call).await?;
        let page: Page = serde_json::from_value(page).map_err(|error| {
            let (what, answer) = (call.path, format!("{error}; is this another release?"));
            ApiError::Refused { what, status: 200, answer }
        })?;
        items.extend(page.items);
        let Some(next) = page.next else { break };
        cursor = format!("&cursor={next}");
    }
    items.reverse();
    Ok(items)
}

impl Expected {
    fn of(plan: &Arc<Plan>) -> Self {
        let (mut rows, mut followed) = (BTreeMap::new(), BTreeMap::new());
        for row in 0..plan.count(Phase::Posts) {
            let author = plan.person(Phase::Posts, row);
            rows.entry(author).or_insert_with(Vec::new).push(row);
        }
        for (follower, author) in &plan.graph.follows {
            followed.entry(*follower).or_insert_with(Vec::new).push(*author);
        }
        Self { plan: Arc::clone(plan), rows, followed }
    }

    /// The texts of a person's feed by the handles of their authors, oldest first.
    fn feed(&self, person: usize) -> BTreeMap<String, Vec<&str>> {
        let authors = self.followed.get(&person).into_iter().flatten().chain([&person]);
        let texts = |rows: &Vec<usize>| rows.iter().map(|it| &*self.plan.posts[*it]).collect();
        let name = |author: usize| handle(self.plan.graph.people[author]);
        authors.filter_map(|it| Some((name(*it), texts(self.rows.get(it)?)))).collect()
    }
}

/// Compares a feed, oldest first, with what it should be.
fn compare(right: &BTreeMap<String, Vec<&str>>, found: &[Item]) -> Differences {
    let (mut all, mut seen) = (Differences::default(), BTreeSet::new());
    let mut by_author: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in found {
        if seen.insert(&item.post) {
            by_author.entry(&item.handle).or_default().push(&item.body);
        } else {
            all.twice += 1;
        }
    }
    for (author, right) in right {
        all.add(compare_author(right, &by_author.remove(&**author).unwrap_or_default()));
    }
    all.foreign += by_author.values().map(|it| it.len() as u64).sum::<u64>();
    all
}

/// Compares what a feed has of one author with what it should.
fn compare_author(right: &[&str], found: &[&str]) -> Differences {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for text in right {
        counts.entry(text).or_default().0 += 1;
    }
    for text in found {
        counts.entry(text).or_default().1 += 1;
    }
    let mut all = Differences::default();
    for (right, found) in counts.into_values() {
        all.missing += right.saturating_sub(found);
        let more = found.saturating_sub(right);
        *if right > 0 { &mut all.twice } else { &mut all.foreign } += more;
    }
    // What is there comes in its order, even if something between is missing.
    let mut rest = right.iter();
    let is_ordered = found.iter().all(|it| rest.any(|right| right == it));
    all.disordered = u64::from(all.twice + all.foreign == 0 && !is_ordered);
    all
}

impl Differences {
    fn add(&mut self, other: Self) {
        self.missing += other.missing;
        self.twice += other.twice;
        self.foreign += other.foreign;
        self.disordered += other.disordered;
    }
}

impl Verified {
    fn add(&mut self, owner: String, posts: u64, differences: Differences) {
        self.feeds += 1;
        self.posts += posts;
        self.all.add(differences);
        if differences != Differences::default() {
            self.wrong += 1;
            self.example = owner;
        }
    }

    /// Refuses feeds that do not hold what they should.
    pub(crate) fn check(self) -> Result<(), ImportError> {
        match self.wrong {
            0 => Ok(()),
            feeds => Err(ImportError::Differs { feeds, example: self.example }),
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feeds, posts, all, lasted, .. } = self;
        let Differences { missing, twice, foreign, disordered } = all;
        let seconds = lasted.as_secs_f64();
        writeln!(
            f,
            "{:8} {feeds:>8} in {seconds:>8.1} s, with {posts} posts: {missing} missing, {twice} twice, \
             {foreign} foreign, {disordered} authors out of order",
            "feeds"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feed as `post author text`, oldest first; the right one has a and b by x, and c by y.
    #[track_caller]
    fn check(found: &[&str], expected: (u64, u64, u64, u64)) {
        let right = BTreeMap::from([("x".to_owned(), vec!["a", "b"]), ("y".to_owned(), vec!["c"])]);
        let item = |text: &&str| {
            let [post, handle, body] = text.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            let [post, handle, body] = [post, handle, body].map(str::to_owned);
            Item { post, handle, body }
        };
        let found: Vec<Item> = found.iter().map(item).collect();
        let Differences { missing, twice, foreign, disordered } = compare(&right, &found);
        assert_eq!((missing, twice, foreign, disordered), expected);
    }

    #[test]
    fn feeds_are_compared() {
        check(&["1 x a", "2 y c", "3 x b"], (0, 0, 0, 0));
        check(&["2 y c", "1 x a", "3 x b"], (0, 0, 0, 0));
        check(&["1 x a", "2 y c"], (1, 0, 0, 0));
        check(&[], (3, 0, 0, 0));
        check(&["1 x a", "2 y c", "3 x b", "1 x a"], (0, 1, 0, 0));
        check(&["1 x a", "2 y c", "3 x b", "4 x b"], (0, 1, 0, 0));
        check(&["1 x a", "2 y c", "3 x b", "4 x z", "5 z a"], (0, 0, 2, 0));
        check(&["3 x b", "2 y c", "1 x a"], (0, 0, 0, 1));
        check(&["1 x a", "2 x c", "3 x b"], (1, 0, 1, 0));
    }
}
