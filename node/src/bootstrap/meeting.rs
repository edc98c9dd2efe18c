//! Asks the peers until it is clear what to do.

use std::fmt;
use std::io;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::transport::NodeId;
use futures::future::join_all;
use quic::endpoint::{Quic, Setup, system_socket};
use quic::identity::{Authority, IdentityError, NEWCOMER};
use raft::home::{Drift, Home};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::decide::{Decision, Said, decide};
use super::presence::{Answer, Presence, Question, decode, encode};
use crate::assembly::{Founding, Stamp, StampError};
use crate::world;

/// How long a peer may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// How long a node that is let in may have to wait for the answer.
const JOIN_MAX: Duration = Duration::from_secs(15);

/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(300);

/// How long others may take to hear that this node begins.
const FAREWELL_MAX: Duration = Duration::from_millis(50);

/// How often what a node waits for is said again although nothing has changed.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// What a node has when it meets the others.
pub struct Meeting<'a> {
    /// Its data folder.
    pub folder: &'a Path,
    /// What the folder says. Its number and those that found are added.
    pub stamp: &'a mut Stamp,
    /// Who this node is.
    pub me: Presence,
    /// Where others find it, if it was told; otherwise at the peer that turns out to be it.
    pub advertise: &'a str,
    /// Who vouches for nodes.
    pub authority: &'a Authority,
    /// Where others find it.
    pub socket: UdpSocket,
    /// Told what the node waits for, whenever that changes.
    pub waits: &'a dyn Fn(&str),
}

/// Why a node does not come to be a part of a cluster.
#[derive(Debug)]
pub enum MeetingError {
    /// The system refuses something.
    Io(io::Error),
    /// The secret is none.
    Identity(IdentityError),
    /// The way to the others does not open.
    Quic(quic::endpoint::StartError),
    /// The data folder cannot be written.
    Stamp(StampError),
}

/// Meets the peers, until this node has a number. A folder that has one already needs nobody.
///
/// # Errors
///
/// [`MeetingError`]. Waiting is none: it is said, and goes on.
pub fn meet(meeting: Meeting<'_>) -> Result<NodeId, MeetingError> {
    if let Some(number) = meeting.stamp.number {
        return Ok(NodeId(number));
    }
    let Meeting { folder, stamp, me, advertise, authority, socket, waits } = meeting;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let identity = authority.vouch(NEWCOMER, world::wall())?;
    let (number, founding) = runtime.block_on(async {
        let home = Home::new(world::chance(), Drift::default());
        let here = encode(&Answer::Here(me.clone()));
        let setup = Setup {
            home: home.clone(),
            identity,
            socket: system_socket(socket)?,
            addresses: Arc::new(|_| None),
            deliver: Arc::new(|_, _| ()),
            answer: Arc::new(move |_, question| {
                let here = here.clone();
                Box::pin(async move { answer(&question, here) })
            }),
        };
        let quic = Quic::start(setup)?;
        let met = ask_until_clear(&quic, &home, (&me, advertise), waits).await;
        // Whoever has not heard the farewell by then learns it from the node that is here next.
        timeout(FAREWELL_MAX, quic.close()).await.ok();
        home.end();
        Ok::<_, MeetingError>(met)
    })?;
    stamp.settle(folder, number, founding)?;
    Ok(NodeId(number))
}

fn answer(question: &[u8], here: Bytes) -> Bytes {
    match decode(question) {
        Ok(Question::Who) => here,
        Ok(Question::Join(_)) => {
            encode(&Answer::Refused("this node has not joined itself yet".to_owned()))
        }
        Err(why) => encode(&Answer::Refused(why)),
    }
}

async fn ask_until_clear(
    quic: &Quic,
    home: &Home,
    (me, advertise): (&Presence, &str),
    waits: &dyn Fn(&str),
) -> (u32, Option<Founding>) {
    let (mut told, mut at) = (String::new(), home.now());
    loop {
        let said = join_all(me.peers.iter().map(|peer| who(quic, peer))).await;
        let why = match decide(me, &said) {
            Decision::Begin { number, founding } => return (number, Some(founding)),
            Decision::Join(address) => match join(quic, &address, (me, advertise), &said).await {
                Ok(number) => return (number, None),
                Err(why) => format!("the node at {address} does not let us in: {why}"),
            },
            Decision::Wait(why) => why,
        };
        if why != told || home.now() - at >= SAY_AGAIN {
            waits(&why);
            (told, at) = (why, home.now());
        }
        home.sleep(PAUSE).await;
    }
}

async fn who(quic: &Quic, address: &str) -> Said {
    let asked = quic.ask(address, encode(&Question::Who), ANSWER_MAX).await;
    let said = asked.and_then(|(_, answer)| match decode(&answer)? {
        Answer::Here(presence) => Ok(presence),
        Answer::Joined(_) | Answer::Refused(_) => Err("it does not say who it is".to_owned()),
    });
    (address.to_owned(), said)
}

/// Asks a node of the cluster to be let in. Where this node is, its own answer has shown.
async fn join(
    quic: &Quic,
    address: &str,
    (me, advertise): (&Presence, &str),
    said: &[Said],
) -> Result<u32, String> {
    let is_me = |(_, it): &&Said| it.as_ref().is_ok_and(|it| it.disk == me.disk);
    let own = said.iter().find(is_me).map(|(address, _)| &address[..]);
    let told = Some(advertise).filter(|it| !it.is_empty());
    let own =
        told.or(own).ok_or("none of --peers is this node: say where it is with --advertise")?;
    let question = encode(&Question::Join(me.at(own)));
    let (_, answer) = quic.ask(address, question, JOIN_MAX).await?;
    match decode(&answer)? {
        Answer::Joined(number) => Ok(number),
        Answer::Refused(why) => Err(why),
        Answer::Here(_) => Err("it answers something else".to_owned()),
    }
}

impl fmt::Display for MeetingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Identity(error) => error.fmt(f),
            Self::Quic(error) => write!(f, "there is no way to other nodes: {error}"),
            Self::Stamp(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MeetingError {}

impl From<io::Error> for MeetingError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<IdentityError> for MeetingError {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}

impl From<quic::endpoint::StartError> for MeetingError {
    fn from(error: quic::endpoint::StartError) -> Self {
        Self::Quic(error)
    }
}

impl From<StampError> for MeetingError {
    fn from(error: StampError) -> Self {
        Self::Stamp(error)
    }
}
