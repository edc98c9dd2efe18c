//! Every path and method, and what serves it. No route has code of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use bytes::Bytes;
use config::Config;
use entity::{ChannelType, Method, Route};
use runtime::client::Client;
use schemars::generate::SchemaSettings;

use super::authentication::{Doorkeeper, NOTHING, OperatorToken};
use super::channels::{Hub, described};
use super::driver::Driver;
use super::endpoint::Endpoint;
use super::envelope::{Arrival, envelope};
use super::knobs::Knobs;
use super::metrics::Metrics;
use super::openapi;
use super::overview::{NodeStatus, ShardStatus};
use super::pages::{self, Page};
use super::passwords::Passwords;
use super::ports::Ports;
use super::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, respond};
use super::serve::{PathParts, serve};
use super::socket::{self, Watchlist};
use crate::secret::Secret;

/// What all requests share.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) client: Client,
    pub(crate) doorkeeper: Doorkeeper,
    pub(crate) driver: Driver,
    pub(crate) body_bytes_max: usize,
    pub(crate) request_timeout: Duration,
    /// Sites whose pages may open a socket.
    pub(crate) origins: Vec<String>,
    /// The description of all routes, as JSON.
    pub(crate) openapi: Bytes,
    /// Every route by its name.
    pub(crate) endpoints: BTreeMap<String, Arc<Endpoint>>,
    /// What is counted while requests are served.
    pub(crate) metrics: Metrics,
    /// What clients follow.
    pub(crate) hub: Hub,
    /// The tokens of connections.
    pub(crate) watchlist: Watchlist,
    pub(crate) knobs: Knobs,
}

/// What a gateway serves, and with what.
#[derive(Debug)]
pub struct Setup {
    /// Requests.
    pub routes: Vec<Route>,
    /// Streams that clients follow.
    pub channels: Vec<ChannelType>,
    /// The way to the entities.
    pub client: Client,
    /// The world around it.
    pub ports: Ports,
    /// Its limits.
    pub knobs: Knobs,
}

impl Gateway {
    /// Makes a router that serves the routes and channels, and the gateway's own pages.
    ///
    /// # Panics
    ///
    /// When two routes have the same method and path: an error of the programmer, found at every
    /// start.
    pub fn router(setup: Setup, config: &Config, secret: &Secret) -> Router {
        let Setup { routes, channels, client, ports, knobs } = setup;
        let mut generator = SchemaSettings::draft2020_12()
            .with(|it| it.definitions_path = openapi::DEFINITIONS.into())
            .into_generator();
        let endpoints: Vec<Arc<Endpoint>> = routes
            .into_iter()
            .map(|route| Arc::new(Endpoint::new(route, &mut generator)))
            .collect();
        generator.subschema_for::<NodeStatus>();
        generator.subschema_for::<ShardStatus>();
        let described = described(&channels, &mut generator);
        let definitions = generator.take_definitions(true);
        let doorkeeper = Doorkeeper { client: client.clone(), operator: OperatorToken::of(secret) };
        let (memory_kib, iterations) = (config.argon2_memory_kib, config.argon2_iterations);
        let driver = Driver {
            client: client.clone(),
            passwords: Passwords::new(ports.clone(), memory_kib, iterations),
            secret: secret.derive("repeats"),
            ports,
        };
        let gateway = Arc::new(Self {
            metrics: Metrics::new(Arc::clone(client.node().counters())),
            client,
            hub: Hub::new(driver.clone(), channels, knobs),
            watchlist: Watchlist::new(doorkeeper.clone()),
            doorkeeper,
            driver,
            body_bytes_max: config.body_bytes_max,
            request_timeout: config.request_timeout,
            origins: config.origins.clone(),
            openapi: openapi::document(&endpoints, &described, definitions).to_string().into(),
            endpoints: endpoints
                .iter()
                .map(|it| (openapi::operation_id(it, &endpoints), Arc::clone(it)))
                .collect(),
            knobs,
        });
        let mut paths = Router::new();
        for endpoint in endpoints {
            paths = paths.route(endpoint.route.path, serving(endpoint));
        }
        for page in Page::ALL {
            paths = paths.route(page.path(), showing(page));
        }
        paths
            .route(socket::PATH, get(socket::upgrade))
            .fallback(nowhere)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(Arc::clone(&gateway), envelope))
            .with_state(gateway)
    }
}

fn serving(endpoint: Arc<Endpoint>) -> MethodRouter<Arc<Gateway>> {
    let method = match endpoint.route.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
    };
    on(
        method,
        async move |State(gateway): State<Arc<Gateway>>,
                    Extension(arrival): Extension<Arrival>,
                    parts: PathParts,
                    request: Request| {
            serve(&gateway, &endpoint, arrival, parts, request).await
        },
    )
}

fn showing(page: Page) -> MethodRouter<Arc<Gateway>> {
    get(
        async move |State(gateway): State<Arc<Gateway>>,
                    Extension(arrival): Extension<Arrival>,
                    request: Request| {
            let shown = pages::show(page, &gateway, arrival, request.headers()).await;
            shown.unwrap_or_else(|problem| respond(&problem, arrival.id))
        },
    )
}

async fn nowhere(Extension(arrival): Extension<Arrival>) -> Response {
    respond(&NOT_FOUND.because(NOTHING), arrival.id)
}

async fn not_so(Extension(arrival): Extension<Arrival>) -> Response {
    let detail = "This path has other methods: see the header Allow.";
    respond(&METHOD_NOT_ALLOWED.because(detail), arrival.id)
}
