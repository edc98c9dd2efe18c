//! The log of a node: one segmented write-ahead file that all its Raft groups share.
//! (Placeholder of the interface; being written.)
#![allow(missing_docs, unused_variables, clippy::all, reason = "placeholder")]
use bytes::Bytes;
use std::{io, ops::Range};
pub type GroupId = u32;
pub enum Write { Append { first: u64, entries: Vec<Bytes> }, Vote(Bytes), Committed(Bytes), Truncate { after: Option<u64> }, Purge { upto: u64, mark: Bytes }, Reset }
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;
#[derive(Clone)] pub struct Appender;
impl Appender { pub fn submit(&self, writes: Vec<(GroupId, Write)>, done: Done) -> io::Result<()> { unimplemented!() } pub fn group(&self, id: GroupId) -> GroupLog { GroupLog } }
#[derive(Clone)] pub struct GroupLog;
impl GroupLog {
 pub fn vote(&self) -> Option<Bytes> { None } pub fn committed(&self) -> Option<Bytes> { None } pub fn purged(&self) -> Option<(u64, Bytes)> { None }
 pub fn last_index(&self) -> Option<u64> { None } pub fn first_index(&self) -> Option<u64> { None }
 pub fn read(&self, range: Range<u64>, max: usize) -> io::Result<Vec<(u64, Bytes)>> { Ok(vec![]) } }
