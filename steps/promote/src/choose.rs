//! Which model serves which cluster.

use faultline_contract::documents::promote::{Choice, Contender};
use faultline_contract::documents::train::{Evaluation, Family, POOLED};

/// The choice for every model, and the model that would serve each cluster if each had its own. No choice serves a cluster yet.
#[derive(Debug, PartialEq)]
pub(crate) struct Choices {
    pub(crate) choices: Vec<Choice>,
    pub(crate) model_of_cluster: Vec<String>,
}

/// Chooses for every model the family with the greatest out-of-fold average precision, the first of equals, and gives every
/// cluster its own model, or the pooled one where it has none. `wanted` names the model of each cluster.
///
/// # Errors
/// The first cluster that neither its own nor the pooled model can serve, with why.
pub(crate) fn choose(wanted: &[String], evaluations: &[Evaluation]) -> Result<Choices, String> {
    let mut choices: Vec<Choice> = Vec::new();
    for evaluation in evaluations {
        let contender = Contender {
            family: evaluation.family,
            params: evaluation.trained.as_ref().map(|trained| trained.params.clone()).unwrap_or_default(),
            out_of_fold: evaluation.trained.as_ref().map(|trained| trained.out_of_fold.metrics),
            reason: evaluation.reason.clone(),
        };
        match choices.iter_mut().find(|choice| choice.model == evaluation.model) {
            Some(choice) => choice.contenders.push(contender),
            None => choices.push(Choice {
                model: evaluation.model.clone(),
                clusters: Vec::new(),
                chosen: None,
                contenders: vec![contender],
            }),
        }
    }
    for choice in &mut choices {
        choice.chosen = best(&choice.contenders);
    }
    let is_trained = |model: &str| choices.iter().any(|choice| choice.model == model && choice.chosen.is_some());
    let mut model_of_cluster = Vec::with_capacity(wanted.len());
    for (cluster, model) in wanted.iter().enumerate() {
        let serves = [model.as_str(), POOLED].into_iter().find(|model| is_trained(model));
        model_of_cluster.push(serves.ok_or_else(|| unserved(cluster, model, &choices))?.to_owned());
    }
    Ok(Choices { choices, model_of_cluster })
}

fn best(contenders: &[Contender]) -> Option<Family> {
    let mut best: Option<(Family, f64)> = None;
    for contender in contenders {
        let Some(out_of_fold) = &contender.out_of_fold else { continue };
        let score = out_of_fold.average_precision.filter(|score| !score.is_nan()).unwrap_or(0.0);
        if best.is_none_or(|(_, greatest)| score > greatest) {
            best = Some((contender.family, score));
        }
    }
    best.map(|(family, _)| family)
}

fn unserved(cluster: usize, model: &str, choices: &[Choice]) -> String {
    let reasons = choices.iter().filter(|choice| choice.model == model || choice.model == POOLED).flat_map(|choice| {
        let reason = |contender: &Contender| {
            Some(format!("{}-{}: {}", choice.model, contender.family, contender.reason.as_ref()?))
        };
        choice.contenders.iter().filter_map(reason).collect::<Vec<_>>()
    });
    let reasons: Vec<_> = reasons.collect();
    let why = if reasons.is_empty() { "it was not trained".to_owned() } else { reasons.join("; ") };
    format!("no model can serve cluster {cluster}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline_contract::documents::evaluation::{
        Assessment, Calibration, Confusion, CostMatrix, Interval, Intervals, Metrics,
    };
    use faultline_contract::documents::train::{HyperParams, Trained};

    fn assessment(average_precision: f64) -> Assessment {
        let confusion = Confusion { true_positives: 0, false_positives: 0, true_negatives: 8, false_negatives: 2 };
        let interval = Interval { low: 0.0, high: 1.0 };
        Assessment {
            metrics: Metrics {
                rows: 10,
                rows_faulty: 2,
                average_precision: Some(average_precision),
                roc_auc: None,
                mcc: 0.0,
                balanced_accuracy: 0.5,
                accuracy: 0.9,
                brier_score: 0.1,
                log_loss: 0.1,
                expected_cost: 2.0,
                confusion,
            },
            intervals: Intervals {
                level: 0.95,
                n_resamples: 2_000,
                average_precision: Some(interval),
                roc_auc: None,
                mcc: interval,
                balanced_accuracy: interval,
                accuracy: interval,
                brier_score: interval,
                log_loss: interval,
                expected_cost: interval,
            },
            is_descriptive: true,
        }
    }

    fn evaluation(model: &str, family: Family, average_precision: Option<f64>) -> Evaluation {
        Evaluation {
            model: model.to_owned(),
            family,
            rows_train: 10,
            rows_train_faulty: 2,
            trained: average_precision.map(|score| Trained {
                file: family.file().to_owned(),
                params: HyperParams::new(),
                n_folds: 4,
                folds: Vec::new(),
                calibration: Calibration::None,
                calibrations: Vec::new(),
                costs: CostMatrix::DEFAULT,
                threshold: 0.5,
                out_of_fold: assessment(score),
                forward: None,
                importances: Vec::new(),
            }),
            reason: average_precision.is_none().then(|| "one class".to_owned()),
        }
    }

    fn wanted(models: &[&str]) -> Vec<String> {
        models.iter().map(|model| (*model).to_owned()).collect()
    }

    /// Defect 3 of the original: the best was the greatest name, whatever the metric said.
    #[test]
    fn the_best_metric_wins_and_never_the_name() {
        for (forest, boosting, expected) in [
            (0.2, 0.1, Family::Forest),
            (0.1, 0.2, Family::Boosting),
            (0.2, 0.2, Family::Forest),
            (f64::NAN, 0.2, Family::Boosting),
            (0.2, f64::NAN, Family::Forest),
        ] {
            let evaluations =
                [evaluation("0", Family::Forest, Some(forest)), evaluation("0", Family::Boosting, Some(boosting))];
            let choices = choose(&wanted(&["0"]), &evaluations).unwrap();
            assert_eq!(choices.choices[0].chosen, Some(expected), "forest {forest}, boosting {boosting}");
        }
    }

    #[test]
    fn clusters_without_a_model_are_served_by_the_pooled_one() {
        let evaluations = [
            evaluation("0", Family::Forest, Some(0.1)),
            evaluation("1", Family::Forest, None),
            evaluation(POOLED, Family::Forest, Some(0.2)),
        ];
        let choices = choose(&wanted(&["0", "1", "pooled"]), &evaluations).unwrap();
        assert_eq!(choices.model_of_cluster, wanted(&["0", "pooled", "pooled"]));
    }

    #[test]
    fn a_cluster_that_nothing_serves_is_named_with_the_reasons() {
        let error = choose(&wanted(&["0"]), &[evaluation("0", Family::Forest, None)]).unwrap_err();
        assert_eq!(error, "no model can serve cluster 0: 0-forest: one class");
        assert!(choose(&wanted(&["0"]), &[]).unwrap_err().contains("it was not trained"));
    }
}
