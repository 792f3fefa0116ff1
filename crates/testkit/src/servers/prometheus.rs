//! What watches the pipelines: Pushgateway, Prometheus and Alertmanager, with somebody who is called.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{self, Process};
use super::{ask, free_ports, status};
use crate::webhook::Webhook;

const PINS: &str = include_str!("../../servers/prometheus.txt");
const READY: &str = "/-/ready";

/// What Prometheus' own parser has against an OpenMetrics text; `None` where it is not installed.
///
/// # Panics
/// When the parser cannot be started.
#[must_use]
pub fn openmetrics_complaint(text: &str) -> Option<Result<(), String>> {
    let home = process::home("prometheus", PINS)?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The tool fills a database, for which every sample needs a time.
    let dated = |line: &str| if line.starts_with('#') { format!("{line}\n") } else { format!("{line} 1700000000\n") };
    let path = folder.path().join("metrics.txt");
    fs::write(&path, text.lines().map(dated).collect::<String>()).expect("a file is written");
    let mut tool = Command::new(home.join("bin/promtool"));
    tool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(path).arg(folder.path().join("blocks"));
    let output = tool.output().expect("promtool starts");
    let complaint = || String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(complaint()) })
}

/// A running Pushgateway.
#[derive(Debug)]
pub struct Pushgateway {
    _process: Process,
    port: u16,
    _folder: TempDir,
}

impl Pushgateway {
    /// Starts an empty one.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Option<Self> {
        process::started("prometheus", PINS, || {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let [port] = free_ports();
            let process = serve("pushgateway", folder.path(), port)?;
            Some(Self { _process: process, port, _folder: folder })
        })
    }

    /// Its address.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The text that Prometheus reads from it.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn metrics(&self) -> String {
        let (_, body) = ask(self.port, "GET", "/metrics").expect("the Pushgateway answers");
        String::from_utf8(body).expect("metrics are text")
    }
}

/// A Pushgateway that a Prometheus reads, whose alerts an Alertmanager sends to a [`Webhook`], all within seconds.
#[derive(Debug)]
pub struct Monitoring {
    /// What is pushed to.
    pub pushgateway: Pushgateway,
    /// Who is called.
    pub webhook: Webhook,
    prometheus: u16,
    _processes: [Process; 2],
    _folder: TempDir,
}

impl Monitoring {
    /// Starts all of it with a file of rules.
    ///
    /// # Panics
    /// When a server does not become ready.
    #[must_use]
    pub fn start(rules: &Path) -> Option<Self> {
        let pushgateway = Pushgateway::start()?;
        let webhook = Webhook::start();
        process::started("prometheus", PINS, || {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let [prometheus, alertmanager] = free_ports();
            let configured = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("a file is written");
            configured(
                "alertmanager.yml",
                format!(
                    "route: {{receiver: webhook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
                     receivers:\n  - name: webhook\n    webhook_configs: [{{url: \"{}\", send_resolved: true}}]\n",
                    webhook.uri()
                ),
            );
            // The labels that were pushed are those of the pipelines, and not to be taken for those of the Pushgateway.
            configured(
                "prometheus.yml",
                format!(
                    "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [\"{}\"]\n\
                     alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"127.0.0.1:{alertmanager}\"]}}]}}]}}\n\
                     scrape_configs:\n  - job_name: pushgateway\n    honor_labels: true\n    static_configs: [{{targets: [\"127.0.0.1:{}\"]}}]\n",
                    rules.display(),
                    pushgateway.port
                ),
            );
            let processes =
                [serve("alertmanager", folder.path(), alertmanager)?, serve("prometheus", folder.path(), prometheus)?];
            Some((prometheus, processes, folder))
        })
        .map(|(prometheus, processes, folder)| Self {
            pushgateway,
            webhook,
            prometheus,
            _processes: processes,
            _folder: folder,
        })
    }

    /// What Prometheus has under a path of its interface, `/api/v1/rules` say.
    ///
    /// # Panics
    /// When it does not answer with JSON.
    #[must_use]
    pub fn ask(&self, path: &str) -> Value {
        let (_, body) = ask(self.prometheus, "GET", path).expect("Prometheus answers");
        serde_json::from_slice(&body).expect("Prometheus answers with JSON")
    }
}

/// The server, ready; `None` when it ended before.
fn serve(name: &str, folder: &Path, port: u16) -> Option<Process> {
    let own = folder.join(name);
    fs::create_dir_all(&own).expect("a folder for the log");
    let process = Process::spawn(&own, &[name, &folder.to_string_lossy(), &port.to_string()]);
    process.wait_until(|| status(port, READY) == Some(200)).then_some(process)
}
