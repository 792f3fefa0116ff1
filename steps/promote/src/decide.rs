//! The verdict, from figures alone.

use faultline_contract::documents::evaluation::{Assessment, Comparison, Interval, MIN_FAULTY_FOR_INFERENCE};
use faultline_contract::documents::promote::{Decision, Gate, Suspect};
use faultline_learn::bootstrap::roc_auc_includes_chance;

/// What sensor data of this kind hardly gives away honestly: a better ranking asks for a second look.
const TOO_GOOD_ROC_AUC: f64 = 0.85;
/// How many suspected features a warning names.
const MAX_NAMED: usize = 5;

/// What the verdict is taken on. All figures are of the same rows, which neither version was fitted on.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) challenger: Option<&'a Assessment>,
    /// The champion's version; none for the first version.
    pub(crate) champion_version: Option<u64>,
    /// Challenger less champion; none without a champion, or without rows of both classes.
    pub(crate) difference: Option<&'a Comparison>,
    /// Whether the champion is the very same model.
    pub(crate) is_same: bool,
    pub(crate) suspects: &'a [Suspect],
    pub(crate) gate: Gate,
}

/// A decision, why, and what to bear in mind.
#[derive(Debug, PartialEq)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) reason: String,
    pub(crate) warnings: Vec<String>,
}

/// Decides whether the challenger becomes champion.
pub(crate) fn decide(evidence: &Evidence<'_>) -> Decided {
    let (decision, reason) = judge(evidence);
    Decided { decision, reason, warnings: warnings(evidence) }
}

fn judge(evidence: &Evidence<'_>) -> (Decision, String) {
    let Evidence { challenger, champion_version, difference, is_same, gate, .. } = evidence;
    if let Some(least) = gate.min_roc_auc {
        match challenger.and_then(|assessment| assessment.metrics.roc_auc) {
            Some(found) if found >= least => {}
            Some(found) => return hold(format!("its ROC AUC is {found:.4}, the gate asks for {least:.4}")),
            None => return hold("its ROC AUC is not known, and the gate asks for one".to_owned()),
        }
    }
    let Some(version) = champion_version else {
        return (Decision::Promote, "it is the first version: there is no champion to compare with".to_owned());
    };
    if *is_same {
        return hold(format!("it is the same model as the champion, version {version}"));
    }
    let Some(difference) = difference else {
        return hold(format!(
            "the rows unseen by both it and the champion, version {version}, do not hold both classes"
        ));
    };
    let (gain, least) = (difference.average_precision, gate.min_average_precision_gain);
    let says = format!(
        "its average precision is {:+.4} that of the champion, version {version}, with a {} interval of {}",
        gain.estimate,
        percent(gate.level),
        range(gain.interval)
    );
    if gain.interval.low > least {
        (Decision::Promote, says)
    } else {
        hold(format!("{says}: the lower end does not exceed {least:.4}"))
    }
}

fn hold(reason: String) -> (Decision, String) {
    (Decision::Hold, reason)
}

fn warnings(evidence: &Evidence<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    match evidence.challenger {
        None => {
            warnings
                .push("No row was held out: nothing is known of how it does on rows that it has not seen.".to_owned());
        }
        Some(assessment) => {
            if assessment.is_descriptive {
                warnings.push(format!(
                    "Only {} faulty rows were compared on, fewer than {MIN_FAULTY_FOR_INFERENCE}: the figures describe these rows and say little of others.",
                    assessment.metrics.rows_faulty
                ));
            }
            warnings.extend(of_ranking(assessment));
        }
    }
    if !evidence.suspects.is_empty() {
        let named: Vec<String> = evidence
            .suspects
            .iter()
            .take(MAX_NAMED)
            .map(|suspect| format!("{} (ROC AUC {:.3} alone, {} rows)", suspect.feature, suspect.roc_auc, suspect.rows))
            .collect();
        warnings.push(format!(
            "{} features tell faulty wafers so well that they may know the answer: {}.",
            evidence.suspects.len(),
            named.join(", ")
        ));
    }
    warnings
}

fn of_ranking(assessment: &Assessment) -> Option<String> {
    let (auc, interval) = (assessment.metrics.roc_auc?, assessment.intervals.roc_auc?);
    if roc_auc_includes_chance(&assessment.intervals) == Some(true) {
        return Some(format!(
            "The {} interval of its ROC AUC on the rows held out, {}, includes chance: nothing shows that it ranks wafers better than a guess.",
            percent(assessment.intervals.level),
            range(interval)
        ));
    }
    (auc > TOO_GOOD_ROC_AUC).then(|| {
        format!("Its ROC AUC on the rows held out is {auc:.3}. Few real processes can be told that well: look for a feature that knows the answer.")
    })
}

fn percent(level: f64) -> String {
    format!("{}%", (level * 1000.0).round() / 10.0)
}

fn range(interval: Interval) -> String {
    format!("{:.4} to {:.4}", interval.low, interval.high)
}

