//! When things happened, in few times: the first of each stretch of time.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Stretches that are told apart at most.
const STRETCHES: usize = 32;

/// The first times of stretches, which grow longer as they become many. What is kept does not depend on the
/// order in which the times come.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    /// A stretch has two to the power of this many seconds.
    power: u32,
    first: BTreeMap<i64, Timestamp>,
}

impl Spread {
    /// Adds a time.
    pub(super) fn note(&mut self, time: Timestamp) {
        let first = self.first.entry(time.as_second() >> self.power).or_insert(time);
        *first = time.min(*first);
        while self.first.len() > STRETCHES {
            self.power += 1;
            self.fold(1);
        }
    }

    /// Adds all of another one.
    pub(super) fn merge(&mut self, mut other: Self) {
        let power = self.power.max(other.power);
        for spread in [&mut *self, &mut other] {
            spread.fold(power - spread.power);
            spread.power = power;
        }
        for time in other.first.into_values() {
            self.note(time);
        }
    }

    /// The times, in order.
    pub(super) fn times(self) -> Vec<Timestamp> {
        self.first.into_values().collect()
    }

    fn fold(&mut self, by: u32) {
        let mut folded = BTreeMap::new();
        for (stretch, time) in std::mem::take(&mut self.first) {
            // In order of time, so that the first of those put together stays.
            folded.entry(stretch >> by).or_insert(time);
        }
        self.first = folded;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(seconds: impl IntoIterator<Item = i64>) -> Spread {
        let mut spread = Spread::default();
        seconds.into_iter().for_each(|second| spread.note(Timestamp::from_second(second).unwrap()));
        spread
    }

    #[test]
    fn few_times_are_all_kept_and_of_many_the_first_of_each_stretch() {
        let seconds = |spread: Spread| spread.times().iter().map(|it| it.as_second()).collect::<Vec<_>>();
        assert_eq!(seconds(spread([30, 5, 5, 9])), [5, 9, 30]);
        let many = seconds(spread(0..10_000));
        assert!(many.len() <= STRETCHES && many[0] == 0 && many.is_sorted(), "{many:?}");
        // A stray one does not hide the rest.
        assert!(seconds(spread((0..1).chain(1_000_000..1_000_500))).contains(&1_000_000));
    }

    #[test]
    fn the_order_and_the_parts_make_no_difference() {
        let times: Vec<i64> = (0..500).map(|number| number * number * 37 % 90_001).collect();
        let whole = spread(times.iter().copied()).times();
        assert_eq!(spread(times.iter().rev().copied()).times(), whole);
        let mut parts = spread(times[..90].iter().copied());
        parts.merge(spread(times[90..].iter().copied()));
        assert_eq!(parts.times(), whole);
        let mut small = spread(times[..3].iter().copied());
        small.merge(spread(times.iter().copied()));
        assert_eq!(small.times(), whole);
    }
}
