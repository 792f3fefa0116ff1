//! The verdict, from figures alone.

use faultline_contract::documents::promote::{Decision, Gate};
use faultline_contract::documents::train::Metrics;

/// Fewer faulty rows than this make a comparison descriptive.
const MIN_FAULTY_ROWS: u64 = 30;
/// What a classifier reaches that guesses.
const CHANCE_ROC_AUC: f64 = 0.5;

/// What the verdict is taken on. All figures are of the same rows, which neither version was fitted on.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) challenger: Option<&'a Metrics>,
    /// The champion's version and figures; none for the first version.
    pub(crate) champion: Option<(u64, Option<&'a Metrics>)>,
    /// Whether the champion is the very same model.
    pub(crate) is_same: bool,
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
pub(crate) fn decide(comparison: &Comparison<'_>) -> Decided {
    let (decision, reason) = judge(comparison);
    Decided { decision, reason, warnings: warnings(comparison.challenger) }
}

fn judge(comparison: &Comparison<'_>) -> (Decision, String) {
    let Comparison { challenger, champion, is_same, gate } = comparison;
    if let Some(least) = gate.min_roc_auc {
        match challenger.and_then(|figures| figures.roc_auc) {
            Some(found) if found >= least => {}
            Some(found) => return hold(format!("its ROC AUC is {found:.4}, the gate asks for {least:.4}")),
            None => return hold("its ROC AUC is not known, and the gate asks for one".to_owned()),
        }
    }
    let Some((version, figures)) = champion else {
        return (Decision::Promote, "it is the first version: there is no champion to compare with".to_owned());
    };
    if *is_same {
        return hold(format!("it is the same model as the champion, version {version}"));
    }
    let score = |figures: Option<&Metrics>| figures.and_then(|figures| figures.average_precision);
    let (Some(ours), Some(theirs)) = (score(*challenger), score(*figures)) else {
        return hold(format!("no faulty row is unseen by both it and the champion, version {version}"));
    };
    let (gain, least) = (ours - theirs, gate.min_average_precision_gain);
    let says = format!("its average precision is {ours:.4}, that of the champion, version {version}, {theirs:.4}");
    if gain > least {
        (Decision::Promote, says)
    } else {
        hold(format!("{says}: the gain of {gain:.4} does not exceed {least:.4}"))
    }
}

fn hold(reason: String) -> (Decision, String) {
    (Decision::Hold, reason)
}

fn warnings(challenger: Option<&Metrics>) -> Vec<String> {
    let Some(figures) = challenger else {
        return vec!["No row was held out: nothing is known of how it does on rows that it has not seen.".to_owned()];
    };
    let mut warnings = Vec::new();
    if figures.rows_faulty < MIN_FAULTY_ROWS {
        warnings.push(format!(
            "Only {} faulty rows were compared on, fewer than {MIN_FAULTY_ROWS}: the figures describe these rows and say little of others.",
            figures.rows_faulty
        ));
    }
    if figures.roc_auc.is_some_and(|auc| auc <= CHANCE_ROC_AUC) {
        warnings.push("On the rows held out it ranks no better than chance.".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(average_precision: Option<f64>, roc_auc: f64) -> Metrics {
        Metrics {
            rows: 300,
            rows_faulty: 40,
            average_precision,
            roc_auc: Some(roc_auc),
            mcc: 0.0,
            balanced_accuracy: 0.5,
            accuracy: 0.9,
            brier_score: 0.1,
            log_loss: 0.1,
            true_positives: 0,
            false_positives: 0,
            true_negatives: 260,
            false_negatives: 40,
        }
    }

    fn against(ours: &Metrics, theirs: &Metrics, gate: Gate) -> Decided {
        decide(&Comparison { challenger: Some(ours), champion: Some((1, Some(theirs))), is_same: false, gate })
    }

    #[test]
    fn only_a_greater_gain_than_the_gates_is_promoted() {
        let theirs = figures(Some(0.20), 0.7);
        let gate = Gate { min_average_precision_gain: 0.02, min_roc_auc: None };
        for (ours, expected) in [(0.25, Decision::Promote), (0.21, Decision::Hold), (0.20, Decision::Hold)] {
            assert_eq!(against(&figures(Some(ours), 0.7), &theirs, gate).decision, expected, "{ours}");
        }
        let equal = against(&theirs, &theirs, Gate::default());
        assert_eq!(equal.decision, Decision::Hold, "{}", equal.reason);
    }

    #[test]
    fn the_first_version_is_promoted_unless_the_gate_asks_for_more() {
        let ours = figures(Some(0.1), 0.45);
        let first = |gate| decide(&Comparison { challenger: Some(&ours), champion: None, is_same: false, gate });
        let open = first(Gate::default());
        assert_eq!(open.decision, Decision::Promote);
        assert!(open.warnings.iter().any(|warning| warning.contains("chance")), "{open:?}");
        assert_eq!(first(Gate { min_roc_auc: Some(0.6), ..Gate::default() }).decision, Decision::Hold);
    }

    #[test]
    fn what_cannot_be_compared_is_held() {
        let (known, unknown) = (figures(Some(0.3), 0.7), figures(None, 0.7));
        for (ours, theirs) in [(&known, &unknown), (&unknown, &known)] {
            assert_eq!(against(ours, theirs, Gate::default()).decision, Decision::Hold);
        }
        let comparison =
            Comparison { challenger: None, champion: Some((3, None)), is_same: false, gate: Gate::default() };
        let decided = decide(&comparison);
        assert_eq!(decided.decision, Decision::Hold);
        assert!(decided.warnings[0].contains("No row was held out"), "{decided:?}");
    }

    #[test]
    fn the_same_model_is_held() {
        let ours = figures(Some(0.3), 0.7);
        let comparison = Comparison {
            challenger: Some(&ours),
            champion: Some((3, Some(&ours))),
            is_same: true,
            gate: Gate::default(),
        };
        assert!(decide(&comparison).reason.contains("the same model"));
    }

    #[test]
    fn few_faulty_rows_are_told() {
        let ours = Metrics { rows_faulty: 18, ..figures(Some(0.3), 0.7) };
        let decided =
            decide(&Comparison { challenger: Some(&ours), champion: None, is_same: false, gate: Gate::default() });
        assert!(decided.warnings[0].contains("18 faulty rows"), "{decided:?}");
    }
}
