//! Requests, answers and envelopes on their way.

use cluster::executor::Input;

use super::cluster::{World, shard_id};
use super::event::{Event, Parcel};
use crate::chance::Odds;

impl World {
    /// Sends something: it arrives never, once or twice, sooner or later.
    pub(super) fn send(&mut self, parcel: &Parcel) {
        let mut ends = parcel.ends().into_iter().flatten();
        let is_cut = ends.any(|end| self.shards[end].cut_until > self.now);
        let is_lost = self.net.hits(self.faults.loss);
        let is_twice = self.net.hits(self.faults.duplicate);
        self.counts.faults += u64::from(is_lost) + u64::from(is_twice);
        for copy in 0..=u8::from(is_twice) {
            // A second copy comes from somewhere where the first one was stuck.
            let is_late = self.net.hits(if copy == 0 { self.faults.late } else { Odds(200_000) });
            let longest = if is_late { 30_000_000 } else { self.faults.delay_micros };
            let at = self.now + self.net.lasting(50..=50 + longest);
            if !is_cut && !is_lost {
                self.agenda.plan(at, Event::Arrive(parcel.clone()));
            }
        }
    }

    /// Something arrives.
    pub(super) fn arrive(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Request { to, ticket, request } => {
                if let Some(seat) = self.addressee(to) {
                    self.shards[to].request(seat, ticket, request);
                    self.step_soon(to);
                }
            }
            Parcel::Envelope { to, envelope, .. } => self.input(to, Input::Envelope(envelope)),
            Parcel::Acknowledged { from, to, number } => {
                let by = shard_id(from);
                self.input(to, Input::Acknowledged { incarnation: 1, by, number });
            }
            Parcel::Answer { ticket, answer, .. } => self.learn(ticket, answer),
        }
    }

    fn input(&mut self, shard: usize, input: Input) {
        let seat = self.addressee(shard);
        if let Some(life) = seat.and_then(|seat| self.shards[shard].life(seat)) {
            life.executor.input(input);
            self.step_soon(shard);
        }
    }

    /// Mostly the newest executor of a shard; now and then one that has lost it.
    fn addressee(&mut self, shard: usize) -> Option<u32> {
        let lives = &self.shards[shard].lives;
        let old = self.net.hits(Odds(300_000)) && lives.len() > 1;
        let place =
            if old { self.net.index(lives.len() - 1) } else { lives.len().checked_sub(1)? };
        lives.get(place).map(|life| life.seat)
    }
}
