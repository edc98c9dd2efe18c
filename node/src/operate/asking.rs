//! Where to ask, and how to prove who asks.

use std::fmt;
use std::path::PathBuf;

use axum::http::Method;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::{Api, ApiError, Call};
use crate::gateway::OperatorToken;
use crate::secret::{Secret, SecretError};
use crate::world;

/// Where `roost dev` keeps the secret, unless it was told otherwise.
pub(super) const DEV_SECRET: &str = "data/secret";

/// Where to ask, and how to prove who asks.
#[derive(Args, Clone, Debug)]
pub struct Asking {
    /// Any node of the cluster.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// The file with the secret of the cluster.
    #[arg(long, value_name = "FILE", default_value = DEV_SECRET)]
    secret_file: PathBuf,
    /// Prints JSON, for programs.
    #[arg(long)]
    pub(super) json: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum OperateError {
    /// There is no secret.
    Secret(SecretError),
    /// The request came to nothing.
    Api(ApiError),
    /// The answer is none that this release knows.
    Answer(serde_json::Error),
}

impl Asking {
    /// Asks for the list at a path, as it is and as this release reads it.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<(Value, Vec<T>), OperateError> {
        let answer = self.send(Method::GET, name, None).await?;
        let list = serde_json::from_value(answer[name].clone());
        Ok((answer, list.map_err(OperateError::Answer)?))
    }

    /// Has something done.
    pub(super) async fn put(&self, name: &str, body: Value) -> Result<Value, OperateError> {
        self.send(Method::PUT, name, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        name: &str,
        body: Option<Value>,
    ) -> Result<Value, OperateError> {
        let secret = Secret::read(&self.secret_file)?;
        let call = Call {
            method,
            path: format!("/v1/operator/{name}"),
            token: Some(OperatorToken::of(&secret).text().to_owned()),
            key: world::id().to_string(),
            body,
        };
        Ok(Api::new(&self.to)?.once().send(&call).await?)
    }
}

impl fmt::Display for OperateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(error) => write!(f, "{error}. Name it with --secret-file FILE"),
            Self::Api(error) => error.fmt(f),
            Self::Answer(error) => write!(f, "the node runs another release: {error}"),
        }
    }
}

impl std::error::Error for OperateError {}

impl From<SecretError> for OperateError {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl From<ApiError> for OperateError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}
