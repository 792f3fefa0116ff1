//! The life of a step: parse, gather, name the work, reuse or run, commit, write results, exit.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use faultline_contract::{Digest, ExitCode, Outcome, StepKey, StepName};
use faultline_store::StoreUrl;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::commit::{self, Committed, Work};
use crate::monitor::Monitor;
use crate::options::{self, CommonOptions, Parsed};
use crate::stamps::Stamps;
use crate::step::{Plan, Reuse, Step};
use crate::{Context, Failure, Merge, Outputs, access, early_sync, explain, results};

/// What the build knows of itself; made by the [`build_info!`](crate::build_info) macro in the step's crate.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// The version of Faultline.
    pub version: &'static str,
    /// The git revision, where the build was told it.
    pub git_revision: Option<&'static str>,
    /// The bytes of the digest of the step's source closure, in hex.
    pub code_digest: &'static str,
}

impl BuildInfo {
    /// The digest of the step's source closure.
    #[must_use]
    pub fn code_digest(&self) -> Digest {
        // The build script wrote it; should it ever be malformed, its text still identifies the code.
        self.code_digest.parse().unwrap_or_else(|_| Digest::of(self.code_digest.as_bytes()))
    }

    /// What `--version` says; `-V` gives the version alone.
    fn long_version(&self) -> String {
        let mut text = format!("{}\ncode digest: {}", self.version, self.code_digest());
        if let Some(revision) = self.git_revision {
            text.extend(["\ngit revision: ", revision]);
        }
        text
    }
}

/// The [`BuildInfo`] of the crate that calls it, whose build script calls `faultline_codedigest::emit`.
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::BuildInfo {
            version: env!("CARGO_PKG_VERSION"),
            git_revision: option_env!("FAULTLINE_GIT_REVISION"),
            code_digest: env!("FAULTLINE_CODE_DIGEST"),
        }
    };
}

/// Runs a step as a process: reads the command line, and returns the documented exit code.
#[must_use]
pub fn main<S: Step>(build: BuildInfo) -> std::process::ExitCode {
    faultline_log::start();
    let code = match execute::<S>(build, std::env::args_os()) {
        Ok(code) => code,
        Err(failure) => {
            // Nothing is left to tell it to when stderr is closed.
            let _ = io::stderr().write_all(failure.render().as_bytes());
            failure.code()
        }
    };
    code.into()
}

/// The same within a process that goes on, for tests and embedding: `args` start with the program's name.
///
/// # Errors
/// The failure that [`main`] prints, with its exit code.
pub fn execute<S: Step>(build: BuildInfo, args: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let args: Vec<_> = args.into_iter().collect();
    if access::is_asked_for(&args) {
        access::print::<S>()?;
        return Ok(ExitCode::Committed);
    }
    let parsed =
        match options::parse::<S>(options::command::<S>(build.version).long_version(build.long_version()), args) {
            Ok(parsed) => parsed,
            Err(error) => {
                let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Committed };
                error.print()?;
                return Ok(code);
            }
        };
    // Who only asks is told, and nobody else.
    let monitor = parsed.common.explain_path.is_empty().then(|| Monitor::start::<S>(&parsed.common, &parsed.own));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let attempted = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            done = attempt::<S>(build, parsed) => done,
            _ = terminate.recv() => Err(stopped("SIGTERM")),
            _ = interrupt.recv() => Err(stopped("SIGINT")),
        }
    });
    let (committed, outcome) = match attempted {
        Ok(Some(committed)) => {
            let outcome = verdict(&committed);
            (Some(committed.manifest), outcome)
        }
        Ok(None) => (None, Ok(ExitCode::Committed)),
        Err(failure) => (None, Err(failure)),
    };
    if let Some(monitor) = monitor {
        let code = outcome.as_ref().map_or_else(Failure::code, |code| *code);
        runtime.block_on(monitor.tell(code, committed.as_ref()));
    }
    // A core that still computes after a signal is not waited for: it has no way to commit.
    runtime.shutdown_background();
    outcome
}

