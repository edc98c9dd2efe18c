//! Places where the program may do what is allowed and seldom happens.

use crate::named::named;

named! {
    /// A place where something seldom may happen more often. Whatever it does, the program has to be right.
    pub enum Point {
        /// A record is closed although it could take more.
        RecordEndsEarly,
        /// A record waits although it could leave.
        RecordWaits,
        /// What only few records have gathered is removed at once.
        RemovalsEager,
        /// What could be removed stays for now.
        RemovalsLate,
        /// A row is not in memory.
        RowNotHere,
        /// Every entity that can go is put out of memory.
        MemoryShort,
        /// Rows that have committed stay among those that have not.
        OverlayKept,
        /// A request is refused because too much is waiting.
        RequestRefused,
        /// An answer is lost on its way to whoever waits for it.
        AnswerLost,
        /// An envelope is dropped as it arrives.
        EnvelopeDropped,
        /// An envelope is sent twice.
        EnvelopeTwice,
        /// Envelopes are sent again at once.
        ResentSoon,
        /// Handled envelopes are not acknowledged.
        AckUnsent,
        /// A shard is given up although its group is still led here.
        LifeEnds,
        /// Nothing more is taken in before the executor has its turn.
        TurnEndsEarly,
        /// A barrier is asked for late.
        BarrierLate,
        /// A claim is made late.
        ClaimLate,
        /// A record is proposed late.
        ProposalLate,
        /// A record comes back as if the leader had lost touch with its quorum.
        ProposalReturned,
        /// Entries are applied one by one.
        AppliedSingly,
        /// An append arrives, and its answer does not.
        AppendAnswerLost,
        /// An append is sent twice.
        AppendTwice,
        /// A vote is not answered.
        VoteUnanswered,
        /// A part of a snapshot is sent twice.
        PartTwice,
        /// What was received of a snapshot is dropped.
        SnapshotDropped,
        /// A snapshot is taken.
        SnapshotTaken,
        /// The log is purged as far as it can be.
        LogForgotten,
        /// Rows are not flushed.
        FlushSkipped,
        /// Few entries are read at once.
        ReadShort,
        /// A batch of the log has one write.
        BatchOfOne,
        /// A segment of the log is closed early.
        SegmentEndsEarly,
        /// Entries of the log are not kept in memory.
        TailForgotten,
        /// Segments that nobody needs stay.
        SegmentsKept,
        /// A question of another member is dropped.
        QuestionDropped,
        /// A request of another node is answered late.
        AnswerLate,
        /// An inbox takes nothing.
        InboxRefuses,
        /// Nobody remembers who leads a shard.
        LeaderForgotten,
        /// Somebody is asked who does not lead.
        WrongNodeAsked,
        /// Who the members of a group are is not said.
        MembersUnsaid,
        /// A look at the members of a group is left out.
        MembershipSkipped,
        /// A look at the placement of shards is left out.
        PlacementSkipped,
        /// A node that is there counts as down for a moment.
        FalseAlarm,
        /// An election is called without need.
        ElectionCalled,
        /// Leadership is handed over without need.
        HandedOver,
        /// A change of the cluster is learned late.
        RosterLate,
        /// A frame is dropped.
        FrameDropped,
        /// A frame is sent twice.
        FrameTwice,
        /// Whoever follows a shard is not answered.
        WatchUnanswered,
        /// A kept answer is forgotten.
        KeptForgotten,
        /// A shard is not trusted to have said everything.
        Distrusted,
        /// The past of a channel is read late.
        PastLate,
        /// A client is told to follow a channel again.
        FollowedAgain,
        /// A connection is ended as if too much were waiting for it.
        SocketCut,
    }
}

impl Point {
    /// In one of how many cases it fires, at the most: what is asked a thousand times a second is not to
    /// stop everything.
    pub fn seldom(self) -> u32 {
        match self {
            Self::LifeEnds => 256,
            Self::FalseAlarm | Self::SocketCut => 64,
            Self::ElectionCalled | Self::HandedOver => 32,
            Self::FollowedAgain => 16,
            Self::ProposalReturned | Self::RequestRefused | Self::SegmentEndsEarly => 8,
            Self::AnswerLost
            | Self::AppendAnswerLost
            | Self::AppendTwice
            | Self::InboxRefuses
            | Self::QuestionDropped
            | Self::SnapshotDropped
            | Self::VoteUnanswered => 4,
            Self::AckUnsent
            | Self::AnswerLate
            | Self::AppliedSingly
            | Self::BarrierLate
            | Self::BatchOfOne
            | Self::ClaimLate
            | Self::Distrusted
            | Self::EnvelopeDropped
            | Self::EnvelopeTwice
            | Self::FlushSkipped
            | Self::FrameDropped
            | Self::FrameTwice
            | Self::KeptForgotten
            | Self::LeaderForgotten
            | Self::LogForgotten
            | Self::MembersUnsaid
            | Self::MembershipSkipped
            | Self::MemoryShort
            | Self::OverlayKept
            | Self::PartTwice
            | Self::PastLate
            | Self::PlacementSkipped
            | Self::ProposalLate
            | Self::ReadShort
            | Self::RecordEndsEarly
            | Self::RecordWaits
            | Self::RemovalsEager
            | Self::RemovalsLate
            | Self::ResentSoon
            | Self::RosterLate
            | Self::RowNotHere
            | Self::SegmentsKept
            | Self::SnapshotTaken
            | Self::TailForgotten
            | Self::TurnEndsEarly
            | Self::WatchUnanswered
            | Self::WrongNodeAsked => 2,
        }
    }
}
