//! The curves by which a classifier is judged.

use crate::axis::Axis;
use crate::format::decimal;
use crate::frame::Shape;
use crate::line::LineChart;
use crate::text::Text;

/// One model's curve with the figure that sums it up.
#[derive(Debug, Clone)]
pub struct Curve {
    name: Text,
    score: f64,
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve named as in the legend, with the area under it (ROC AUC or average precision) and its points `(x, y)` in drawing order.
    pub fn new(name: impl Into<Text>, score: f64, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), score, points }
    }

    fn legend(&self, figure: &str) -> String {
        format!("{} ({figure} {})", self.name.as_str(), decimal(self.score, 3))
    }
}

/// Receiver operating characteristic: points are (false positive rate, true positive rate); chance is the diagonal.
pub fn roc(curves: Vec<Curve>) -> LineChart {
    let chart =
        ratios("False positive rate", "True positive rate").reference("Chance (AUC 0.500)", (0.0, 0.0), (1.0, 1.0));
    curves.into_iter().fold(chart, |chart, curve| {
        let name = curve.legend("AUC");
        chart.line(name, curve.points)
    })
}

/// Precision-recall: points are (recall, precision) with recall rising, drawn as the steps that average precision sums up.
/// A classifier that guesses has the `prevalence` (the ratio of positive rows) as its precision everywhere.
pub fn precision_recall(curves: Vec<Curve>, prevalence: f64) -> LineChart {
    let name = format!("Guessing (prevalence {})", decimal(prevalence, 3));
    let chart = ratios("Recall", "Precision").reference(name, (0.0, prevalence), (1.0, prevalence));
    curves.into_iter().fold(chart, |chart, curve| {
        let name = curve.legend("AP");
        chart.steps(name, curve.points)
    })
}

fn ratios(x: &str, y: &str) -> LineChart {
    LineChart::new(Axis::new(x).range(0.0, 1.0), Axis::new(y).range(0.0, 1.0)).shape(Shape::Square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_and_scores_are_named() {
        let page = roc(vec![Curve::new("forest", 0.7341, vec![(0.0, 0.0), (1.0, 1.0)])])
            .render("f", &"ROC".into())
            .into_string();
        assert!(page.contains("forest (AUC 0.734)") && page.contains("Chance"), "{page}");
    }

    #[test]
    fn an_unknown_prevalence_draws_no_line() {
        let page = precision_recall(Vec::new(), f64::NAN).render("f", &"PR".into()).into_string();
        assert!(!page.contains("Guessing") && page.contains("no data"), "{page}");
    }
}
