//! What a check may ask in the end.

use cluster::request::{Answer, Failure, Request, Trace, Verb};
use entity::registry::Outcome;
use entity::{Data, Kind, Query};

use super::call::Call;
use super::cluster::World;
use super::desk::Ends;
use super::sabotage::Sabotage;

/// Something that answers questions of a check.
pub trait Asked {
    /// What a query is answered.
    ///
    /// # Errors
    ///
    /// When it is not.
    fn answer(&mut self, call: Call) -> Result<Answer, String>;

    /// Whether every wake-up has fired: among whole nodes nobody waits for that.
    fn is_at_rest(&self) -> bool;
}

/// A world in which everything has settled.
pub struct View<'a> {
    world: &'a mut dyn Asked,
}

impl<'a> View<'a> {
    /// Looks at a world.
    pub fn of(world: &'a mut dyn Asked) -> Self {
        Self { world }
    }

    /// Whether every wake-up has fired: among whole nodes nobody waits for that.
    pub fn is_at_rest(&self) -> bool {
        self.world.is_at_rest()
    }

    /// Asks an entity.
    ///
    /// # Errors
    ///
    /// When it refuses, or does not answer.
    pub fn ask<Q: Query>(
        &mut self,
        of: &<Q::Kind as Kind>::Key,
        query: &Q,
    ) -> Result<Q::Reply, String> {
        self.ask_or_refusal(of, query)?.map_err(|refusal| format!("{of} refuses {refusal:?}"))
    }

    /// Asks an entity, which may refuse.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub fn ask_or_refusal<Q: Query>(
        &mut self,
        of: &<Q::Kind as Kind>::Key,
        query: &Q,
    ) -> Result<Result<Q::Reply, Q::Error>, String> {
        let answer = self.world.answer(Call::query(of, query))?;
        let told = |error| format!("{of}: {error}");
        match answer {
            Answer::Outcome(Outcome::Reply(bytes)) => {
                Q::Reply::decode(&bytes).map(Ok).map_err(told)
            }
            Answer::Outcome(Outcome::Refusal(bytes)) => {
                Q::Error::decode(&bytes).map(Err).map_err(told)
            }
            Answer::Failure(failure) => Err(format!("{of} fails: {failure:?}")),
        }
    }
}

impl Asked for World {
    fn answer(&mut self, call: Call) -> Result<Answer, String> {
        let shard = self.directory.home(&call.to).ok_or("there is no such shard")?.0 as usize;
        match self.ask(shard, &call)? {
            // Somebody else has taken the shard, and whoever had it notices only now.
            Answer::Failure(Failure::Moved) => {
                self.begin(shard);
                self.ask(shard, &call)
            }
            answer @ (Answer::Outcome(_) | Answer::Failure(_)) => Ok(answer),
        }
    }

    fn is_at_rest(&self) -> bool {
        true
    }
}

impl World {
    fn ask(&mut self, number: usize, call: &Call) -> Result<Answer, String> {
        /// Far more than taking over and a query take.
        const STEPS_MAX: usize = 10_000;
        let (now, how) = (self.now, (&self.faults, Sabotage::None));
        let shard = &mut self.shards[number];
        let seat = shard.newest().ok_or("nobody has the shard")?;
        for _ in 0..STEPS_MAX {
            if shard.life(seat).is_some_and(|it| it.executor.is_serving()) {
                break;
            }
            shard.step(seat, now, how);
        }
        let Call { to, caller, tag, body, .. } = call.clone();
        let (verb, trace) = (Verb::Query, Trace::default());
        shard.request(seat, 0, Request { to, caller, verb, tag, body, trace });
        for _ in 0..STEPS_MAX {
            let (outputs, Ends { .. }) = shard.step(seat, now, how);
            for output in outputs {
                if let cluster::executor::Output::Answer { answer, .. } = output {
                    return Ok(answer);
                }
            }
        }
        Err("it does not answer".to_owned())
    }
}
