//! What the gateway answers by itself, without an entity.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use entity::Problem;
use entity::route::Access;
use serde_json::json;
use tokio::time::timeout_at;

use super::envelope::Arrival;
use super::overview::{Overview, Unready};
use super::problem::{NOT_READY, TIMEOUT};
use super::{Gateway, overview};

/// A page of the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Page {
    /// What this is and where to go.
    Index,
    /// The description of all routes, for people.
    Docs,
    /// Whether the process runs.
    Alive,
    /// The cluster as it is now, for browsers.
    Console,
    /// Figures for Prometheus.
    Metrics,
    /// Whether requests can be served.
    Ready,
    /// The description of all routes.
    OpenApi,
    /// How each node is doing.
    Nodes,
    /// What each shard is doing.
    Shards,
}

impl Page {
    /// All pages in the order of their paths.
    pub(crate) const ALL: [Self; 9] = [
        Self::Index,
        Self::Console,
        Self::Docs,
        Self::Alive,
        Self::Metrics,
        Self::OpenApi,
        Self::Ready,
        Self::Nodes,
        Self::Shards,
    ];

    /// Where it is.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Docs => "/docs",
            Self::Alive => "/livez",
            Self::Console => "/console",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Ready => "/readyz",
            Self::Nodes => "/v1/operator/nodes",
            Self::Shards => "/v1/operator/shards",
        }
    }

    /// What it is called in `OpenAPI`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Index => "Index",
            Self::Docs => "Docs",
            Self::Alive => "Alive",
            Self::Console => "Console",
            Self::Metrics => "Metrics",
            Self::OpenApi => "OpenApi",
            Self::Ready => "Ready",
            Self::Nodes => "Nodes",
            Self::Shards => "Shards",
        }
    }

    /// What it says, in a sentence.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Index => "Says what this is and where to go.",
            Self::Docs => "Shows this document to people, who can try its routes there.",
            Self::Alive => "Answers while the process runs, whatever else is wrong.",
            Self::Console => "Shows operators how the cluster is doing, in a browser.",
            Self::Metrics => "Tells figures of this node, as Prometheus reads them.",
            Self::OpenApi => "Describes all routes, as this document does.",
            Self::Ready => {
                "Answers when every shard that this node holds is served, here or elsewhere, with a quorum \
                 that the node hears of, and its copy applies what there is to apply."
            }
            Self::Nodes => "Tells how each node of the cluster is doing, and which one says so.",
            Self::Shards => {
                "Tells what each shard of the cluster is doing, and each of its copies."
            }
        }
    }

    /// Who may see it.
    pub(crate) fn access(self) -> Access {
        match self {
            // The page is empty until somebody logs in.
            Self::Console
            | Self::Index
            | Self::Docs
            | Self::Alive
            | Self::OpenApi
            | Self::Ready => Access::Anyone,
            Self::Metrics | Self::Nodes | Self::Shards => Access::Operator,
        }
    }

    /// Type of its body.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Console | Self::Docs => HTML,
            Self::Index => "text/plain; charset=utf-8",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Self::Alive | Self::OpenApi | Self::Ready | Self::Nodes | Self::Shards => {
                "application/json"
            }
        }
    }
}

/// What is said by a process that runs.
pub(super) const ALIVE: &str = "{\"status\":\"alive\"}";

const INDEX: &str = "\
roost: the back end of a social platform in one program.

/docs           every route and channel, to read and to try
/openapi.json   the same for programs: fields, replies and problems
/livez          whether the process runs
/readyz         whether requests can be served
/console        the cluster as it is now, in a browser, with the operator token
/metrics        figures of this node for Prometheus, with the operator token

/connection/websocket   channels, and the same routes, over Centrifugo's protocol
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
    let client = &gateway.client;
    let telling = async {
        Ok(match page {
            Page::Index => Bytes::from_static(INDEX.as_bytes()),
            Page::Docs => Bytes::from_static(DOCS.as_bytes()),
            Page::Alive => Bytes::from_static(ALIVE.as_bytes()),
            Page::Console => Bytes::from_static(CONSOLE.as_bytes()),
            Page::OpenApi => gateway.openapi.clone(),
            Page::Metrics => gateway.metrics.text(client).await?,
            Page::Ready => ready(overview::unready(client).await)?,
            Page::Nodes => {
                let (me, overview) = (client.router().peers().me().0, Overview::take(client).await);
                json!({ "node": me, "nodes": overview.nodes() }).to_string().into()
            }
            Page::Shards => {
                let overview = Overview::take(client).await;
                json!({ "shards": overview.shards() }).to_string().into()
            }
        })
    };
    let body = timeout_at(arrival.deadline, telling).await.unwrap_or_else(|_| Err(late()))?;
    let (body, content_type) = if page == Page::Index && is_browser(headers) {
        (Bytes::from_static(HOME.as_bytes()), HTML)
    } else {
        (body, page.content_type())
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if content_type == HTML {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    Ok(response)
}

/// Whether this node is of use for all of its shards.
fn ready(unready: Option<BTreeMap<Unready, Vec<u32>>>) -> Result<Bytes, Problem> {
    let unready = unready.ok_or_else(|| {
        NOT_READY.because("This node is not part of a cluster yet. Try again later.")
    })?;
    if unready.is_empty() {
        return Ok(Bytes::from_static(b"{\"status\":\"ready\"}"));
    }
    let said = unready.iter().map(|(why, shards)| {
        let shards = shards.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        format!("{}: {shards}", why.why())
    });
    let said = said.collect::<Vec<_>>().join("; ");
    Err(NOT_READY.because(format!("These shards are {said}. Try again later.")))
}

/// What browsers get at the address itself: a page that logs in, and shows a feed live.
const HOME: &str = include_str!("home.html");

/// What operators get: a page that logs in, and shows the cluster live.
const CONSOLE: &str = include_str!("console/page.html");

/// What browsers get as the description of all routes: a page that shows `/openapi.json`.
const DOCS: &str = include_str!("docs.html");

/// The type of these pages.
const HTML: &str = "text/html; charset=utf-8";

/// What they may do: run what is in them, and talk to this site.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn is_browser(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accepts.is_some_and(|it| it.contains("text/html"))
}

fn late() -> Problem {
    TIMEOUT.because("Time ran out. Nothing happened; try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_is_enough() {
        assert!(ready(Some(BTreeMap::new())).is_ok());
        assert!(ready(None).is_err(), "it knows no cluster");
        let unready = BTreeMap::from([(Unready::Unserved, vec![1, 2]), (Unready::Stuck, vec![3])]);
        let problem = ready(Some(unready)).expect_err("three are of no use");
        assert_eq!(problem.class, NOT_READY);
        let said = "served by nobody that this node knows of: 1, 2; behind, and not getting on: 3.";
        assert!(problem.detail.contains(said), "{}", problem.detail);
    }
}
