//! Of which times there are records, to tell where there are none.

use jiff::{SignedDuration, Timestamp};

/// How long an account may record nothing: CloudTrail itself looks at its bucket every hour.
const SILENCE: SignedDuration = SignedDuration::from_hours(24);

/// A time from its start to its end.
type Span = (Timestamp, Timestamp);

/// The times of which records were seen, in order and apart by more than an account may be silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard(Vec<Span>);

impl Heard {
    /// Notes that there are records from `start` to `end`.
    pub fn note(&mut self, (start, end): Span) {
        // Most of what is noted lies in what was heard already.
        let from = self.0.partition_point(|heard| is_apart(heard.1, start));
        let to = from + self.0[from..].partition_point(|heard| !is_apart(end, heard.0));
        let joined = self.0[from..to]
            .iter()
            .fold((start, end), |joined, heard| (joined.0.min(heard.0), joined.1.max(heard.1)));
        if self.0[from..to] != [joined] {
            self.0.splice(from..to, [joined]);
        }
    }

    /// Notes each of these.
    pub fn extend(&mut self, spans: impl IntoIterator<Item = Span>) {
        spans.into_iter().for_each(|span| self.note(span));
    }

    /// Adds what another part of the same search heard.
    pub fn merge(&mut self, other: Self) {
        self.extend(other.0);
    }

    /// The times between `start` and `end` that were silent for longer than an account is.
    pub fn silences(&self, (start, end): Span) -> Vec<Span> {
        let starts = [start].into_iter().chain(self.0.iter().map(|heard| heard.1.max(start)));
        let ends = self.0.iter().map(|heard| heard.0.min(end)).chain([end]);
        starts.zip(ends).filter(|(from, to)| is_apart(*from, *to)).collect()
    }
}

/// Whether `to` is so long after `from` that there was a silence between.
fn is_apart(from: Timestamp, to: Timestamp) -> bool {
    from.duration_until(to) > SILENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    fn heard(spans: &[(i64, i64)]) -> Heard {
        let mut heard = Heard::default();
        heard.extend(spans.iter().map(|&(from, to)| (hour(from), hour(to))));
        heard
    }

    #[test]
    fn spans_join_in_whatever_order_they_come() {
        let all = [(0, 1), (30, 31), (20, 21), (200, 220), (100, 101), (120, 190)];
        let expected = vec![(hour(0), hour(31)), (hour(100), hour(220))];
        for turn in 0..all.len() {
            let mut spans = all;
            spans.rotate_left(turn);
            assert_eq!(heard(&spans).0, expected, "{spans:?}");
            spans.reverse();
            assert_eq!(heard(&spans).0, expected, "{spans:?}");
        }
        let mut merged = heard(&all[..3]);
        merged.merge(heard(&all[3..]));
        assert_eq!(merged.0, expected);
    }

    #[test]
    fn silences_are_those_within_the_window() {
        let heard = heard(&[(0, 10), (50, 60), (100, 110)]);
        let silences = |from, to| heard.silences((hour(from), hour(to)));
        let spans = |spans: &[(i64, i64)]| -> Vec<Span> {
            spans.iter().map(|&(from, to)| (hour(from), hour(to))).collect()
        };
        assert_eq!(silences(0, 110), spans(&[(10, 50), (60, 100)]));
        assert_eq!(silences(-24, 134), spans(&[(10, 50), (60, 100)]));
        assert_eq!(silences(-25, 135), spans(&[(-25, 0), (10, 50), (60, 100), (110, 135)]));
        assert_eq!(silences(20, 45), spans(&[(20, 45)]));
        assert_eq!(silences(52, 70), []);
        assert_eq!(silences(200, 300), spans(&[(200, 300)]));
        assert_eq!(silences(-300, -200), spans(&[(-300, -200)]));
        assert_eq!(Heard::default().silences((hour(0), hour(30))), spans(&[(0, 30)]));
    }
}
