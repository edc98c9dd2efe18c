//! What the nodes of a group say to each other, as bytes.

use bytes::{BufMut, Bytes};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse,
};

use crate::codec::{
    Malformed, byte, entry, entry_bytes, finish, get_bytes, get_flag, get_log_id, get_option,
    get_vote, number, put_bytes, put_log_id, put_option, put_vote,
};
use crate::proposal::{Entry, LogId, Types, Vote};

type Result<T> = std::result::Result<T, Malformed>;

/// A question to another node of a group.
pub(crate) enum Question {
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<Types>),
    PreVote(VoteRequest<Types>),
    Transfer(TransferLeaderRequest<Types>),
    /// A snapshot begins. `transfer` names it in what follows.
    Begin {
        transfer: u64,
        vote: Vote,
        detail: Bytes,
    },
    /// Its next rows, by their number from 0.
    Rows {
        transfer: u64,
        number: u64,
        rows: Vec<(Bytes, Bytes)>,
    },
    /// It is complete after so many parts.
    End {
        transfer: u64,
        parts: u64,
    },
}

/// The answer.
pub(crate) enum Answer {
    Append(AppendEntriesResponse<Types>),
    Vote(VoteResponse<Types>),
    /// The other's vote, after a part of a snapshot or all of it.
    Snapshot(Vote),
    Done,
    /// It cannot be answered, and why.
    Failed(String),
}

/// Most entries of one append that are believed.
const ENTRIES_MAX: u64 = 1 << 16;

/// Most rows of one part of a snapshot that are believed.
const ROWS_MAX: u64 = 1 << 20;

impl Question {
    pub(crate) fn encode(&self) -> Bytes {
        let mut to = Vec::new();
        match self {
            Self::Append(append) => put_append(&mut to, append),
            Self::Vote(vote) => put_ballot(&mut to, 2, vote),
            Self::PreVote(vote) => put_ballot(&mut to, 3, vote),
            Self::Transfer(transfer) => {
                to.put_u8(4);
                put_vote(&mut to, transfer.from_leader());
                to.put_u64_le(*transfer.to_node_id());
                put_place(&mut to, transfer.last_log_id());
            }
            Self::Begin { transfer, vote, detail } => {
                to.put_u8(5);
                to.put_u64_le(*transfer);
                put_vote(&mut to, vote);
                put_bytes(&mut to, detail);
            }
            Self::Rows { transfer, number, rows } => {
                to.put_u8(6);
                to.put_u64_le(*transfer);
                to.put_u64_le(*number);
                to.put_u64_le(rows.len() as u64);
                for (key, row) in rows {
                    put_bytes(&mut to, key);
                    put_bytes(&mut to, row);
                }
            }
            Self::End { transfer, parts } => {
                to.put_u8(7);
                to.put_u64_le(*transfer);
                to.put_u64_le(*parts);
            }
        }
        to.into()
    }

