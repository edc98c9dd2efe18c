//! The stored and transmitted bytes of every `#[data]` type: what is deployed cannot change unseen.
//!
//! `golden/wire/<service>.hex` has lines `Type v<layout> <bytes> <json>`. `UPDATE_GOLDEN=1` writes
//! those of the newest layouts anew; those of older ones stay, and must stay readable.

mod declared;
mod golden;
mod samples;

use std::collections::BTreeSet;

use declared::declared;
use golden::{Sample, check};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn accounts_are_stored_as_ever() {
    check("accounts", &samples::accounts());
}

#[test]
fn follows_are_stored_as_ever() {
    check("follows", &samples::follows());
}

#[test]
fn posts_are_stored_as_ever() {
    check("posts", &samples::posts());
}

#[test]
fn feeds_are_stored_as_ever() {
    check("feeds", &samples::feeds());
}

#[test]
fn what_all_share_is_stored_as_ever() {
    check("page", &samples::page());
}

#[test]
fn every_type_has_a_sample() {
    let all: [(&str, Vec<Sample>); 5] = [
        ("accounts", samples::accounts()),
        ("feeds", samples::feeds()),
        ("follows", samples::follows()),
        ("page.rs", samples::page()),
        ("posts", samples::posts()),
    ];
    let known: BTreeSet<_> = all
        .iter()
        .flat_map(|(place, samples)| samples.iter().map(|it| (*place, it.name)))
        .collect();
    let mut missing = declared();
    missing.retain(|(place, name)| !known.contains(&(place.as_str(), name.as_str())));
    assert!(missing.is_empty(), "without a sample: {missing:?}");
}
