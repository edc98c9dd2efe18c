//! Where the nodes of `roost dev` are found: the same whenever they start, for they know each other by it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where it is kept, in the folder with the data of all nodes.
const FILE: &str = "places.json";

/// Where each node is found by the others.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Places {
    /// By the place of the node among them.
    pub(super) nodes: Vec<SocketAddr>,
}

impl Places {
    /// Reads where the nodes of a folder are found, and finds places for new ones, until there are so
    /// many.
    pub(super) fn of(folder: &Path, nodes: usize) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = folder.join(FILE);
        let mut places = match fs::read(&file) {
            Ok(text) => serde_json::from_slice::<Self>(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error),
        };
        // Held until all are found: the system gives none of them twice.
        let mut sockets = Vec::new();
        while places.nodes.len() < nodes {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            places.nodes.push(socket.local_addr()?);
            sockets.push(socket);
        }
        fs::write(&file, serde_json::to_vec_pretty(&places)?)?;
        Ok(places)
    }

    /// As `roost node` takes them.
    pub(super) fn peers(&self) -> String {
        self.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}
