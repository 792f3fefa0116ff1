//! Figures and names as the page spells them.

use faultline_contract::documents::evaluation::{Assessment, Interval};
use faultline_contract::documents::train::{Evaluation, Family, HyperParams};
use faultline_report::format::{count, decimal};
use faultline_report::{Card, Cell, Tone};
use serde_json::Value;

/// Decimals of figures in tables.
const DECIMALS: usize = 3;

/// A figure with three decimals; `n/a` when it is absent.
pub(crate) fn known(figure: Option<f64>) -> String {
    figure.map_or_else(|| "n/a".to_owned(), |figure| decimal(figure, DECIMALS))
}

/// A figure of a table with the interval that it lies in.
pub(crate) fn estimate(figure: Option<f64>, interval: Option<Interval>) -> Cell {
    Cell::estimate(known(figure), interval.map(|interval| range(interval, DECIMALS)).unwrap_or_default())
}

/// The ends of an interval: `0.60 to 0.83`.
pub(crate) fn range(interval: Interval, decimals: usize) -> String {
    format!("{} to {}", decimal(interval.low, decimals), decimal(interval.high, decimals))
}

/// A card with a figure of two decimals and its interval.
pub(crate) fn card(label: &str, figure: Option<f64>, interval: Option<Interval>) -> Card {
    let value = figure.map_or_else(|| "n/a".to_owned(), |figure| decimal(figure, 2));
    Card::new(label, value).range(interval.map(|interval| range(interval, 2)).unwrap_or_default())
}

/// A figure of two decimals in a sentence: `0.72 (0.60 to 0.83)`.
pub(crate) fn in_words(figure: Option<f64>, interval: Option<Interval>) -> String {
    let figure = figure.map_or_else(|| "not known".to_owned(), |figure| decimal(figure, 2));
    interval.map_or_else(|| figure.clone(), |interval| format!("{figure} ({})", range(interval, 2)))
}

/// The share of resamples within an interval: `95%`.
pub(crate) fn level(level: f64) -> String {
    format!("{}%", (level * 1000.0).round() / 10.0)
}

/// How far figures may be read.
pub(crate) fn reading(assessment: &Assessment) -> Cell {
    if assessment.is_descriptive {
        Cell::badge(Tone::Warning, "descriptive")
    } else {
        Cell::badge(Tone::Good, "enough faults")
    }
}

/// What a composition is: `per-cluster` and `pooled-<family>` in words.
pub(crate) fn composition(name: &str) -> String {
    match name {
        "per-cluster" => "the best model of each cluster".to_owned(),
        "pooled-forest" => "one forest for all rows".to_owned(),
        "pooled-boosting" => "one boosting model for all rows".to_owned(),
        "pooled-logistic" => "one logistic regression for all rows (the simple baseline)".to_owned(),
        other => other.to_owned(),
    }
}

/// A trained model: `forest of cluster 2` or `forest of all rows`.
pub(crate) fn model(evaluation: &Evaluation) -> String {
    match evaluation.model.parse::<usize>() {
        Ok(cluster) => format!("{} of cluster {cluster}", family(evaluation.family)),
        Err(_) => format!("{} of all rows", family(evaluation.family)),
    }
}

fn family(family: Family) -> &'static str {
    match family {
        Family::Forest => "forest",
        Family::Boosting => "boosting model",
        Family::Logistic => "logistic regression",
    }
}

/// The threshold of a model; one above 1 calls no row faulty.
pub(crate) fn threshold(threshold: f64) -> String {
    if threshold > 1.0 { "calls none".to_owned() } else { decimal(threshold, DECIMALS) }
}

/// Hyper-parameters as `name=value`, strings without quotes.
pub(crate) fn hyper_params(params: &HyperParams) -> String {
    params.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(" ")
}

/// The params of a stage as `name=value`, nested ones as `outer.inner=value`.
pub(crate) fn params(value: &Value) -> String {
    let mut found = Vec::new();
    flatten("", value, &mut found);
    found.join(" ")
}

fn flatten(prefix: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, found);
            }
        }
        other if prefix.is_empty() => found.push(plain(other)),
        other => found.push(format!("{prefix}={}", plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A number of things: `1 file`, `25 files`.
pub(crate) fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A list in a sentence: `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn params_are_flat_and_unquoted() {
        let value = json!({"gate": {"level": 0.95, "least": null}, "model": "wafer", "ks": [1, "a"]});
        assert_eq!(params(&value), "gate.least=none gate.level=0.95 ks=[1, a] model=wafer");
    }

    #[test]
    fn a_threshold_that_nothing_reaches_is_said_in_words() {
        assert_eq!([threshold(2.0), threshold(0.125)], ["calls none", "0.125"]);
    }

    #[test]
    fn lists_read_as_sentences() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([list(&names), list(&names[..1])], ["a, b and c", "a"]);
    }
}
