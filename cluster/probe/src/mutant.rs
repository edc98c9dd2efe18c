//! What is broken on purpose: whoever checks the program has to find each of it.

use crate::named::named;

named! {
    /// A promise that is not kept. Those of replication first, then those of one node, of shards, of what
    /// nodes follow, and of placement.
    pub enum Mutant {
        /// An append that nobody has answered counts as taken: half of the voters are a quorum.
        SilenceCounted,
        /// An append counts as durable before the disk says so.
        SyncUnwaited,
        /// The mark of a snapshot is written before its rows.
        MarkBeforeRows,
        /// Rows that a snapshot replaces stay where it has none.
        FormerRowsStay,
        /// What is said to be committed counts as applied when a copy begins.
        CommittedTakenForApplied,
        /// The log is purged although the rows of its entries are not durable.
        PurgeAhead,
        /// Replicas take records of activations that are over.
        FenceUnchecked,
        /// Nobody looks at the checksums of the log.
        ChecksumUnchecked,
        /// What is broken in the middle of the log is cut with all that follows it.
        DamageCut,
        /// A copy that has lost something goes on as who it was.
        LifeKept,
        /// The effects of a command that is refused stay.
        RefusalKept,
        /// A refusal is told before what it saw has committed.
        RefusalEarly,
        /// What is in memory is told without asking whether the shard is still led here.
        BarrierSkipped,
        /// A record takes its time from the clock of the node, wherever that goes.
        ClockBelieved,
        /// Whoever takes a shard over does not know what its predecessor has replied.
        RepliesForgotten,
        /// Replies are forgotten after a second.
        RepliesShortlived,
        /// Of the commands of a sender only the highest number is known.
        HighestCounts,
        /// Replies under an `Idempotency-Key` are forgotten after a second.
        KeysShortlived,
        /// Envelopes are not stored with what they tell of.
        EnvelopesUnstored,
        /// An envelope is handled although one before it is missing.
        GapAccepted,
        /// An envelope is acknowledged before its handling has committed.
        AckEarly,
        /// An envelope that was lost is not sent again.
        ResendForgotten,
        /// An envelope is sent again with every turn, until it is acknowledged.
        ResendHasty,
        /// A full outbox lets nothing through, however long it stays so.
        FullForEver,
        /// A node believes its own clock, whatever the others say.
        ClockTrusted,
        /// A message that nobody wants to hear of is dropped without a word.
        LetterDropped,
        /// One of twenty commands that wait for a row is not woken when it has come.
        WakeUpLost,
        /// What a node has read of an entity is kept although the entity has changed.
        ChangesMissed,
        /// A frame counts although one before it is missing.
        FrameSkipped,
        /// A reader whose session is broken goes on at the end, and not where it was.
        ReaderSkips,
        /// What is kept is trusted for a minute, whether or not its shard is heard of.
        TrustedLong,
        /// Tokens of connections are looked at once a minute.
        RevocationLate,
        /// Whoever comes back to a channel gets what came since its node sent something, not since it left.
        RecoverySkipped,
        /// Whoever comes back to a channel gets what it has missed, and some of it again.
        RecoveryDoubled,
        /// A member that nobody has confirmed to lead says who the members are.
        MembersUnconfirmed,
        /// A member that is newer than the roster leaves because the roster does not name it, and begins again
        /// as whom the roster names.
        RosterBelieved,
        /// A copy stays where a shard has left.
        CopyLeftBehind,
    }
}
