//! What wrong decisions cost, and the threshold at which they cost least.
//!
//! Elkan, "The Foundations of Cost-Sensitive Learning" (IJCAI 2001), with right decisions free: only the two kinds of
//! mistake are priced, in one unit of the user's choice.

use super::check_probabilities;
use super::curves::steps;
use crate::error::LearnError;
use faultline_contract::documents::evaluation::{Confusion, CostMatrix};

/// The threshold that calls no row faulty: 2, which no probability reaches.
///
/// The next number above 1 would do in double precision, but becomes 1 when it is printed short or kept in single
/// precision, and would then call a row with probability 1 faulty.
pub const CALL_NOTHING: f64 = 2.0;

/// One point of the cost curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CostPoint {
    /// Rows with at least this probability are called faulty; none where no row is.
    pub threshold: Option<f64>,
    /// Mean cost per row.
    pub cost: f64,
}

/// Checks both costs.
///
/// # Errors
/// When a cost is negative or not finite, or both are 0.
pub fn check_costs(costs: &CostMatrix) -> Result<(), LearnError> {
    for (param, cost) in [("false_positive", costs.false_positive), ("false_negative", costs.false_negative)] {
        if !(cost >= 0.0 && cost.is_finite()) {
            return Err(LearnError::Param { param, found: cost.to_string(), expected: "a finite cost of 0 or more" });
        }
    }
    if costs.false_positive + costs.false_negative > 0.0 {
        return Ok(());
    }
    Err(LearnError::Param {
        param: "false_negative",
        found: "0, as false_positive is".to_owned(),
        expected: "at least one cost above 0",
    })
}

/// The threshold at which the decisions on these rows cost least.
///
/// The candidates are the probabilities themselves and [`CALL_NOTHING`], which is returned when calling no row faulty is
/// the cheapest. Rows of equal probability stay together; of thresholds that cost the same the highest is returned, the
/// one with the fewest alarms. The time is that of sorting the rows.
///
/// # Errors
/// When the costs break a rule of [`check_costs`], the lengths differ, there are no rows, or a score is not within 0
/// and 1.
pub fn cheapest_threshold(labels: &[bool], scores: &[f64], costs: &CostMatrix) -> Result<f64, LearnError> {
    let cheapest = cost_curve(labels, scores, costs)?.into_iter().reduce(|best, point| {
        // thresholds fall along the curve
        if point.cost < best.cost { point } else { best }
    });
    Ok(cheapest.and_then(|point| point.threshold).unwrap_or(CALL_NOTHING))
}

