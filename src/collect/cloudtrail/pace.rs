//! The pace of event history: two calls a second for each region, which no account can raise.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::collect::progress::Progress;

/// Lets calls through at a pace, and reckons how long the rest will take.
pub(super) struct Pace<'p> {
    every: Duration,
    progress: &'p dyn Progress,
    regions: Mutex<BTreeMap<String, Lane>>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    next: Instant,
    done: u32,
    expected: u32,
}

impl<'p> Pace<'p> {
    /// One call in each `every` for each region.
    pub(super) fn new(every: Duration, progress: &'p dyn Progress) -> Self {
        Self { every, progress, regions: Mutex::default() }
    }

    fn change<T>(&self, region: &str, change: impl FnOnce(&mut Lane) -> T) -> T {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Lane { next: Instant::now(), done: 0, expected: 0 };
        change(regions.entry(region.to_owned()).or_insert_with(fresh))
    }

    /// Waits for the region's turn. Turns are given out in the order in which they are asked for.
    pub(super) async fn turn(&self, region: &str) {
        let at = self.change(region, |lane| {
            let at = lane.next.max(Instant::now());
            lane.next = at + self.every;
            at
        });
        tokio::time::sleep_until(at).await;
    }

    /// More pages are expected than before (or fewer).
    pub(super) fn expect(&self, region: &str, pages: i64) {
        self.change(region, |lane| {
            let expected = i64::from(lane.expected).saturating_add(pages);
            lane.expected = u32::try_from(expected.max(i64::from(lane.done))).unwrap_or(u32::MAX);
        });
        self.tell();
    }

    /// A page has been read.
    pub(super) fn done(&self, region: &str) {
        self.change(region, |lane| {
            lane.done += 1;
            lane.expected = lane.expected.max(lane.done);
        });
        self.tell();
    }

    /// Regions are searched side by side: the slowest decides.
    fn tell(&self) {
        let lanes: Vec<Lane> =
            self.regions.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect();
        let done = lanes.iter().map(|lane| lane.done).sum();
        let expected = lanes.iter().map(|lane| lane.expected).sum();
        let left = lanes.iter().map(|lane| lane.expected - lane.done).max().unwrap_or(0);
        self.progress.history(done, expected, self.every * left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Silent;

    #[tokio::test]
    async fn calls_of_one_region_keep_their_distance_and_regions_do_not_wait_for_each_other() {
        let pace = Pace::new(Duration::from_millis(40), &Silent);
        let start = Instant::now();
        for _ in 0..3 {
            tokio::join!(pace.turn("eu-west-1"), pace.turn("us-east-1"));
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(80), "{took:?}");
        assert!(took < Duration::from_millis(200), "{took:?}");
    }

    #[test]
    fn the_slowest_region_decides_how_long_it_takes() {
        struct Last(Mutex<(u32, u32, Duration)>);
        impl Progress for Last {
            fn history(&self, done: u32, expected: u32, left: Duration) {
                *self.0.lock().unwrap() = (done, expected, left);
            }
        }
        let last = Last(Mutex::default());
        let pace = Pace::new(Duration::from_millis(500), &last);
        pace.expect("eu-west-1", 4);
        pace.expect("us-east-1", 2);
        pace.done("eu-west-1");
        assert_eq!(*last.0.lock().unwrap(), (1, 6, Duration::from_millis(1500)));
        pace.expect("eu-west-1", -9);
        assert_eq!(*last.0.lock().unwrap(), (1, 3, Duration::from_secs(1)));
    }
}
