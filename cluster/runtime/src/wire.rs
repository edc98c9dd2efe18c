//! What the runtimes of nodes say to each other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cluster::meta::Member;
use cluster::request::{Answer, Failure, Request, RequestId, Trace, Verb};
use cluster::slots::ShardId;
use cluster::transport::NodeId;
use entity::registry::Outcome;
use entity::transaction::Limit;
use entity::{Address, Caller, Data, DataError, Id, Release, Time, data};

use crate::follow::message::{Frame, Watch, Watched};
use crate::report::NodeReport;

/// Something that one node says to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Requests to entities of one shard. Answered with a [`Reply`].
    Requests(ShardId, Vec<Request>),
    /// An envelope for a shard.
    Envelope(ShardId, Bytes),
    /// Envelopes were handled.
    Acknowledged {
        /// Their sender.
        to: ShardId,
        /// Their receiver.
        by: ShardId,
        /// The cluster incarnation.
        incarnation: u64,
        /// Number of the last one.
        number: u64,
    },
    /// Something for a shard has come to a node that does not lead it; who does, if that is known.
    Elsewhere(ShardId, Option<NodeId>),
    /// Who is in the group of a shard. Answered with a [`Reply`].
    Members(ShardId),
    /// Whether the other is there.
    Probe,
    /// How the other is doing. Answered with a [`Reply`].
    Report,
    /// A node follows a shard. Answered with a [`Reply`].
    Watch(ShardId, Watch),
    /// What has changed in a shard that the other follows.
    Frame(ShardId, Frame),
    /// A node ends, and leads nothing any more; who leads, as far as it knows.
    Ending(BTreeMap<ShardId, NodeId>),
}

/// What comes back for [`Message::Requests`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// The answers in order, and the time of the shard.
    Answers(Vec<Answer>, Time),
    /// The shard is not led here, but there, if that is known.
    NotHere(Option<NodeId>),
    /// Who is in the group, as a quorum of it confirms.
    Members(Members),
    /// The other is there, and its clock says this.
    Here(Sign, Time),
    /// The other is doing like this.
    Report(NodeReport),
    /// A shard is followed; none when its leader does not know the session.
    Watched(Option<Watched>),
}

/// What a node that is there says of itself.
#[data]
pub enum Sign {
    /// It stays, and can lead.
    Fit,
    /// It stays, and better somebody else leads: its disk is nearly full, or its clock is wrong.
    Unfit,
    /// It is about to end: it is to lead nothing.
    Leaving,
}

/// Who is in a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Members {
    /// The voters.
    pub voters: BTreeSet<Member>,
    /// The learners.
    pub learners: BTreeSet<Member>,
    /// Whether a change of them is under way.
    pub is_changing: bool,
}

impl Members {
    /// Whether these are the voters, and will be.
    pub fn are(&self, voters: &BTreeSet<Member>) -> bool {
        self.voters == *voters && !self.is_changing
    }

    /// Whether a member has left the group for good.
    pub fn lack(&self, member: Member) -> bool {
        !self.is_changing && !self.voters.contains(&member) && !self.learners.contains(&member)
    }

    /// Whether no member of a node has a part in it any more.
    pub fn lack_all_of(&self, node: NodeId) -> bool {
        let mut all = self.voters.union(&self.learners);
        !self.is_changing && !all.any(|it| it.node == node.0)
    }
}

#[data]
enum MessageV1 {
    Requests { shard: u32, requests: Vec<RequestV1> },
    Envelope { shard: u32, envelope: Vec<u8> },
    Acknowledged { to: u32, by: u32, incarnation: u64, number: u64 },
    Probe,
    Elsewhere { shard: u32, leader: Option<u32> },
    Members { shard: u32 },
    Watch { shard: u32, watch: Watch },
    Frame { shard: u32, frame: Frame },
    Report,
    Ending { heirs: Vec<HeirV1> },
}

#[data]
struct HeirV1 {
    shard: u32,
    node: u32,
}

#[data]
struct RequestV1 {
    to: Address,
    caller: Caller,
    name: Option<NameV1>,
    tag: u16,
    body: Vec<u8>,
    trace: u128,
}

