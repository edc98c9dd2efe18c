//! A channel as one connection follows it.

use std::sync::Arc;
use std::time::Duration;

use entity::{Caller, Offset};

use super::command::Position;
use super::reply::{
    Code, INTERNAL_ERROR, NOT_AVAILABLE, PERMISSION_DENIED, UNKNOWN_CHANNEL, UNRECOVERABLE, history,
};
use crate::gateway::channels::{
    Followed, Hub, Membership, Outbox, Past, Publication, Push, Refused,
};
use crate::gateway::knobs::Knobs;

/// A channel as one connection follows it.
#[derive(Debug)]
pub(super) enum Subscription {
    /// It is on its way: what comes meanwhile is held back until the client has its reply.
    Joining {
        /// Tells it from others of the same name.
        number: u64,
        held: Held,
    },
    /// The client has all items up to here, if it is a channel that has items.
    Live { position: Offset, _membership: Membership },
}

/// What is held back.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) pushes: Vec<Push>,
    bytes: usize,
}

/// What a client learns that follows a channel from now on.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) membership: Membership,
    /// None: the channel has no items, but says how something is now.
    pub(super) place: Option<Place>,
}

/// Where a client is in a stream.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) epoch: String,
    pub(super) position: Offset,
    pub(super) was_recovering: bool,
    /// Whether it has missed nothing.
    pub(super) is_recovered: bool,
    /// What came since it was here.
    pub(super) publications: Vec<Publication>,
}

/// What is to be done with something that was pushed.
#[derive(Debug)]
pub(super) enum Due {
    /// Nothing: the client has it, or is not to have it yet.
    Nothing,
    /// Send this line.
    Line(Arc<str>),
    /// Something is missing: the client has to begin again.
    Lost,
}

impl Held {
    /// Holds back what has room. Where something has none, the client has to begin again once it has its
    /// reply.
    fn push(&mut self, push: Push, room: &mut usize) {
        let bytes = push.bytes();
        if bytes <= *room {
            self.bytes += bytes;
            *room -= bytes;
            self.pushes.push(push);
        } else {
            let channel = Arc::clone(push.channel());
            *room += std::mem::take(&mut self.bytes);
            self.pushes = vec![Push::Lost { channel }];
        }
    }
}

impl Subscription {
    /// Bytes that it holds back.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Joining { held, .. } => held.bytes,
            Self::Live { .. } => 0,
        }
    }

    /// Something was pushed. What has to be held back takes of the room that there is for that.
    pub(super) fn pushed(&mut self, push: Push, room: &mut usize) -> Due {
        match self {
            Self::Joining { held, .. } => {
                held.push(push, room);
                Due::Nothing
            }
            Self::Live { position, .. } => match push {
                Push::Lost { .. } => Due::Lost,
                Push::Item { offset, .. } if offset <= *position => Due::Nothing,
                Push::Item { offset, .. } if offset.0 > position.0 + 1 => Due::Lost,
                Push::Item { offset, line, .. } => {
                    *position = offset;
                    Due::Line(line)
                }
                Push::State { line, .. } => Due::Line(line),
            },
        }
    }
}

/// Follows a channel, and reads what came since the client was here.
///
/// # Errors
///
/// Why not.
pub(super) async fn begin(
    hub: &Hub,
    channel: &str,
    caller: &Caller,
    outbox: &Arc<Outbox>,
    since: Option<Position>,
) -> Result<Begun, Code> {
    // First of all: what comes while the past is read is not missed.
    let Followed { membership, position } =
        hub.follow(channel, caller, outbox).await.map_err(code)?;
    let Some(position) = position else { return Ok(Begun { membership, place: None }) };
    if probe::buggify!(PastLate) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (epoch, was_recovering) = (hub.epoch(), since.is_some());
    let (is_recovered, publications) = (false, Vec::new());
    let mut place = Place { epoch, position, was_recovering, is_recovered, publications };
    let Knobs { recovered_max, .. } = *hub.knobs();
    if let Some(since) = since.filter(|it| it.epoch == place.epoch) {
        let is_skipped = probe::mutant!(RecoverySkipped);
        let seen = if is_skipped { position } else { since.offset };
        let from = Offset(seen.0.saturating_add(1));
        let past = hub.past(channel, caller, (from, recovered_max + 1)).await.map_err(code)?;
        place.recover(seen, past, recovered_max);
        if probe::mutant!(RecoveryDoubled) {
            place.position = position;
        }
    }
    probe::sometimes!(SocketRecovered, place.is_recovered);
    probe::sometimes!(SocketGapTold, place.was_recovering && !place.is_recovered);
    Ok(Begun { membership, place: Some(place) })
}

