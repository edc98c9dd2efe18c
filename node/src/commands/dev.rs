//! `roost dev`: a cluster on this machine, each node a process of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use config::Config;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::children::{Event, RESTART_PAUSE, Spec, keep};
use super::demo;
use super::error::CommandError;
use super::node::TWO_NODES;
use super::places::Places;
use super::process::{check, stop_signal};
use super::tls::Files;
use crate::gateway::OperatorToken;
use crate::secret::Secret;

/// Starts a cluster on this machine, for trying it out: each node a process that can be killed.
///
/// A node that was killed is started again after some seconds. What was acknowledged is kept, also when
/// all of it is stopped and started again.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Dev {
    /// How many nodes to start, 1 to 9. A folder may get more nodes later, not fewer.
    #[arg(long, value_name = "NUMBER", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// Where clients connect to the first node; those of the others follow. Port 0 lets the system
    /// choose each [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// How many shards a new cluster gets, 1 to 256 [default: 8]
    #[arg(long, value_name = "NUMBER")]
    shards: Option<u32>,
    /// The folder with the data of all nodes.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Makes a few people who follow each other and have written something.
    #[arg(long)]
    demo: bool,
    /// A file with settings; see config/roost.toml for all of them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  roost dev
  roost dev --demo
  roost dev --nodes 5 --data /tmp/five
  roost dev --listen 127.0.0.1:9000 --shards 4
  ROOST_ARGON2_MEMORY_KIB=8 roost dev --config roost.toml";

impl Dev {
    /// Runs until Ctrl-C or SIGTERM.
    ///
    /// # Errors
    ///
    /// [`CommandError`]
    pub async fn run(self) -> Result<(), CommandError> {
        let config = self.config()?;
        check(&config)?;
        let nodes = usize::from(self.nodes);
        let places = Places::of(&self.data, nodes)?;
        if places.nodes.len() > nodes {
            return Err(CommandError::FewerNodes { nodes: places.nodes.len() });
        }
        let secret = Secret::read_or_make(&self.data.join("secret"))?;
        let stopping = stop_signal()?;
        let (stop, stopped) = watch::channel(false);
        let (events, mut happens) = mpsc::channel(16);
        let mut running = JoinSet::new();
        let tls = Files::made(&self.data, &config)?;
        for spec in self.specs(&config, &places, &tls) {
            running.spawn(keep(spec, events.clone(), stopped.clone()));
        }
        drop(events);
        let ended = tokio::select! {
            ended = self.watch(&mut happens, &secret, &tls) => ended,
            () = stopping => Ok(()),
        };
        // They have all ended already if nobody hears it.
        stop.send(true).ok();
        drop(happens);
        while running.join_next().await.is_some() {}
        ended
    }

    /// The configuration, with what the command line says.
    fn config(&self) -> Result<Config, CommandError> {
        let mut config = config::load(self.config.as_deref())?;
        if let Some(listen) = self.listen {
            config::merge(&mut config, "listen", &listen.to_string())?;
        }
        if let Some(shards) = self.shards {
            config::merge(&mut config, "shards", &shards.to_string())?;
        }
        Ok(config)
    }

    fn specs(&self, config: &Config, places: &Places, tls: &Files) -> Vec<Spec> {
        let spec = |(at, place): (u16, &SocketAddr)| {
            let name = format!("n{}", at + 1);
            let mut listen = config.listen;
            if listen.port() > 0 {
                listen.set_port(listen.port().saturating_add(at));
            }
            let folder = |it: &Path| it.as_os_str().to_owned();
            let mut arguments: Vec<OsString> = vec!["node".into(), "--leashed".into()];
            let flags: [(&str, OsString); 10] = [
                ("--name", name.clone().into()),
                ("--cluster", "dev".into()),
                ("--peers", places.peers().into()),
                ("--bind", place.to_string().into()),
                ("--listen", listen.to_string().into()),
                ("--secret-file", folder(&self.data.join("secret"))),
                ("--data", folder(&self.data.join(&name))),
                ("--tls-cert", folder(&tls.certificate)),
                ("--tls-key", folder(&tls.key)),
                ("--shards", config.shards.to_string().into()),
            ];
            arguments.extend(flags.into_iter().flat_map(|(name, value)| [name.into(), value]));
            if let Some(file) = &self.config {
                arguments.extend(["--config".into(), file.into()]);
            }
            Spec { log: self.data.join(format!("{name}.log")), name, arguments }
        };
        (0..).zip(&places.nodes).map(spec).collect()
    }