fn verdict(committed: &Committed) -> Result<ExitCode, Failure> {
    match committed.manifest.outcome {
        Outcome::Accepted => Ok(ExitCode::Committed),
        Outcome::Rejected => Err(rejected(committed)),
    }
}

fn stopped(signal: &str) -> Failure {
    Failure::new(ExitCode::Temporary, format!("stopped by {signal} before the commit"))
        .hint("run the same command again; it goes on where this one stopped")
}

/// What was committed; nothing when the step was only asked what it would do.
async fn attempt<S: Step>(build: BuildInfo, parsed: Parsed<S::Options>) -> Result<Option<Committed>, Failure> {
    let clock = Instant::now();
    let Parsed { common, own, upstream, result_paths } = parsed;
    common.s3.clone().install();
    let scratch = scratch_folder::<S>(&common.scratch_dir)?;
    let base_dir = std::env::current_dir()?;
    let root = StoreUrl::parse(&common.root_uri, &base_dir)?;
    let context = Context {
        store: faultline_store::open(&root).await?,
        run_id: common.run_id.clone(),
        step: step_name::<S>()?,
        pipeline: common.pipeline(),
        seed: common.seed,
        scratch: scratch.path().to_owned(),
        base_dir,
        started_at: Timestamp::now().to_string(),
        upstream,
        stamps: Stamps::default(),
        code: build.code_digest(),
        is_asked: !common.explain_path.is_empty(),
    };
    tracing::info!(step = S::NAME, run_id = %context.run_id, root_uri = %root, options = ?own, "started");

    if !common.explain_path.is_empty() {
        explain::explain::<S>(build, &context, &common, own, &result_paths).await?;
        return Ok(None);
    }
    let plan = S::gather(&context, own).await?;
    let (work, committed) = resolve::<S>(build, &context, &common, plan, scratch.path()).await?;
    // Nobody looks for the results of a step that is never reused.
    if S::REUSE == Reuse::Cached && committed.manifest.run_id == context.run_id {
        commit::remember(&context, &work, &committed.manifest).await?;
    }
    let values = results::values(S::RESULTS, &committed.manifest, &committed.uri, committed.sha256)?;
    results::write(&values, &result_paths)?;

    let manifest = &committed.manifest;
    tracing::info!(
        step = S::NAME,
        manifest_uri = committed.uri,
        step_key = %manifest.step_key,
        outcome = ?manifest.outcome,
        reused = manifest.reused_from.is_some(),
        rows_in = manifest.count("rows_in"),
        rows_out = manifest.count("rows_out"),
        bytes_in = manifest.inputs.iter().map(|input| input.bytes).sum::<u64>(),
        bytes_out = manifest.outputs.iter().map(|output| output.bytes).sum::<u64>(),
        seconds = clock.elapsed().as_secs_f64(),
        "finished"
    );
    Ok(Some(committed))
}

/// What there is already for a piece of work.
#[derive(Debug)]
pub(crate) enum Standing {
    /// This run has committed it.
    Committed(Committed),
    /// An earlier run has, and its outputs may stand in.
    Reusable(Committed),
    /// Nothing that may stand in.
    Nothing,
}

/// The work that a plan comes to.
pub(crate) fn work<S: Step>(build: BuildInfo, context: &Context, common: &CommonOptions, plan: &Plan<S::Job>) -> Work {
    let digests: Vec<_> =
        plan.inputs.iter().map(|input| (input.artifact.name.clone(), input.artifact.sha256)).collect();
    Work {
        key: StepKey::new(S::NAME, build.code_digest(), &plan.params, context.seed, &digests),
        part: plan.part.clone(),
        params: plan.params.clone(),
        inputs: plan.inputs.iter().map(|input| input.artifact.clone()).collect(),
        merged_from: plan.merge.as_ref().map(Merge::manifests).unwrap_or_default(),
        image_digest: (!common.image_digest.is_empty()).then(|| common.image_digest.clone()),
    }
}

