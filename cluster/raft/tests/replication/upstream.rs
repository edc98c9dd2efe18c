//! openraft's own tests of log storage and state machine, on ours.

use std::sync::Arc;

use engine::MemoryDisk;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use raft::home::Home;
use raft::machine::Machine;
use raft::offload::Offload;
use raft::proposal::Types;
use raft::storage::Storage;
use wal::memory::MemoryFolder;

use crate::rig::{GROUP, open_log};

struct Builder;

impl StoreBuilder<Types, Storage, Machine> for Builder {
    async fn build(&self) -> Result<((), Storage, Machine), StorageError<Types>> {
        let appender = open_log(&Home::current(), &MemoryFolder::default());
        let storage = Storage::new(GROUP, appender.group(GROUP), appender);
        let engine = Arc::new(MemoryDisk::default().open());
        let machine = Machine::new(GROUP, engine, Offload::inline(), None, Arc::new(|_| {}));
        Ok(((), storage, machine.unwrap()))
    }
}

#[test]
fn openrafts_own_suite_passes() {
    use openraft::async_runtime::AsyncRuntime;
    raft::scheduler::Scheduler::run(Suite::test_all(Builder)).unwrap();
}
