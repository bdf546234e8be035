//! Near misses: the known name that was probably meant.

/// The candidate nearest to `given`, when it is near enough to be meant: at most a third of its
/// characters differ (insertions, deletions, changes, neighbours swapped). Case does not count.
pub fn nearest(given: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    let wanted: Vec<char> = given.to_lowercase().chars().take(128).collect();
    let limit = (wanted.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (distance(&wanted, &candidate.to_lowercase().chars().take(128).collect::<Vec<_>>()), candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by(|left, right| left.0.cmp(&right.0).then_with(|| left.1.cmp(&right.1)))
        .map(|(_, candidate)| candidate)
}

/// The number of single-character edits between two texts, a swap of neighbours counted as one
/// (optimal string alignment).
pub fn edit_distance(left: &str, right: &str) -> usize {
    distance(&left.chars().collect::<Vec<_>>(), &right.chars().collect::<Vec<_>>())
}

fn distance(left: &[char], right: &[char]) -> usize {
    let width = right.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, &a) in left.iter().enumerate() {
        let mut next = vec![row + 1; width];
        for (column, &b) in right.iter().enumerate() {
            let change = last[column] + usize::from(a != b);
            let mut best = change.min(last[column + 1] + 1).min(next[column] + 1);
            let swapped = row > 0 && column > 0 && a == right[column - 1] && left[row - 1] == b;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            next[column + 1] = best;
        }
        before = std::mem::replace(&mut last, next);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(edit_distance("300973880807", "300973880870"), 1);
        assert_eq!(edit_distance("orders", "order"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = || ["StreamkapConnectorAccess".to_owned(), "Admin".to_owned()];
        assert_eq!(
            nearest("streamkap-connector-access", names()).as_deref(),
            Some("StreamkapConnectorAccess")
        );
        assert_eq!(nearest("billing", names()), None);
    }
}
