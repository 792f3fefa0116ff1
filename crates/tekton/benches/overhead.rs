//! What the runner costs a task beyond the process itself: pipelines of a thousand tasks that do nothing, against the same number of
//! processes started and waited for one by one by `std::process`, and against `xargs -P`, in one run on one machine.
//!
//! ```text
//! cargo bench -p faultline-tekton --bench overhead
//! ```

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use faultline_tekton::{Catalog, Options, Plan, ProcessEngine, Request, Silent, Status, Stop};
use tokio::sync::watch;

const TASKS: usize = 1_000;
const COMBINATIONS: usize = 256;
/// Every figure is the least of this many rounds; all shapes and peers take turns.
const ROUNDS: usize = 5;
/// How many tasks run side by side, of the runner and of the peer that can.
const JOBS: usize = 2;

const HEAD: &str = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n  tasks:\n";
const STEP: &str = "    taskSpec: {steps: [{image: none, command: ['true']}]}\n";

/// The name of a shape, its Pipeline, and how many TaskRuns that makes.
type Shape = (&'static str, String, usize);

fn shapes() -> Result<Vec<Shape>, std::fmt::Error> {
    let (mut apart, mut chain, mut results) = (HEAD.to_owned(), HEAD.to_owned(), HEAD.to_owned());
    for index in 0..TASKS {
        write!(apart, "  - name: t{index}\n{STEP}")?;
        let before = index.checked_sub(1);
        let after = before.map(|before| format!("    runAfter: [t{before}]\n")).unwrap_or_default();
        write!(chain, "  - name: t{index}\n{after}{STEP}")?;
        let value = before.map_or_else(|| "x".to_owned(), |before| format!("$(tasks.t{before}.results.r)"));
        write!(
            results,
            "  - name: t{index}\n    params: [{{name: v, value: {value}}}]\n    taskSpec:\n      params: [{{name: v}}]\n      \
             results: [{{name: r}}]\n      steps: [{{image: none, command: [cp, /etc/hostname, $(results.r.path)]}}]\n"
        )?;
    }
    let values: Vec<_> = (0..COMBINATIONS).map(|index| format!("'{index}'")).collect();
    let matrix =
        format!("{HEAD}  - name: m\n    matrix: {{params: [{{name: v, value: [{}]}}]}}\n{STEP}", values.join(", "));
    let matrix = matrix.replace("taskSpec: {", "taskSpec: {params: [{name: v}], ");
    Ok(vec![
        ("apart", apart, TASKS),
        ("chain", chain, TASKS),
        ("chain with results", results, TASKS),
        ("matrix", matrix, COMBINATIONS),
    ])
}

fn runner(pipeline: &str) -> Result<Duration, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("p.yaml");
    std::fs::write(&file, pipeline)?;
    let started = Instant::now();
    let plan = Plan::new(&Catalog::open(&file)?, &Request { run_id: "bench".to_owned(), ..Request::default() })?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let engine = ProcessEngine::new(None, vec![("PATH".into(), path)])?;
    let options = Options {
        jobs: JOBS,
        grace: Duration::from_secs(1),
        log_dir: folder.path().join("logs"),
        scratch_root: folder.path().to_owned(),
        keeps_scratch: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (_stop, stopped) = watch::channel(Stop::No);
    let outcome =
        runtime.block_on(faultline_tekton::run(&plan, Arc::new(engine), options, stopped, Arc::new(Silent)))?;
    if outcome.status != Status::Succeeded {
        return Err(outcome.message.into());
    }
    Ok(started.elapsed())
}

/// Processes of `program`, each with the arguments that `arguments` gives for its number.
fn one_by_one(program: &str, arguments: impl Fn(usize) -> Vec<OsString>) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    for index in 0..TASKS {
        Command::new(program).args(arguments(index)).stdin(Stdio::null()).status()?;
    }
    Ok(started.elapsed())
}

/// Processes that write a file each, as the steps with results do.
fn copies() -> Result<Duration, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    one_by_one("/bin/cp", |index| vec!["/etc/hostname".into(), folder.path().join(index.to_string()).into()])
}

fn xargs() -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let script = format!("seq {TASKS} | xargs -P {JOBS} -n 1 /bin/true");
    Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).status()?;
    Ok(started.elapsed())
}

fn main() -> Result<(), Box<dyn Error>> {
    let shapes = shapes()?;
    let mut least = vec![Duration::MAX; shapes.len() + 3];
    for _ in 0..ROUNDS {
        let mut round = vec![one_by_one("/bin/true", |_| Vec::new())?, copies()?, xargs()?];
        for (_, pipeline, _) in &shapes {
            round.push(runner(pipeline)?);
        }
        least = least.into_iter().zip(round).map(|(before, now)| before.min(now)).collect();
    }
    let per_task = |index: usize, count: usize| least[index].as_secs_f64() * 1e3 / count as f64;
    let (bare, copy, side_by_side) = (per_task(0, TASKS), per_task(1, TASKS), per_task(2, TASKS));
    let mut out = std::io::stdout();
    writeln!(out, "least of {ROUNDS} rounds, {JOBS} jobs; milliseconds a task")?;
    writeln!(out, "std::process, true        {bare:6.2}")?;
    writeln!(out, "std::process, cp          {copy:6.2}")?;
    writeln!(out, "xargs -P {JOBS}, true          {side_by_side:6.2}")?;
    for (index, (name, _, count)) in shapes.iter().enumerate() {
        let own = per_task(index + 3, *count);
        let peer = match *name {
            "chain" => bare,
            "chain with results" => copy,
            _ => side_by_side,
        };
        writeln!(out, "runner, {name:18}{own:6.2}   beyond its peer {:+.2}, ratio {:.2}", own - peer, own / peer)?;
    }
    Ok(())
}
