//! The dashboard: one panel for each metric that is declared, and what Tekton's own controller tells.

use std::sync::LazyLock;

use faultline_contract::ExitCode;
use faultline_metrics::{ALL, Metric, Scope, Unit};
use serde_json::{Value, json};

use crate::panel::{Drawing, Grid, Panel};

/// The namespaces of the environments.
const NAMESPACES: &str = r#"namespace=~"faultline-.*""#;
const YES_NO: &[(u8, &str, &str)] = &[(0, "no", "red"), (1, "yes", "green")];
const REUSED: &[(u8, &str, &str)] = &[(0, "done", "blue"), (1, "reused", "green")];
/// Exit codes by their meaning; what helps itself by a retry is not red.
static CODES: LazyLock<Vec<(u8, &'static str, &'static str)>> = LazyLock::new(|| {
    let color = |code| match code {
        ExitCode::Committed => "green",
        ExitCode::DataRejected => "orange",
        ExitCode::Temporary => "yellow",
        _ => "red",
    };
    ExitCode::ALL.iter().map(|code| (code.code(), code.summary(), color(*code))).collect()
});

/// What Tekton's controller tells: title, what it is, query, legend, unit.
const TEKTON: &[[&str; 5]] = &[
    [
        "Runs that ended",
        "By pipeline and status, in each interval.",
        "sum by (namespace, pipeline, status) (increase(tekton_pipelines_controller_pipelinerun_duration_seconds_count{NAMESPACES}[$__rate_interval]))",
        "{{namespace}} {{pipeline}} {{status}}",
        "short",
    ],
    [
        "Time of runs, 95 of 100",
        "From the start of a PipelineRun to its end.",
        "histogram_quantile(0.95, sum by (le, namespace, pipeline) (rate(tekton_pipelines_controller_pipelinerun_duration_seconds_bucket{NAMESPACES}[6h])))",
        "{{namespace}} {{pipeline}}",
        "s",
    ],
    [
        "Tasks that failed",
        "TaskRuns of runs, by task, retries included.",
        "sum by (namespace, task) (increase(tekton_pipelines_controller_pipelinerun_taskrun_duration_seconds_count{NAMESPACES, status=\"failed\"}[$__rate_interval]))",
        "{{namespace}} {{task}}",
        "short",
    ],
    [
        "From a task's creation to its pod",
        "The newest of each task. Long waits are a full cluster or a slow registry.",
        "max by (namespace, task) (tekton_pipelines_controller_taskruns_pod_latency_milliseconds{NAMESPACES})",
        "{{namespace}} {{task}}",
        "ms",
    ],
    [
        "Running in the whole cluster",
        "PipelineRuns and TaskRuns of everybody: the controller does not tell them apart.",
        "{__name__=~\"tekton_pipelines_controller_running_(pipelineruns|taskruns)\"}",
        "{{__name__}}",
        "short",
    ],
    [
        "Tasks that wait for room",
        "Held back by the quota of their namespace, or because no node has room.",
        "{__name__=~\"tekton_pipelines_controller_running_taskruns_throttled_by_(quota|node)\"}",
        "{{__name__}} {{namespace}}",
        "short",
    ],
];

/// The whole dashboard.
pub(crate) fn dashboard() -> Value {
    let mut grid = Grid::default();
    grid.row("Runs");
    grid.add(&Panel {
        title: "alerts".to_owned(),
        about: "Which alerts fire; docs/monitoring.md says what to do.".to_owned(),
        query: r#"count by (alertname) (ALERTS{alertname=~"Faultline.*", alertstate="firing"})"#.to_owned(),
        legend: "{{alertname}}".to_owned(),
        unit: "short",
        drawing: Drawing::Figures,
        width: 24,
        height: 4,
    });
    let is_of_validate = |metric: &&Metric| metric.name.starts_with("faultline_validate_");
    ALL.iter().filter(|metric| metric.scope == Scope::Run).for_each(|metric| grid.add(&of(metric)));
    grid.row("Steps");
    ALL.iter()
        .filter(|metric| metric.scope == Scope::Step && !is_of_validate(metric))
        .for_each(|metric| grid.add(&of(metric)));
    grid.row("Quarantine");
    ALL.iter().filter(is_of_validate).for_each(|metric| grid.add(&of(metric)));
    grid.row("Tekton");
    for &[title, about, query, legend, unit] in TEKTON {
        grid.add(&Panel {
            title: title.to_owned(),
            about: about.to_owned(),
            query: query.replace("NAMESPACES", NAMESPACES),
            legend: legend.to_owned(),
            unit,
            drawing: Drawing::Lines,
            width: 12,
            height: 8,
        });
    }
    json!({
        "uid": "faultline", "title": "Faultline", "tags": ["faultline"], "editable": false, "schemaVersion": 42, "version": 1,
        "description": "Generated from the declarations in crates/metrics; change them there and run `./dev generate`.",
        "time": {"from": "now-7d", "to": "now"}, "refresh": "1m", "graphTooltip": 1, "timezone": "utc",
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"},
            variable("job", "faultline_step_exit_code"),
            variable("pipeline", "faultline_step_exit_code"),
            variable("step", "faultline_step_exit_code"),
        ]},
        "panels": grid.finish(),
    })
}

/// A choice among the values of a label; at first all of them.
fn variable(label: &str, metric: &str) -> Value {
    json!({
        "type": "query", "name": label, "label": label, "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": format!("label_values({metric}, {label})"), "refresh": 2, "sort": 1, "multi": true, "includeAll": true,
        // Everything, also series that lack the label.
        "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    })
}

/// The panel of a metric.
fn of(metric: &'static Metric) -> Panel {
    let mut selected = vec![r#"job=~"$job""#];
    let mut legend = vec!["{{job}}".to_owned()];
    for label in metric.scope.labels() {
        match *label {
            "pipeline" => selected.push(r#"pipeline=~"$pipeline""#),
            "step" => selected.push(r#"step=~"$step""#),
            _ => {}
        }
        legend.push(format!("{{{{{label}}}}}"));
    }
    legend.extend(metric.labels.iter().map(|label| format!("{{{{{label}}}}}")));
    let series = format!("{}{{{}}}", metric.name, selected.join(", "));
    let (query, unit, drawing) = match metric.unit {
        Unit::Timestamp => (format!("time() - {series}"), "s", Drawing::Figures),
        Unit::Seconds => (series, "s", Drawing::Lines),
        Unit::Bytes => (series, "bytes", Drawing::Lines),
        Unit::Ratio => (series, "percentunit", Drawing::Lines),
        // Most reasons and services never occur.
        Unit::Rows | Unit::Files | Unit::Count if !metric.labels.is_empty() => {
            (format!("{series} > 0"), "short", Drawing::Lines)
        }
        Unit::Rows | Unit::Files | Unit::Count => (series, "short", Drawing::Lines),
        Unit::Code => (series, "none", Drawing::States(&CODES)),
        Unit::Flag if metric.name.ends_with("_reused") => (series, "none", Drawing::States(REUSED)),
        Unit::Flag => (series, "none", Drawing::States(YES_NO)),
    };
    let title = metric.name.trim_start_matches("faultline_");
    let title = match metric.unit {
        Unit::Timestamp => format!("time since {}", title.trim_end_matches("_timestamp_seconds")),
        _ => title.to_owned(),
    };
    let (width, height) = if metric.scope == Scope::Run { (8, 6) } else { (12, 8) };
    Panel {
        title: title.replace('_', " "),
        about: metric.help.to_owned(),
        query,
        legend: legend.join(" "),
        unit,
        drawing,
        width,
        height,
    }
}
