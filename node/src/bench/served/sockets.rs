//! Connections that stay open and say nothing: what each costs.

use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::latency::Latencies;
use super::socket::Socket;
use super::spawned::Spawned;
use super::target::{Cluster, ServedError, Target};
use super::way::{Told, Write};
use super::wire::trust;
use crate::bench::figure::{Figure, as_float};
use crate::bench::progress::Progress;
use crate::world::{self, Used};

/// How many are opened at the same time.
const OPENING: u64 = 64;

/// How long nodes rest before their memory is looked at.
const REST: Duration = Duration::from_secs(3);

/// Measures connections that stay open.
#[derive(Args, Clone, Debug)]
pub(in crate::bench) struct Sockets {
    #[command(flatten)]
    target: Target,
    /// How many, spread over all nodes. Of files this process needs as many, and each node its share.
    #[arg(long, value_name = "NUMBER", default_value_t = 6_000,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    count: u64,
    /// Over TLS, with the certificate of the cluster that is started.
    #[arg(long, requires = "spawn")]
    tls: bool,
    /// How long they stay. Nodes ask every 25 seconds whether they are still there.
    #[arg(long, value_name = "SECONDS", default_value_t = 40,
          value_parser = clap::value_parser!(u64).range(0..=86_400))]
    seconds: u64,
}

/// What came of opening them.
#[derive(Default)]
struct Opened {
    sockets: Vec<Socket>,
    took: Latencies,
    errors: u64,
}

impl Sockets {
    /// Opens them, waits, and asks each for a write.
    pub(in crate::bench) async fn run(
        &self,
        progress: &Progress,
    ) -> Result<Vec<Figure>, ServedError> {
        world::raise_files();
        let cluster = self.target.open(progress).await?;
        progress.sleep("letting nodes rest", REST).await;
        let (used, resident) = (
            || cluster.spawned.as_ref().map(Spawned::used),
            || cluster.spawned.as_ref().map(Spawned::resident_bytes),
        );
        let tls = cluster.spawned.as_ref().filter(|_| self.tls);
        let tls = tls.map(|it| trust(&it.certificate())).transpose()?;
        let (began, before, bytes_before) = (Used::now(), used(), resident());
        progress.begin_items("opening sockets", self.count);
        let Opened { sockets, took, errors } = self.open(&cluster, tls.as_ref(), progress).await;
        let lasted = Used::now().since(began).wall;
        let spent = before.zip(used()).map(|(before, after)| after.since(before).cpu);
        progress.sleep("letting nodes rest", REST).await;
        let bytes = bytes_before.zip(resident());
        progress.sleep("saying nothing", Duration::from_secs(self.seconds)).await;
        let count = sockets.len() as u64;
        let lost = lost(sockets, progress).await;
        let took = took.sorted();
        let figure = |metric, value, unit| Figure {
            case: format!("{count}{}", if self.tls { " tls" } else { "" }),
            ..Figure::new("sockets", metric, value, unit)
        };
        let mut figures = vec![
            figure("rate", as_float(count) / lasted.as_secs_f64(), "1/s"),
            figure("p50_ms", took.ms(500), "ms"),
            figure("p99_ms", took.ms(990), "ms"),
            figure("errors", as_float(errors), "1"),
            figure("lost", as_float(lost), "1"),
        ];
        if let Some((before, after)) = bytes {
            let each = as_float(after.saturating_sub(before)) / as_float(count.max(1));
            figures.push(figure("bytes_per_socket", each, "B"));
        }
        if let Some(cpu) = spent {
            let each = cpu.as_secs_f64() * 1e6 / as_float(count.max(1));
            figures.push(figure("cpu_us_per_op", each, "us"));
        }
        Ok(figures)
    }

    async fn open(
        &self,
        cluster: &Cluster,
        tls: Option<&TlsConnector>,
        progress: &Progress,
    ) -> Opened {
        let mut urls = cluster.map.urls.values().cycle();
        let mut left = self.count;
        let (mut opening, mut all) = (JoinSet::new(), Opened::default());
        loop {
            while left > 0 && (opening.len() as u64) < OPENING {
                let Some(url) = urls.next().cloned() else { return all };
                let (token, tls) = (cluster.token.clone(), tls.cloned());
                left -= 1;
                opening.spawn(async move {
                    let began = Instant::now();
                    (Socket::open(&url, &token, tls.as_ref()).await, began.elapsed())
                });
            }
            let opened = opening.join_next().await;
            progress.advance();
            match opened {
                Some(Ok((Ok(socket), took))) => {
                    all.took.push(took);
                    all.sockets.push(socket);
                }
                Some(Ok((Err(error), _))) => {
                    tracing::warn!(error, "a connection is not made");
                    all.errors += 1;
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "a connection is not made");
                    all.errors += 1;
                }
                None => return all,
            }
        }
    }
}

/// How many of them do not take a write any more.
async fn lost(sockets: Vec<Socket>, progress: &Progress) -> u64 {
    progress.begin_items("writing through each socket", sockets.len() as u64);
    let mut lost = 0;
    for (probe, socket) in (0..).zip(sockets) {
        let write = Write { probe, value: String::new(), key: String::new() };
        if !matches!(socket.write(&write).await, Told::Done(_)) {
            lost += 1;
        }
        progress.advance();
    }
    lost
}
