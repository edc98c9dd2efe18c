//! Where clients come in: the gateway that ships, on a simulated machine.

use std::sync::Arc;

use config::Config;
use node::gateway::{Gateway, Hall, Knobs, Ports, Setup};
use node::secret::Secret;
use raft::home::Home;
use raft::offload::Offload;
use raft::shared::Shared;
use runtime::client::Client;
use runtime::clock::Clock;
use tokio::sync::mpsc;

use super::pipe::{Nature, Pipe};
use crate::chance::Chance;

/// What all nodes of a world know, and nobody else.
const SECRET: &[u8] = b"not known to anybody outside";

/// Where clients come in. It ends with its node.
pub struct Door {
    arrivals: mpsc::UnboundedSender<Pipe>,
    hall: Hall,
}

impl Door {
    /// Serves clients on a node.
    pub fn open(home: &Home, client: &Client, clock: &Arc<dyn Clock>, knobs: Knobs) -> Self {
        let chance = Shared::new(Chance::of(home.seed(), "entropy"));
        let fill = move |bytes: &mut [u8]| {
            chance.with(|it| bytes.fill_with(|| it.draw().to_le_bytes()[0]));
        };
        let ports = Ports {
            clock: Arc::clone(clock),
            entropy: Arc::new(fill),
            offload: Offload::inline(),
            hashes_max: 2,
        };
        let setup = Setup {
            routes: actors::routes(),
            channels: actors::channels(),
            client: client.clone(),
            ports,
            knobs,
        };
        // Passwords that cost next to nothing.
        let config = Config { argon2_memory_kib: 8, argon2_iterations: 1, ..Config::default() };
        let router = Gateway::router(setup, &config, &Secret::of(SECRET));
        let (hall, (arrivals, mut arriving)) = (Hall::new(&config), mpsc::unbounded_channel());
        let (rooms, node) = (hall.clone(), home.clone());
        home.spawn(async move {
            loop {
                let held = rooms.enter().await;
                let Some(pipe) = arriving.recv().await else { return };
                node.spawn(rooms.clone().converse(pipe, router.clone(), held));
            }
        });
        Self { arrivals, hall }
    }

    /// The end of a connection that a client holds. None if nobody is there.
    pub fn connect(&self, nature: &Nature, chance: &mut Chance) -> Option<Pipe> {
        let (here, there) = Pipe::pair(nature, chance);
        self.arrivals.send(there).ok().map(|()| here)
    }

    /// Ends in order: whoever is connected is told, and has a moment to end what is under way.
    pub async fn close(self) {
        let Self { arrivals, hall } = self;
        drop(arrivals);
        hall.close().await;
    }
}
