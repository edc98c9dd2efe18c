//! Rare states: a check that never met them proves nothing about them.

use crate::named::named;

named! {
    /// A state that many seeds together have to reach.
    pub enum Rare {
        /// A leader has lost touch with its quorum, and kept what it was to propose.
        QuorumLost,
        /// A leader gave its office up because nobody answered it.
        Forsaken,
        /// A record was refused by the fence.
        FenceRefused,
        /// A copy that began had to apply again what its log holds.
        AppliedAgain,
        /// A snapshot was installed.
        SnapshotInstalled,
        /// A snapshot was interrupted on its way.
        SnapshotInterrupted,
        /// Entries that a former leader had left were cut.
        ConflictCut,
        /// A leader began in the middle of a change of members.
        JointInherited,
        /// Members changed while entries were on their way.
        MembersChangedUnderLoad,
        /// An election was called because a node had fallen silent.
        ElectionCalled,
        /// Leadership was handed to the member that comes first.
        HandedOver,
        /// A member led whose node was to begin another life of it.
        LeaderSuperseded,
        /// Most clocks contradicted the one of a node.
        ClockWrong,
        /// A node that ends gave a shard to another member than the first: that one lacked something.
        OtherHeir,
        /// A record that the disk had not finished was cut.
        TornTailCut,
        /// A rotten byte was found in the log.
        RottenByteFound,
        /// An old segment was removed.
        SegmentRemoved,
        /// An entry was read from its segment.
        EntryReadBack,
        /// A copy that had lost something began as somebody else.
        LifeBegun,
        /// A copy had rows only up to before where its log begins.
        RowsLost,
        /// A copy left where its shard had gone elsewhere.
        CopyGone,
        /// A disk was hurt, or lost, after one had been and everything had mended.
        HurtAgain,
        /// A node whose disk was lost came back empty.
        WipedNodeReturned,
        /// No node was on.
        AllNodesOff,
        /// A leader lost power while entries were on their way.
        LeaderKilledUnderLoad,
        /// An fsync failed, and the node ended.
        SyncFailed,
        /// The log of a node did not fit on its disk any more.
        LogFull,
        /// The rows of a node could not be made durable.
        FlushFailed,
        /// Rows that were committed did not fit on the disk of a node.
        RowsFull,
        /// Two members of a group believed at the same time that they lead it.
        TwoLeaders,
        /// Two copies had applied the same, and were compared row by row.
        CopiesCompared,
        /// A leader stood still.
        LeaderPaused,
        /// Somebody was told that nobody knows what became of a command.
        UnknownTold,
        /// A life of a shard ended while commands were under way.
        LifeEndedUnderLoad,
        /// A shard was lost while it was being taken over.
        LostWhileLoading,
        /// Taking over took more than one page.
        LoadedInPages,
        /// A repeat of a command got the reply of the first one.
        TwinAnswered,
        /// A repeat under an `Idempotency-Key` got the reply of the first one.
        KeyAnswered,
        /// A repeat came when its reply was forgotten.
        TwinTooLate,
        /// An envelope was sent again.
        EnvelopeResent,
        /// An envelope came that had been handled.
        EnvelopeRepeated,
        /// Envelopes had gone where their receiver was not led, and were sent again.
        EnvelopeRedirected,
        /// An envelope came before the one it follows, or when too many waited.
        EnvelopeEarly,
        /// A message became a dead letter.
        LetterDied,
        /// A sender was told that its message was refused.
        RefusalReturned,
        /// A shard had too much to do and refused a command.
        QueueFull,
        /// A shard had sent too much that nobody had acknowledged, and refused a command.
        OutboxFull,
        /// A message waited until the outbox was shorter.
        Postponed,
        /// A message was let through although what its handler sent had no room.
        LetThrough,
        /// An entity was put out of memory.
        PutOut,
        /// A handler was unwound, and ran again when its row had come.
        RanAgain,
        /// An entity panicked too often.
        Quarantined,
        /// A wake-up was handled.
        WokenUp,
        /// A command was refused because the disk was nearly full.
        StorageFullTold,
        /// A reader went on where it was after something had been missed.
        ReaderResumed,
        /// A reader did not keep up and was left behind.
        ReaderLeftBehind,
        /// A frame came before the one it follows.
        FrameEarly,
        /// A session of a follower was broken.
        SessionLost,
        /// Readers were told that nothing was heard of a shard for long.
        SilenceTold,
        /// A shard on its way to a node that was lost was sent somewhere else.
        MoveLost,
        /// A change of members went on without one that was not ready.
        MembersChangedInPart,
        /// A client was sent away by a node that nobody answered.
        AloneTold,
        /// A kept answer was told.
        KeptAnswerTold,
        /// An answer that somebody else had asked for was waited for.
        AnswerAwaited,
        /// A kept answer was not told, because its shard was not heard of.
        KeptAnswerDistrusted,
        /// Whoever was connected came back and missed nothing.
        SocketRecovered,
        /// Whoever was connected came back and was told of a gap.
        SocketGapTold,
        /// A connection was ended because nobody read from it.
        SlowSocketCut,
        /// A connection was ended because its node did not hear of what it follows.
        SilentSocketEnded,
        /// A connection was ended because its token proves nothing any more.
        RevokedSocketEnded,
        /// A request was sent on to whoever leads now.
        Redirected,
        /// A request waited for a shard that was being opened.
        OpeningAwaited,
        /// Whoever had not found a leader heard of a new one before it was time to try again.
        WokenByNews,
        /// A node fell silent while somebody waited for its answer.
        FellWhileAsked,
        /// An inbox was full.
        InboxFull,
        /// A request was not settled in time.
        TimeUp,
        /// A shard was assigned to other nodes.
        ShardMoved,
        /// A leader ended in the middle of a change of members.
        MoveInterrupted,
        /// Others took the place of a node that had been silent for long.
        NodeReplaced,
    }
}
