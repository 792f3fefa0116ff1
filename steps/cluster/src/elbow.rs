//! How many clusters: the elbow curve, its knee, and what to do without one.

use faultline_contract::documents::cluster::{ChosenBy, ElbowPoint};
use faultline_learn::kmeans::{KMeans, KMeansParams};
use faultline_learn::knee::knee;
use faultline_learn::{LearnError, Samples};

use crate::ValidClusterParams;

/// Points that a curve needs to have a knee.
const MIN_POINTS: usize = 3;

/// The clusters chosen, and how.
pub(crate) struct Choice {
    pub(crate) fitted: KMeans,
    pub(crate) knee: Option<usize>,
    pub(crate) chosen_by: ChosenBy,
    pub(crate) elbow: Vec<ElbowPoint>,
}

/// Fits every number of clusters up to `k_max`, or up to the number of training rows where those are fewer, and takes
/// the knee. Without a knee, or with too few rows for a curve, there is one cluster. A number given by the params is
/// taken as it is, up to the number of rows; the curve is still drawn for people to look at.
pub(crate) fn choose(train: &Samples<'_>, params: &ValidClusterParams, seed: u64) -> Result<Choice, LearnError> {
    let params = params.get();
    let fits = KMeans::fit_up_to(train, params.k_max.min(train.n_samples), params.n_runs, seed)?;
    let elbow: Vec<ElbowPoint> =
        fits.iter().map(|fitted| ElbowPoint { k: fitted.n_clusters(), inertia: fitted.inertia() }).collect();
    let x: Vec<f64> = elbow.iter().map(|point| point.k as f64).collect();
    let y: Vec<f64> = elbow.iter().map(|point| point.inertia).collect();
    let knee = knee(&x, &y)?.map(|index| elbow[index].k);
    let (k, chosen_by) = match (params.k, knee) {
        (Some(k), _) => (k.min(train.n_samples), ChosenBy::Params),
        (None, Some(k)) => (k, ChosenBy::Knee),
        (None, None) if elbow.len() < MIN_POINTS => (1, ChosenBy::TooFewRows),
        (None, None) => (1, ChosenBy::NoKnee),
    };
    let fitted = match fits.into_iter().nth(k - 1) {
        Some(fitted) => fitted,
        None => KMeans::fit(train, &KMeansParams { n_clusters: k, n_runs: params.n_runs, seed })?,
    };
    Ok(Choice { fitted, knee, chosen_by, elbow })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClusterParams;

    fn choose_of(values: &[f32], params: ClusterParams) -> Choice {
        let samples = Samples::new(values, values.len(), 1).unwrap();
        choose(&samples, &params.check().unwrap(), 1).unwrap()
    }

    /// Three heaps of 20 far apart.
    fn heaps() -> Vec<f32> {
        (0..60_u8).map(|i| f32::from(i % 3) * 100.0 + f32::from(i) / 60.0).collect()
    }

    #[test]
    fn the_knee_decides() {
        let choice = choose_of(&heaps(), ClusterParams::default());
        assert_eq!((choice.knee, choice.chosen_by, choice.fitted.n_clusters()), (Some(3), ChosenBy::Knee, 3));
        assert_eq!(choice.elbow.len(), 10);
        assert_eq!(choice.fitted.counts(), [20, 20, 20]);
    }

    #[test]
    fn without_a_knee_there_is_one_cluster() {
        let choice = choose_of(&[5.0; 30], ClusterParams::default());
        assert_eq!((choice.knee, choice.chosen_by, choice.fitted.n_clusters()), (None, ChosenBy::NoKnee, 1));
    }

    #[test]
    fn few_rows_make_a_short_curve_and_one_cluster() {
        for rows in 1..3 {
            let choice = choose_of(&heaps()[..rows], ClusterParams::default());
            assert_eq!((choice.elbow.len(), choice.chosen_by), (rows, ChosenBy::TooFewRows));
            assert_eq!(choice.fitted.n_clusters(), 1);
        }
    }

    #[test]
    fn a_number_given_is_taken_up_to_the_rows() {
        let params = |k| ClusterParams { k: Some(k), k_max: 4, ..ClusterParams::default() };
        for (rows, k, expected) in [(60, 2, 2), (60, 7, 7), (3, 7, 3)] {
            let choice = choose_of(&heaps()[..rows], params(k));
            assert_eq!((choice.fitted.n_clusters(), choice.chosen_by), (expected, ChosenBy::Params));
        }
    }
}
