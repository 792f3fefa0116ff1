//! The pipelines as those see them who watch: what every step pushes, and an alert that is delivered and taken back by real servers.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use faultline_e2e::{Pipelines, Press, checkout, differences, digests};
use faultline_testkit::proxy::{Fault, Proxy, Rule};
use faultline_testkit::servers::{Monitoring, Pushgateway, SeaweedFs};

/// Scrape, rule, Alertmanager and call take a few seconds; the machine may be busy.
const DELIVERY: Duration = Duration::from_mins(1);
const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>later</Message></Error>";

fn pipelines(press: &Press, root: &str, metrics_uri: &str) -> Result<Pipelines> {
    let pipelines = Pipelines::at(press.folder().join(root).display().to_string())?;
    Ok(pipelines.param("schema-uri", &press.schema().display().to_string()).param("metrics-uri", metrics_uri))
}

/// A folder of one good file and a dozen with bad names: more than the gate lets through.
fn above_the_gate(press: &Press) -> Result<PathBuf> {
    let folder = press.folder().join("above");
    fs::create_dir(&folder)?;
    let good = press.training().join("press_20260101.csv");
    fs::copy(&good, folder.join("press_20260101.csv"))?;
    for number in 0..12 {
        fs::copy(&good, folder.join(format!("press_{number}.csv")))?;
    }
    Ok(folder)
}

/// The value of a series in a metrics text, by the beginning of its line and by what else is in it.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label)))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn an_alert_is_delivered_and_taken_back() -> Result<()> {
    let Some(monitoring) = Monitoring::start(&checkout().join("monitoring/rules.yaml")) else { return Ok(()) };
    let press = Press::new()?;
    let watched = pipelines(&press, "root", &format!("{}/metrics/job/development", monitoring.pushgateway.uri()))?;

    let failed = watched.train("bad", &above_the_gate(&press)?)?;
    ensure!(failed.code != Some(0), "{}", failed.stderr);
    for alert in ["FaultlineRunFailed", "FaultlineQuarantineAboveGate"] {
        let call = monitoring.webhook.wait_for(alert, "firing", DELIVERY);
        ensure!(
            call.body.contains(r#""job":"development""#) && call.body.contains(r#""pipeline":"train""#),
            "{}",
            call.body
        );
    }
    let text = monitoring.pushgateway.metrics();
    let refused = value(&text, "faultline_validate_quarantined_files", &[r#"reason="name_pattern""#]);
    ensure!(refused == Some(12.0), "{text}");
    ensure!(value(&text, "faultline_step_exit_code", &[r#"step="validate""#]) == Some(65.0), "{text}");
    ensure!(value(&text, "faultline_run_succeeded", &[]) == Some(0.0), "{text}");
    ensure!(value(&text, "faultline_run_success_timestamp_seconds", &[]).is_none(), "{text}");
    ensure!(monitoring.webhook.calls().iter().all(|call| call.status == "firing"), "nothing is over yet");

    watched.train("good", &press.training())?.succeeded()?;
    for alert in ["FaultlineRunFailed", "FaultlineQuarantineAboveGate"] {
        monitoring.webhook.wait_for(alert, "resolved", DELIVERY);
    }
    let rules = monitoring.ask("/api/v1/rules");
    for rule in
        rules["data"]["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten()
    {
        ensure!(rule["health"] == "ok", "{rule:#}");
    }
    Ok(())
}

#[test]
fn every_step_pushes_under_a_place_of_its_own() -> Result<()> {
    let Some(pushgateway) = Pushgateway::start() else { return Ok(()) };
    let press = Press::new()?;
    let watched = pipelines(&press, "root", &pushgateway.uri())?;
    watched.train("first", &press.training())?.succeeded()?;
    let text = pushgateway.metrics();
    let cells: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("faultline_step_exit_code{") && line.contains(r#"step="train""#))
        .collect();
    ensure!(cells.len() >= 3 && cells.iter().all(|cell| cell.contains(r#"part=""#)), "{cells:?}");
    for family in ["forest", "boosting", "logistic"] {
        ensure!(cells.iter().any(|cell| cell.contains(&format!("pooled-{family}"))), "{cells:?}");
    }
    for step in ["validate", "transform", "load", "preprocess", "cluster", "promote", "report"] {
        let step = format!(r#"step="{step}""#);
        let labels = [step.as_str(), r#"job="faultline""#, r#"pipeline="train""#];
        ensure!(value(&text, "faultline_step_exit_code", &labels) == Some(0.0), "{step}: {text}");
    }
    ensure!(value(&text, "faultline_step_reused", &[r#"step="load""#]) == Some(0.0), "{text}");
    ensure!(value(&text, "faultline_step_input_rows", &[r#"step="load""#]).is_some_and(|rows| rows > 200.0), "{text}");
    ensure!(value(&text, "faultline_run_succeeded", &[r#"pipeline="train""#]) == Some(1.0), "{text}");

    // What names the run would make new series for ever: the second run has the places of the first.
    let places = |text: &str| text.lines().filter(|line| line.starts_with("push_time_seconds{")).count();
    let before = places(&text);
    watched.train("again-7", &press.training())?.succeeded()?;
    let text = pushgateway.metrics();
    ensure!(places(&text) == before && !text.contains("again-7"), "{text}");
    ensure!(value(&text, "faultline_step_reused", &[r#"step="load""#]) == Some(1.0), "{text}");
    // What was reused has the figures of the folder all the same.
    let refused = value(&text, "faultline_validate_quarantined_rows", &[r#"reason="type_mismatch""#]);
    ensure!(refused == Some(1.0), "{text}");
    Ok(())
}

#[test]
fn whoever_watches_changes_nothing() -> Result<()> {
    let press = Press::new()?;
    pipelines(&press, "alone", "")?.train("train", &press.training())?.succeeded()?;
    let alone = digests(&press.folder().join("alone"), "train")?;
    // Nobody listens there, and the second is no address at all.
    for (root, uri) in [("dead", "http://127.0.0.1:9"), ("wrong", "gopher://127.0.0.1")] {
        let finished =
            pipelines(&press, root, uri)?.flags(["--verbose"]).train("train", &press.training())?.succeeded()?;
        ensure!(finished.stderr.contains("the metrics could not be pushed"), "{}", finished.stderr);
        let watched = digests(&press.folder().join(root), "train")?;
        assert_eq!(differences(&alone, &watched), Vec::<String>::new(), "{root}");
    }
    Ok(())
}

#[test]
fn requests_that_are_sent_again_are_counted() -> Result<()> {
    let (Some(s3), Some(pushgateway)) = (SeaweedFs::start(), Pushgateway::start()) else { return Ok(()) };
    let press = Press::new()?;
    let proxy = Proxy::start(s3.port());
    proxy.set(vec![Rule::new("PUT ", "/validate/", Fault::Answer(503, "", SLOW_DOWN)).times(2)]);
    let watched = Pipelines::at(s3.root_uri("retries"))?
        .param("schema-uri", &press.schema().display().to_string())
        .param("records-uri", &format!("sqlite://{}", press.folder().join("rows.sqlite").display()))
        .param("metrics-uri", &pushgateway.uri())
        .envs(s3.writer_env())
        .env("AWS_ENDPOINT_URL_S3", proxy.uri());
    watched.train("train", &press.training())?.succeeded()?;
    let text = pushgateway.metrics();
    let retries =
        |step: &str| value(&text, "faultline_step_retries", &[r#"service="store""#, &format!(r#"step="{step}""#)]);
    assert_eq!((retries("validate"), retries("transform")), (Some(2.0), Some(0.0)), "{text}");
    Ok(())
}
