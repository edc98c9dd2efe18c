//! What the gateway answers by itself, without an entity.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use entity::Problem;
use entity::route::Access;
use serde_json::json;
use tokio::time::timeout_at;

use super::Gateway;
use super::envelope::Arrival;
use super::problem::{NOT_READY, TIMEOUT};
use super::shards::{self, ShardStatus};

/// A page of the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Page {
    /// What this is and where to go.
    Index,
    /// Whether the process runs.
    Alive,
    /// Whether requests can be served.
    Ready,
    /// The description of all routes.
    OpenApi,
    /// What each shard is doing.
    Shards,
}

impl Page {
    /// All pages in the order of their paths.
    pub(crate) const ALL: [Self; 5] =
        [Self::Index, Self::Alive, Self::OpenApi, Self::Ready, Self::Shards];

    /// Where it is.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Alive => "/livez",
            Self::OpenApi => "/openapi.json",
            Self::Ready => "/readyz",
            Self::Shards => "/v1/operator/shards",
        }
    }

    /// What it is called in `OpenAPI`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Index => "Index",
            Self::Alive => "Alive",
            Self::OpenApi => "OpenApi",
            Self::Ready => "Ready",
            Self::Shards => "Shards",
        }
    }

    /// What it says, in a sentence.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Index => "Says what this is and where to go.",
            Self::Alive => "Answers while the process runs, whatever else is wrong.",
            Self::OpenApi => "Describes all routes, as this document does.",
            Self::Ready => {
                "Answers when every shard that this node holds is served, here or elsewhere."
            }
            Self::Shards => "Tells what each shard that this node holds is doing.",
        }
    }

    /// Who may see it.
    pub(crate) fn access(self) -> Access {
        match self {
            Self::Index | Self::Alive | Self::OpenApi | Self::Ready => Access::Anyone,
            Self::Shards => Access::Operator,
        }
    }

    /// Type of its body.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Index => "text/plain; charset=utf-8",
            Self::Alive | Self::OpenApi | Self::Ready | Self::Shards => "application/json",
        }
    }
}

const INDEX: &str = "\
roost: the back end of a social platform in one program.

/openapi.json   every route, its fields and its problems
/livez          whether the process runs
/readyz         whether requests can be served
";

/// Answers with a page.
pub(crate) async fn show(
    page: Page,
    gateway: &Gateway,
    arrival: Arrival,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    // A probe carries no token and must not depend on the shard of one.
    if page.access() != Access::Anyone {
        let admitting = gateway.doorkeeper.admit(headers, page.access());
        timeout_at(arrival.deadline, admitting).await.unwrap_or_else(|_| Err(late()))?;
    }
    let body = match page {
        Page::Index => Bytes::from_static(INDEX.as_bytes()),
        Page::Alive => Bytes::from_static(b"{\"status\":\"alive\"}"),
        Page::OpenApi => gateway.openapi.clone(),
        Page::Ready => {
            let missing = shards::missing(gateway.client.router());
            let missing = missing.ok_or_else(|| {
                NOT_READY.because("This node is not part of a cluster yet. Try again later.")
            })?;
            let held = status(gateway, arrival).await?;
            let held = held.iter().map(|it| (it.shard, it.is_serving));
            ready(held.chain(missing.into_iter().map(|it| (it, false))))?
        }
        Page::Shards => json!({ "shards": status(gateway, arrival).await? }).to_string().into(),
    };
    let mut response = Response::new(Body::from(body));
    let content_type = HeaderValue::from_static(page.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

async fn status(gateway: &Gateway, arrival: Arrival) -> Result<Vec<ShardStatus>, Problem> {
    let held = shards::held(gateway.client.router());
    timeout_at(arrival.deadline, held).await.ok().ok_or_else(late)
}

/// Whether all shards (number, whether it serves) serve.
fn ready(shards: impl Iterator<Item = (u32, bool)>) -> Result<Bytes, Problem> {
    let missing = shards.filter(|(_, is_serving)| !is_serving).map(|(shard, _)| shard.to_string());
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return Ok(Bytes::from_static(b"{\"status\":\"ready\"}"));
    }
    let missing = missing.join(", ");
    Err(NOT_READY.because(format!("These shards do not serve: {missing}. Try again later.")))
}

fn late() -> Problem {
    TIMEOUT.because("Time ran out. Nothing happened; try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_that_does_not_serve_is_enough() {
        assert!(ready([(0, true), (1, true)].into_iter()).is_ok());
        let problem = ready([(0, true), (1, false), (2, false)].into_iter());
        let problem = problem.expect_err("two do not serve");
        assert_eq!(problem.class, NOT_READY);
        assert!(problem.detail.contains("do not serve: 1, 2."), "{}", problem.detail);
    }
}
