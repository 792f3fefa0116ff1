//! The text, read by Prometheus' own parser of OpenMetrics.

use faultline_metrics::{ALL, Group, Metric, Sample, render};
use faultline_testkit::servers::openmetrics_complaint;

fn of(labels: &[(&'static str, &str)]) -> Group {
    let sample = |metric: &'static Metric| match metric {
        Metric { labels: [], .. } => Sample::new(metric, 1.5),
        _ => Sample::labelled(metric, "odd \\ \"name\"\n", 1e18),
    };
    let labels = labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
    Group { labels, samples: ALL.iter().map(sample).collect() }
}

#[test]
fn every_metric_is_openmetrics() {
    let text = render(&[of(&[]), of(&[("pipeline", "train"), ("step", "load")])]);
    let Some(complaint) = openmetrics_complaint(&text) else { return };
    assert_eq!(complaint, Ok(()), "{text}");
    for planted in [
        text.replace(
            "# UNIT faultline_step_duration_seconds seconds",
            "# UNIT faultline_step_duration_seconds minutes",
        ),
        text.replace("# EOF\n", ""),
    ] {
        let complaint = openmetrics_complaint(&planted);
        assert!(matches!(complaint, Some(Err(_))), "a mistake is not seen in {planted}");
    }
}
