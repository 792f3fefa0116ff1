//! Probabilities that mean what they say: maps from a model's probability to the share of rows that turn out faulty.
//!
//! A calibration never puts a row above one that the model puts above it; it may make them equal. Everything is fitted on
//! out-of-fold probabilities, see [`choose`].

use faultline_contract::documents::evaluation::Calibration;

use crate::error::LearnError;
use crate::metrics::check_probabilities;

mod choose;
mod isotonic;
mod platt;
mod reliability;

pub use choose::{Chosen, MIN_FAULTY_FOR_ISOTONIC, MIN_ROWS_FOR_ISOTONIC, choose, untouched};
pub use reliability::{Bins, ReliabilityPoint, reliability};

/// Distance from 0 and 1 that Platt's map keeps a probability at before it takes its log-odds, which then are within 9.22
/// of 0.
///
/// Forests give 0 and 1 themselves, whose log-odds are infinite; kept nearer to the ends such rows would have all the
/// leverage in the fit. Nothing that some thousand rows can show lies beyond one in ten thousand.
pub const PLATT_CLIP: f64 = 1e-4;

/// Fitting and applying calibrations.
pub trait Calibrate: Sized {
    /// Fits Platt's map: Newton's method on the regularised targets of Platt (1999) as in Lin, Lin and Weng, "A Note on
    /// Platt's Probabilistic Outputs for Support Vector Machines" (Machine Learning 68, 2007). The coefficients are those
    /// of scikit-learn's `_sigmoid_calibration` on the same log-odds, to 1e-6.
    ///
    /// Scores that rank the rows the wrong way round, or not at all, get the best map that does not reorder them: a = 0,
    /// the base rate for every row.
    ///
    /// # Errors
    /// When the lengths differ, there are no rows, a score is not within 0 and 1, or only one class occurs.
    fn fit_platt(labels: &[bool], probabilities: &[f64]) -> Result<Self, LearnError>;

    /// Fits the isotonic regression of the outcomes on the probabilities by pooling adjacent violators, with the points
    /// and predictions of scikit-learn's `IsotonicRegression(out_of_bounds="clip")`. The time is that of sorting.
    ///
    /// # Errors
    /// As [`Calibrate::fit_platt`].
    fn fit_isotonic(labels: &[bool], probabilities: &[f64]) -> Result<Self, LearnError>;

    /// The calibrated probabilities, in the same order; rows do not see each other. NaN stays NaN.
    ///
    /// A map read from elsewhere wants a [`Calibrate::check`] first.
    fn apply(&self, probabilities: &[f64]) -> Vec<f64>;

    /// Checks a map that was not fitted here: that it is finite, gives probabilities and does not reorder.
    ///
    /// # Errors
    /// Naming the rule that is broken.
    fn check(&self) -> Result<(), LearnError>;
}

impl Calibrate for Calibration {
    fn fit_platt(labels: &[bool], probabilities: &[f64]) -> Result<Self, LearnError> {
        check_both(labels, probabilities, "Platt's calibration")?;
        Ok(platt::fit(labels, probabilities))
    }

    fn fit_isotonic(labels: &[bool], probabilities: &[f64]) -> Result<Self, LearnError> {
        check_both(labels, probabilities, "isotonic calibration")?;
        Ok(isotonic::fit(labels, probabilities))
    }

    fn apply(&self, probabilities: &[f64]) -> Vec<f64> {
        probabilities
            .iter()
            .map(|&probability| match self {
                Self::None => probability,
                Self::Platt { a, b } => platt::apply(*a, *b, probability),
                Self::Isotonic { x, y } => isotonic::apply(x, y, probability),
            })
            .collect()
    }

    fn check(&self) -> Result<(), LearnError> {
        let broken = match self {
            Self::None => None,
            Self::Platt { a, b } => {
                (!(a.is_finite() && *a <= 0.0 && b.is_finite())).then_some("a is above 0, or a or b is not finite")
            }
            Self::Isotonic { x, y } => isotonic::broken_rule(x, y),
        };
        match broken {
            None => Ok(()),
            Some(rule) => Err(LearnError::Malformed { what: "the calibration", message: rule.to_owned() }),
        }
    }
}

/// Whether all rows come out equal.
fn is_constant(calibration: &Calibration) -> bool {
    match calibration {
        Calibration::None => false,
        Calibration::Platt { a, .. } => *a >= 0.0,
        Calibration::Isotonic { y, .. } => y.first() == y.last(),
    }
}

