//! Who sends commands, and how long each takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cluster::request::Answer;
use entity::kind::Kind;
use entity::operation::Request;
use entity::{Address, Caller, Command, Data, Key, Query, Release};
use raft::home::Home;
use runtime::client::Client;
use tokio::sync::mpsc::UnboundedSender;

use super::tally::Tally;
use crate::bench::counter::{Add, Counters, Look};

/// What all clients have in common.
pub(super) struct Crew {
    /// Entities that commands go to.
    pub(super) entities: u64,
    /// How many clients there are.
    pub(super) clients: u64,
    /// What is counted.
    pub(super) tally: Arc<Tally>,
    /// Whether it is measured how long commands take.
    pub(super) is_measured: AtomicBool,
    /// Whether clients go home.
    pub(super) is_over: AtomicBool,
}

impl Crew {
    /// Sends one command after the other, until it is over. Tells how long each took.
    pub(super) async fn work(
        self: Arc<Self>,
        number: u64,
        (client, home): (Client, Home),
        told: UnboundedSender<Vec<Duration>>,
    ) {
        let (mut entity, mut lasted) = (number % self.entities, Vec::new());
        while !self.is_over.load(Ordering::Relaxed) {
            let began = home.now();
            let answer = client.command(Caller::Anyone, None, add(entity)).await;
            if self.is_measured.load(Ordering::Relaxed) {
                lasted.push(home.now() - began);
            }
            let is_done = matches!(answer, Answer::Outcome(_));
            let counter = if is_done { &self.tally.commands } else { &self.tally.errors };
            counter.fetch_add(1, Ordering::Relaxed);
            entity = (entity + self.clients) % self.entities;
        }
        // Nobody listens when the bench ends early.
        told.send(lasted).ok();
    }
}

/// The counter of a number.
pub(super) fn counter(number: u64) -> Address {
    Address { kind: Counters::TAG, key: number.to_bytes() }
}

fn add(entity: u64) -> Request {
    let mut body = Vec::new();
    Add { n: 1 }.encode(Release::NEWEST, &mut body);
    Request { to: counter(entity), tag: Add::TAG, body }
}

/// Asks a counter for its sum.
pub(super) fn look(at: Address) -> Request {
    let mut body = Vec::new();
    Look {}.encode(Release::NEWEST, &mut body);
    Request { to: at, tag: Look::TAG, body }
}
