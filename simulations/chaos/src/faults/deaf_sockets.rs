//! Clients that follow a feed and read nothing of it, and others that are gone without a word.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::slow_clients::UPGRADE;
use crate::author::Person;
use crate::client::Client;
use crate::cluster::{Ground, NODES};
use crate::error::ChaosError;
use crate::fault::Fault;
use crate::machine;
use crate::scene::Scene;
use crate::wires::Guest;

/// How many of each kind come to each node.
const CLIENTS: u32 = 60;

/// How long a node may take until it has noticed: it asks every 25 s, waits for 10 s, and tries for 10 s to say so.
const NOTICED_MAX: Duration = Duration::from_secs(50);

/// How long a socket may take until it follows the feed.
const BEGUN_MAX: Duration = Duration::from_secs(10);

/// How much more memory a node may take: for each socket what it holds back at most, and as much again as it
/// takes with others.
const MORE_BYTES: u64 = (2 * CLIENTS as u64 + 100) << 20;

/// What is published again and again meanwhile, in bytes.
const TEXT_BYTES: usize = 4_000;

/// Between two posts.
const PACE: Duration = Duration::from_millis(50);

/// How many sockets a node has.
const GAUGE: &str = "roost_sockets";

pub(super) const DEAF_SOCKETS: Fault = Fault {
    name: "deaf-sockets",
    about: "at each node 60 clients follow a feed and read nothing of it, and 60 are gone without a word, while \
            long posts are published",
    ground: Ground::Wires,
    passing: &[],
    unnoticed: true,
    possible: machine::has_wires,
    happen,
};

fn happen(scene: &mut Scene<'_>) -> Result<(), ChaosError> {
    let urls = scene.cluster.urls().to_vec();
    let (anybody, mut sockets, mut guests) = (Client::new(&[]), Vec::new(), Vec::new());
    let speaker = scene.ask(Person::register(&anybody, &urls, "speaker"))?;
    let deaf = scene.ask(Person::register(&anybody, &urls, "deaf"))?;
    scene.ask(deaf.follow(&urls, &speaker))?;
    let memory = |scene: &Scene<'_>| {
        (1..=NODES).map(|it| scene.cluster.memory_bytes(it, "VmRSS")).collect::<Vec<_>>()
    };
    let before = memory(scene);
    for node in 1..=NODES {
        let (guest, to) = (Guest::new(node)?, scene.cluster.address(node));
        for _ in 0..CLIENTS {
            for from in [guest.address(), Ipv4Addr::UNSPECIFIED] {
                sockets.push(scene.ask(follow(from, to, &deaf))?);
            }
        }
        guests.push(guest);
    }
    for url in &urls {
        let open = scene.ask(scene.operator.metric(url, GAUGE)).map_err(ChaosError::broken)?;
        if open < f64::from(2 * CLIENTS) {
            return Err(ChaosError::broken(format!("{url} has {open} sockets")));
        }
    }
    guests.iter_mut().try_for_each(Guest::vanish)?;
    let (began, text, mut more, mut posts) = (Instant::now(), "x".repeat(TEXT_BYTES), 0, 0);
    let took = scene.until("nobody is left", NOTICED_MAX, |scene| {
        let call = Person::publication(posts, &text);
        posts += 1;
        scene.ask(speaker.client.must(&urls, &call))?;
        for (now, then) in memory(scene).into_iter().zip(&before) {
            more = more.max(now.saturating_sub(*then));
        }
        scene.rest(PACE)?;
        Ok(urls.iter().try_for_each(|url| match scene.ask(scene.operator.metric(url, GAUGE))? {
            0.0 => Ok(()),
            open => Err(format!("{url} has {open} sockets after {:?}", began.elapsed())),
        }))
    })?;
    drop(sockets);
    let (took, mib) = (took.as_secs_f64(), more >> 20);
    scene.note(format!("the last was cut after {took:.1} s and {posts} posts; {mib} MiB more"));
    if more > MORE_BYTES {
        return Err(ChaosError::broken(format!("a node took {mib} MiB more")));
    }
    Ok(())
}

/// Follows the feed of somebody, from an address of this machine, and says when the node has begun.
async fn follow(from: Ipv4Addr, to: SocketAddr, whose: &Person) -> Result<TcpStream, ChaosError> {
    let work = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        let mut stream = socket.connect(to).await?;
        stream.write_all(UPGRADE.as_bytes()).await?;
        let (token, user) = (whose.client.token(), &whose.user);
        let commands = format!(
            "{{\"id\":1,\"connect\":{{\"token\":\"{token}\"}}}}\n\
             {{\"id\":2,\"subscribe\":{{\"channel\":\"feed:{user}\"}}}}"
        );
        stream.write_all(&frame(&commands)).await?;
        let (mut said, mut bytes) = (String::new(), [0; 4_096]);
        while !said.contains("\"id\":2") {
            match stream.read(&mut bytes).await? {
                0 => return Ok(Err(ChaosError::broken(format!("a socket ended: {said}")))),
                read => said.push_str(&String::from_utf8_lossy(&bytes[..read])),
            }
        }
        Ok(Ok(stream))
    };
    let late = |_| ChaosError::broken("a socket does not begin");
    timeout(BEGUN_MAX, work).await.map_err(late)?.map_err(ChaosError::io("a deaf socket"))?
}

/// A text as a client sends it: masked, with a mask that changes nothing.
fn frame(text: &str) -> Vec<u8> {
    const TEXT: u8 = 0x81;
    const MASKED: u8 = 0x80;
    const TWO_BYTES: u8 = 126;
    let length = u16::try_from(text.len()).expect("commands are short");
    let mut bytes = vec![TEXT, MASKED | TWO_BYTES];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(text.as_bytes());
    bytes
}
