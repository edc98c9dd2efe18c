//! `/metrics`: figures of this node for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::slots::META;
use entity::Problem;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder,
};
use runtime::client::Client;
use runtime::report::{CopyReport, LedReport, NodeReport};
use runtime::traffic::Counters;

use super::problem::INTERNAL;
use crate::world::{self, Used};

/// Upper ends of how long requests take, in seconds.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is counted while requests are served.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    /// What other nodes are told of it.
    counters: Arc<Counters>,
}

/// A figure of a copy.
type OfCopy = (&'static str, &'static str, fn(&CopyReport) -> u64);

/// A figure of a shard, on the node that leads it.
type OfLed = (&'static str, &'static str, fn(&LedReport) -> u64);

const OF_COPIES: [OfCopy; 5] = [
    ("roost_copy_applied_index", "Entries of the log that are applied.", |it| it.applied),
    ("roost_copy_lag_entries", "Entries of the log that are not applied yet.", |it| it.lag),
    ("roost_copy_term", "Raft's term.", |it| it.term),
    ("roost_copy_failed", "Whether the copy does nothing any more.", |it| {
        u64::from(it.failure.is_some())
    }),
    ("roost_copy_leads", "Whether this node leads the shard.", |it| u64::from(it.led.is_some())),
];

const OF_LED: [OfLed; 9] = [
    ("roost_shard_serving", "Whether the shard serves.", |it| u64::from(it.is_serving)),
    ("roost_shard_activation", "The life of the shard that is under way.", |it| it.activation),
    ("roost_shard_queued", "Requests and messages that wait.", |it| it.queued),
    ("roost_shard_entities_in_memory", "Entities in memory.", |it| it.entities_in_memory),
    ("roost_shard_outbox_bytes", "Bytes of unacknowledged envelopes.", |it| it.outbox_bytes),
    ("roost_shard_wake_ups", "Wake-ups that are not due yet.", |it| it.wake_ups),
    ("roost_shard_quarantined", "Entities that wait for an operator.", |it| it.quarantined),
    ("roost_shard_dead_letters", "Messages that wait for an operator.", |it| it.dead_letters),
    ("roost_shard_lag_max_entries", "Most entries that another copy lacks.", |it| it.lag_max),
];

impl Metrics {
    /// Nothing has been counted here yet.
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        let requests = Opts::new("roost_requests_total", "Requests that were answered.");
        let requests = IntCounterVec::new(requests, &["route", "status"]).expect("sound names");
        let seconds = HistogramOpts::new("roost_request_seconds", "How long requests took.");
        let seconds = seconds.buckets(SECONDS.to_vec());
        let seconds = HistogramVec::new(seconds, &["route"]).expect("sound names");
        let registry = Registry::new();
        add(&registry, requests.clone());
        add(&registry, seconds.clone());
        Self { registry, requests, seconds, counters }
    }

    /// A request to a route was answered.
    pub(crate) fn answered(&self, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
        self.counters.answered(status);
    }

    /// All figures, as Prometheus reads them.
    pub(crate) async fn text(&self, client: &Client) -> Result<Bytes, Problem> {
        let now = of_node(&client.node().report().await);
        let mut families = self.registry.gather();
        families.extend(now.gather());
        let text = TextEncoder::new().encode_to_string(&families);
        text.map(Bytes::from).map_err(|error| INTERNAL.because(error.to_string()))
    }
}

/// How the node is doing now.
fn of_node(report: &NodeReport) -> Registry {
    let registry = Registry::new();
    let set = |name: &str, help: &str, value: f64| {
        let gauge = Gauge::new(name, help).expect("sound names");
        gauge.set(value);
        add(&registry, gauge);
    };
    let deliveries = "Items that were pushed to clients that follow a channel.";
    let deliveries = IntCounter::new("roost_deliveries_total", deliveries).expect("sound names");
    deliveries.inc_by(report.traffic.deliveries);
    add(&registry, deliveries);
    set("roost_sockets", "Sockets that are open.", as_float(report.traffic.sockets));
    set("roost_log_bytes", "Bytes of the log.", as_float(report.log_bytes));
    let is_full = u64::from(report.is_storage_full);
    set("roost_storage_full", "Whether only what makes room is taken.", as_float(is_full));
    set("roost_storage_used_bytes", "Bytes of all that is stored.", as_float(report.used_bytes));
    set("roost_storage_free_bytes", "Bytes free on the disk.", as_float(report.free_bytes));
    if let Some(ahead) = report.clock_ahead_micros {
        let help = "How far the clock is ahead of the middle one of all nodes.";
        let seconds = Duration::from_micros(ahead.unsigned_abs()).as_secs_f64();
        set("roost_clock_ahead_seconds", help, seconds.copysign(if ahead < 0 { -1. } else { 1. }));
    }
    let is_wrong = u64::from(report.is_clock_wrong);
    let help = "Whether the clock is wrong, and the node leads nothing, if anybody else can.";
    set("roost_clock_wrong", help, as_float(is_wrong));
    set("roost_resident_bytes", "Memory in use.", as_float(world::resident_bytes()));
    let cpu = Used::by_process().cpu.as_secs_f64();
    set("roost_cpu_seconds", "Time on a core since the start.", cpu);
    let shards = |name: &str, help: &str| {
        let gauges = GaugeVec::new(Opts::new(name, help), &["shard"]).expect("sound names");
        add(&registry, gauges.clone());
        gauges
    };
    for (name, help, of) in OF_COPIES {
        let gauges = shards(name, help);
        for copy in &report.copies {
            gauges.with_label_values(&[shard(copy)]).set(as_float(of(copy)));
        }
    }
    for (name, help, of) in OF_LED {
        let gauges = shards(name, help);
        let led = report.copies.iter().filter_map(|it| Some((it, it.led.as_ref()?)));
        led.for_each(|(it, led)| gauges.with_label_values(&[shard(it)]).set(as_float(of(led))));
    }
    registry
}

fn shard(copy: &CopyReport) -> String {
    if copy.shard == META.0 { "meta".to_owned() } else { copy.shard.to_string() }
}

fn add(registry: &Registry, collector: impl prometheus::core::Collector + 'static) {
    registry.register(Box::new(collector)).expect("each name once");
}

#[expect(clippy::cast_precision_loss, reason = "a figure needs no more than 15 digits")]
fn as_float(number: u64) -> f64 {
    number as f64
}
