//! What a step tells of itself, and that nobody who listens badly can do it harm.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use faultline_contract::ExitCode;

use super::Fixture;

/// What the step told, without comments, values and what stands for a time.
fn told(fixture: &Fixture) -> Vec<(String, f64)> {
    let text = fs::read_to_string(fixture.path("metrics.prom")).unwrap();
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

fn of(samples: &[(String, f64)], name: &str) -> Option<f64> {
    let name = format!("faultline_step_{name}");
    samples.iter().find(|(series, _)| series.split('{').next() == Some(&name)).map(|(_, value)| *value)
}

#[test]
fn a_step_tells_how_it_went() {
    let fixture = Fixture::new();
    let path = format!("--metrics-path={}", fixture.path("metrics.prom").display());
    fixture.count("r1", &[&path, "--pipeline=train"]).unwrap();
    let samples = told(&fixture);
    assert!(samples.iter().all(|(series, _)| series.contains(r#"{pipeline="train",step="count""#)), "{samples:?}");
    for (name, value) in
        [("exit_code", 0.0), ("reused", 0.0), ("input_rows", 2.0), ("input_bytes", 4.0), ("output_bytes", 1.0)]
    {
        assert_eq!(of(&samples, name), Some(value), "{name}");
    }
    assert_eq!(of(&samples, "success_timestamp_seconds"), of(&samples, "completed_timestamp_seconds"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - of(&samples, "completed_timestamp_seconds").unwrap()).abs() < 60.0);

    fixture.count("r2", &[&path]).unwrap();
    let samples = told(&fixture);
    assert_eq!((of(&samples, "reused"), of(&samples, "input_rows")), (Some(1.0), Some(2.0)));
    assert!(samples.iter().all(|(series, _)| series.contains(r#"{step="count""#)), "{samples:?}");
}

#[test]
fn a_refused_folder_tells_its_rows_and_a_failure_what_it_knows() {
    let fixture = Fixture::new();
    let path = format!("--metrics-path={}", fixture.path("metrics.prom").display());
    fixture.count("r1", &[&path, "--max-lines=1"]).unwrap_err();
    let samples = told(&fixture);
    assert_eq!((of(&samples, "exit_code"), of(&samples, "input_rows")), (Some(65.0), Some(2.0)));
    assert_eq!(of(&samples, "success_timestamp_seconds"), None, "the last success stays what it was");

    // Other work under the same run.
    fixture.count("r1", &[&path]).unwrap_err();
    let samples = told(&fixture);
    assert_eq!((of(&samples, "exit_code"), of(&samples, "input_rows")), (Some(78.0), None));
    assert!(of(&samples, "duration_seconds").is_some());
}

#[test]
fn who_only_asks_is_not_told_of() {
    let fixture = Fixture::new();
    let path = format!("--metrics-path={}", fixture.path("metrics.prom").display());
    let explain = format!("--explain-path={}", fixture.path("explanation.json").display());
    fixture.count("r1", &[&path, &explain]).unwrap();
    assert!(!fixture.path("metrics.prom").exists());
}

#[test]
fn a_gateway_that_is_away_silent_or_wrong_and_a_path_that_cannot_be_written_do_no_harm() {
    let fixture = Fixture::new();
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("--metrics-uri=http://{}", silent.local_addr().unwrap());
    let nowhere = "--metrics-path=/nowhere/metrics.prom";
    let clock = Instant::now();
    for (run, flag) in [
        ("r1", "--metrics-uri=http://127.0.0.1:9"),
        ("r2", silent.as_str()),
        ("r3", "--metrics-uri=no address"),
        ("r4", nowhere),
    ] {
        assert_eq!(fixture.count(run, &["--no-cache", flag]).unwrap(), ExitCode::Committed);
        assert_eq!(fixture.manifest(run).outputs[0].sha256, fixture.manifest("r1").outputs[0].sha256);
        assert_eq!(
            fixture.count(&format!("{run}-refused"), &["--max-lines=1", flag]).unwrap_err().code(),
            ExitCode::DataRejected
        );
    }
    assert!(clock.elapsed() < Duration::from_secs(30), "two pushes to a silent server take five seconds each");
}
