//! Whether the clock of this node is right, as far as the others tell: what a leader calls now is what its
//! shards keep, and when their wake-ups come. A node whose clock most others contradict had better not lead.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::transport::NodeId;
use entity::Time;
use raft::home::Moment;
use raft::shared::Shared;

/// How far a clock may surely be off most others, and still be called right.
const OFF_MAX: Duration = Duration::from_millis(500);

/// The same, to be called right again.
const BACK_MAX: Duration = Duration::from_millis(250);

/// What a node said longer ago says nothing of its clock now.
const FRESH_MAX: Duration = Duration::from_secs(3);

/// What the clocks of the others said, and what follows.
#[derive(Debug, Default)]
pub(crate) struct Skew {
    clocks: Shared<BTreeMap<NodeId, Clock>>,
    is_wrong: Shared<bool>,
}

/// The clock of another node, against the one here.
#[derive(Clone, Copy, Debug)]
struct Clock {
    ahead_micros: i64,
    /// How far that can be off: half of the time that the answer took.
    error_micros: i64,
    at: Moment,
}

impl Clock {
    /// Whether it is surely ahead by more than that.
    fn is_ahead(self, limit: Duration) -> bool {
        self.ahead_micros.saturating_sub(self.error_micros) > micros(limit)
    }

    /// Whether it is surely behind by more than that.
    fn is_behind(self, limit: Duration) -> bool {
        self.ahead_micros.saturating_add(self.error_micros) < -micros(limit)
    }
}

impl Skew {
    /// Whether most clocks are surely ahead of the one here, or behind it, by more than it may be off.
    pub(crate) fn is_wrong(&self) -> bool {
        self.is_wrong.with(|it| *it)
    }

    /// How far the clock here is ahead of the middle one of all, in microseconds; negative when it is behind.
    /// None when fewer than three are known, this one among them.
    pub(crate) fn ahead_micros(&self, now: Moment) -> Option<i64> {
        let mut clocks: Vec<_> = self.fresh(now).iter().map(|it| it.ahead_micros).collect();
        clocks.push(0);
        clocks.sort_unstable();
        (clocks.len() > 2).then(|| clocks[clocks.len() / 2].saturating_neg())
    }

    /// A node, asked at `asked`, answered at `now` that its time is `theirs`, and here it was `ours`.
    pub(crate) fn told(
        &self,
        node: NodeId,
        (theirs, ours): (Time, Time),
        (asked, now): (Moment, Moment),
    ) {
        let error_micros = micros(now - asked) / 2;
        let apart = i128::from(theirs.0) - i128::from(ours.0);
        let apart = apart.clamp(i64::MIN.into(), i64::MAX.into());
        let apart = i64::try_from(apart).expect("clamped");
        // It said so while the answer was under way: halfway, as far as anybody knows.
        let ahead_micros = apart.saturating_add(error_micros);
        self.clocks.with(|it| it.insert(node, Clock { ahead_micros, error_micros, at: now }));
    }

    /// Looks at what is known by now. Yields what follows, if that has changed. Of two clocks nobody can say
    /// which one is right: they change nothing.
    pub(crate) fn judge(&self, now: Moment) -> Option<bool> {
        let (clocks, was_wrong) = (self.fresh(now), self.is_wrong());
        let limit = if was_wrong { BACK_MAX } else { OFF_MAX };
        let ahead = clocks.iter().filter(|it| it.is_ahead(limit)).count();
        let behind = clocks.iter().filter(|it| it.is_behind(limit)).count();
        let is_wrong = if clocks.len() < 2 {
            was_wrong
        } else {
            2 * ahead.max(behind) > clocks.len() + 1 && !probe::mutant!(ClockTrusted)
        };
        self.is_wrong.with(|it| *it = is_wrong);
        (was_wrong != is_wrong).then_some(is_wrong)
    }

    fn fresh(&self, now: Moment) -> Vec<Clock> {
        self.clocks.with(|clocks| {
            clocks.retain(|_, it| now - it.at <= FRESH_MAX);
            clocks.values().copied().collect()
        })
    }
}

fn micros(of: Duration) -> i64 {
    i64::try_from(of.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use raft::home::{Drift, Home};

    use super::*;

    const NOW: Time = Time(1_000_000_000);

    /// What follows when the clocks of other nodes are so far ahead, in milliseconds, as answers tell that
    /// take no time.
    fn judged(skew: &Skew, home: &Home, ahead: &[i64]) -> bool {
        for (node, ahead) in (2..).map(NodeId).zip(ahead) {
            let theirs = Time(NOW.0.saturating_add_signed(1_000 * ahead));
            skew.told(node, (theirs, NOW), (home.now(), home.now()));
        }
        skew.judge(home.now());
        skew.is_wrong()
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_is_wrong_when_most_others_say_so() {
        let home = Home::new(1, Drift::default());
        let cases: [(&[i64], bool); 13] = [
            (&[], false),
            (&[60_000], false),
            (&[60_000, 60_000], true),
            (&[-60_000, -60_000], true),
            (&[60_000, -60_000], false),
            (&[500, 500], false),
            (&[501, 501], true),
            (&[0, 60_000], false),
            (&[60_000, 60_000, 0], false),
            (&[60_000, 60_000, 600], true),
            (&[60_000, 60_000, 0, 0], false),
            (&[600, 60_000, 700, 0], true),
            (&[600, 60_000, -700, -800], false),
        ];
        for (ahead, is_wrong) in cases {
            assert_eq!(judged(&Skew::default(), &home, ahead), is_wrong, "{ahead:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_right_again_when_it_comes_near() {
        let (home, skew) = (Home::new(1, Drift::default()), Skew::default());
        assert!(judged(&skew, &home, &[600, 600]));
        assert!(judged(&skew, &home, &[300, 300]), "between the limits nothing changes");
        home.sleep(FRESH_MAX + Duration::from_secs(1)).await;
        assert!(judged(&skew, &home, &[0]), "one other does not make it right");
        assert!(!judged(&skew, &home, &[300, 0]));
        assert!(!judged(&skew, &home, &[300, 300]));
        assert!(judged(&skew, &home, &[-600, -600]));
        assert!(!judged(&skew, &home, &[600, -600]), "it is the middle one");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_says_no_more_than_it_can() {
        let (home, skew) = (Home::new(1, Drift::default()), Skew::default());
        let asked = home.now();
        home.sleep(Duration::from_millis(400)).await;
        for node in [2, 3] {
            let theirs = Time(NOW.0 + 450_000);
            skew.told(NodeId(node), (theirs, NOW), (asked, home.now()));
        }
        assert_eq!(
            (skew.judge(home.now()), skew.is_wrong()),
            (None, false),
            "650 ms, give or take 200"
        );
        assert_eq!(skew.ahead_micros(home.now()), Some(-650_000));
        skew.told(NodeId(2), (Time(0), Time(u64::MAX)), (asked, home.now()));
        assert_eq!(skew.ahead_micros(home.now()), Some(0));
        assert_eq!(Skew::default().ahead_micros(home.now()), None);
    }
}