#[data]
enum NameV1 {
    Outside { account: Id, key: String, fingerprint: Vec<u8> },
    Inside { sender: u64, number: u64, birth: Time, acknowledged: u64 },
}

#[data]
enum ReplyV1 {
    Answers { answers: Vec<AnswerV1>, time: Time },
    NotHere { leader: Option<u32> },
    Here { sign: Sign, time: Time },
    Members { voters: Vec<Member>, learners: Vec<Member>, is_changing: bool },
    Watched { watched: Option<Watched> },
    Report { report: NodeReport },
}

#[data]
enum AnswerV1 {
    Reply(Vec<u8>),
    Refusal(Vec<u8>),
    Failure(FailureV1),
}

/// A failure: its number in [`FAILURES`], or a limit, or a length.
#[data]
enum FailureV1 {
    Plain(u8),
    Limit(u8),
    TooLong { what: String, bytes_max: u64 },
}

/// Failures without details. Never reordered: their places are what is sent.
const FAILURES: [Failure; 12] = [
    Failure::Moved,
    Failure::NoSuchShard,
    Failure::Overloaded,
    Failure::Unknown,
    Failure::Expired,
    Failure::KeyReused,
    Failure::TooManyKeys,
    Failure::Malformed,
    Failure::Unreadable,
    Failure::Panicked,
    Failure::Quarantined,
    Failure::StorageFull,
];

/// Limits of handlers, in the same way.
const LIMITS: [Limit; 11] = [
    Limit::HeadBytes,
    Limit::RowBytes,
    Limit::RowKeyBytes,
    Limit::EntityKeyBytes,
    Limit::RowsWritten,
    Limit::Messages,
    Limit::WakeUps,
    Limit::EffectsBytes,
    Limit::BodyBytes,
    Limit::ReplyBytes,
    Limit::Ephemeral,
];

/// What can be too long.
const LENGTHS: [&str; 4] = ["Idempotency-Key", "body", "name of the entity", "request"];

impl Message {
    /// As bytes.
    pub fn encode(self) -> Vec<u8> {
        let message = match self {
            Self::Requests(shard, requests) => MessageV1::Requests {
                shard: shard.0,
                requests: requests.into_iter().map(RequestV1::from).collect(),
            },
            Self::Envelope(shard, envelope) => {
                MessageV1::Envelope { shard: shard.0, envelope: envelope.to_vec() }
            }
            Self::Acknowledged { to, by, incarnation, number } => {
                MessageV1::Acknowledged { to: to.0, by: by.0, incarnation, number }
            }
            Self::Probe => MessageV1::Probe,
            Self::Report => MessageV1::Report,
            Self::Ending(heirs) => {
                let heir =
                    |(shard, node): (ShardId, NodeId)| HeirV1 { shard: shard.0, node: node.0 };
                MessageV1::Ending { heirs: heirs.into_iter().map(heir).collect() }
            }
            Self::Members(shard) => MessageV1::Members { shard: shard.0 },
            Self::Watch(shard, watch) => MessageV1::Watch { shard: shard.0, watch },
            Self::Frame(shard, frame) => MessageV1::Frame { shard: shard.0, frame },
            Self::Elsewhere(shard, leader) => {
                MessageV1::Elsewhere { shard: shard.0, leader: leader.map(|it| it.0) }
            }
        };
        let mut bytes = Vec::new();
        message.encode(Release::NEWEST, &mut bytes);
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    ///
    /// When they are damaged, or of a later release.
    pub fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(match MessageV1::decode(bytes)? {
            MessageV1::Requests { shard, requests } => {
                let requests = requests.into_iter().map(Request::try_from);
                Self::Requests(ShardId(shard), requests.collect::<Result<_, _>>()?)
            }
            MessageV1::Envelope { shard, envelope } => {
                Self::Envelope(ShardId(shard), envelope.into())
            }
            MessageV1::Acknowledged { to, by, incarnation, number } => {
                Self::Acknowledged { to: ShardId(to), by: ShardId(by), incarnation, number }
            }
            MessageV1::Probe => Self::Probe,
            MessageV1::Report => Self::Report,
            MessageV1::Ending { heirs } => {
                let heir = |it: HeirV1| (ShardId(it.shard), NodeId(it.node));
                Self::Ending(heirs.into_iter().map(heir).collect())
            }
            MessageV1::Members { shard } => Self::Members(ShardId(shard)),
            MessageV1::Watch { shard, watch } => Self::Watch(ShardId(shard), watch),
            MessageV1::Frame { shard, frame } => Self::Frame(ShardId(shard), frame),
            MessageV1::Elsewhere { shard, leader } => {
                Self::Elsewhere(ShardId(shard), leader.map(NodeId))
            }
        })
    }
}

