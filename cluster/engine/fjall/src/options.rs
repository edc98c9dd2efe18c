//! Limits, and how memory is divided.

/// How an engine is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// How much memory the engine takes, in bytes, when it is as busy as can be. Half is the cache
    /// of blocks, of which a 32nd are buffers. The other half are memtables: a keyspace has one that
    /// fills and at most [`SEALED_MAX`] that wait for the disk; a twelfth of it is for meta, the rest
    /// for state and streams in equal parts. Indexes and filters of tables come on top, about 1 % of
    /// the rows.
    pub memory_bytes: u64,
    /// Below so many bytes free on the disk the engine refuses rows and still takes removals. What
    /// waits in memory and the next compactions must fit.
    pub free_bytes_min: u64,
    /// Most files of tables that are kept open. A few more are open while tables are written.
    pub files_max: usize,
    /// When this engine flushes: those that hold copies of the same groups fill at the same pace, and should not
    /// all be busy with that at the same time. Neighbours in this number flush a third of a memtable apart.
    pub turn: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory_bytes: 512 * 1024 * 1024,
            free_bytes_min: 512 * 1024 * 1024,
            files_max: 900,
            turn: 0,
        }
    }
}

/// Memtables of a keyspace that wait for the disk at which whoever writes waits too.
pub const SEALED_MAX: usize = 4;

/// Runs of tables in the first level at which whoever writes waits: every read looks into each.
pub const RUNS_MAX: usize = 30;

/// Sealed memtables of a keyspace from which pressure rises.
pub const SEALED_RISING: usize = 2;

/// Runs of tables in the first level from which pressure rises. fjall compacts them at 4.
pub const RUNS_RISING: usize = 16;

/// Quarters of its size at which the keeper seals a memtable.
pub const SEALED_QUARTERS: u64 = 3;

/// Quarters of its size at which whoever writes seals a memtable, because the keeper does not keep up.
pub const FULL_QUARTERS: u64 = 4;

/// Largest buffer of a group, in bytes: with the buffers of its neighbours it should stay in a cache.
pub const BUFFER_BYTES_MAX: usize = 256 * 1024;

/// Smallest buffer of a group, in bytes: below it hardly any row would be written again in it.
pub const BUFFER_BYTES_MIN: usize = 4 * 1024;

/// Smallest memtable, in bytes: below it tables would be too many.
pub const MEMTABLE_BYTES_MIN: u64 = 64 * 1024;

/// Threads of fjall in the background. Of several the first only flushes: it sends itself a compaction that is due,
/// again and again, for as long as the others are busy with theirs, which takes a core.
pub const WORKERS: usize = 1;

/// After so many bytes applied the free space of the disk is looked up again.
pub const SPACE_CHECKED_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of an installed generation that are written at once.
pub const INSTALL_BATCH_BYTES: usize = 1024 * 1024;

/// Rows of an old generation that are removed at once.
pub const SWEEP_ROWS: usize = 1_000;

/// Largest memtables of state and of streams, and of meta.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Memtables {
    pub(crate) rows_bytes: u64,
    pub(crate) meta_bytes: u64,
}

impl Options {
    /// Quarters of its size at which the keeper seals the first memtable after a flush.
    pub(crate) fn first_quarters(&self) -> u64 {
        SEALED_QUARTERS - u64::from(self.turn) % SEALED_QUARTERS
    }

    pub(crate) fn cache_bytes(&self) -> u64 {
        self.memory_bytes / 2 - self.buffers_bytes()
    }

    /// All buffers together.
    fn buffers_bytes(&self) -> u64 {
        self.memory_bytes / 64
    }

    /// From how many bytes on the buffer of one of `groups` groups is emptied.
    pub(crate) fn buffer_bytes(&self, groups: usize) -> usize {
        let part = self.buffers_bytes() / groups.max(1) as u64;
        usize::try_from(part).unwrap_or(usize::MAX).clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX)
    }

    pub(crate) fn memtables(&self) -> Memtables {
        let part = self.memory_bytes / 2 / (1 + SEALED_MAX as u64) / 24;
        Memtables {
            rows_bytes: (part * 11).max(MEMTABLE_BYTES_MIN),
            meta_bytes: (part * 2).max(MEMTABLE_BYTES_MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_flush_one_after_the_other() {
        let first = |turn| Options { turn, ..Options::default() }.first_quarters();
        assert_eq!([1, 2, 3, 4].map(first), [2, 1, 3, 2]);
    }

    #[test]
    fn memory_is_divided() {
        let options = Options { memory_bytes: 1 << 30, ..Options::default() };
        let Memtables { rows_bytes, meta_bytes } = options.memtables();
        let most = (2 * rows_bytes + meta_bytes) * (1 + SEALED_MAX as u64);
        assert!(options.cache_bytes() + options.buffers_bytes() + most <= options.memory_bytes);
        assert!(rows_bytes > 40 << 20, "{rows_bytes}");
        let least = Options { memory_bytes: 0, ..options }.memtables();
        assert_eq!(least.rows_bytes, MEMTABLE_BYTES_MIN);
    }
}
