//! Limits and times that may be others, and how far.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::named::named;

named! {
    /// A limit or a time of the program. No promise depends on any.
    pub enum Knob {
        /// Bytes of a record that does not wait for others.
        EagerBytes,
        /// Time until an envelope is sent again, in microseconds.
        ResendAfter,
        /// Commands of a sender that are not acknowledged.
        SenderWindow,
        /// Idempotency keys that a new one sweeps out.
        SweptKeys,
        /// Panics before an entity is quarantined.
        PanicsMax,
        /// Items in one page of a stream.
        PageItems,
        /// Bytes of one page of a stream.
        PageBytes,
        /// Dead letters in one page.
        LettersPage,
        /// Entries that are applied as one.
        ApplyEntries,
        /// Bytes of entries that are applied as one.
        ApplyBytes,
        /// Bytes of a part of a snapshot.
        PartBytes,
        /// How often a part of a snapshot is sent.
        PartAttempts,
        /// Bytes of entries in one read.
        ReadBytes,
        /// Appends to one member that are on their way.
        AppendsInFlight,
        /// Shortest time that an append is waited for, in microseconds.
        AppendPatience,
        /// Pause of a leader without contact to its quorum, in microseconds.
        LeasePause,
        /// Writes in one batch of the log.
        BatchWrites,
        /// Bytes of one batch of the log.
        BatchBytes,
        /// Items on their way to one shard.
        InboxItems,
        /// Items taken in before the executor has its turn.
        TurnItems,
        /// Longest sleep of a shard, in microseconds.
        ShardSleep,
        /// Questions of other members that wait.
        Questions,
        /// Between two looks at the rows, in microseconds.
        RowsPeriod,
        /// Between two questions whether a member has left, in microseconds.
        LeavePeriod,
        /// Pause before a shard begins another life, in microseconds.
        LifePause,
        /// Between two looks at the members of a group, in microseconds.
        MembersPeriod,
        /// Entries that a learner may lack when it becomes a voter.
        LagMax,
        /// How quickly the node that is to lead must answer, in microseconds.
        HeirPatience,
        /// How long the heir has to have been there, in microseconds.
        PreferAfter,
        /// How long what is in flight has to commit before leadership is handed over, in microseconds.
        Drain,
        /// Between two looks at the placement of shards, in microseconds.
        PlacementPeriod,
        /// Between two signs of life, in microseconds.
        SignPeriod,
        /// Silence after which a node counts as down, in microseconds.
        SilenceMax,
        /// How long it is the turn of one member to call elections, in microseconds.
        Stagger,
        /// Between two elections that a member calls, in microseconds.
        CallPause,
        /// Between two looks at the log, in microseconds.
        CompactionPeriod,
        /// How long a leader is believed in, in microseconds.
        BelievedFor,
        /// How long one attempt of a request may take, in microseconds.
        AttemptPatience,
        /// Longest pause between two attempts, in microseconds.
        AttemptPause,
        /// How long requests wait for a shard to be opened, in microseconds.
        OpeningPatience,
        /// Between two questions whether everything has come, in microseconds.
        FollowPeriod,
        /// Before a question is repeated that nobody has answered, in microseconds.
        FollowRetry,
        /// Streams that are read at once because something was missed.
        FollowReads,
        /// Items that wait for one reader.
        ReaderItems,
        /// Frames that are kept because an earlier one is on its way.
        EarlyFrames,
        /// How long changes are gathered, in microseconds.
        GatheredFor,
        /// Bytes of a frame.
        FrameBytes,
        /// Silence after which a node does not follow any more, in microseconds.
        FollowerSilence,
        /// How long a shard is trusted to have said everything, in microseconds.
        TrustedFor,
        /// Bytes of kept answers.
        CacheBytes,
        /// Pause before the first restart of what failed, in microseconds.
        BackOff,
    }
}

impl Knob {
    /// What a simulation may set it to.
    pub fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::EagerBytes => 1..=64_000,
            Self::ResendAfter => 20_000..=2_000_000,
            Self::SenderWindow => 64..=16_384,
            Self::SweptKeys | Self::PanicsMax | Self::PartAttempts => 2..=5,
            Self::PageItems => 1..=1_000,
            Self::PageBytes | Self::FrameBytes => 64..=256_000,
            Self::LettersPage => 1..=100,
            Self::ApplyEntries | Self::AppendsInFlight | Self::EarlyFrames => 1..=256,
            Self::ApplyBytes | Self::ReadBytes | Self::PartBytes => 1..=1_000_000,
            Self::AppendPatience => 200_000..=2_000_000,
            Self::LeasePause | Self::LifePause | Self::BackOff => 1_000..=100_000,
            Self::BatchWrites | Self::Questions => 8..=8_192,
            Self::BatchBytes => 1_000..=8_000_000,
            Self::InboxItems => 4..=8_192,
            Self::TurnItems | Self::FollowReads | Self::LagMax | Self::ReaderItems => 1..=1_024,
            Self::ShardSleep | Self::HeirPatience | Self::Drain => 20_000..=500_000,
            Self::RowsPeriod | Self::FollowPeriod | Self::TrustedFor => 50_000..=1_000_000,
            Self::LeavePeriod | Self::CompactionPeriod => 500_000..=10_000_000,
            Self::MembersPeriod => 100_000..=1_000_000,
            Self::PreferAfter => 200_000..=6_000_000,
            Self::PlacementPeriod => 200_000..=3_000_000,
            Self::SignPeriod => 50_000..=200_000,
            Self::SilenceMax => 600_000..=2_000_000,
            Self::Stagger | Self::CallPause => 40_000..=500_000,
            Self::BelievedFor | Self::AttemptPatience => 200_000..=4_000_000,
            Self::AttemptPause => 10_000..=1_000_000,
            Self::OpeningPatience => 1_000..=1_000_000,
            Self::FollowRetry => 5_000..=200_000,
            Self::GatheredFor => 1_000..=200_000,
            Self::FollowerSilence => 2_000_000..=10_000_000,
            Self::CacheBytes => 1_000..=64_000_000,
        }
    }
}

/// What the value of a knob can be.
pub trait Value {
    /// The value of a number: of microseconds, for a time.
    fn of(number: u64) -> Self;
}

impl Value for u32 {
    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Value for u64 {
    fn of(number: u64) -> Self {
        number
    }
}

impl Value for usize {
    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Value for Duration {
    fn of(number: u64) -> Self {
        Self::from_micros(number)
    }
}