    pub(crate) fn decode(mut from: Bytes) -> Result<Self> {
        let from = &mut from;
        let question = match byte(from)? {
            1 => Self::Append(get_append(from)?),
            2 => Self::Vote(get_ballot(from)?),
            3 => Self::PreVote(get_ballot(from)?),
            4 => {
                let (vote, to, last) = (get_vote(from)?, number(from)?, get_place(from)?);
                Self::Transfer(TransferLeaderRequest::new(vote, to, last))
            }
            5 => {
                let (transfer, vote, detail) = (number(from)?, get_vote(from)?, get_bytes(from)?);
                Self::Begin { transfer, vote, detail }
            }
            6 => {
                let (transfer, part) = (number(from)?, number(from)?);
                let count = below(number(from)?, ROWS_MAX)?;
                let row = |_| Ok((get_bytes(from)?, get_bytes(from)?));
                let rows = (0..count).map(row).collect::<Result<_>>()?;
                Self::Rows { transfer, number: part, rows }
            }
            7 => Self::End { transfer: number(from)?, parts: number(from)? },
            _ => return Err(Malformed("question: of a later release?")),
        };
        finish(from)?;
        Ok(question)
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Bytes {
        let mut to = Vec::new();
        match self {
            Self::Append(AppendEntriesResponse::Success) => to.put_u8(1),
            Self::Append(AppendEntriesResponse::PartialSuccess(last)) => {
                to.put_u8(2);
                put_place(&mut to, last.as_ref());
            }
            Self::Append(AppendEntriesResponse::Conflict) => to.put_u8(3),
            Self::Append(AppendEntriesResponse::HigherVote(vote)) => {
                to.put_u8(4);
                put_vote(&mut to, vote);
            }
            Self::Vote(answer) => {
                to.put_u8(5);
                put_vote(&mut to, &answer.vote);
                to.put_u8(u8::from(answer.vote_granted));
                put_place(&mut to, answer.last_log_id.as_ref());
            }
            Self::Snapshot(vote) => {
                to.put_u8(6);
                put_vote(&mut to, vote);
            }
            Self::Done => to.put_u8(7),
            Self::Failed(why) => {
                to.put_u8(8);
                put_bytes(&mut to, why.as_bytes());
            }
        }
        to.into()
    }

    pub(crate) fn decode(mut from: Bytes) -> Result<Self> {
        let from = &mut from;
        let answer = match byte(from)? {
            1 => Self::Append(AppendEntriesResponse::Success),
            2 => Self::Append(AppendEntriesResponse::PartialSuccess(get_place(from)?)),
            3 => Self::Append(AppendEntriesResponse::Conflict),
            4 => Self::Append(AppendEntriesResponse::HigherVote(get_vote(from)?)),
            5 => {
                let (vote, granted) = (get_vote(from)?, get_flag(from)?);
                Self::Vote(VoteResponse {
                    vote,
                    vote_granted: granted,
                    last_log_id: get_place(from)?,
                })
            }
            6 => Self::Snapshot(get_vote(from)?),
            7 => Self::Done,
            8 => Self::Failed(String::from_utf8_lossy(&get_bytes(from)?).into_owned()),
            _ => return Err(Malformed("answer: of a later release?")),
        };
        finish(from)?;
        Ok(answer)
    }
}

fn put_place(to: &mut Vec<u8>, place: Option<&LogId>) {
    put_option(to, place, put_log_id);
}

fn get_place(from: &mut Bytes) -> Result<Option<LogId>> {
    get_option(from, get_log_id)
}

fn put_append(to: &mut Vec<u8>, append: &AppendEntriesRequest<Types>) {
    let entries: Vec<Bytes> = append.entries.iter().map(entry_bytes).collect();
    to.reserve(128 + entries.iter().map(|it| it.len() + 12).sum::<usize>());
    to.put_u8(1);
    put_vote(to, &append.vote);
    put_place(to, append.prev_log_id.as_ref());
    put_place(to, append.leader_commit.as_ref());
    to.put_u64_le(entries.len() as u64);
    for (entry, bytes) in append.entries.iter().zip(entries) {
        to.put_u64_le(entry.log_id.index());
        put_bytes(to, &bytes);
    }
}

fn get_append(from: &mut Bytes) -> Result<AppendEntriesRequest<Types>> {
    let (vote, prev_log_id, leader_commit) = (get_vote(from)?, get_place(from)?, get_place(from)?);
    let count = below(number(from)?, ENTRIES_MAX)?;
    let one = |_| entry(number(from)?, get_bytes(from)?);
    let entries: Vec<Entry> = (0..count).map(one).collect::<Result<_>>()?;
    // Whoever sends a hole, or goes on elsewhere than it says, would leave one in our log.
    let first = prev_log_id.map_or(0, |it| it.index().saturating_add(1));
    let is_whole = entries.iter().zip(first..).all(|(it, index)| it.log_id.index() == index);
    if !is_whole {
        return Err(Malformed("append: a hole"));
    }
    Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

fn put_ballot(to: &mut Vec<u8>, kind: u8, ballot: &VoteRequest<Types>) {
    to.put_u8(kind);
    put_vote(to, &ballot.vote);
    put_place(to, ballot.last_log_id.as_ref());
    to.put_u8(u8::from(ballot.leadership_transfer));
}

fn get_ballot(from: &mut Bytes) -> Result<VoteRequest<Types>> {
    let mut ballot = VoteRequest::new(get_vote(from)?, get_place(from)?);
    ballot.leadership_transfer = get_flag(from)?;
    Ok(ballot)
}

fn below(count: u64, max: u64) -> Result<u64> {
    if count <= max { Ok(count) } else { Err(Malformed("count: more than there can be")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use openraft::EntryPayload;

    use super::*;
    use crate::proposal::{LeaderId, Members, Proposal};

    fn vote() -> Vote {
        Vote { leader_id: LeaderId { term: 3, node_id: 1 << 32 }, committed: true }
    }

    fn append() -> AppendEntriesRequest<Types> {
        let id = |index| LogId::new(LeaderId { term: 3, node_id: 1 }, index);
        let members = Members::new(vec![BTreeSet::from([1, 2])], BTreeSet::from([1, 2, 3]));
        let payloads = [
            EntryPayload::Normal(Proposal::Record(Bytes::from_static(b"record"))),
            members.map_or(EntryPayload::Blank, EntryPayload::Membership),
        ];
        let entries = (8..).zip(payloads);
        let entries = entries.map(|(index, payload)| Entry { log_id: id(index), payload });
        AppendEntriesRequest {
            vote: vote(),
            prev_log_id: Some(id(7)),
            entries: entries.collect(),
            leader_commit: None,
        }
    }

    fn questions() -> Vec<Question> {
        let row = (Bytes::from_static(b"key"), Bytes::from_static(b"row"));
        vec![
            Question::Append(append()),
            Question::Vote(VoteRequest::new(vote(), append().prev_log_id)),
            Question::Transfer(TransferLeaderRequest::new(vote(), 2, None)),
            Question::Begin { transfer: 1, vote: vote(), detail: Bytes::from_static(b"detail") },
            Question::Rows { transfer: 1, number: 2, rows: vec![row.clone(), row] },
            Question::End { transfer: 1, parts: 2 },
        ]
    }

    fn answers() -> Vec<Answer> {
        let last_log_id = append().prev_log_id;
        vec![
            Answer::Append(AppendEntriesResponse::PartialSuccess(last_log_id)),
            Answer::Append(AppendEntriesResponse::HigherVote(vote())),
            Answer::Vote(VoteResponse { vote: vote(), vote_granted: true, last_log_id }),
            Answer::Snapshot(vote()),
            Answer::Failed("why".to_owned()),
        ]
    }

    /// What is understood has one form, but for the words of a failure: those may have been no words.
    #[test]
    fn whatever_comes_is_a_question_or_an_answer_or_refused() {
        let seeds = questions().iter().map(Question::encode).collect::<Vec<_>>();
        let seeds = [seeds, answers().iter().map(Answer::encode).collect()].concat();
        fuzz::target("raft-message").seeds(seeds).run(|bytes| {
            let bytes = Bytes::copy_from_slice(bytes);
            if let Ok(question) = Question::decode(bytes.clone()) {
                assert_eq!(question.encode(), bytes);
            }
            match Answer::decode(bytes.clone()) {
                Ok(Answer::Failed(_)) | Err(_) => {}
                Ok(answer) => assert_eq!(answer.encode(), bytes),
            }
        });
    }
}