impl Reply {
    /// As bytes.
    pub fn encode(self) -> Vec<u8> {
        let reply = match self {
            Self::Answers(answers, time) => {
                let answers = answers.into_iter().map(AnswerV1::from).collect();
                ReplyV1::Answers { answers, time }
            }
            Self::NotHere(leader) => ReplyV1::NotHere { leader: leader.map(|it| it.0) },
            Self::Here(sign, time) => ReplyV1::Here { sign, time },
            Self::Report(report) => ReplyV1::Report { report },
            Self::Watched(watched) => ReplyV1::Watched { watched },
            Self::Members(Members { voters, learners, is_changing }) => ReplyV1::Members {
                voters: voters.into_iter().collect(),
                learners: learners.into_iter().collect(),
                is_changing,
            },
        };
        let mut bytes = Vec::new();
        reply.encode(Release::NEWEST, &mut bytes);
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    ///
    /// When they are damaged, or of a later release.
    pub fn decode(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(match ReplyV1::decode(bytes)? {
            ReplyV1::Answers { answers, time } => {
                Self::Answers(answers.into_iter().map(Answer::from).collect(), time)
            }
            ReplyV1::NotHere { leader } => Self::NotHere(leader.map(NodeId)),
            ReplyV1::Here { sign, time } => Self::Here(sign, time),
            ReplyV1::Report { report } => Self::Report(report),
            ReplyV1::Watched { watched } => Self::Watched(watched),
            ReplyV1::Members { voters, learners, is_changing } => Self::Members(Members {
                voters: voters.into_iter().collect(),
                learners: learners.into_iter().collect(),
                is_changing,
            }),
        })
    }
}

impl From<Request> for RequestV1 {
    fn from(request: Request) -> Self {
        let Request { to, caller, verb, tag, body, trace } = request;
        let name = match verb {
            Verb::Query => None,
            Verb::Command(RequestId::Outside { account, key, fingerprint }) => {
                Some(NameV1::Outside { account, key, fingerprint: fingerprint.to_vec() })
            }
            Verb::Command(RequestId::Inside { sender, number, birth, acknowledged }) => {
                Some(NameV1::Inside { sender, number, birth, acknowledged })
            }
        };
        Self { to, caller, name, tag, body: body.to_vec(), trace: trace.0 }
    }
}

impl TryFrom<RequestV1> for Request {
    type Error = DataError;

    fn try_from(request: RequestV1) -> Result<Self, DataError> {
        let RequestV1 { to, caller, name, tag, body, trace } = request;
        let verb = match name {
            None => Verb::Query,
            Some(NameV1::Outside { account, key, fingerprint }) => {
                let fingerprint = fingerprint.try_into().map_err(|_length| DataError::Invalid)?;
                Verb::Command(RequestId::Outside { account, key, fingerprint })
            }
            Some(NameV1::Inside { sender, number, birth, acknowledged }) => {
                Verb::Command(RequestId::Inside { sender, number, birth, acknowledged })
            }
        };
        Ok(Self { to, caller, verb, tag, body: body.into(), trace: Trace(trace) })
    }
}

impl From<Answer> for AnswerV1 {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Outcome(Outcome::Reply(bytes)) => Self::Reply(bytes.to_vec()),
            Answer::Outcome(Outcome::Refusal(bytes)) => Self::Refusal(bytes.to_vec()),
            Answer::Failure(failure) => Self::Failure(failure.into()),
        }
    }
}

impl From<AnswerV1> for Answer {
    fn from(answer: AnswerV1) -> Self {
        match answer {
            AnswerV1::Reply(bytes) => Self::Outcome(Outcome::Reply(bytes.into())),
            AnswerV1::Refusal(bytes) => Self::Outcome(Outcome::Refusal(bytes.into())),
            AnswerV1::Failure(failure) => Self::Failure(failure.into()),
        }
    }
}