impl Begun {
    /// Items behind this position are still to come.
    pub(super) fn position(&self) -> Offset {
        self.place.as_ref().map_or(Offset(0), |it| it.position)
    }
}

impl Place {
    fn recover(&mut self, seen: Offset, past: Past, limit: usize) {
        let Past { last, publications } = past;
        let is_next = publications.first().is_none_or(|it| it.offset.0 == seen.0 + 1);
        let is_known = seen <= last && is_next && (publications.is_empty() == (seen == last));
        if !is_known || publications.len() > limit {
            return;
        }
        let end = publications.last().map_or(seen, |it| it.offset);
        // This node may be behind the one that the client comes from.
        (self.position, self.publications) = (end.max(self.position), publications);
        self.is_recovered = true;
    }
}

/// Reads what was published before.
///
/// # Errors
///
/// Why not.
pub(super) async fn read_history(
    hub: &Hub,
    caller: &Caller,
    wanted: &History,
) -> Result<String, Code> {
    let History { id, channel, limit, since, is_reverse } = wanted;
    let epoch = hub.epoch();
    if since.as_ref().is_some_and(|it| it.epoch != epoch) {
        return Err(UNRECOVERABLE);
    }
    let limit = usize::try_from(*limit).unwrap_or(usize::MAX).min(hub.knobs().recovered_max);
    let top = hub.past(channel, caller, (Offset::MAX, 1)).await.map_err(code)?.last;
    let from = match (since, is_reverse) {
        (Some(since), false) => Offset(since.offset.0.saturating_add(1)),
        (None, false) => Offset(1),
        (since, true) => {
            let end = since.as_ref().map_or(top.0 + 1, |it| it.offset.0);
            Offset(end.saturating_sub(limit as u64).max(1))
        }
    };
    let mut publications = Vec::new();
    if limit > 0 && from <= top {
        publications = hub.past(channel, caller, (from, limit)).await.map_err(code)?.publications;
    }
    if *is_reverse {
        let end = since.as_ref().map_or(Offset::MAX, |it| it.offset);
        publications.retain(|it| it.offset < end);
        publications.reverse();
    }
    Ok(history(*id, &epoch, top, &publications))
}

/// Which part of the past of a channel.
#[derive(Debug)]
pub(super) struct History {
    pub(super) id: u64,
    pub(super) channel: String,
    pub(super) limit: u64,
    pub(super) since: Option<Position>,
    pub(super) is_reverse: bool,
}

fn code(refused: Refused) -> Code {
    match refused {
        Refused::Unknown => UNKNOWN_CHANNEL,
        Refused::Forbidden => PERMISSION_DENIED,
        Refused::NoPast => NOT_AVAILABLE,
        Refused::NotNow => INTERNAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "0123456789";

    fn item(offset: u64) -> Push {
        Push::Item { channel: "feed:1".into(), offset: Offset(offset), line: LINE.into() }
    }

    /// What is held back: offsets of items, and none where the client has to begin again.
    fn held(subscription: &Subscription) -> Vec<Option<u64>> {
        let Subscription::Joining { held, .. } = subscription else { return Vec::new() };
        let offset = |push: &Push| match push {
            Push::Item { offset, .. } => Some(offset.0),
            Push::State { .. } | Push::Lost { .. } => None,
        };
        held.pushes.iter().map(offset).collect()
    }

    fn joining() -> Subscription {
        Subscription::Joining { number: 1, held: Held::default() }
    }

    #[test]
    fn what_comes_while_a_subscription_begins_is_held_back_and_takes_of_the_room() {
        let (mut subscription, mut room) = (joining(), 3 * LINE.len());
        for offset in 1..=3 {
            assert!(matches!(subscription.pushed(item(offset), &mut room), Due::Nothing));
        }
        assert_eq!(held(&subscription), [Some(1), Some(2), Some(3)]);
        assert_eq!((subscription.held_bytes(), room), (3 * LINE.len(), 0));
    }

    #[test]
    fn what_has_no_room_makes_the_client_begin_again_and_gives_the_room_to_others() {
        let (mut subscription, mut other, mut room) = (joining(), joining(), 2 * LINE.len());
        for offset in 1..=3 {
            subscription.pushed(item(offset), &mut room);
        }
        assert_eq!((held(&subscription), subscription.held_bytes()), (vec![None], 0));
        assert_eq!(room, 2 * LINE.len());
        for offset in 1..=2 {
            other.pushed(item(offset), &mut room);
        }
        // Its neighbour has all of the room now: it stays as it is.
        subscription.pushed(item(4), &mut room);
        assert_eq!((held(&other), held(&subscription)), (vec![Some(1), Some(2)], vec![None]));
        assert_eq!((other.held_bytes(), room), (2 * LINE.len(), 0));
    }
}
