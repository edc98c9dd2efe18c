//! `roost dev`: everything on this machine, in memory.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use config::{Config, ConfigError};
use entity::Route;
use entity::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::gateway::{self, Gateway, OperatorToken, Server};
use crate::settings::{self, SettingError};
use crate::shards::Shards;

/// Starts roost on this machine, for trying it out.
///
/// State is in memory: nothing is kept when it stops.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Dev {
    /// How many nodes to start.
    #[arg(long, default_value_t = 1)]
    nodes: u32,
    /// Where clients connect. Port 0 lets the system choose one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// How many shards hold the entities, 1 to 256 [default: 8]
    #[arg(long, value_name = "NUMBER")]
    shards: Option<u32>,
    /// A file with settings; see config/roost.toml for all of them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  roost dev
  roost dev --listen 127.0.0.1:9000 --shards 4
  ROOST_ARGON2_MEMORY_KIB=8 roost dev --config roost.toml";

/// Why roost does not start.
#[derive(Debug)]
pub enum DevError {
    /// A cluster of several nodes was asked for.
    Nodes {
        /// Of how many.
        nodes: u32,
    },
    /// The configuration is refused.
    Config(ConfigError),
    /// A setting of a service is refused.
    Setting(SettingError),
    /// What is to be logged is no filter.
    Log {
        /// What was asked for.
        filter: String,
        /// What is wrong with it.
        error: String,
    },
    /// The system refuses something.
    Io(io::Error),
}

impl fmt::Display for DevError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes { nodes } => write!(
                f,
                "--nodes is {nodes}; a cluster of several nodes is not part of this release yet: \
                 use --nodes 1"
            ),
            Self::Config(error) => error.fmt(f),
            Self::Setting(error) => error.fmt(f),
            Self::Log { filter, error } => {
                write!(
                    f,
                    "log is {filter:?}; expected a filter such as info or node=debug: {error}"
                )
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DevError {}

impl From<ConfigError> for DevError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<SettingError> for DevError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<io::Error> for DevError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Dev {
    /// Runs until Ctrl-C or SIGTERM.
    ///
    /// # Errors
    ///
    /// [`DevError`]
    pub async fn run(self) -> Result<(), DevError> {
        if self.nodes != 1 {
            return Err(DevError::Nodes { nodes: self.nodes });
        }
        let config = self.config()?;
        log(&config)?;
        let mut registry = Registry::default();
        actors::register(&mut registry);
        let node = DevNode::start(&config, registry, actors::routes()).await?;
        node.greet(&mut io::stdout())?;
        node.run(stop_signal()?).await;
        Ok(())
    }

    /// The configuration, with what the command line says.
    fn config(&self) -> Result<Config, ConfigError> {
        let mut config = config::load(self.config.as_deref())?;
        if let Some(listen) = self.listen {
            config::merge(&mut config, "listen", &listen.to_string())?;
        }
        if let Some(shards) = self.shards {
            config::merge(&mut config, "shards", &shards.to_string())?;
        }
        Ok(config)
    }
}

/// One node with everything in memory.
#[derive(Debug)]
pub struct DevNode {
    address: SocketAddr,
    operator: OperatorToken,
    server: Server,
    shards: Shards,
}

impl DevNode {
    /// Starts the shards and listens. `registry` has the services, `routes` leads to them; those of
    /// operators are added.
    ///
    /// # Errors
    ///
    /// [`DevError`]
    pub async fn start(
        config: &Config,
        mut registry: Registry,
        mut routes: Vec<Route>,
    ) -> Result<Self, DevError> {
        gateway::register(&mut registry);
        routes.extend(cluster::operator::routes());
        settings::apply(&config.settings, &mut registry.settings)?;
        let shards = Shards::start(Arc::new(registry), config.shards);
        let operator = OperatorToken::random();
        let client = shards.client();
        let gateway = Gateway::router(routes, &client, config, operator.clone());
        let server = Server::bind(config, gateway).await?;
        Ok(Self { address: server.address()?, operator, server, shards })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the operator shows to prove who they are.
    pub fn operator(&self) -> &OperatorToken {
        &self.operator
    }

    /// Serves until `stop` comes and requests in flight have ended.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        self.server.run(stop).await;
        self.shards.stop();
    }

    fn greet(&self, to: &mut impl Write) -> io::Result<()> {
        let (address, token) = (self.address, self.operator.text());
        writeln!(to, "roost serves http://{address}")?;
        writeln!(to, "  routes:          http://{address}/openapi.json")?;
        writeln!(to, "  health:          http://{address}/livez and http://{address}/readyz")?;
        writeln!(to, "  operator token:  {token}")?;
        writeln!(to, "State is in memory: it is gone when this process stops (Ctrl-C).")
    }
}

/// Logs to the standard error stream what the configuration says.
fn log(config: &Config) -> Result<(), DevError> {
    let refused = |error: ParseError| {
        let (filter, error) = (config.log.clone(), error.to_string());
        DevError::Log { filter, error }
    };
    let filter = EnvFilter::try_new(&config.log).map_err(refused)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    Ok(())
}

/// Comes when somebody wants the process to stop.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}
