//! Work in lanes: a lane does its items one after the other, several lanes work at once.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ImportError;

/// Does all `items`. Those of one owner go into one lane, in their order; `report` hears of each one
/// that is done. The first error ends everything.
pub(crate) async fn run<T, W>(
    items: impl Iterator<Item = usize>,
    lane_of: impl Fn(usize) -> usize,
    work: impl Fn(usize) -> W + Clone + Send + 'static,
    mut report: impl FnMut(usize, T) -> Result<(), ImportError>,
) -> Result<(), ImportError>
where
    T: Send + 'static,
    W: Future<Output = Result<T, ImportError>> + Send,
{
    let mut lanes: Vec<Vec<usize>> = Vec::new();
    for item in items {
        let lane = lane_of(item);
        lanes.resize_with(lanes.len().max(lane + 1), Vec::new);
        lanes[lane].push(item);
    }
    let (sender, mut results) = mpsc::channel(lanes.len().max(1));
    let mut running = JoinSet::new();
    for lane in lanes {
        let (work, sender) = (work.clone(), sender.clone());
        running.spawn(async move {
            for item in lane {
                let result = work(item).await;
                let is_over = result.is_err();
                if sender.send((item, result)).await.is_err() || is_over {
                    return;
                }
            }
        });
    }
    drop(sender);
    while let Some((item, result)) = results.recv().await {
        report(item, result?)?;
    }
    Ok(())
}

/// The end of what is done without a gap.
#[derive(Debug)]
pub(crate) struct Watermark {
    low: usize,
    above: BTreeSet<usize>,
}

impl Watermark {
    /// Everything before number `low` is done.
    pub(crate) fn new(low: usize) -> Self {
        Self { low, above: BTreeSet::new() }
    }

    /// Adds an item that is done; yields the number before which all are.
    pub(crate) fn add(&mut self, item: usize) -> usize {
        self.above.insert(item);
        while self.above.remove(&self.low) {
            self.low += 1;
        }
        self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiError;

    #[test]
    fn the_watermark_stops_at_a_gap() {
        let mut watermark = Watermark::new(3);
        let lows = [5, 3, 7, 4, 6].map(|item| watermark.add(item));
        assert_eq!(lows, [3, 4, 4, 6, 8]);
    }

    #[tokio::test]
    async fn a_lane_keeps_its_order() {
        let mut seen = Vec::new();
        let work = async |item: usize| Ok(item);
        let done = run(
            0..100,
            |item| item % 7,
            work,
            |item, result: usize| {
                assert_eq!(item, result);
                seen.push(item);
                Ok(())
            },
        );
        done.await.expect("nothing fails");
        for lane in 0..7 {
            let of_lane: Vec<_> = seen.iter().filter(|it| *it % 7 == lane).collect();
            assert!(of_lane.is_sorted(), "{of_lane:?}");
        }
        assert_eq!(seen.len(), 100);
    }

    #[tokio::test]
    async fn the_first_error_ends_everything() {
        let work = |item: usize| async move {
            match item {
                3 => Err(ApiError::Address { to: String::new() }.into()),
                _ => Ok(()),
            }
        };
        let mut count = 0;
        let done = run(
            0..10,
            |_| 0,
            work,
            |_, ()| {
                count += 1;
                Ok(())
            },
        );
        done.await.expect_err("item 3 fails");
        assert_eq!(count, 3);
    }
}
