//! The commit protocol, seen from outside: a small step on a real folder.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod watched;

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clap::Args;
use faultline_contract::{ExitCode, Manifest, Outcome};
use faultline_runtime::{
    Access, BuildInfo, Context, Explain, Failure, Inputs, MediaType, Outputs, Plan, ResultKind, ResultSpec, Step,
    UpstreamSpec, execute,
};
use serde_json::json;

const BUILD: BuildInfo = BuildInfo { version: "0.0.0", git_revision: None, code_digest: "not hex, still a code" };

/// Counts the lines of the files in a folder; more than `--max-lines` fails its gate.
#[derive(Debug)]
struct Count;

#[derive(Args, Clone, Debug)]
struct CountOptions {
    /// The folder
    #[arg(long)]
    raw_uri: String,
    /// The gate
    #[arg(long, default_value_t = 100)]
    max_lines: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("count lines")]
struct CountError(#[from] std::io::Error);

impl Explain for CountError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Temporary
    }
}

#[async_trait]
impl Step for Count {
    const NAME: &'static str = "count";
    const ABOUT: &'static str = "Counts lines.";
    const UPSTREAM: &'static [UpstreamSpec] = &[];
    const RESULTS: &'static [ResultSpec] =
        &[ResultSpec { name: "names", kind: ResultKind::Array, about: "file names" }];
    type Options = CountOptions;
    type Job = u64;
    type Error = CountError;

    fn access() -> Vec<Access> {
        vec![Access::folder("raw-uri")]
    }

    async fn gather(context: &Context, options: CountOptions) -> Result<Plan<u64>, Failure> {
        let files = context.raw_folder(&options.raw_uri).await?;
        Ok(Plan {
            part: None,
            params: json!({"max_lines": options.max_lines}),
            inputs: files.into_iter().map(|file| file.input).collect(),
            job: options.max_lines,
            merge: None,
        })
    }

    fn run(max_lines: &u64, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), CountError> {
        let mut lines = 0;
        let mut names = Vec::new();
        for (name, path, _) in inputs.below("raw/") {
            lines += fs::read_to_string(path)?.lines().count() as u64;
            names.push(name.to_owned());
        }
        outputs.create("lines.txt", MediaType::Csv, Some(lines))?.write_all(lines.to_string().as_bytes())?;
        outputs.count("rows_in", lines);
        outputs.count("rows_out", lines);
        outputs.fact("names", names);
        if lines > *max_lines {
            outputs.reject(format!("{lines} lines, expected at most {max_lines}"));
        }
        Ok(())
    }
}

/// Takes the lines of `count` and hands them on.
#[derive(Debug)]
struct Echo;

#[derive(Args, Clone, Debug)]
struct NoOptions {}

#[async_trait]
impl Step for Echo {
    const NAME: &'static str = "echo";
    const ABOUT: &'static str = "Copies.";
    const UPSTREAM: &'static [UpstreamSpec] = &[UpstreamSpec { stage: "count", about: "its lines" }];
    const RESULTS: &'static [ResultSpec] = &[];
    type Options = NoOptions;
    type Job = ();
    type Error = CountError;

    fn access() -> Vec<Access> {
        Vec::new()
    }

    async fn gather(context: &Context, _: NoOptions) -> Result<Plan<()>, Failure> {
        let inputs = vec![context.upstream("count").await?.input("lines.txt")?];
        Ok(Plan { part: Some("0-1".parse().unwrap()), params: json!({}), inputs, job: (), merge: None })
    }

    fn run((): &(), inputs: &Inputs, outputs: &mut Outputs) -> Result<(), CountError> {
        let from = inputs.path("count/lines.txt").unwrap();
        fs::copy(from, outputs.declare("copy/lines.txt", MediaType::Csv, None)?)?;
        Ok(())
    }
}

struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("raw/a.csv"), "1\n2\n").unwrap();
        Self { folder }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn args(&self, run: &str, more: &[&str]) -> Vec<OsString> {
        let root = format!("--root-uri={}", self.path("root").display());
        let mut args = vec!["step".to_owned(), root, format!("--run-id={run}")];
        args.extend(more.iter().map(|&arg| arg.to_owned()));
        args.into_iter().map(OsString::from).collect()
    }

    fn count(&self, run: &str, more: &[&str]) -> Result<ExitCode, Failure> {
        let mut args = self.args(run, more);
        args.push(format!("--raw-uri={}", self.path("raw").display()).into());
        args.push(format!("--result-names-path={}", self.path("names").display()).into());
        args.push(format!("--result-reused-path={}", self.path("reused").display()).into());
        execute::<Count>(BUILD, args)
    }

    fn echo(&self, of: &str, more: &[&str]) -> Result<ExitCode, Failure> {
        let uri =
            format!("--count-manifest-uri={}", self.path(&format!("root/runs/{of}/count/manifest.json")).display());
        let mut args = self.args("echo", more);
        args.push(uri.into());
        execute::<Echo>(BUILD, args)
    }

    fn manifest(&self, run: &str) -> Manifest {
        read(&self.path(&format!("root/runs/{run}/count/manifest.json")))
    }

    fn reused(&self) -> String {
        fs::read_to_string(self.path("reused")).unwrap()
    }
}

