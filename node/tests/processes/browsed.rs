//! The page of a node, in a real browser, while that node is killed: it shows what was published meanwhile,
//! and what was published through it.

use std::process::Command;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::author::{Author, PASSWORD};
use crate::balancer::Balancer;
use crate::client::Client;
use crate::cluster::Cluster;
use crate::follower::{Follower, named_by, script};

/// Posts before the kill, and after it.
const POSTS: usize = 15;

/// What is published through the page itself.
const OWN: &str = "written on the page";

/// The numbers of the posts that a page shows, newest first.
fn numbers(shown: &Value) -> Vec<usize> {
    let posts = shown["posts"].as_array().into_iter().flatten().filter_map(Value::as_str);
    posts.filter_map(|it| it.split(' ').nth(1)?.parse().ok()).collect()
}

/// How often it shows what was published through it.
fn own(shown: &Value) -> usize {
    shown["posts"].as_array().into_iter().flatten().filter(|it| *it == OWN).count()
}

fn is_whole(shown: &Value, posts: usize) -> bool {
    numbers(shown).into_iter().eq((0..posts).rev())
}

#[test]
fn a_page_goes_on_with_what_it_missed() {
    let Some(browser) = named_by("ROOST_CHROMIUM") else { return };
    let mut cluster = Cluster::new("browsed", 3);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    runtime.block_on(async {
        let balancer = Balancer::start(cluster.urls()).await;
        let url = format!("http://{}", balancer.address);
        let (_places, behind) = watch::channel(vec![url.clone()]);
        let author = Author::register(&Client::new(&behind), 0).await;
        let open = |modules: &str| {
            let mut command = Command::new("node");
            command.args([&script("page.mjs"), modules, &browser, &url, "author0", PASSWORD, OWN]);
            command
        };
        let Some(mut page) = Follower::start("ROOST_CENTRIFUGE_JS", open) else { return };
        let serving = |it: &Value| {
            let state = it["state"].as_str()?.split(' ').next_back()?.to_owned();
            ["n1", "n2", "n3"].contains(&&*state).then_some(state)
        };
        page.wait_for(|it| serving(it).is_some() && own(it) == 1);
        for post in 0..POSTS {
            author.publish(post).await;
        }
        page.wait_for(|it| is_whole(it, POSTS));
        let node = page.heard.last().and_then(serving).expect("it is served");
        tokio::task::block_in_place(|| cluster.kill(&node));
        balancer.move_to(cluster.urls());
        for post in POSTS..2 * POSTS {
            author.publish(post).await;
        }
        page.wait_for(|it| is_whole(it, 2 * POSTS) && serving(it).is_some());
        let states = page.heard.iter().filter_map(|it| it["state"].as_str());
        assert!(states.clone().any(|it| it == "reconnecting"), "{:?}", states.collect::<Vec<_>>());
        assert!(page.heard.iter().all(|it| it["error"].is_null()), "the page has no errors");
        assert_eq!(page.heard.last().map(own), Some(1), "it is published once");
    });
}