fn place<T: PartialEq>(of: &T, among: &[T]) -> u8 {
    let place = among.iter().position(|it| it == of).expect("every one is among them");
    u8::try_from(place).expect("a few")
}

impl From<Failure> for FailureV1 {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Limit(limit) => Self::Limit(place(&limit, &LIMITS)),
            Failure::TooLong { what, bytes_max } => {
                Self::TooLong { what: what.to_owned(), bytes_max: bytes_max as u64 }
            }
            plain @ (Failure::Moved
            | Failure::NoSuchShard
            | Failure::Overloaded
            | Failure::Unknown
            | Failure::Expired
            | Failure::KeyReused
            | Failure::TooManyKeys
            | Failure::Malformed
            | Failure::Unreadable
            | Failure::Panicked
            | Failure::Quarantined
            | Failure::StorageFull) => Self::Plain(place(&plain, &FAILURES)),
        }
    }
}

impl From<FailureV1> for Failure {
    /// What a later release means by a number we do not know is unknown.
    fn from(failure: FailureV1) -> Self {
        match failure {
            FailureV1::Plain(place) => {
                FAILURES.get(usize::from(place)).cloned().unwrap_or(Self::Unknown)
            }
            FailureV1::Limit(place) => {
                LIMITS.get(usize::from(place)).map_or(Self::Unknown, |limit| Self::Limit(*limit))
            }
            FailureV1::TooLong { what, bytes_max } => {
                let known = LENGTHS.into_iter().find(|it| *it == what);
                let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
                Self::TooLong { what: known.unwrap_or("request"), bytes_max }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use entity::Offset;

    use super::*;
    use crate::follow::message::Item;

    fn requests() -> Message {
        let outside =
            RequestId::Outside { account: Id(1), key: "key".to_owned(), fingerprint: [9; 32] };
        let inside = RequestId::Inside { sender: 1, number: 2, birth: Time(3), acknowledged: 1 };
        let request = |verb| Request {
            to: Address { kind: 7, key: b"ann".to_vec() },
            caller: Caller::Account(Id(1)),
            verb,
            tag: 2,
            body: Bytes::from_static(&[1, 0]),
            trace: Trace(5),
        };
        let verbs = [Verb::Query, Verb::Command(outside), Verb::Command(inside)];
        Message::Requests(ShardId(3), verbs.map(request).to_vec())
    }

    fn frame() -> Message {
        let of = cluster::stream::StreamId {
            entity: Address { kind: 7, key: b"ann".to_vec() },
            stream: 1,
        };
        let published = vec![Item { of, offset: Offset(4), item: vec![1, 0] }];
        Message::Frame(ShardId(3), Frame { session: 1, number: 2, changed: vec![5], published })
    }

    fn replies() -> [Reply; 3] {
        let answers = vec![
            Answer::Outcome(Outcome::Reply(Bytes::from_static(&[1, 0]))),
            Answer::Failure(Failure::Limit(Limit::HeadBytes)),
            Answer::Failure(Failure::TooLong { what: "body", bytes_max: 5 }),
            Answer::Failure(Failure::Moved),
        ];
        let voters = BTreeSet::from([Member { node: 1, life: 2 }]);
        let members = Members { voters, learners: BTreeSet::new(), is_changing: true };
        [Reply::Answers(answers, Time(5)), Reply::NotHere(Some(NodeId(2))), Reply::Members(members)]
    }

    #[test]
    fn whatever_comes_is_a_message_or_a_reply_or_refused() {
        let elsewhere = Message::Elsewhere(ShardId(3), Some(NodeId(2)));
        let ending = Message::Ending(BTreeMap::from([(ShardId(3), NodeId(2))]));
        let seeds = [requests(), frame(), elsewhere, ending].map(Message::encode);
        let seeds = seeds.into_iter().chain(replies().map(Reply::encode));
        fuzz::target("node-message").seeds(seeds).run(|bytes| {
            if let Ok(message) = Message::decode(bytes) {
                assert_eq!(Message::decode(&message.clone().encode()), Ok(message));
            }
            if let Ok(reply) = Reply::decode(bytes) {
                assert_eq!(Reply::decode(&reply.clone().encode()), Ok(reply));
            }
        });
    }
}
