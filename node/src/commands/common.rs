//! What commands that start nodes have in common.

use std::fmt;
use std::io;

use actors::routes;
use config::{Config, ConfigError};
use entity::Route;
use entity::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::launch::LaunchError;
use crate::secret::SecretError;
use crate::settings::{self, SettingError};

/// Why roost does not start, or does not go on.
#[derive(Debug)]
pub enum CommandError {
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
    /// There is no secret.
    Secret(SecretError),
    /// No file was named that has one.
    NoSecret,
    /// The node does not start.
    Launch(LaunchError),
    /// A process that was started ended before it served.
    Child {
        /// Which node.
        name: String,
        /// The last that it said.
        said: String,
    },
    /// The folder has more nodes than are to be started.
    FewerNodes {
        /// How many it has.
        nodes: usize,
    },
    /// The system refuses something.
    Io(io::Error),
}

/// The services and what leads to them.
pub(super) fn services() -> (Registry, Vec<Route>) {
    let mut registry = Registry::default();
    actors::register(&mut registry);
    (registry, routes())
}

/// Checks what only a start would find otherwise.
pub(super) fn check(config: &Config) -> Result<(), CommandError> {
    filter(config)?;
    settings::apply(&config.settings, &mut services().0.settings)?;
    Ok(())
}

fn filter(config: &Config) -> Result<EnvFilter, CommandError> {
    let refused = |error: ParseError| {
        let (filter, error) = (config.log.clone(), error.to_string());
        CommandError::Log { filter, error }
    };
    EnvFilter::try_new(&config.log).map_err(refused)
}

/// Logs to the standard error stream what the configuration says.
pub(super) fn log(config: &Config) -> Result<(), CommandError> {
    let log = tracing_subscriber::fmt().with_env_filter(filter(config)?);
    log.with_ansi(false).with_writer(io::stderr).init();
    Ok(())
}

/// Comes when somebody wants the process to stop.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Setting(error) => error.fmt(f),
            Self::Log { filter, error } => {
                write!(
                    f,
                    "log is {filter:?}; expected a filter such as info or node=debug: {error}"
                )
            }
            Self::Secret(error) => error.fmt(f),
            Self::NoSecret => write!(
                f,
                "name a file with the secret of the cluster: --secret-file FILE. Make one with: \
                 head -c 32 /dev/urandom | base64 > FILE"
            ),
            Self::Launch(error) => error.fmt(f),
            Self::Child { name, said } => write!(f, "node {name} does not start: {said}"),
            Self::FewerNodes { nodes } => write!(
                f,
                "the data folder has {nodes} nodes: start as many with --nodes {nodes}, or more, or \
                 name another folder with --data"
            ),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CommandError {}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<SettingError> for CommandError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<SecretError> for CommandError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl From<LaunchError> for CommandError {
    fn from(error: LaunchError) -> Self {
        Self::Launch(error)
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
