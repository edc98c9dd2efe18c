//! `roost node`: one node of a cluster.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::thread::Builder;

use clap::Args;
use config::Config;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

use super::error::CommandError;
use super::log::log;
use super::process::{check, services, stop_signal};
use crate::files::Files;
use crate::gateway::{Server, waiting};
use crate::launch::{self, Serving};
use crate::secret::Secret;
use crate::world;

/// Starts a node. The same line starts every node of a cluster.
///
/// The first of the peers founds the cluster once all of them are there; a node that comes later
/// joins. A node that was there before goes on with its data, and needs nobody for it.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Node {
    /// The nodes to meet, the same in the same order on all. Without them this node alone is a cluster.
    #[arg(long, value_name = "HOST:PORT,...")]
    peers: Option<String>,
    /// The cluster, by its name [default: roost]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// A file with the secret that all nodes share: 16 bytes at least, by chance.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The folder with all that the node stores [default: roost-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The node, by its name [default: the name of the machine]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where the node stands: copies of a shard go to different zones.
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
    /// Where other nodes connect, by UDP [default: 0.0.0.0:7400]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Where other nodes find this one [default: at the peer that turns out to be it]
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Where clients connect. Port 0 lets the system choose one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A file with the certificate for clients and those above it, as PEM. Without it there is no TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The file with its key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How many shards a new cluster gets, 1 to 256 [default: 8]
    #[arg(long, value_name = "NUMBER")]
    shards: Option<u32>,
    /// A file with settings; see config/roost.toml for all of them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ends when the standard input does: whoever has started it is gone then.
    #[arg(long, hide = true)]
    leashed: bool,
}

const EXAMPLES: &str = "\
Examples:
  roost node --secret-file secret --data /var/lib/roost
  roost node --peers a:7400,b:7400,c:7400 --cluster home --secret-file secret --data /var/lib/roost
  roost node --secret-file secret --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem
  ROOST_PEERS=a:7400,b:7400,c:7400 roost node --config roost.toml --listen 0.0.0.0:8080";

/// What two nodes can do: whoever runs two hears it from `roost node`, `roost dev` and `roost status`.
pub(crate) const TWO_NODES: &str = "Two nodes lose nothing, but stop while either is away. A third one \
                                    lets them go on without any one of the three.";

impl Node {
    /// Runs until Ctrl-C or SIGTERM.
    ///
    /// # Errors
    ///
    /// [`CommandError`]
    pub async fn run(self) -> Result<(), CommandError> {
        let mut config = self.config()?;
        check(&config)?;
        log(&config, &launch::name(&config)?)?;
        world::raise_files();
        let Files { connections, .. } = Files::share(world::files_max());
        if config.connections_max > connections {
            tracing::info!(
                connections,
                "this machine lets clients have no more connections at once"
            );
            config.connections_max = connections;
        }
        if config.secret_file.as_os_str().is_empty() {
            return Err(CommandError::NoSecret);
        }
        let secret = Secret::read(&config.secret_file)?;
        let (stop, leash) = (stop_signal()?, leash(self.leashed));
        let stop = async move {
            tokio::select! {
                () = stop => {}
                leash = leash => if let Err(error) = leash {
                    tracing::error!(%error, "the leash does not hold");
                },
            }
        };
        serve(config, secret, stop).await
    }

    /// The configuration, with what the command line says.
    fn config(&self) -> Result<Config, CommandError> {
        let mut config = config::load(self.config.as_deref())?;
        let path = |it: &Option<PathBuf>| it.as_ref().map(|it| it.display().to_string());
        let flags = [
            ("peers", self.peers.clone()),
            ("cluster", self.cluster.clone()),
            ("secret_file", path(&self.secret_file)),
            ("data", path(&self.data)),
            ("name", self.name.clone()),
            ("zone", self.zone.clone()),
            ("bind", self.bind.map(|it| it.to_string())),
            ("advertise", self.advertise.clone()),
            ("listen", self.listen.map(|it| it.to_string())),
            ("tls_cert_file", path(&self.tls_cert)),
            ("tls_key_file", path(&self.tls_key)),
            ("shards", self.shards.map(|it| it.to_string())),
        ];
        for (name, value) in flags {
            if let Some(value) = value {
                config::merge(&mut config, name, &value)?;
            }
        }
        Ok(config)
    }
}

/// Comes when the standard input ends, if that is to end the node.
async fn leash(is_leashed: bool) -> io::Result<()> {
    if !is_leashed {
        return std::future::pending().await;
    }
    let (sender, ended) = oneshot::channel::<()>();
    let watch = move || {
        while matches!(io::stdin().read(&mut [0; 64]), Ok(1..)) {}
        drop(sender);
    };
    // A thread of its own: nobody waits for it when the process ends otherwise.
    Builder::new().name("leash".to_owned()).spawn(watch)?;
    // The sender is only ever dropped.
    ended.await.or(Ok(()))
}

/// Starts a node and serves until `stop` comes.
async fn serve(
    config: Config,
    secret: Secret,
    stop: impl Future<Output = ()>,
) -> Result<(), CommandError> {
    // Before anything else is done: somebody may be there already.
    let server = Server::bind(&config).await?;
    let address = server.address()?;
    let (why, waits) = watch::channel("it has just begun".to_owned());
    let (pages, shown) = watch::channel(waiting(waits));
    let mut serve = pin!(server.run(shown, stop));
    let config = Arc::new(config);
    let launched = Arc::clone(&config);
    let starting = spawn_blocking(move || {
        let waits = |what: &str| {
            tracing::warn!(what, "this node waits");
            why.send_replace(what.to_owned());
        };
        Serving::start(&launched, &secret, services(), &waits)
    });
    let serving = tokio::select! {
        started = starting => started.map_err(io::Error::other)??,
        // Nobody has been told anything yet that could be lost.
        () = &mut serve => std::process::exit(0),
    };
    drop(pages.send_replace(serving.router()));
    let greet = async {
        serving.ready().await;
        if let Err(error) = greet(&config, &serving, address) {
            tracing::warn!(%error, "nobody reads what this node says");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serve => {}
        () = greet => {}
    }
    spawn_blocking(move || serving.stop()).await.map_err(io::Error::other)?;
    Ok(())
}

fn greet(config: &Config, serving: &Serving, address: SocketAddr) -> io::Result<()> {
    let mut to = io::stdout().lock();
    let (cluster, number) = (&config.cluster, serving.number().0);
    writeln!(to, "roost serves http://{address} as node {number} of the cluster {cluster}")?;
    if serving.founders() == 2 {
        writeln!(to, "{TWO_NODES}")?;
    }
    to.flush()
}
