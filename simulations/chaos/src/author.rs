//! People who publish, and somebody who follows them all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::time::sleep;

use crate::client::{Call, Client, Told, Trying};
use crate::error::ChaosError;
use crate::ledger::Wall;
use crate::load::Crew;

/// The password of all of them.
const PASSWORD: &str = "correct horse";

/// Between two posts of an author.
const PAUSE: Duration = Duration::from_millis(100);

/// Most posts of an author: below what a feed keeps of all of them.
const POSTS_MAX: usize = 1_300;

/// How long posts may take to be in the feed of the reader, when nothing goes wrong any more.
const DELIVERY_MAX: Duration = Duration::from_secs(30);

/// Between two looks whether they are.
const LOOK: Duration = Duration::from_millis(250);

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) user: String,
}

/// Where posts are listed, newest first.
struct List {
    path: String,
    /// What its pages call the posts.
    items: &'static str,
    /// The parameter that says where a page begins.
    from: &'static str,
}

impl Person {
    /// Gets an account.
    pub(crate) async fn register(
        anybody: &Client,
        urls: &[String],
        handle: &str,
    ) -> Result<Self, ChaosError> {
        let body = json!({ "handle": handle, "password": PASSWORD });
        let (path, key) = ("/v1/accounts".to_owned(), format!("account-{handle}"));
        let made = anybody.must(urls, &Call { method: Method::POST, path, key, body }).await?;
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        Ok(Self { client: anybody.with(&text("token")), user: text("user") })
    }

    /// Follows somebody.
    pub(crate) async fn follow(&self, urls: &[String], whom: &Self) -> Result<(), ChaosError> {
        let path = format!("/v1/me/following/{}", whom.user);
        let (key, body) = (format!("follow-{}", whom.user), json!({}));
        let call = Call { method: Method::PUT, path, key, body };
        self.client.must(urls, &call).await.map(drop)
    }

    /// What publishes a text, under a number of its own.
    pub(crate) fn publication(number: usize, text: &str) -> Call {
        Call {
            method: Method::POST,
            path: "/v1/me/feed".to_owned(),
            key: format!("post-{number}"),
            body: json!({ "body": text }),
        }
    }

    /// The texts of a list, oldest first.
    async fn texts(&self, urls: &[String], list: &List) -> Result<Vec<String>, ChaosError> {
        let (mut texts, mut next) = (Vec::new(), String::new());
        loop {
            let call = Call::get(format!("{}?limit=100{next}", list.path));
            let page = self.client.must(urls, &call).await?;
            let items = page[list.items].as_array().map_or(&[][..], |it| it);
            texts.extend(items.iter().map(|it| it["body"].as_str().unwrap_or_default().to_owned()));
            match page["next"].as_str() {
                Some(place) => next = format!("&{}={place}", list.from),
                None => break,
            }
        }
        texts.reverse();
        Ok(texts)
    }
}

/// Somebody who publishes.
#[derive(Debug)]
pub(crate) struct Author {
    person: Person,
    number: usize,
}

impl Author {
    /// Gets an account.
    pub(crate) async fn register(
        anybody: &Client,
        urls: &[String],
        number: usize,
    ) -> Result<Self, ChaosError> {
        let person = Person::register(anybody, urls, &format!("author{number}")).await?;
        Ok(Self { person, number })
    }

    /// Publishes until it is time to stop, one post after the other.
    pub(crate) async fn write(self, crew: Arc<Crew>) -> (Self, Wall, BTreeMap<String, u64>) {
        let mut wall = Wall { author: self.number, ..Wall::default() };
        let mut missed = BTreeMap::new();
        while !crew.is_over() && wall.posts.len() < POSTS_MAX {
            let number = wall.posts.len();
            let text = format!("post {number} of author {}", self.number);
            let call = Person::publication(number, &text);
            let (began, urls) = (crew.began.elapsed(), crew.writing());
            let trying = Trying { urls: &urls, first: number % urls.len(), missed: &mut missed };
            let told = self.person.client.insist(&call, trying).await;
            wall.posts.push((text, matches!(told, Told::Done(_))));
            match told {
                Told::Done(_) => {
                    wall.times.push((began, crew.began.elapsed().saturating_sub(began)));
                }
                Told::Refused(status, code) => wall.refused.push(format!("{status} {code}")),
                Told::Again(why) => wall.refused.push(format!("for good: {why}")),
            }
            sleep(PAUSE).await;
        }
        (self, wall, missed)
    }

    /// The texts of all posts, oldest first.
    pub(crate) async fn found(&self, urls: &[String]) -> Result<Vec<String>, ChaosError> {
        let path = format!("/v1/users/{}/posts", self.person.user);
        self.person.texts(urls, &List { path, items: "posts", from: "before" }).await
    }
}

/// Somebody who follows all authors.
#[derive(Debug)]
pub(crate) struct Reader(Person);

impl Reader {
    /// Gets an account.
    pub(crate) async fn register(anybody: &Client, urls: &[String]) -> Result<Self, ChaosError> {
        Person::register(anybody, urls, "reader").await.map(Self)
    }

    /// Follows an author.
    pub(crate) async fn follow(&self, urls: &[String], author: &Author) -> Result<(), ChaosError> {
        self.0.follow(urls, &author.person).await
    }

    /// Says what of each author is in the feed, as soon as all that was acknowledged is, or cannot be
    /// expected any more.
    pub(crate) async fn fill(&self, urls: &[String], walls: &mut [Wall]) -> Result<(), ChaosError> {
        let list = List { path: "/v1/me/feed".to_owned(), items: "items", from: "cursor" };
        for _ in 0..DELIVERY_MAX.as_millis() / LOOK.as_millis() {
            let texts = self.0.texts(urls, &list).await?;
            for wall in &mut *walls {
                let own = format!(" of author {}", wall.author);
                wall.delivered = texts.iter().filter(|it| it.ends_with(&own)).cloned().collect();
            }
            if walls.iter().all(|it| it.delivered.len() >= it.found.len()) {
                break;
            }
            sleep(LOOK).await;
        }
        Ok(())
    }
}
