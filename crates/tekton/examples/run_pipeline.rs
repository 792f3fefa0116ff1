//! Runs the Pipeline in a file as plain processes and prints what became of it.
//!
//! ```text
//! cargo run -p faultline-tekton --example run_pipeline -- PIPELINE.yaml NAME=VALUE...
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use faultline_tekton::{Catalog, Options, Plan, ProcessEngine, Request, Silent, Stop};
use tokio::sync::watch;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("expected a pipeline file")?);
    let mut params = BTreeMap::new();
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or("expected NAME=VALUE")?;
        params.insert(name.to_owned(), value.into());
    }

    let catalog = Catalog::open(&file)?;
    let plan = Plan::new(&catalog, &Request { params, run_id: "example".to_owned(), ..Request::default() })?;

    // The steps see PATH and their own variables, and nothing else of ours.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let engine = ProcessEngine::new(None, vec![("PATH".into(), path)])?;
    let logs = tempfile::tempdir()?;
    let options = Options {
        jobs: 4,
        grace: Duration::from_secs(10),
        log_dir: logs.path().to_owned(),
        scratch_root: std::env::temp_dir(),
        keeps_scratch: false,
    };
    // Sending `Stop::Gracefully` ends the running tasks and then runs `finally`.
    let (_stop, stopped) = watch::channel(Stop::No);
    let outcome = faultline_tekton::run(&plan, Arc::new(engine), options, stopped, Arc::new(Silent)).await?;

    let mut out = std::io::stdout();
    for task in &outcome.tasks {
        writeln!(out, "{}: {} {:?}", task.name, task.reason, task.results)?;
        if let Some(log) = &task.log {
            out.write_all(&std::fs::read(log)?)?;
        }
    }
    writeln!(out, "{} ({}): {}", outcome.status.name(), outcome.reason, outcome.message)?;
    Ok(())
}
