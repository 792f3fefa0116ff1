//! The figures of merit in a history entry, as far as listings show them. `promote` decides what an entry holds; what is absent is not shown.

use std::fmt;

use faultline_contract::documents::evaluation::Interval;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

/// A figure, with its interval where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) estimate: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<Interval>,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}", self.estimate)?;
        self.interval.map_or(Ok(()), |Interval { low, high }| write!(f, " ({low:.4} to {high:.4})"))
    }
}

/// A figure of the version that an entry promoted. Entries without intervals have the figures one level higher.
pub(crate) fn of_promoted(figures: &Value, name: &str) -> Option<Figure> {
    let challenger = figures.get("challenger")?;
    let estimate = challenger.get("metrics").unwrap_or(challenger).get(name)?.as_f64()?;
    Some(Figure { estimate, interval: challenger.get("intervals").and_then(|all| interval(all.get(name)?)) })
}

/// The gain of the version that an entry promoted over the champion before it.
pub(crate) fn of_difference(figures: &Value, name: &str) -> Option<Figure> {
    let gain = figures.get("difference")?.get(name)?;
    Some(Figure { estimate: gain.get("estimate")?.as_f64()?, interval: interval(gain.get("interval")?) })
}

fn interval(value: &Value) -> Option<Interval> {
    Interval::deserialize(value).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_read_with_and_without_intervals() {
        let plain = json!({"challenger": {"roc_auc": 0.75}});
        assert_eq!(of_promoted(&plain, "roc_auc").map(|figure| figure.to_string()), Some("0.7500".to_owned()));
        let full = json!({
            "challenger": {"metrics": {"roc_auc": 0.75}, "intervals": {"roc_auc": {"low": 0.5, "high": 1.0}}},
            "difference": {"average_precision": {"estimate": 0.1, "interval": {"low": -0.1, "high": 0.3}}},
        });
        let text = |figure: Option<Figure>| figure.map(|figure| figure.to_string()).unwrap_or_default();
        assert_eq!(text(of_promoted(&full, "roc_auc")), "0.7500 (0.5000 to 1.0000)");
        assert_eq!(text(of_difference(&full, "average_precision")), "0.1000 (-0.1000 to 0.3000)");
        assert_eq!(of_promoted(&full, "average_precision"), None);
        assert_eq!((of_promoted(&Value::Null, "roc_auc"), of_difference(&plain, "roc_auc")), (None, None));
    }
}
