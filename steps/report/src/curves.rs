//! ROC, precision-recall and the spread of probabilities, for tables of labelled probabilities.

use faultline_learn::metrics::{average_precision, pr_curve, roc_auc, roc_curve};
use faultline_report::{Axis, Curve, Figure, Histogram, precision_recall, roc};

use crate::ReportError;
use crate::evidence::Scored;

const BINS: usize = 20;

/// Labelled probabilities with their name and the artifact that they are from.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) scored: Scored,
}

/// ROC and precision-recall curves with one line each.
pub(crate) fn curves(named: &[Named], rows: &str) -> Result<Vec<Figure>, ReportError> {
    let (mut roc_curves, mut pr_curves) = (Vec::new(), Vec::new());
    for Named { name, source, scored } in named {
        let failed = |error| ReportError::Curve { name: source.clone(), source: error };
        let (labels, probabilities) = (&scored.labels, &scored.probabilities);
        let auc = roc_auc(labels, probabilities).map_err(failed)?;
        let points = roc_curve(labels, probabilities).map_err(failed)?;
        let points = points.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)).collect();
        roc_curves.push(Curve::new(name.as_str(), auc, points));
        let precision = average_precision(labels, probabilities).map_err(failed)?;
        let points = pr_curve(labels, probabilities).map_err(failed)?;
        let first = points.first().map(|point| (0.0, point.precision));
        let points = first.into_iter().chain(points.iter().map(|point| (point.recall, point.precision))).collect();
        pr_curves.push(Curve::new(name.as_str(), precision, points));
    }
    let rows_in_all: usize = named.iter().map(|named| named.scored.labels.len()).sum();
    let faulty: usize = named.iter().map(|named| named.scored.faulty_count()).sum();
    let mut sources: Vec<&str> = named.iter().map(|named| named.source.as_str()).collect();
    sources.dedup();
    let source = sources.join(", ");
    Ok(vec![
        Figure::new(format!("ROC, {rows}"), roc(roc_curves))
            .caption("Upwards: the share of the faulty rows that is found. To the right: the share of the good rows that is called faulty on the way.")
            .source(source.as_str()),
        Figure::new(
            format!("Precision and recall, {rows}"),
            precision_recall(pr_curves, faulty as f64 / rows_in_all as f64),
        )
        .caption("Upwards: the share of the alarms that is right. To the right: the share of the faulty rows that is to be found.")
        .source(source),
    ])
}

/// How the probabilities of good and faulty rows lie apart.
pub(crate) fn histogram(scored: &Scored, title: &str, source: &str) -> Figure {
    let chart = Histogram::new(Axis::new("Probability of being faulty"), 0.0, top(&scored.probabilities), BINS)
        .group("good", scored.of_class(false))
        .group("faulty", scored.of_class(true));
    Figure::new(title, chart)
        .caption("Each group adds up to 1, so that the rare faulty rows can be seen beside the good.")
        .source(source)
}

/// Where an axis of probabilities ends: the next tenth above the greatest.
pub(crate) fn top(probabilities: &[f64]) -> f64 {
    let highest = probabilities.iter().copied().fold(0.0, f64::max);
    ((highest * 10.0).ceil() / 10.0).clamp(0.1, 1.0)
}