fn read(path: &Path) -> Manifest {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn local(uri: &str) -> PathBuf {
    uri.strip_prefix("file://").unwrap().into()
}

#[test]
fn commits_once_and_answers_the_same_again() {
    let fixture = Fixture::new();
    assert_eq!(fixture.count("r1", &[]).unwrap(), ExitCode::Committed);
    let first = fixture.manifest("r1");
    assert_eq!((first.outcome, first.count("rows_out")), (Outcome::Accepted, 2));
    assert_eq!(fs::read_to_string(fixture.path("names")).unwrap(), r#"["a.csv"]"#);
    assert_eq!(fs::read_to_string(local(&first.outputs[0].uri)).unwrap(), "2");
    fs::remove_file(fixture.path("names")).unwrap();

    assert_eq!(fixture.count("r1", &[]).unwrap(), ExitCode::Committed);
    assert_eq!(fixture.manifest("r1"), first, "the manifest is never rewritten");
    assert_eq!(fs::read_to_string(fixture.path("names")).unwrap(), r#"["a.csv"]"#, "results are written again");
}

#[test]
fn other_work_under_the_same_run_id_is_refused() {
    let fixture = Fixture::new();
    fixture.count("r1", &[]).unwrap();
    let failure = fixture.count("r1", &["--max-lines=50"]).unwrap_err();
    assert_eq!(failure.code(), ExitCode::Configuration);
    assert!(failure.render().contains("--run-id"), "{}", failure.render());
    fs::write(fixture.path("raw/b.csv"), "3\n").unwrap();
    assert_eq!(fixture.count("r1", &[]).unwrap_err().code(), ExitCode::Configuration);
}

#[test]
fn a_new_run_reuses_the_same_work_and_points_at_its_origin() {
    let fixture = Fixture::new();
    fixture.count("r1", &[]).unwrap();
    assert_eq!(fixture.reused(), "false");
    for run in ["r2", "r3"] {
        fixture.count(run, &[]).unwrap();
        assert_eq!(fixture.reused(), "true");
        let (first, later) = (fixture.manifest("r1"), fixture.manifest(run));
        assert_eq!(later.outputs, first.outputs);
        assert!(later.reused_from.is_some_and(|from| from.ends_with("runs/r1/count/manifest.json")));
    }
    fixture.count("r4", &["--seed=8"]).unwrap();
    assert_eq!(fixture.reused(), "false", "another seed is other work");
    fixture.count("r5", &["--no-cache"]).unwrap();
    assert_eq!(fixture.reused(), "false", "--no-cache does the work again");
}

#[test]
fn a_step_that_is_asked_tells_what_it_would_do_and_does_nothing() {
    let fixture = Fixture::new();
    let asked = |run: &str, more: &[&str]| -> serde_json::Value {
        let path = fixture.path("explanation.json");
        let flag = format!("--explain-path={}", path.display());
        assert_eq!(fixture.count(run, &[&[flag.as_str()], more].concat()).unwrap(), ExitCode::Committed);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let first = asked("r1", &[]);
    assert_eq!((&first["action"], &first["reasons"][0]["kind"]), (&"run".into(), &"first".into()));
    assert!(!fixture.path("root").exists() && !fixture.path("reused").exists());

    fixture.count("r1", &[]).unwrap();
    fs::remove_file(fixture.path("reused")).unwrap();
    assert_eq!(asked("r2", &[])["action"], "reuse");
    assert!(fixture.path("reused").exists() && !fixture.path("root/runs/r2").exists());
    assert_eq!(asked("r1", &[])["action"], "reuse", "what the run itself has committed is not done again");

    for (flag, kind, name) in [("--seed=8", "param", "seed"), ("--max-lines=50", "param", "max_lines")] {
        let answer = asked("r2", &[flag]);
        assert_eq!(answer["reasons"].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!((&answer["reasons"][0]["kind"], &answer["reasons"][0]["name"]), (&kind.into(), &name.into()));
    }
    assert_eq!(asked("r2", &["--no-cache"])["reasons"][0]["kind"], "always");
    fs::write(fixture.path("raw/a.csv"), "1\n2\n3\n").unwrap();
    let answer = asked("r2", &[]);
    assert_eq!((&answer["reasons"][0]["kind"], &answer["reasons"][0]["name"]), (&"input".into(), &"raw/a.csv".into()));
    fs::write(fixture.path("raw/a.csv"), "1\n2\n").unwrap();
    fs::remove_file(local(&fixture.manifest("r1").outputs[0].uri)).unwrap();
    assert_eq!(asked("r2", &[])["reasons"][0]["kind"], "output");
}

#[test]
fn a_missing_output_is_a_cache_miss() {
    let fixture = Fixture::new();
    fixture.count("r1", &[]).unwrap();
    fs::remove_file(local(&fixture.manifest("r1").outputs[0].uri)).unwrap();
    fixture.count("r2", &[]).unwrap();
    assert_eq!(fixture.reused(), "false");
    assert_eq!(fixture.manifest("r2").outputs[0].sha256, fixture.manifest("r1").outputs[0].sha256);
}

#[test]
fn a_failed_gate_leaves_evidence_is_refused_downstream_and_is_never_reused() {
    let fixture = Fixture::new();
    for run in ["r1", "r2"] {
        let failure = fixture.count(run, &["--max-lines=1"]).unwrap_err();
        assert_eq!(failure.code(), ExitCode::DataRejected);
        assert!(failure.render().contains("2 lines, expected at most 1"), "{}", failure.render());
        let manifest = fixture.manifest(run);
        assert_eq!((manifest.outcome, manifest.reused_from, manifest.outputs.len()), (Outcome::Rejected, None, 1));
        assert_eq!(fixture.echo(run, &[]).unwrap_err().code(), ExitCode::DataRejected);
    }
}

#[test]
fn an_upstream_that_was_changed_is_noticed() {
    let fixture = Fixture::new();
    fixture.count("r1", &[]).unwrap();
    let digest = format!("--count-manifest-sha256={}", "0".repeat(64));
    assert_eq!(fixture.echo("r1", &[&digest]).unwrap_err().code(), ExitCode::Configuration);
    fs::write(local(&fixture.manifest("r1").outputs[0].uri), "9").unwrap();
    let failure = fixture.echo("r1", &[]).unwrap_err();
    assert!(failure.render().contains("its manifest says"), "{}", failure.render());
    assert!(!fixture.path("root/runs/echo/echo/0-1/manifest.json").exists(), "nothing is committed");
}

#[test]
fn a_missing_upstream_is_an_input_that_is_missing() {
    let fixture = Fixture::new();
    assert_eq!(fixture.echo("nowhere", &[]).unwrap_err().code(), ExitCode::InputMissing);
}

#[test]
fn attempts_at_once_agree_on_one_manifest() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..8).map(|_| scope.spawn(|| fixture.count("r1", &["--no-cache"]).unwrap())).collect();
        for attempt in attempts {
            assert_eq!(attempt.join().unwrap(), ExitCode::Committed);
        }
    });
    let manifest = fixture.manifest("r1");
    assert!(local(&manifest.outputs[0].uri).exists(), "the winner's outputs are its own");
}

#[test]
fn a_part_has_its_own_manifest() {
    let fixture = Fixture::new();
    fixture.count("r1", &[]).unwrap();
    assert_eq!(fixture.echo("r1", &[]).unwrap(), ExitCode::Committed);
    let manifest = read(&fixture.path("root/runs/echo/echo/0-1/manifest.json"));
    assert_eq!(manifest.outputs[0].name, "copy/lines.txt");
    assert_eq!(manifest.outputs[0].sha256, fixture.manifest("r1").outputs[0].sha256);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    assert_eq!(execute::<Count>(BUILD, ["step".into(), "--nonsense".into()]).unwrap(), ExitCode::Usage);
    assert_eq!(execute::<Count>(BUILD, ["step".into(), "--help".into()]).unwrap(), ExitCode::Committed);
}
