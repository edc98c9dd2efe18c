//! The part of devices in the course of a seed.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use super::deed::Deed;
use super::device::{Device, handle};
use super::state::Sockets;
use super::topic::Topic;
use super::verdict::{self, Truth};
use crate::chance::Chance;
use crate::finding::Oracle;
use crate::nodes::cluster::{Phase, World};

/// How long devices may take to do what they are to do while nothing goes wrong, and to have everything:
/// some learn only from the silence of their node that nothing more comes from it.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks whether they have.
const PERIOD: Duration = Duration::from_millis(100);

impl Sockets {
    /// Everybody gets an account and is connected, and some follow others, before anything goes wrong.
    pub(in crate::nodes) async fn connect(self: &Rc<Self>, world: &Rc<World>) {
        for number in 0..self.plan.devices.len() {
            let device = Device::new(world, self, number);
            self.living.borrow_mut().push(spawn_local(device.live()));
        }
        let (firsts, others) = self.plan.devices.split_at(self.plan.users);
        for user in firsts {
            self.tell(*user, Deed::Register { handle: handle(*user) });
        }
        self.wait_for(world, firsts.len()).await;
        for (place, user) in others.iter().enumerate() {
            self.tell(firsts.len() + place, Deed::LogIn { handle: handle(*user) });
        }
        let mut chance = Chance::of(world.parts.plan.seed, "sockets: ground");
        for user in firsts {
            for whom in firsts.iter().filter(|it| *it != user) {
                let id = self.book.borrow().users[*whom];
                if let Some(id) = id.filter(|_| chance.flips()) {
                    self.book.borrow_mut().steady.insert((*user, *whom));
                    self.tell(*user, Deed::Follow { whom: *whom, user: id });
                }
            }
        }
        self.wait_for(world, self.plan.devices.len()).await;
    }

    /// Gateways end in order now and then, and begin again.
    pub(in crate::nodes) fn begin_closing(self: &Rc<Self>, world: &Rc<World>) {
        let Some(mean) = self.plan.faults.close else { return };
        let mean = u64::try_from(mean.as_micros()).expect("seconds");
        let mut chance = Chance::of(world.parts.plan.seed, "sockets: close");
        let (sockets, world) = (Rc::clone(self), Rc::clone(world));
        spawn_local(async move {
            loop {
                sleep(chance.lasting(mean / 4..=mean * 7 / 4)).await;
                if world.phase.get() != Phase::Faults {
                    return;
                }
                let running = world.running();
                if running.is_empty() {
                    continue;
                }
                let node = *chance.pick(&running);
                world.note("close", &[u64::from(node.0)], &[]);
                let door = sockets.doors.borrow_mut().remove(&node);
                if let Some(door) = door {
                    door.close().await;
                    world.open_door(node);
                }
            }
        });
    }

    /// Devices end what they have begun, and everybody publishes once more; when all of that has
    /// arrived, nothing may be missing anywhere.
    pub(in crate::nodes) async fn judge(&self, world: &Rc<World>) {
        let devices = self.plan.devices.len();
        self.wait_for(world, devices).await;
        if !world.is_wrong() {
            world.settle().await;
        }
        for user in 0..self.plan.users {
            self.tell(user, Deed::Publish { body: verdict::last_words(user) });
        }
        self.wait_for(world, devices).await;
        if !world.is_wrong() {
            world.settle().await;
        }
        if !world.is_wrong()
            && let Err(what) = self.compare(world).await
        {
            world.blame(Oracle::Sockets.finds(what));
        }
        for device in self.living.take() {
            if device.is_finished() {
                world.blame(Oracle::Panic.finds("a device panicked"));
            }
            device.abort();
        }
    }

    /// Compares what is there with what devices have seen, once they have had time to see all of it.
    async fn compare(&self, world: &Rc<World>) -> Result<(), String> {
        let truth = Truth::read(self, world).await?;
        let all_is_seen = || verdict::behind(self, &truth).is_none();
        self.wait_until(world, "devices do not get all that there is", all_is_seen).await;
        for ((_, topic), seen) in &mut *self.seen.borrow_mut() {
            seen.is_blind |= *topic == Topic::Feed;
        }
        self.wait_for(world, self.plan.devices.len()).await;
        verdict::judge(self, &truth)
    }

    /// A device is to do something.
    fn tell(&self, device: usize, deed: Deed) {
        self.todo.borrow_mut()[device].push_back(deed);
    }

    /// Waits until the first so many devices have done what they were to do, and follow everything.
    async fn wait_for(&self, world: &World, devices: usize) {
        self.idle.borrow_mut().fill(false);
        let are_idle = || self.idle.borrow()[..devices].iter().all(|it| *it);
        self.wait_until(world, "devices are not done", are_idle).await;
    }

    async fn wait_until(&self, world: &World, otherwise: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() && !world.is_wrong() {
            if Instant::now() > deadline {
                return world.blame(Oracle::Sockets.finds(otherwise));
            }
            sleep(PERIOD).await;
        }
    }
}
