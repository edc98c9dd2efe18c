//! A node with everything in memory, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use config::Config;
use entity::registry::Registry;
use node::dev::DevNode;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::http::{Answer, Ask, ask, exchange};
use super::probe;

/// A node under test. It ends with the test.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) operator: String,
    stop: oneshot::Sender<()>,
    running: JoinSet<()>,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Settings for tests: any free port, and passwords that cost next to nothing.
pub(crate) fn quick() -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        shards: 4,
        argon2_memory_kib: 8,
        argon2_iterations: 1,
        ..Config::default()
    }
}

/// A node with the services and the probe.
pub(crate) async fn rig() -> Rig {
    Rig::start(&quick()).await
}

impl Rig {
    /// A node with the services and the probe, configured otherwise.
    pub(crate) async fn start(config: &Config) -> Self {
        let mut registry = Registry::default();
        actors::register(&mut registry);
        probe::register(&mut registry);
        let routes = actors::routes().into_iter().chain(probe::routes()).collect();
        let node = DevNode::start(config, registry, routes).await.expect("it starts");
        let (address, operator) = (node.address(), node.operator().text().to_owned());
        let mut running = JoinSet::new();
        let (stop, stopped) = oneshot::channel();
        running.spawn(node.run(async { stopped.await.unwrap_or_default() }));
        Self { address, operator, stop, running }
    }

    /// Tells the node to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.running.join_all().await;
    }

    /// Where it is, as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Ask) -> Answer {
        request.send(self.address).await
    }

    /// Sends bytes and reads all that comes back.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        exchange(self.address, bytes.as_ref()).await
    }

    /// Registers somebody.
    pub(crate) async fn register(&self, handle: &str) -> User {
        let body = json!({ "handle": handle, "password": "correct horse" }).to_string();
        let answer = self.send(ask("POST /v1/accounts").json(body)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        User { id: answer.field("user"), token: answer.field("token") }
    }

    /// How often the probe of a user was counted.
    pub(crate) async fn count(&self, user: &User) -> u64 {
        let answer = self.send(ask("GET /v1/test/count").token(&user.token)).await;
        answer.json().as_u64().unwrap_or_else(|| panic!("{answer:?}"))
    }
}
