//! The split that production sees: fitted on the past, scored on what came after.

use super::Fold;
use crate::error::LearnError;

/// Splits rows in time: `train` are the earliest, `test` the latest, and about `ratio` of the rows are in `test`. Indices
/// rise in both.
///
/// `times` holds every row's moment, in any unit (the tables of the pipeline hold seconds since 1970 and never lack one). Rows
/// of the same moment are never parted, so the share is the nearest to `ratio` that whole moments allow, the smaller test of
/// two equally near; but no part is left empty. Only when all rows have one moment, and nothing is later than anything,
/// `test` is empty and `train` holds all.
///
/// # Errors
/// When there are no rows, or `ratio` is not between 0 and 1.
pub fn forward_split(times: &[i64], ratio: f64) -> Result<Fold, LearnError> {
    if !(ratio > 0.0 && ratio < 1.0) {
        return Err(LearnError::Param { param: "ratio", found: ratio.to_string(), expected: "above 0 and below 1" });
    }
    if times.is_empty() {
        return Err(LearnError::Empty { what: "the list of times" });
    }
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let wanted = ratio * times.len() as f64;
    let distance = |&(n_test, _): &(usize, i64)| (n_test as f64 - wanted).abs();
    // every moment but the first can be the first of the test
    let first_of_test = sorted
        .windows(2)
        .zip(1..)
        .filter(|(pair, _)| pair[0] < pair[1])
        .map(|(pair, n_train)| (sorted.len() - n_train, pair[1]))
        .reduce(|best, later| if distance(&later) <= distance(&best) { later } else { best });
    let (test, train) =
        (0..times.len()).partition(|&row| first_of_test.is_some_and(|(_, moment)| times[row] >= moment));
    Ok(Fold { train, test })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_latest_rows_are_the_test() {
        let split = forward_split(&[50, 10, 40, 20, 30], 0.4).unwrap();
        assert_eq!(split, Fold { train: vec![1, 3, 4], test: vec![0, 2] });
    }

    #[test]
    fn a_moment_is_never_parted() {
        // four rows of 20 are nearer to two in six than none
        let split = forward_split(&[10, 20, 20, 20, 20, 10], 0.34).unwrap();
        assert_eq!(split, Fold { train: vec![0, 5], test: vec![1, 2, 3, 4] });
        // one row and three are equally near to two in four
        let split = forward_split(&[1, 2, 2, 3], 0.5).unwrap();
        assert_eq!(split, Fold { train: vec![0, 1, 2], test: vec![3] });
    }

    #[test]
    fn no_part_is_empty_unless_there_is_one_moment() {
        assert_eq!(forward_split(&[1, 2], 0.001).unwrap(), Fold { train: vec![0], test: vec![1] });
        assert_eq!(forward_split(&[2, 1], 0.999).unwrap(), Fold { train: vec![1], test: vec![0] });
        assert_eq!(forward_split(&[7, 7, 7], 0.5).unwrap(), Fold { train: vec![0, 1, 2], test: vec![] });
    }

    #[test]
    fn no_rows_and_other_ratios_are_refused() {
        assert!(matches!(forward_split(&[], 0.5), Err(LearnError::Empty { .. })));
        for ratio in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(matches!(forward_split(&[1, 2], ratio), Err(LearnError::Param { param: "ratio", .. })));
        }
    }

    proptest! {
        #[test]
        fn the_past_comes_before_the_future_and_no_other_cut_is_nearer(
            times in prop::collection::vec(-6_i64..6, 1..50), ratio in 0.01..0.99_f64,
        ) {
            let split = forward_split(&times, ratio).unwrap();
            let mut rows = [split.train.clone(), split.test.clone()].concat();
            prop_assert!(split.train.is_sorted() && split.test.is_sorted());
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..times.len()).collect::<Vec<_>>());
            let wanted = ratio * times.len() as f64;
            let latest_train = split.train.iter().map(|&row| times[row]).max().unwrap();
            prop_assert!(split.test.iter().all(|&row| times[row] > latest_train));
            let earliest = times.iter().min().unwrap();
            for moment in times.iter().filter(|&moment| moment > earliest) {
                let n_test = times.iter().filter(|&time| time >= moment).count() as f64;
                prop_assert!((n_test - wanted).abs() >= (split.test.len() as f64 - wanted).abs());
            }
        }
    }
}
