//! Three nodes in bad weather: whatever happens, nothing comes twice or out of order, and when it is over
//! all is as before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use cluster::transport::Class;
use tokio::time::{Instant, sleep};

use super::network::Weather;
use super::trace::Trace;
use super::world::{Node, World, place, simulate};
use crate::limits::{HELLO_MAX, IDLE_MAX, PAUSE_MAX};

const SEEDS: std::ops::Range<u64> = 0..24;

/// How long it lasts.
const STORM: Duration = Duration::from_secs(15);

/// How long after it nodes may still believe in connections that are none, or wait.
const AFTERMATH: Duration =
    Duration::from_secs(2 * IDLE_MAX.as_secs() + HELLO_MAX.as_secs() + PAUSE_MAX.as_secs());

/// Plays the storm of a seed.
pub(super) fn storm(seed: u64) -> Trace {
    simulate(seed, async |world| {
        let mut storm = Storm::begin(world);
        let began = Instant::now();
        while began.elapsed() < STORM {
            sleep(Duration::from_millis(world.draw(1..40))).await;
            storm.go_on();
        }
        storm.end();
        sleep(AFTERMATH).await;
        storm.check_all_arrives().await;
        for node in storm.former.iter().chain(storm.nodes.values()) {
            node.heard.check();
        }
    })
}

struct Storm<'a> {
    world: &'a World,
    nodes: BTreeMap<u32, Node>,
    /// Former lives.
    former: Vec<Node>,
}

impl<'a> Storm<'a> {
    fn begin(world: &'a World) -> Self {
        let nodes = (1..=3).map(|number| (number, world.start(number))).collect();
        world.network.suffer(weather(world));
        Self { world, nodes, former: Vec::new() }
    }

    fn go_on(&mut self) {
        let (one, two) = self.pair();
        match self.world.draw(0..1_000) {
            0..920 => self.speak((one, two)),
            920..940 => self.world.network.cut(self.address(one), self.address(two)),
            940..960 => self.world.network.heal(),
            960..970 => self.world.network.suffer(weather(self.world)),
            970..980 => self.begin_anew(one),
            980..985 => self.move_away(one),
            _ => self.world.throw(self.address(one), self.address(two), self.noise()),
        }
    }

    fn end(&self) {
        self.world.network.heal();
        self.world.network.suffer(Weather::FAIR);
    }

    /// Two that differ.
    fn pair(&self) -> (u32, u32) {
        let one = self.world.draw(0..3);
        let two = (one + self.world.draw(1..3)) % 3;
        let number = |it| u32::try_from(it + 1).expect("small");
        (number(one), number(two))
    }

    fn address(&self, number: u32) -> SocketAddr {
        self.nodes[&number].socket.address()
    }

    fn speak(&self, (one, two): (u32, u32)) {
        let class = Class::ALL[usize::try_from(self.world.draw(0..3)).expect("small")];
        let bytes = match self.world.draw(0..100) {
            0..90 => self.world.draw(0..200),
            90..99 => self.world.draw(0..20_000),
            _ => self.world.draw(0..400_000),
        };
        let bytes = usize::try_from(bytes).expect("small");
        for _ in 0..self.world.draw(1..4) {
            self.nodes[&one].say_long(two, class, bytes);
        }
    }

    fn begin_anew(&mut self, number: u32) {
        self.nodes[&number].kill();
        let next = self.world.start(number);
        self.former.extend(self.nodes.insert(number, next));
    }

    /// It is seen at another address, and comes back to its own when it begins anew.
    fn move_away(&self, number: u32) {
        let port = u16::try_from(self.world.draw(5_000..6_000)).expect("small");
        let mut address = place(number);
        address.set_port(port);
        self.world.trace.note(format_args!("node {number} is at {address}"));
        self.nodes[&number].socket.move_to(address);
    }

    fn noise(&self) -> Vec<u8> {
        let bytes = self.world.draw(1..1_500);
        self.world.noise(usize::try_from(bytes).expect("small"))
    }

    /// Everybody says something to everybody, and it arrives.
    async fn check_all_arrives(&mut self) {
        for (number, node) in &self.nodes {
            if node.socket.address() != place(*number) {
                node.socket.move_to(place(*number));
            }
        }
        sleep(AFTERMATH).await;
        for one in self.nodes.values() {
            for two in self.nodes.values().filter(|two| two.number != one.number) {
                for class in Class::ALL {
                    let words: Vec<_> = (0..20).map(|_| one.say(two.number, class)).collect();
                    let heard = || words.iter().all(|word| two.heard.has(*word));
                    let what = format!("{} reaches {}", one.number, two.number);
                    self.world.until(Duration::from_secs(1), &what, heard).await;
                }
            }
        }
    }
}

fn weather(world: &World) -> Weather {
    Weather {
        lost: u32::try_from(world.draw(0..100)).expect("small"),
        doubled: u32::try_from(world.draw(0..100)).expect("small"),
        delay_min: Duration::from_millis(world.draw(1..50)),
        delay_more: Duration::from_millis(world.draw(0..50)),
        bytes_max: usize::try_from(world.draw(1_252..9_000)).expect("small"),
    }
}

#[test]
fn a_storm_leaves_nothing_behind() {
    for seed in SEEDS {
        storm(seed);
    }
}