/// What both fits ask of their rows.
fn check_both(labels: &[bool], probabilities: &[f64], what: &'static str) -> Result<(), LearnError> {
    check_probabilities(labels, probabilities)?;
    if labels.iter().all(|label| *label == labels[0]) {
        return Err(LearnError::OneClass { what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
        prop::collection::vec(
            (any::<bool>(), prop_oneof![0.0..=1.0_f64, (0_u8..6).prop_map(|i| f64::from(i) / 5.0)]),
            2..60,
        )
        .prop_map(|rows| rows.into_iter().unzip())
    }

    #[test]
    fn the_json_names_the_method() {
        for (calibration, json) in [
            (Calibration::None, r#"{"method":"none"}"#),
            (Calibration::Platt { a: -1.5, b: 0.25 }, r#"{"method":"platt","a":-1.5,"b":0.25}"#),
            (
                Calibration::Isotonic { x: vec![0.1, 0.5], y: vec![0.0, 1.0] },
                r#"{"method":"isotonic","x":[0.1,0.5],"y":[0.0,1.0]}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&calibration).unwrap(), json);
            assert_eq!(serde_json::from_str::<Calibration>(json).unwrap(), calibration);
        }
    }

    #[test]
    fn a_calibrated_model_can_be_left_as_it_is() {
        let identity = Calibration::Platt { a: -1.0, b: 0.0 };
        for (&found, expected) in identity.apply(&[0.01, 0.3, 0.5, 0.99]).iter().zip([0.01, 0.3, 0.5, 0.99]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(Calibration::None.apply(&[0.0, 0.4, 1.0]), [0.0, 0.4, 1.0]);
    }

    #[test]
    fn scores_the_wrong_way_round_become_the_base_rate() {
        let labels = [true, true, false, false, false, false];
        let scores = [0.1, 0.2, 0.5, 0.6, 0.7, 0.8];
        let platt = Calibration::fit_platt(&labels, &scores).unwrap();
        // the mean of the regularised targets, 3/4 twice and 1/6 four times
        let rate = (2.0 * 0.75 + 4.0 / 6.0) / 6.0;
        assert!(platt.apply(&scores).iter().all(|found| (found - rate).abs() < 1e-12));
        let isotonic = Calibration::fit_isotonic(&labels, &scores).unwrap();
        assert!(isotonic.apply(&scores).iter().all(|found| (found - 1.0 / 3.0).abs() < 1e-12));
        assert!(is_constant(&platt) && is_constant(&isotonic));
        let equal = Calibration::fit_platt(&labels, &[0.3; 6]).unwrap();
        assert!(is_constant(&equal) && equal.check().is_ok());
    }

    #[test]
    fn separable_scores_get_a_finite_map() {
        let labels: Vec<bool> = (0..40).map(|i| i >= 30).collect();
        let scores: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i >= 30))).collect();
        let platt = Calibration::fit_platt(&labels, &scores).unwrap();
        let found = platt.apply(&[0.0, 1.0]);
        // the regularised targets themselves
        assert!((found[0] - 1.0 / 32.0).abs() < 1e-9 && (found[1] - 11.0 / 12.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn one_class_nothing_and_no_probabilities_are_refused() {
        for fit in [Calibration::fit_platt, Calibration::fit_isotonic] {
            assert!(matches!(fit(&[true, true], &[0.1, 0.2]), Err(LearnError::OneClass { .. })));
            assert!(matches!(fit(&[], &[]), Err(LearnError::Empty { .. })));
            assert!(matches!(fit(&[true], &[0.1, 0.2]), Err(LearnError::Length { .. })));
            assert!(matches!(fit(&[true, false], &[0.1, 1.5]), Err(LearnError::BadValue { position: 1, .. })));
            assert!(matches!(fit(&[true, false], &[f64::NAN, 0.5]), Err(LearnError::BadValue { position: 0, .. })));
        }
    }

    #[test]
    fn a_map_that_breaks_a_rule_is_refused_and_yet_harmless() {
        for (broken, rule) in [
            (Calibration::Platt { a: 0.5, b: 0.0 }, "a is above 0"),
            (Calibration::Platt { a: f64::NAN, b: 0.0 }, "not finite"),
            (Calibration::Isotonic { x: vec![], y: vec![] }, "no points"),
            (Calibration::Isotonic { x: vec![0.1, 0.2], y: vec![0.5] }, "not equally long"),
            (Calibration::Isotonic { x: vec![0.2, 0.2], y: vec![0.1, 0.5] }, "x does not rise"),
            (Calibration::Isotonic { x: vec![0.1, 0.2], y: vec![0.5, 0.4] }, "y falls"),
            (Calibration::Isotonic { x: vec![0.1, 0.2], y: vec![0.5, 1.4] }, "not within 0 and 1"),
        ] {
            assert!(broken.check().unwrap_err().to_string().contains(rule), "{broken:?}");
            assert_eq!(broken.apply(&[0.0, 0.15, 1.0]).len(), 3);
        }
    }

    proptest! {
        #[test]
        fn no_fit_reorders_or_leaves_the_unit_interval((labels, scores) in rows(), mut asked in prop::collection::vec(0.0..=1.0_f64, 1..30)) {
            asked.sort_by(f64::total_cmp);
            for fit in [Calibration::fit_platt, Calibration::fit_isotonic] {
                let Ok(calibration) = fit(&labels, &scores) else { continue };
                prop_assert!(calibration.check().is_ok(), "{calibration:?}");
                let found = calibration.apply(&asked);
                prop_assert!(found.iter().all(|value| (0.0..=1.0).contains(value)));
                prop_assert!(found.is_sorted(), "{calibration:?} {asked:?} {found:?}");
            }
        }

        #[test]
        fn isotonic_keeps_the_share_of_faulty_rows((labels, scores) in rows()) {
            let Ok(calibration) = Calibration::fit_isotonic(&labels, &scores) else { return Ok(()) };
            let sum: f64 = calibration.apply(&scores).iter().sum();
            let faulty = labels.iter().filter(|&&label| label).count() as f64;
            prop_assert!((sum - faulty).abs() < 1e-9);
        }

        #[test]
        fn the_order_of_the_rows_hardly_matters((labels, scores) in rows()) {
            let Ok(Calibration::Platt { a, b }) = Calibration::fit_platt(&labels, &scores) else { return Ok(()) };
            let back = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
            let reversed: Vec<bool> = labels.iter().rev().copied().collect();
            let refitted = Calibration::fit_platt(&reversed, &back(&scores)).unwrap();
            for (again, once) in refitted.apply(&scores).iter().zip(Calibration::Platt { a, b }.apply(&scores)) {
                prop_assert!((again - once).abs() < 1e-8);
            }
            prop_assert_eq!(Calibration::fit_isotonic(&labels, &scores).unwrap(), Calibration::fit_isotonic(&reversed, &back(&scores)).unwrap());
        }
    }
}
