//! Why a command that starts nodes fails.

use std::fmt;
use std::io;

use config::ConfigError;

use crate::launch::LaunchError;
use crate::secret::SecretError;
use crate::settings::SettingError;

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
