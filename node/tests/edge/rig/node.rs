//! A node that is a cluster alone, on ports and in a folder of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{Builder, JoinHandle};

use ::runtime::client::Client;
use config::Config;
use entity::registry::Registry;
use node::gateway::Server;
use node::launch::{Services, Serving};
use node::secret::Secret;
use serde_json::json;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

use super::http::{Answer, Ask, ask, exchange};
use super::machine::folder;
use super::probe;

/// Nodes that were started, for names of folders.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A node under test. It ends with the test.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) operator: String,
    /// The way past the edge.
    pub(crate) client: Client,
    /// Dropped, it stops the node.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
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
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        name: "n1".to_owned(),
        threads: 1,
        rows_memory_mib: 16,
        disk_free_min_mib: 64,
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
        Self::serving(config, Services { registry, routes, channels: actors::channels() }).await
    }

    /// A node with other services.
    pub(crate) async fn serving(config: &Config, services: Services) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let data = folder(&format!("edge-{}-{number}", std::process::id()));
        let config = Config { data, ..config.clone() };
        let ((stop, stopped), (started, starting)) = (oneshot::channel(), oneshot::channel());
        let thread = Builder::new().name("rig".to_owned());
        let thread = thread.spawn(move || run(&config, services, started, stopped));
        let thread = thread.expect("the system has threads");
        let (address, operator, client) = starting.await.expect("it starts");
        Self { address, operator, client, stop: Some(stop), thread: Some(thread) }
    }

    /// Tells the node to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        let (stop, thread) = (self.stop.take(), self.thread.take().expect("it runs"));
        drop(stop);
        spawn_blocking(|| thread.join()).await.expect("no panic").expect("it ends in order");
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

impl Drop for Rig {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What went wrong in it has been told by the test already.
            thread.join().ok();
        }
    }
}

/// Runs a node on this thread until it is to stop, and removes what it has stored.
fn run(
    config: &Config,
    services: Services,
    started: oneshot::Sender<(SocketAddr, String, Client)>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let server = runtime.block_on(Server::bind(config)).expect("it listens");
    let address = server.address().expect("it is bound");
    let serving = Serving::start(config, &Secret::random(), services, &|what| panic!("{what}"));
    let serving = serving.expect("it starts");
    runtime.block_on(async {
        serving.ready().await;
        let operator = serving.operator().text().to_owned();
        started.send((address, operator, serving.client())).expect("the test waits");
        let stop = async { stopped.await.unwrap_or_default() };
        server.run(watch::channel(serving.router()).1, stop).await;
    });
    serving.stop();
    std::fs::remove_dir_all(&config.data).expect("it is ours");
}
