//! Waits until every author knows their followers.
//!
//! A follow is answered when the follower knows of it. The author learns of it a moment later, or when
//! the node is back that had to hear of it; what they publish before that does not come to the follower.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use tokio::time::{Instant, sleep};

use super::ImportError;
use super::graph::handle;
use super::lanes;
use super::phases::Site;
use crate::api::Call;

/// How long an author may take to learn of all followers.
const SETTLING_MAX: Duration = Duration::from_mins(1);

/// Before an author is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until every author knows their followers.
pub(crate) async fn settle(site: &Site) -> Result<(), ImportError> {
    let mut followers: BTreeMap<usize, u64> = BTreeMap::new();
    for (_, author) in &site.plan.graph.follows {
        *followers.entry(*author).or_default() += 1;
    }
    let (authors, followers) = (followers.clone().into_keys(), Arc::new(followers));
    let asked = site.clone();
    let work = move |author| {
        let (site, expected) = (asked.clone(), followers[&author]);
        async move { wait(&site, author, expected).await }
    };
    lanes::run(authors, |it| it % site.width, work, |_, ()| Ok(())).await
}

async fn wait(site: &Site, author: usize, expected: u64) -> Result<(), ImportError> {
    let account = &site.accounts[&author];
    let call = Call {
        method: Method::GET,
        path: format!("/v1/users/{}/counts", account.user),
        token: Some(account.token.clone()),
        key: String::new(),
        body: None,
    };
    let patience = Instant::now() + SETTLING_MAX;
    loop {
        let known = site.api.send(&call).await?["followers"].as_u64().unwrap_or_default();
        if known >= expected {
            return Ok(());
        }
        if Instant::now() > patience {
            let author = handle(site.plan.graph.people[author]);
            return Err(ImportError::Unsettled { author, known, expected });
        }
        sleep(PAUSE).await;
    }
}
