//! An engine of one's own: it shows what would be executed and lets every step succeed.
//!
//! ```text
//! cargo run -p faultline-tekton --example own_engine
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use faultline_tekton::{Catalog, End, Engine, Launch, Limits, Options, Plan, Request, Silent, StepEnd, Stop, Usage};
use tokio::sync::watch;

const PIPELINE: &str = "
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: greet}
spec:
  params: [{name: who, type: array, default: [Ada, Grace]}]
  tasks:
  - name: hello
    matrix: {params: [{name: name, value: ['$(params.who[*])']}]}
    taskSpec:
      params: [{name: name}]
      steps: [{image: busybox, command: [echo], args: ['hello, $(params.name)']}]
  - name: bye
    runAfter: [hello]
    taskSpec:
      steps: [{image: busybox, command: [echo, bye]}]
";

/// Prints each step and does nothing.
#[derive(Debug)]
struct Show;

#[async_trait]
impl Engine for Show {
    async fn execute(&self, launch: &Launch, _: Limits) -> io::Result<StepEnd> {
        let image = launch.image.as_deref().unwrap_or("no image");
        writeln!(io::stdout(), "{}: {} {:?} in {image}", launch.task_run, launch.program, launch.args)?;
        Ok(StepEnd { end: End::Exited(0), usage: Usage::default() })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("greet.yaml");
    std::fs::write(&file, PIPELINE)?;
    let plan = Plan::new(&Catalog::open(&file)?, &Request { run_id: "greet-1".to_owned(), ..Request::default() })?;
    let options = Options {
        jobs: 1,
        grace: Duration::ZERO,
        log_dir: folder.path().join("logs"),
        scratch_root: folder.path().to_owned(),
        keeps_scratch: false,
    };
    let (_stop, stopped) = watch::channel(Stop::No);
    let outcome = faultline_tekton::run(&plan, Arc::new(Show), options, stopped, Arc::new(Silent)).await?;
    writeln!(io::stdout(), "{}", outcome.message)?;
    Ok(())
}