    /// Tells what happens to the nodes, until one of them does not start.
    async fn watch(
        &self,
        happens: &mut mpsc::Receiver<Event>,
        secret: &Secret,
        tls: &Files,
    ) -> Result<(), CommandError> {
        let mut first = BTreeMap::new();
        while let Some(event) = happens.recv().await {
            let mut to = io::stdout().lock();
            match event {
                Event::Serves { name, pid, address } if first.len() < usize::from(self.nodes) => {
                    first.insert(name, (pid, address));
                    if first.len() == usize::from(self.nodes) {
                        self.greet(&mut to, &first, (secret, tls))?;
                        drop(to);
                        self.show_around(&first).await?;
                        continue;
                    }
                }
                Event::Serves { name, pid, address } => {
                    writeln!(to, "{name} is back as process {pid}: {address}")?;
                }
                Event::Ended { name, how } => writeln!(
                    to,
                    "{name} has ended ({how}); it is started again in {} seconds",
                    RESTART_PAUSE.as_secs()
                )?,
                Event::Failed { name, said } => return Err(CommandError::Child { name, said }),
            }
            to.flush()?;
        }
        Ok(())
    }

    /// Makes a few people, if that was asked for.
    async fn show_around(&self, nodes: &BTreeMap<String, (u32, String)>) -> io::Result<()> {
        let Some((_, address)) = nodes.values().next().filter(|_| self.demo) else { return Ok(()) };
        let said = match demo::fill(address).await {
            Ok(()) => {
                let people: Vec<_> = demo::PEOPLE.iter().map(|(handle, _)| *handle).collect();
                let (people, password) = (people.join(", "), demo::PASSWORD);
                format!("Open {address} and log in as {people}; the password is: {password}")
            }
            Err(error) => format!("The demo is not there: {error}"),
        };
        writeln!(io::stdout(), "{said}")
    }

    fn greet(
        &self,
        to: &mut impl Write,
        nodes: &BTreeMap<String, (u32, String)>,
        (secret, tls): (&Secret, &Files),
    ) -> io::Result<()> {
        let Some((pid, address)) = nodes.values().next() else { return Ok(()) };
        writeln!(to, "roost serves {address}")?;
        for (name, (pid, address)) in nodes {
            let log = self.data.join(format!("{name}.log"));
            writeln!(to, "  {name}: {address}, process {pid}, log {}", log.display())?;
        }
        writeln!(to, "  routes:          {address}/docs, for programs {address}/openapi.json")?;
        writeln!(to, "  health:          {address}/livez and {address}/readyz")?;
        writeln!(to, "  console:         {address}/console, with the operator token")?;
        let certificate = tls.certificate.display();
        writeln!(to, "  certificate:     {certificate}, for https on the same ports")?;
        writeln!(to, "  operator token:  {}", OperatorToken::of(secret).text())?;
        writeln!(to, "State is in {}, and stays when this stops.", self.data.display())?;
        if nodes.len() == 2 {
            writeln!(to, "{TWO_NODES}")?;
        }
        if nodes.len() > 2 {
            writeln!(to, "Kill a node (kill -9 {pid}): the others go on, and it comes back.")?;
        }
        writeln!(to, "Ctrl-C stops all.")
    }
}
