//! What goes wrong while the seed says so.

use std::time::Duration;

use cluster::memory::Reads;

use super::cluster::{Phase, World};
use super::event::{Event, Fault};
use super::plan::Faults;
use crate::chance::Chance;
use crate::timeline::Colour;

impl Fault {
    /// Every fault that comes by itself.
    pub const ALL: [Self; 6] =
        [Self::Crash, Self::Takeover, Self::Cut, Self::GatewayCrash, Self::Clock, Self::Cold];

    /// The class that it belongs to.
    fn class(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Takeover => "takeover",
            Self::Cut => "cut",
            Self::GatewayCrash => "gateway-crash",
            Self::Clock => "clock",
            Self::Cold => "cold",
        }
    }

    fn mean(self, faults: &Faults) -> Option<Duration> {
        match self {
            Self::Crash => faults.crash,
            Self::Takeover => faults.takeover,
            Self::Cut => faults.cut,
            Self::GatewayCrash => faults.gateway_crash,
            Self::Clock => faults.clock,
            Self::Cold => faults.cold,
        }
    }
}

impl World {
    /// Plans when a fault happens next, if it ever does.
    pub(super) fn plan_fault(&mut self, fault: Fault) {
        let Some(mean) = fault.mean(&self.faults) else { return };
        let mean = u64::try_from(mean.as_micros()).expect("seconds");
        let (name, before) = (fault.class(), self.events.get(fault.class()).copied().unwrap_or(0));
        let mut chance = Chance::of(self.plan.seed, &format!("when: {name} {before}"));
        let at = self.now + chance.lasting(mean / 4..=mean * 7 / 4);
        self.agenda.plan(at, Event::Fault(fault));
    }

    /// Something goes wrong.
    pub(super) fn go_wrong(&mut self, fault: Fault) {
        if self.phase != Phase::Faults {
            return;
        }
        let (name, seed) = (fault.class(), self.plan.seed);
        let number = self.events.entry(name).or_default();
        *number += 1;
        let number = *number;
        self.mishap = Chance::of(seed, &format!("{name} {number}"));
        if !self.plan.scenario.happens(name, number) {
            return self.plan_fault(fault);
        }
        self.counts.faults += 1;
        let shard = self.mishap.index(self.shards.len());
        self.draw(|it, now| {
            it.mark(&format!("shard {shard}"), now, Colour::Fault, format!("{name} {number}"));
        });
        match fault {
            Fault::Crash => self.crash(shard),
            Fault::Takeover => self.take_over(shard),
            Fault::Cut => {
                self.shards[shard].cut_until = self.now + self.mishap.lasting(1_000..=5_000_000);
            }
            Fault::GatewayCrash => self.crash_gateway(),
            Fault::Clock => self.move_clock(shard),
            Fault::Cold => {
                let reads = if self.mishap.flips() { Reads::Cold } else { Reads::Warm };
                self.shards[shard].memory.reads = reads;
            }
        }
        self.plan_fault(fault);
    }

    fn crash(&mut self, shard: usize) {
        let Some(seat) = self.shards[shard].newest() else { return };
        self.shards[shard].crash(seat);
        self.look(shard);
        let at = self.now + self.mishap.lasting(100..=2_000_000);
        self.agenda.plan(at, Event::Restart { shard });
    }

    /// Somebody else takes the shard; the one who had it goes on for a while.
    fn take_over(&mut self, shard: usize) {
        /// Most executors that do not know that they have lost a shard.
        const LIVES_MAX: usize = 3;
        if self.shards[shard].lives.len() < LIVES_MAX {
            if let Some(seat) = self.shards[shard].newest() {
                let at = self.now + self.mishap.lasting(1_000..=3_000_000);
                self.agenda.plan(at, Event::Stop { shard, seat });
            }
            self.begin(shard);
        }
    }

    fn move_clock(&mut self, shard: usize) {
        let micros = self.faults.clock_micros;
        let drift = self.mishap.below(2 * micros + 1).cast_signed() - micros.cast_signed();
        if let Some(life) = self.shards[shard].lives.last_mut() {
            life.clock_micros = drift;
        }
        self.step_soon(shard);
    }
}