/// What there is already for `work`.
pub(crate) async fn standing<S: Step>(
    context: &Context,
    common: &CommonOptions,
    work: &Work,
    job: &S::Job,
) -> Result<Standing, Failure> {
    if let Some(found) = commit::existing(context, work).await? {
        return Ok(Standing::Committed(found));
    }
    if S::REUSE == Reuse::Cached
        && !common.no_cache
        && let Some(earlier) = commit::reusable(context, work).await?
        && S::may_reuse(context, job, &earlier.manifest).await?
    {
        return Ok(Standing::Reusable(earlier));
    }
    Ok(Standing::Nothing)
}

/// The committed manifest for this work: found, reused, or made now.
async fn resolve<S: Step>(
    build: BuildInfo,
    context: &Context,
    common: &CommonOptions,
    plan: Plan<S::Job>,
    scratch: &Path,
) -> Result<(Work, Committed), Failure> {
    let work = work::<S>(build, context, common, &plan);
    let Plan { inputs, job, merge, .. } = plan;
    match standing::<S>(context, common, &work, &job).await? {
        Standing::Committed(found) => {
            tracing::info!(manifest_uri = found.uri, "this run has already committed this work");
            S::revisit(context, &job).await?;
            return Ok((work, found));
        }
        Standing::Reusable(earlier) => {
            let adopted = commit::adopt(context, &work, earlier, now()).await?;
            return Ok((work, adopted));
        }
        Standing::Nothing => {}
    }
    // What is put together is read in place of the inputs that the shards have read.
    let inputs = merge.map_or(Ok(inputs), |merge| merge.inputs())?;
    let local = context.fetch_all(&inputs).await?;
    let folder = scratch.join("outputs");
    std::fs::create_dir(&folder)?;
    let outputs = Outputs::new(folder).become_durable(early_sync::is_beside(context.store.root(), scratch));
    let outputs = S::perform(context, Arc::new(job), local, outputs).await?;
    context.verify_unchanged()?;
    let artifacts = commit::upload(context, &work, &attempt_name(scratch), &outputs).await?;
    if let Some(reason) = outputs.rejection() {
        tracing::error!(reason, "the data failed the quality gate");
    }
    let manifest = commit::manifest(context, &work, &build, &outputs, artifacts, now());
    let committed = commit::commit(context, &work, &manifest).await?;
    Ok((work, committed))
}

pub(crate) fn rejected(committed: &Committed) -> Failure {
    let reason =
        committed.manifest.facts.get("rejection").and_then(|reason| reason.as_str()).unwrap_or("see its counts");
    Failure::new(ExitCode::DataRejected, format!("the data failed the quality gate: {reason}"))
        .hint(format!("the evidence is committed in {}", committed.uri))
}

pub(crate) fn step_name<S: Step>() -> Result<StepName, Failure> {
    S::NAME.parse().map_err(|source| Failure::internal("the step has no valid name").caused_by(source))
}

fn now() -> String {
    Timestamp::now().to_string()
}

fn scratch_folder<S: Step>(wanted: &str) -> Result<TempDir, Failure> {
    let parent = if wanted.is_empty() { std::env::temp_dir() } else { PathBuf::from(wanted) };
    tempfile::Builder::new().prefix(&format!("faultline-{}-", S::NAME)).tempdir_in(&parent).map_err(|source| {
        Failure::configuration(format!("no scratch folder can be made in {}", parent.display()))
            .caused_by(source)
            .hint("name an existing folder that can be written with --scratch-dir")
    })
}

/// A name for this attempt's prefix: its time and the random part of its scratch folder's name.
fn attempt_name(scratch: &Path) -> String {
    let random = scratch.file_name().map(PathBuf::from).unwrap_or_default();
    let random = random.to_string_lossy();
    let random = random.rsplit('-').next().unwrap_or_default();
    format!("{}-{random}", Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ"))
}
