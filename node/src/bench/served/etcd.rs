//! Writes to etcd over gRPC: what roost is compared with.

use prost::Message;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::target::ServedError;
use super::way::{ANSWER_MAX, Told, Write};

/// A way to all members in turn. Clones share its connections.
#[derive(Clone)]
pub(super) struct Etcd(Grpc<Channel>);

/// What etcd's `Put` takes, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct Put {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// What it answers; nothing of it matters here.
#[derive(Clone, PartialEq, Message)]
struct Done {}

impl Etcd {
    /// One that connects to every member when it is needed.
    pub(super) fn new(urls: &[String]) -> Result<Self, ServedError> {
        let endpoint = |url: &String| Endpoint::from_shared(url.clone());
        let endpoints: Result<Vec<_>, _> = urls.iter().map(endpoint).collect();
        let endpoints = endpoints.map_err(|error| ServedError::Other(error.to_string()))?;
        let timed = endpoints.into_iter().map(|it| it.timeout(ANSWER_MAX));
        Ok(Self(Grpc::new(Channel::balance_list(timed))))
    }

    /// Sends a write, and waits for the answer. How often the probe was written etcd does not tell.
    pub(super) async fn write(&mut self, write: &Write) -> Told {
        let put = Put {
            key: format!("probe/{}", write.probe).into_bytes(),
            value: write.value.clone().into_bytes(),
        };
        if let Err(error) = self.0.ready().await {
            return Told::Again(error.to_string());
        }
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
        let answer = self.0.unary(Request::new(put), path, ProstCodec::<Put, Done>::default());
        match answer.await {
            Ok(_) => Told::Done(0),
            Err(status) => Told::Again(status.code().to_string()),
        }
    }
}
