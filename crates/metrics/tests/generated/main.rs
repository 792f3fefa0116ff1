//! What is made of the declarations: the table of the metrics, the dashboard, and the rules as Kubernetes takes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dashboard;
mod panel;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use faultline_metrics::{ALL, Scope};
use faultline_testkit::generated::{check_file, check_part, workspace};

/// The rules, as they are written by hand.
const RULES: &str = "monitoring/rules.yaml";
const GUIDE: &str = "docs/monitoring.md";

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap()
}

#[test]
fn the_dashboard_is_the_generated_one() {
    check_file("monitoring/dashboard.json", &(serde_json::to_string_pretty(&dashboard::dashboard()).unwrap() + "\n"));
}

#[test]
fn the_generated_table_has_every_metric() {
    let mut table = "\n| metric | labels | what it tells |\n|---|---|---|\n".to_owned();
    for metric in ALL {
        let labels: Vec<_> =
            metric.scope.labels().iter().chain(metric.labels).map(|label| format!("`{label}`")).collect();
        let _ = writeln!(table, "| `{}` | {} | {} |", metric.name, labels.join(", "), metric.help);
    }
    table.push('\n');
    check_part(GUIDE, &table);
}

/// Every alert with its name, as the rules have it.
fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn the_generated_rules_for_kubernetes_are_the_written_ones() {
    let rules = read(RULES);
    let (_, groups) = rules.split_once("groups:\n").unwrap();
    let mut spec = String::from("  groups:\n");
    for line in groups.lines() {
        let _ = writeln!(spec, "{}{line}", if line.is_empty() { "" } else { "  " });
    }
    let head = "# Generated from rules.yaml; change that and run `./dev generate`.\n\
                apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: faultline\n  labels:\n    \
                app.kubernetes.io/part-of: faultline\n    # By this label the Prometheus of the chart finds its rules.\n    \
                release: kube-prometheus-stack\nspec:\n";
    check_file("monitoring/prometheus-rule.yaml", &format!("{head}{spec}"));
}

#[test]
fn every_alert_has_a_test_and_a_section_that_says_what_to_do() {
    let (rules, guide) = (read(RULES), read(GUIDE));
    let tests = read("monitoring/rules.test.yaml") + &read("monitoring/rules.days.test.yaml");
    let alerts = alerts(&rules);
    assert_eq!(alerts.len(), 7);
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts:")), "no test sees {alert} fire");
        assert!(rules.contains(&format!("runbook_url: {GUIDE}#{}\n", alert.to_lowercase())), "{alert} names no page");
        let (_, section) =
            guide.split_once(&format!("\n### {alert}\n")).unwrap_or_else(|| panic!("{GUIDE} lacks {alert}"));
        let section = section.split("\n##").next().unwrap();
        assert!(section.contains("\n1. "), "{GUIDE} says of {alert} nothing that can be done");
    }
}

#[test]
fn rules_ask_for_no_metric_that_is_not_declared() {
    let rules = read(RULES);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let declared: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
    let named: BTreeSet<_> = rules.split(|c| !is_of_name(c)).filter(|word| word.starts_with("faultline_")).collect();
    assert_eq!(named.difference(&declared).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(named.len() > 5, "{named:?}");
    assert!(ALL.iter().any(|metric| metric.scope == Scope::Run && named.contains(metric.name)));
}