#[cfg(test)]
mod tests {
    use faultline_contract::documents::evaluation::{Confusion, Difference, Intervals, Metrics};

    use super::*;

    const GATE: Gate = Gate { min_average_precision_gain: 0.0, min_roc_auc: None, level: 0.95, n_resamples: 2_000 };

    fn assessment(roc_auc: f64, rows_faulty: u64) -> Assessment {
        let around = |figure: f64| Interval { low: figure - 0.1, high: figure + 0.1 };
        let confusion =
            Confusion { true_positives: 0, false_positives: 0, true_negatives: 260, false_negatives: rows_faulty };
        Assessment {
            metrics: Metrics {
                rows: 260 + rows_faulty,
                rows_faulty,
                average_precision: Some(0.2),
                roc_auc: Some(roc_auc),
                mcc: 0.0,
                balanced_accuracy: 0.5,
                accuracy: 0.9,
                brier_score: 0.1,
                log_loss: 0.1,
                expected_cost: 0.5,
                confusion,
            },
            intervals: Intervals {
                level: 0.95,
                n_resamples: 2_000,
                average_precision: Some(around(0.2)),
                roc_auc: Some(around(roc_auc)),
                mcc: around(0.0),
                balanced_accuracy: around(0.5),
                accuracy: around(0.9),
                brier_score: around(0.1),
                log_loss: around(0.1),
                expected_cost: around(0.5),
            },
            is_descriptive: rows_faulty < MIN_FAULTY_FOR_INFERENCE,
        }
    }

    fn difference(estimate: f64, low: f64) -> Comparison {
        let interval = Interval { low, high: estimate + (estimate - low) };
        let difference = Difference { estimate, interval, share_no_better: 0.0 };
        Comparison { rows: 300, rows_faulty: 40, average_precision: difference, roc_auc: difference }
    }

    fn against(difference: Option<&Comparison>, gate: Gate) -> Decided {
        let ours = assessment(0.7, 40);
        decide(&Evidence {
            challenger: Some(&ours),
            champion_version: Some(1),
            difference,
            is_same: false,
            suspects: &[],
            gate,
        })
    }

    fn first(ours: Option<&Assessment>, suspects: &[Suspect], gate: Gate) -> Decided {
        let is_same = false;
        decide(&Evidence { challenger: ours, champion_version: None, difference: None, is_same, suspects, gate })
    }

    #[test]
    fn only_a_gain_whose_interval_lies_above_the_gates_is_promoted() {
        let gate = Gate { min_average_precision_gain: 0.02, ..GATE };
        for (low, expected) in [(0.03, Decision::Promote), (0.02, Decision::Hold), (-0.01, Decision::Hold)] {
            let decided = against(Some(&difference(0.1, low)), gate);
            assert_eq!(decided.decision, expected, "{}", decided.reason);
        }
    }

    #[test]
    fn the_reason_gives_the_interval() {
        let reason = against(Some(&difference(0.1, -0.01)), GATE).reason;
        assert!(reason.contains("+0.1000") && reason.contains("95% interval of -0.0100 to 0.2100"), "{reason}");
    }

    #[test]
    fn the_first_version_is_promoted_unless_the_gate_asks_for_more() {
        let ours = assessment(0.55, 40);
        let open = first(Some(&ours), &[], GATE);
        assert_eq!(open.decision, Decision::Promote);
        assert!(open.warnings.iter().any(|warning| warning.contains("includes chance")), "{open:?}");
        assert!(first(Some(&assessment(0.7, 40)), &[], GATE).warnings.is_empty());
        assert_eq!(first(Some(&ours), &[], Gate { min_roc_auc: Some(0.6), ..GATE }).decision, Decision::Hold);
    }

    #[test]
    fn what_cannot_be_compared_is_held() {
        assert_eq!(against(None, GATE).decision, Decision::Hold);
        assert!(first(None, &[], GATE).warnings[0].contains("No row was held out"));
    }

    #[test]
    fn the_same_model_is_held() {
        let ours = assessment(0.7, 40);
        let evidence = Evidence {
            challenger: Some(&ours),
            champion_version: Some(3),
            difference: Some(&difference(0.0, 0.0)),
            is_same: true,
            suspects: &[],
            gate: GATE,
        };
        assert!(decide(&evidence).reason.contains("the same model"));
    }

    #[test]
    fn few_faulty_rows_and_features_that_know_too_much_are_told() {
        let few = first(Some(&assessment(0.7, 18)), &[], GATE);
        assert!(few.warnings[0].contains("18 faulty rows"), "{few:?}");
        let suspect = Suspect { feature: "Sensor-7".to_owned(), rows: "late".to_owned(), roc_auc: 0.99 };
        let told = first(Some(&assessment(0.99, 40)), &[suspect], GATE);
        assert!(told.warnings[0].contains("look for a feature"), "{told:?}");
        assert!(told.warnings[1].contains("Sensor-7 (ROC AUC 0.990 alone, late rows)"), "{told:?}");
    }
}
