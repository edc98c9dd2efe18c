//! A channel that somebody on this node follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use entity::Offset;
use raft::shared::Shared;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::outbox::{End, Outbox, Push};
use super::publication::{self, Publication};

/// A channel that somebody on this node follows.
#[derive(Debug)]
pub(super) struct Topic {
    /// What clients call it.
    pub(super) name: Arc<str>,
    state: Shared<State>,
    /// Somebody has left.
    pub(super) left: Notify,
}

#[derive(Default)]
struct State {
    /// Members have got, or will get from their outbox, everything up to here.
    position: Option<Offset>,
    members: BTreeMap<u64, Arc<Outbox>>,
    waiting: Vec<oneshot::Sender<Offset>>,
    numbers: u64,
    is_over: bool,
}

/// A connection follows a channel until this is dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    topic: Arc<Topic>,
    number: u64,
}

/// A connection that has joined, and when it learns from where on it gets items.
pub(super) struct Joined {
    pub(super) membership: Membership,
    pub(super) begins: oneshot::Receiver<Offset>,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), state: Shared::default(), left: Notify::new() }
    }

    /// A connection joins; none if the topic is over.
    pub(super) fn join(self: &Arc<Self>, outbox: &Arc<Outbox>) -> Option<Joined> {
        let (sender, begins) = oneshot::channel();
        let number = self.state.with(|state| {
            if state.is_over {
                return None;
            }
            state.numbers += 1;
            state.members.insert(state.numbers, Arc::clone(outbox));
            match state.position {
                // Whoever joins waits for it: the receiver is here.
                Some(position) => sender.send(position).unwrap_or_default(),
                None => state.waiting.push(sender),
            }
            Some(state.numbers)
        })?;
        Some(Joined { membership: Membership { topic: Arc::clone(self), number }, begins })
    }

    /// What comes now is behind this position.
    pub(super) fn begin(&self, position: Offset) {
        self.state.with(|state| {
            state.position = Some(position);
            for waiting in state.waiting.drain(..) {
                // It may have left meanwhile.
                waiting.send(position).unwrap_or_default();
            }
        });
    }

    /// Hands items to all members.
    pub(super) fn publish(&self, publications: &[Publication]) {
        let Some(last) = publications.last() else { return };
        let push = |it: &Publication| Push::Item {
            channel: Arc::clone(&self.name),
            offset: it.offset,
            line: it.line(&self.name).into(),
        };
        let pushes: Vec<_> = publications.iter().map(push).collect();
        self.state.with(|state| {
            for outbox in state.members.values() {
                for push in &pushes {
                    outbox.push(push.clone());
                }
            }
            state.position = Some(last.offset);
        });
    }

    /// Hands the newest state to all members.
    pub(super) fn show(&self, state: &Value) {
        let line: Arc<str> = publication::state(&self.name, state).into();
        self.state.with(|it| {
            for outbox in it.members.values() {
                let (channel, line) = (Arc::clone(&self.name), Arc::clone(&line));
                outbox.push(Push::State { channel, line });
            }
        });
    }

    /// Waits until nobody is here any more, and ends.
    pub(super) async fn emptied(&self) {
        while !self.end() {
            self.left.notified().await;
        }
    }

    /// Something was missed: members are told, and nobody joins any more.
    pub(super) fn lose(&self) {
        self.state.with(|state| {
            state.is_over = true;
            state.waiting.clear();
            for outbox in state.members.values() {
                outbox.push(Push::Lost { channel: Arc::clone(&self.name) });
            }
        });
    }

    /// Nothing is heard of the channel here. Connections that follow it end, and their clients look for
    /// another node; whoever is about to follow it learns that it cannot be read now.
    pub(super) fn silence(&self) {
        self.state.with(|state| {
            state.waiting.clear();
            if state.position.is_none() {
                return;
            }
            state.is_over = true;
            for outbox in state.members.values() {
                outbox.end(End::Silent);
            }
        });
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.state.with(|state| state.is_over)
    }

    /// Ends, if nobody is here any more.
    pub(super) fn end(&self) -> bool {
        self.state.with(|state| {
            state.is_over |= state.members.is_empty();
            state.is_over
        })
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let is_empty = self.topic.state.with(|state| {
            state.members.remove(&self.number);
            state.members.is_empty()
        });
        if is_empty {
            self.topic.left.notify_one();
        }
    }
}