/// The mean cost per row at every threshold by falling threshold: first where no row is called faulty, then at each
/// distinct probability, last where every row is.
///
/// # Errors
/// As [`cheapest_threshold`].
pub fn cost_curve(labels: &[bool], scores: &[f64], costs: &CostMatrix) -> Result<Vec<CostPoint>, LearnError> {
    check_costs(costs)?;
    check_probabilities(labels, scores)?;
    let steps = steps(labels, scores)?;
    let (faulty, good) = steps.last().map_or((0, 0), |last| (last.positives, last.negatives));
    let cost = |positives, negatives| {
        costs.expected_cost(&Confusion {
            true_positives: positives,
            false_positives: negatives,
            true_negatives: good - negatives,
            false_negatives: faulty - positives,
        })
    };
    let nothing = CostPoint { threshold: None, cost: cost(0, 0) };
    Ok(std::iter::once(nothing)
        .chain(
            steps
                .iter()
                .map(|step| CostPoint { threshold: Some(step.threshold), cost: cost(step.positives, step.negatives) }),
        )
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::CountDecisions as _;
    use super::*;

    const EQUAL: CostMatrix = CostMatrix { false_positive: 1.0, false_negative: 1.0 };

    #[test]
    fn mistakes_are_priced_by_their_kind() {
        let counts = Confusion { true_positives: 5, false_positives: 3, true_negatives: 10, false_negatives: 2 };
        let costs = CostMatrix { false_positive: 1.0, false_negative: 10.0 };
        assert!((costs.expected_cost(&counts) - 23.0 / 20.0).abs() < 1e-12);
    }

    #[test]
    fn every_rule_is_checked() {
        for (false_positive, false_negative, param) in [
            (-1.0, 1.0, "false_positive"),
            (f64::NAN, 1.0, "false_positive"),
            (1.0, f64::INFINITY, "false_negative"),
            (0.0, 0.0, "false_negative"),
        ] {
            let costs = CostMatrix { false_positive, false_negative };
            assert!(matches!(check_costs(&costs), Err(LearnError::Param { param: found, .. }) if found == param));
            assert!(cheapest_threshold(&[true], &[0.5], &costs).is_err());
        }
        assert!(check_costs(&CostMatrix { false_positive: 0.0, false_negative: 1.0 }).is_ok());
    }

    #[test]
    fn an_unknown_cost_is_refused() {
        let read =
            serde_json::from_str::<CostMatrix>(r#"{"false_positive": 1, "false_negative": 2, "true_positive": 0}"#);
        assert!(read.unwrap_err().to_string().contains("true_positive"));
    }

    #[test]
    fn a_dear_miss_lowers_the_threshold() {
        let labels = [true, false, false, true, false];
        let scores = [0.9, 0.8, 0.7, 0.6, 0.1];
        let threshold = |false_negative| {
            cheapest_threshold(&labels, &scores, &CostMatrix { false_positive: 1.0, false_negative }).unwrap()
        };
        assert!((threshold(1.0) - 0.9).abs() < 1e-12);
        assert!((threshold(3.0) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn calling_nothing_faulty_can_be_the_cheapest() {
        let threshold = cheapest_threshold(&[false, false, true], &[1.0, 0.4, 0.3], &EQUAL).unwrap();
        assert!((threshold - CALL_NOTHING).abs() < 1e-12);
        let counts = Confusion::at(&[false, false, true], &[1.0, 0.4, 0.3], threshold).unwrap();
        assert_eq!(counts.true_positives + counts.false_positives, 0);
        // and wins a tie: one alarm too many costs what one miss does
        let tied = cheapest_threshold(&[false, true], &[0.5, 0.5], &EQUAL).unwrap();
        assert!((tied - CALL_NOTHING).abs() < 1e-12);
    }

    #[test]
    fn free_alarms_and_dear_misses_still_raise_no_needless_alarm() {
        let costs = CostMatrix { false_positive: 0.0, false_negative: 1.0 };
        let threshold = cheapest_threshold(&[true, true, false], &[0.9, 0.3, 0.2], &costs).unwrap();
        assert!((threshold - 0.3).abs() < 1e-12);
    }

    #[test]
    fn the_curve_runs_from_no_alarm_to_all() {
        let curve = cost_curve(&[true, false, false], &[0.7, 0.7, 0.2], &EQUAL).unwrap();
        let points: Vec<_> = curve.iter().map(|point| (point.threshold, (point.cost * 3.0).round() as u32)).collect();
        assert_eq!(points, [(None, 1), (Some(0.7), 1), (Some(0.2), 2)]);
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        assert!(matches!(
            cheapest_threshold(&[true, false], &[0.5, 2.5], &EQUAL),
            Err(LearnError::BadValue { position: 1, .. })
        ));
        assert!(matches!(cheapest_threshold(&[], &[], &EQUAL), Err(LearnError::Empty { .. })));
    }

    proptest! {
        #[test]
        fn no_threshold_is_cheaper_and_no_higher_one_as_cheap(
            rows in prop::collection::vec((any::<bool>(), 0_u8..12), 1..60),
            false_positive in 0_u8..5, false_negative in 1_u8..5,
        ) {
            let (labels, scores): (Vec<bool>, Vec<f64>) =
                rows.into_iter().map(|(label, score)| (label, f64::from(score) / 11.0)).unzip();
            let costs =
                CostMatrix { false_positive: f64::from(false_positive), false_negative: f64::from(false_negative) };
            let cost = |threshold| costs.expected_cost(&Confusion::at(&labels, &scores, threshold).unwrap());
            let chosen = cheapest_threshold(&labels, &scores, &costs).unwrap();
            for &other in scores.iter().chain(&[CALL_NOTHING]) {
                prop_assert!(cost(other) >= cost(chosen));
                prop_assert!(other <= chosen || cost(other) > cost(chosen));
            }
        }
    }
}
