//! Reading contributions: the features that moved one row most, and those that move all rows most.
//!
//! Contributions come from [`Forest::contributions`](crate::forest::Forest::contributions), of the probability, and
//! [`BoostedTrees::contributions`](crate::boosting::BoostedTrees::contributions), of the log-odds: per row one value per
//! feature and, last, the bias.

/// So few of the greatest are kept in order while going through a row.
const FEW: usize = 16;

/// The `n` features of one row with the greatest absolute contributions, greatest first, the lower index first of equals;
/// fewer where the row has fewer. Each comes as index and contribution.
///
/// `row` holds one finite value per feature, without the bias.
pub fn top_contributions(row: &[f64], n: usize) -> Vec<(usize, f64)> {
    if n <= FEW {
        return few_top_contributions(row, n);
    }
    let mut features: Vec<(usize, f64)> = row.iter().copied().enumerate().collect();
    let greatest_first = |a: &(usize, f64), b: &(usize, f64)| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0));
    if n < features.len() {
        features.select_nth_unstable_by(n - 1, greatest_first);
    }
    features.truncate(n);
    features.sort_unstable_by(greatest_first);
    features
}

/// The same in one pass, for a few.
fn few_top_contributions(row: &[f64], n: usize) -> Vec<(usize, f64)> {
    let row = if n == 0 { &[] } else { row };
    let mut top: Vec<(usize, f64)> = Vec::with_capacity(n + 1);
    let mut least = f64::NEG_INFINITY;
    for (feature, &value) in row.iter().enumerate() {
        if top.len() < n || value.abs() > least {
            let place = top.partition_point(|(_, other)| other.abs() >= value.abs());
            top.insert(place, (feature, value));
            top.truncate(n);
            if let Some((_, last)) = top.last().filter(|_| top.len() == n) {
                least = last.abs();
            }
        }
    }
    top
}

/// The mean over the rows of each feature's absolute contribution: how much it moves the predictions, in their scale
/// (global importance by SHAP values; Lundberg and others, 2020). All 0 when there are no rows.
///
/// `contributions` are rows of `n_features + 1` values, row-major; the last of a row is the bias and does not count. Values
/// beyond the last whole row do not count either.
pub fn mean_absolute(contributions: &[f64], n_features: usize) -> Vec<f64> {
    let rows = contributions.chunks_exact(n_features + 1);
    let n_samples = rows.len().max(1) as f64;
    let mut means = vec![0.0; n_features];
    for row in rows {
        for (mean, value) in means.iter_mut().zip(row) {
            *mean += value.abs();
        }
    }
    for mean in &mut means {
        *mean /= n_samples;
    }
    means
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_greatest_come_first_whatever_their_sign() {
        let row = [0.1, -0.4, 0.0, 0.4, -0.2];
        assert_eq!(top_contributions(&row, 3), [(1, -0.4), (3, 0.4), (4, -0.2)]);
        assert_eq!(top_contributions(&row, 1), [(1, -0.4)]);
        assert_eq!(top_contributions(&row, 9).len(), 5);
        assert!(top_contributions(&row, 0).is_empty());
        assert!(top_contributions(&[], 2).is_empty());
    }

    #[test]
    fn the_mean_is_of_absolute_values_and_without_the_bias() {
        let contributions = [1.0, -2.0, 7.0, -3.0, 0.0, 7.0];
        assert_eq!(mean_absolute(&contributions, 2), [2.0, 1.0]);
        assert_eq!(mean_absolute(&[], 2), [0.0, 0.0]);
        assert_eq!(mean_absolute(&[7.0, 7.0], 0), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn a_few_are_the_first_of_all(row in prop::collection::vec((-3_i8..=3).prop_map(f64::from), 0..40), n in 0_usize..45) {
            let all = top_contributions(&row, row.len());
            prop_assert!(all.windows(2).all(|pair| pair[0].1.abs() > pair[1].1.abs()
                || (pair[0].1.abs() >= pair[1].1.abs() && pair[0].0 < pair[1].0)));
            prop_assert_eq!(&top_contributions(&row, n)[..], &all[..n.min(row.len())]);
        }
    }
}
