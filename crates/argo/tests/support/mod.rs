//! Shared by the tests: exporting text, and Argo's schema.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod schema;

use std::path::{Path, PathBuf};

use faultline_argo::{Error, Options, export, to_json};
use faultline_tekton::Catalog;
use serde_json::Value;

/// The document of a file's Pipeline, or of one of several.
pub(crate) fn export_file(file: &Path, pipeline: Option<&str>, options: &Options) -> Result<Value, Error> {
    let catalog = Catalog::open(file)?;
    let exported = export(&catalog, catalog.entry(pipeline)?, options)?;
    Ok(to_json(&exported).unwrap())
}

/// The document of the Pipeline in `text`.
pub(crate) fn export_text(text: &str, options: &Options) -> Result<Value, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    std::fs::write(&file, text).unwrap();
    export_file(&file, None, options)
}

/// A Pipeline around `spec`, which is indented by two, with the Tasks `make` (results `out` and `list`) and `take` (param `v`).
pub(crate) fn pipeline(spec: &str) -> String {
    format!(
        "apiVersion: tekton.dev/v1
kind: Task
metadata: {{name: make}}
spec:
  params:
  - {{name: v, default: x}}
  results:
  - {{name: out}}
  - {{name: list, type: array}}
  - {{name: map, type: object, properties: {{k: {{type: string}}}}}}
  steps: [{{image: i, command: [make, $(params.v), $(results.out.path)]}}]
---
apiVersion: tekton.dev/v1
kind: Task
metadata: {{name: take}}
spec:
  params:
  - {{name: v}}
  - {{name: w, default: dw}}
  steps: [{{image: i, command: [take, $(params.v), $(params.w)]}}]
---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {{name: p}}
spec:
{spec}"
    )
}

/// The template of that name.
pub(crate) fn template<'d>(document: &'d Value, name: &str) -> &'d Value {
    named(&document["spec"]["templates"], name)
}

/// The task of that name in the graph of the Pipeline.
pub(crate) fn task<'d>(document: &'d Value, name: &str) -> &'d Value {
    named(&template(document, "tasks")["dag"]["tasks"], name)
}

/// The value of an argument of a task.
pub(crate) fn argument<'d>(task: &'d Value, name: &str) -> &'d Value {
    &named(&task["arguments"]["parameters"], name)["value"]
}

/// The item of that name.
pub(crate) fn named<'d>(list: &'d Value, name: &str) -> &'d Value {
    let found = list.as_array().into_iter().flatten().find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {list:#}"))
}

/// The folders of the recorded and the derived cases, by name.
pub(crate) fn corpus() -> Vec<PathBuf> {
    let tests = faultline_testkit::generated::workspace().join("crates/tekton/tests");
    let folders = |folder: &str| std::fs::read_dir(tests.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = folders("conformance/cases")
        .chain(folders("behaviour"))
        .filter(|path| path.join("pipeline.yaml").is_file())
        .collect();
    cases.sort_by_key(|path| path.file_name().map(std::ffi::OsStr::to_owned));
    cases
}
