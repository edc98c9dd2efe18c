//! From a configuration to a node that serves.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::UdpSocket;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use cluster::executor::Knobs;
use cluster::meta::{Member, Meta};
use cluster::placement::{Candidate, place};
use cluster::slots::META;
use cluster::transport::NodeId;
use config::Config;
use entity::registry::Registry;
use entity::{ChannelType, Release, Route};
use quic::identity::{Authority, IdentityError};
use raft::timing::Timing;
use runtime::client::Client;
use tokio::time::sleep;
use wal::disk::{DiskFolder, RESERVE_BYTES};

use crate::assembly::{
    Founding, Line, Plan, Room, Running, Stamp, StampError, StartError, die, over_quic,
};
use crate::bootstrap::{
    Announcement, Meeting, MeetingError, Presence, Reception, Stage, announce, meet,
};
use crate::files::Files;
use crate::gateway::{self, Gateway, OperatorToken, Ports};
use crate::probe::{self, Probe};
use crate::secret::Secret;
use crate::settings::{self, SettingError};
use crate::world;

/// Between two looks whether a node is ready.
const READY_PERIOD: Duration = Duration::from_millis(50);

/// A node that is silent for so long holds nothing any more: others take its place.
const REPLACE_AFTER: Duration = Duration::from_mins(10);

/// A node that runs, and serves clients.
pub struct Serving {
    running: Running,
    gateway: axum::Router,
    operator: OperatorToken,
    number: NodeId,
    nodes: usize,
    /// Held as long as the folder is used.
    _lock: File,
}

/// Why a node does not start.
#[derive(Debug)]
pub enum LaunchError {
    /// A setting of a service is refused.
    Setting(SettingError),
    /// The system refuses something, and for what.
    Io(String, io::Error),
    /// The data folder is not opened.
    Stamp(StampError),
    /// Another process uses the data folder.
    InUse(PathBuf),
    /// The secret is none.
    Identity(IdentityError),
    /// It does not come to be a part of its cluster.
    Meeting(MeetingError),
    /// It does not start.
    Start(StartError),
}

/// The services, and what leads to them.
#[derive(Debug, Default)]
pub struct Services {
    /// What runs them.
    pub registry: Registry,
    /// Requests.
    pub routes: Vec<Route>,
    /// Streams that clients follow.
    pub channels: Vec<ChannelType>,
}

impl Serving {
    /// Comes to be a part of the cluster, and starts with the services and those of operators. `waits` is told what the node waits for. Blocks: call it
    /// outside of every runtime.
    ///
    /// # Errors
    ///
    /// [`LaunchError`]; nothing runs then.
    pub fn start(
        config: &Config,
        secret: &Secret,
        services: Services,
        waits: &dyn Fn(&str),
    ) -> Result<Self, LaunchError> {
        let Services { mut registry, mut routes, channels } = services;
        registry.add::<Meta>();
        registry.add::<Probe>();
        gateway::register(&mut registry);
        routes.extend(cluster::operator::routes());
        routes.extend(cluster::meta::api::routes());
        routes.extend(probe::routes());
        settings::apply(&config.settings, &mut registry.settings)?;
        let authority = Arc::new(Authority::of(&config.cluster, secret.bytes())?);
        let socket = bind(config)?;
        let name = name(config)?;
        let mut stamp = Stamp::check(&config.data, (&config.cluster, &name), world::disk())?;
        let lock = lock(&config.data)?;
        let me = presence(config, name.clone(), &stamp, &socket)?;
        let number = meet(Meeting {
            folder: &config.data,
            stamp: &mut stamp,
            me: me.clone(),
            advertise: &config.advertise,
            authority: &authority,
            socket: clone(&socket)?,
            waits,
        })?;
        let reception = Reception::new(me.clone(), stamp.founding.clone());
        let founding = stamp.founding;
        let line = Line {
            authority,
            node: number,
            socket,
            addresses: reception.addresses(),
            answer: reception.answer(),
        };
        let founders = founding.as_ref().map(members).unwrap_or_default();
        let registry = Arc::new(registry);
        let running = Running::start(plan(config, (number, name), founders, (registry, line)))?;
        let way = running.node().router().clone();
        reception.open(way.clone());
        let nodes = founding.as_ref().map_or(0, |it| it.founders.len());
        let announcement = Announcement {
            number,
            me: me.at(&config.advertise),
            cluster: config.cluster.clone(),
            founding,
        };
        {
            let _entered = running.handle().enter();
            running.home().spawn(async { die(&announce(way, announcement).await) });
        }
        let setup = gateway::Setup {
            routes,
            channels,
            client: running.client(),
            ports: Ports::machine(),
            knobs: gateway::Knobs::default(),
        };
        let gateway = Gateway::router(setup, config, secret);
        let operator = OperatorToken::of(secret);
        Ok(Self { running, gateway, operator, number, nodes, _lock: lock })
    }

    /// What the operator shows to prove who they are.
    pub fn operator(&self) -> &OperatorToken {
        &self.operator
    }

    /// The number of the node.
    pub fn number(&self) -> NodeId {
        self.number
    }

