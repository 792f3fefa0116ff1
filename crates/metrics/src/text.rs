//! The text that Prometheus and OpenMetrics read.

use std::fmt::Write as _;

use crate::declared::{ALL, Metric};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    metric: &'static Metric,
    /// The values of the metric's own labels, in their order.
    labels: Vec<String>,
    value: f64,
}

impl Sample {
    /// The value of a metric without labels of its own.
    #[must_use]
    pub fn new(metric: &'static Metric, value: f64) -> Self {
        Self { metric, labels: Vec::new(), value }
    }

    /// The value of a metric with one label of its own.
    #[must_use]
    pub fn labelled(metric: &'static Metric, label: impl Into<String>, value: f64) -> Self {
        Self { metric, labels: vec![label.into()], value }
    }
}

/// Samples that share the labels that say what they tell of.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// The groups as OpenMetrics text. It is valid in Prometheus' older text format too, which takes the rest for comments.
#[must_use]
pub fn render(groups: &[Group]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for metric in ALL {
        let of_metric = |group: &&Group| group.samples.iter().any(|sample| sample.metric.name == metric.name);
        if !groups.iter().any(|group| of_metric(&group)) {
            continue;
        }
        let Metric { name, help, .. } = metric;
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} gauge", escaped(help));
        if let Some(unit) = metric.unit.name() {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        for group in groups {
            for sample in group.samples.iter().filter(|sample| sample.metric.name == metric.name) {
                let own = metric.labels.iter().copied().zip(&sample.labels);
                let shared = group.labels.iter().map(|(label, value)| (*label, value));
                let labels = shared.chain(own).map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
                let labels = labels.collect::<Vec<_>>().join(",");
                let _ = writeln!(text, "{name}{{{labels}}} {}", sample.value);
            }
        }
    }
    text.push_str("# EOF\n");
    text
}

/// Backslashes, quotes and line ends as the format has them.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RUN_SUCCEEDED, STEP_DURATION, STEP_EXIT_CODE, STEP_RETRIES};

    #[test]
    fn families_stand_together_in_the_order_of_their_declaration() {
        let step = |step: &str, code: f64| Group {
            labels: vec![("pipeline", "train".to_owned()), ("step", step.to_owned())],
            samples: vec![
                Sample::labelled(&STEP_RETRIES, "store", 2.0),
                Sample::new(&STEP_DURATION, 1.5),
                Sample::new(&STEP_EXIT_CODE, code),
            ],
        };
        let run = Group { labels: vec![], samples: vec![Sample::new(&RUN_SUCCEEDED, 0.0)] };
        let text = render(&[step("load", 0.0), step("odd \\ \"name\"\n", 75.0), run]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        let odd = r#"pipeline="train",step="odd \\ \"name\"\n""#;
        assert_eq!(
            lines,
            [
                "# TYPE faultline_run_succeeded gauge",
                "faultline_run_succeeded{} 0",
                "# TYPE faultline_step_exit_code gauge",
                r#"faultline_step_exit_code{pipeline="train",step="load"} 0"#,
                &format!("faultline_step_exit_code{{{odd}}} 75"),
                "# TYPE faultline_step_duration_seconds gauge",
                "# UNIT faultline_step_duration_seconds seconds",
                r#"faultline_step_duration_seconds{pipeline="train",step="load"} 1.5"#,
                &format!("faultline_step_duration_seconds{{{odd}}} 1.5"),
                "# TYPE faultline_step_retries gauge",
                r#"faultline_step_retries{pipeline="train",step="load",service="store"} 2"#,
                &format!("faultline_step_retries{{{odd},service=\"store\"}} 2"),
                "# EOF",
            ]
        );
    }
}
