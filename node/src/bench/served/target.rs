//! Which cluster is measured.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::map::{Map, Until};
use super::members::Members;
use super::spawned::Spawned;
use crate::api::ApiError;
use crate::bench::progress::Progress;
use crate::gateway::OperatorToken;
use crate::secret::{Secret, SecretError};

/// Which cluster is measured.
#[derive(Args, Clone, Debug)]
pub(super) struct Target {
    /// Nodes of a running cluster, in any order.
    #[arg(
        long,
        value_name = "URL,...",
        value_delimiter = ',',
        conflicts_with = "spawn",
        default_value = "http://127.0.0.1:8080"
    )]
    to: Vec<String>,
    /// The file with the secret of the cluster.
    #[arg(long, value_name = "FILE", default_value = "roost-data/secret")]
    secret_file: PathBuf,
    /// Starts so many nodes on this machine for the measurement, and throws them away: 1 to 9.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=9))]
    spawn: Option<u16>,
    /// How many shards a cluster that is started gets, 1 to 256.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, requires = "spawn",
          value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: u32,
}

/// A cluster that answers.
pub(super) struct Cluster {
    /// The processes, if they were started for this.
    pub(super) spawned: Option<Spawned>,
    /// Who operates it.
    pub(super) token: String,
    /// Who leads what.
    pub(super) map: Map,
}

/// Why nothing was measured.
#[derive(Debug)]
pub(crate) enum ServedError {
    /// There is no secret.
    Secret(SecretError),
    /// As the system has it.
    Io(io::Error),
    /// The cluster does not tell what it is made of.
    Api(ApiError),
    /// It tells it otherwise than this program knows.
    Answer(serde_json::Error),
    /// Something was refused that never should be, or the cluster is not what is needed.
    Other(String),
}

impl Target {
    /// Starts an etcd cluster instead, if one is to be started, and yields where it serves.
    pub(super) async fn open_etcd(
        &self,
        progress: &Progress,
    ) -> Result<(Option<Members>, Vec<String>), ServedError> {
        let Some(count) = self.spawn else { return Ok((None, self.to.clone())) };
        progress.begin(format!("starting etcd with {}", nodes(count)));
        let members = Members::start(count).await?;
        let urls = members.urls.clone();
        Ok((Some(members), urls))
    }

    /// Starts the cluster, if that was asked for, and asks who leads what.
    pub(super) async fn open(&self, progress: &Progress) -> Result<Cluster, ServedError> {
        let spawned = match self.spawn {
            Some(count) => {
                progress.begin(format!("starting {}", nodes(count)));
                Some(Spawned::start(count, self.shards).await?)
            }
            None => None,
        };
        let (urls, secret) = match &spawned {
            Some(spawned) => (spawned.urls(), spawned.secret()),
            None => (self.to.clone(), self.secret_file.clone()),
        };
        let token = OperatorToken::of(&Secret::read(&secret)?).text().to_owned();
        let (until, waiting) = match &spawned {
            Some(_) => (Until::AtRest, "waiting until every shard is led where it is to be"),
            None => (Until::Serving, "waiting until every shard serves"),
        };
        progress.begin(waiting);
        let map = Map::settled(&urls, &token, until).await?;
        Ok(Cluster { spawned, token, map })
    }
}

/// So many, for people.
fn nodes(count: u16) -> String {
    if count == 1 { "a node".to_owned() } else { format!("{count} nodes") }
}

impl std::fmt::Display for ServedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(error) => write!(f, "{error}. Name it with --secret-file FILE"),
            Self::Io(error) => error.fmt(f),
            Self::Api(error) => error.fmt(f),
            Self::Answer(error) => write!(f, "the node runs another release: {error}"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ServedError {}

impl From<SecretError> for ServedError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl From<io::Error> for ServedError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ApiError> for ServedError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<serde_json::Error> for ServedError {
    fn from(error: serde_json::Error) -> Self {
        Self::Answer(error)
    }
}