    /// With how many nodes this one founds its cluster; 0 if it has joined one.
    pub fn founders(&self) -> usize {
        self.nodes
    }

    /// A way in.
    pub fn client(&self) -> Client {
        self.running.client()
    }

    /// What is served to clients.
    pub fn router(&self) -> axum::Router {
        self.gateway.clone()
    }

    /// Waits until every shard that this node holds is served, here or elsewhere.
    pub async fn ready(&self) {
        let client = self.client();
        while !gateway::is_ready(&client).await {
            sleep(READY_PERIOD).await;
        }
    }

    /// Ends. Blocks: call it outside of every runtime, when nobody is served any more.
    pub fn stop(self) {
        self.running.stop();
    }
}

fn bind(config: &Config) -> Result<UdpSocket, LaunchError> {
    let failed = |error| LaunchError::Io(format!("cannot bind {} (UDP)", config.bind), error);
    UdpSocket::bind(config.bind).map_err(failed)
}

fn clone(socket: &UdpSocket) -> Result<UdpSocket, LaunchError> {
    socket.try_clone().map_err(|error| LaunchError::Io("a socket".to_owned(), error))
}

/// Sees to it that no other process uses a folder.
fn lock(folder: &Path) -> Result<File, LaunchError> {
    let failed = |error| LaunchError::Io(folder.display().to_string(), error);
    let file = File::open(folder).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LaunchError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The name of the node: the machine's, if nobody says otherwise.
pub(crate) fn name(config: &Config) -> Result<String, LaunchError> {
    if !config.name.is_empty() {
        return Ok(config.name.clone());
    }
    let file = "/proc/sys/kernel/hostname";
    let name = fs::read_to_string(file);
    let name = name.map_err(|error| LaunchError::Io(file.to_owned(), error))?;
    Ok(name.trim().to_owned())
}

fn presence(
    config: &Config,
    name: String,
    stamp: &Stamp,
    socket: &UdpSocket,
) -> Result<Presence, LaunchError> {
    let mut peers = config.peers.clone();
    if peers.is_empty() {
        // It is the only one, and finds itself on this machine.
        let place = socket.local_addr();
        let place = place.map_err(|error| LaunchError::Io("a socket".to_owned(), error))?;
        peers.push(format!("127.0.0.1:{}", place.port()));
    }
    let (zone, weight) = (config.zone.clone(), config.weight);
    let (shards, copies, disk) = (config.shards, config.copies, stamp.disk.clone());
    let (release, stage) = (Release::NEWEST.0, Stage::Empty);
    Ok(Presence { name, disk, zone, weight, peers, shards, copies, release, stage })
}

/// The members that begin the meta group: those that the cluster will assign to it.
fn members(founding: &Founding) -> Vec<Member> {
    let number = |place: usize| NodeId(u32::try_from(place + 1).expect("a few founders"));
    let founders = founding.founders.iter().enumerate();
    let candidates: Vec<_> =
        founders.map(|(at, it)| Candidate::new(number(at), &it.zone, it.weight)).collect();
    let placed = place(META, &candidates, usize::from(founding.copies));
    placed.iter().map(|it| Member { node: it.0, life: 1 }).collect()
}

fn plan(
    config: &Config,
    (node, name): (NodeId, String),
    founders: Vec<Member>,
    (registry, line): (Arc<Registry>, Line),
) -> Plan {
    let free_bytes_min = config.disk_free_min_mib << 20;
    let cores = available_parallelism().map_or(1, NonZero::get);
    Plan {
        node,
        name,
        founders,
        cluster: config.cluster.clone(),
        folder: config.data.clone(),
        log: Box::new(|path| Ok(Arc::new(DiskFolder::open(path, RESERVE_BYTES)?))),
        engine: engine_fjall::Options {
            memory_bytes: config.rows_memory_mib << 20,
            free_bytes_min: free_bytes_min / 2,
            files_max: Files::share(world::files_max()).rows,
            ..engine_fjall::Options::default()
        },
        threads: if config.threads == 0 { cores } else { config.threads },
        connect: over_quic(line),
        registry,
        knobs: Knobs::default(),
        timing: Timing::default(),
        replace_after: REPLACE_AFTER,
        room: Room { free_bytes_min, ..Room::default() },
        watch: Arc::new(|_| {}),
        on_failure: Arc::new(die),
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::Stamp(error) => error.fmt(f),
            Self::InUse(folder) => write!(
                f,
                "data_folder_in_use: another process uses {}. Stop it first, or name another folder.",
                folder.display()
            ),
            Self::Identity(error) => error.fmt(f),
            Self::Meeting(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LaunchError {}

impl From<SettingError> for LaunchError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

impl From<StampError> for LaunchError {
    fn from(error: StampError) -> Self {
        Self::Stamp(error)
    }
}

impl From<IdentityError> for LaunchError {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}

impl From<MeetingError> for LaunchError {
    fn from(error: MeetingError) -> Self {
        Self::Meeting(error)
    }
}

impl From<StartError> for LaunchError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}
