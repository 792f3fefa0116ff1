//! A folder with raw files, on which the three stages run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use faultline_contract::{Digest, ExitCode, Manifest};
use faultline_runtime::{Step, execute};
use faultline_step_transform::Transform;
use faultline_step_validate::Validate;
use faultline_table::Table;
use faultline_testkit::step::path_of;

pub(crate) const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;
pub(crate) const FIRST: (&str, &str) = ("press_01022024.csv", "Part,T,P,Result\nA,1.5,2,1\nB,,3,-1\nC,0.1,-0.0,-1\n");
pub(crate) const SECOND: (&str, &str) = ("press_02022024.csv", "Part,T,P,Result\nD,7,8,-1\nE,9,10,1\n");

pub(crate) struct Fixture(tempfile::TempDir);

impl Fixture {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        let fixture = Self(folder);
        for (name, content) in files {
            fixture.raw(name, content);
        }
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn raw(&self, name: &str, content: &str) {
        fs::write(self.path("raw").join(name), content).unwrap();
    }

    /// Runs the two stages before.
    pub(crate) fn prepare(&self, run: &str, purpose: &str) {
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let common = [flag("root-uri", &self.path("root")), format!("--run-id={run}")];
        let own = [
            flag("raw-uri", &self.path("raw")),
            flag("schema-uri", &self.path("schema.json")),
            format!("--purpose={purpose}"),
        ];
        step::<Validate>(common.iter().chain(&own));
        let upstream = flag("validate-manifest-uri", &self.path(&format!("root/runs/{run}/validate/manifest.json")));
        step::<Transform>(common.iter().chain([&upstream]));
    }

    pub(crate) fn start(&self, run: &str, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_load"))
            .current_dir(self.0.path())
            .args(["--root-uri=root", &format!("--run-id={run}")])
            .arg(format!("--transform-manifest-uri=root/runs/{run}/transform/manifest.json"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs all three stages.
    pub(crate) fn load(&self, run: &str, purpose: &str, more: &[&str]) -> Manifest {
        self.prepare(run, purpose);
        succeeded(&self.start(run, more).wait_with_output().unwrap());
        self.manifest(run)
    }

    pub(crate) fn manifest(&self, run: &str) -> Manifest {
        let path = self.path(&format!("root/runs/{run}/load/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("root/records.sqlite")).unwrap()
    }

    pub(crate) fn stored_rows(&self) -> i64 {
        self.database().query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap()
    }
}

fn step<S: Step>(args: impl Iterator<Item = impl AsRef<str>>) {
    let args = std::iter::once(S::NAME.into()).chain(args.map(|arg| arg.as_ref().into()));
    assert_eq!(execute::<S>(faultline_runtime::build_info!(), args).unwrap(), ExitCode::Committed);
}

pub(crate) fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn export(manifest: &Manifest) -> (Digest, Table) {
    let name = "export.parquet";
    (manifest.output(name).unwrap().sha256, Table::read(&path_of(manifest, name)).unwrap())
}
