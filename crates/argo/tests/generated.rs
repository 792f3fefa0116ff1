//! The WorkflowTemplates that are checked in are those that the Pipelines come to.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use faultline_argo::{Options, check, to_yaml};
use faultline_tekton::yaml_files;
use faultline_testkit::generated::{check_file, workspace};
use support::export_file;
use support::schema::Schema;

/// As `faultline export argo --service-account-per-task --executor-service-account executor` writes them.
fn options() -> Options {
    Options { account_per_task: true, executor_account: Some("executor".to_owned()), ..Options::default() }
}

#[test]
fn generated_workflow_templates() {
    let schema = Schema::load();
    let pipelines = yaml_files(&workspace().join("pipelines"));
    assert!(!pipelines.is_empty());
    for pipeline in pipelines {
        let source = pipeline.file_name().unwrap().to_string_lossy().into_owned();
        let document = export_file(&pipeline, None, &options()).unwrap();
        assert_eq!(check(&document), [], "{source}");
        let problems = schema.as_ref().map(|schema| schema.problems(&document, "WorkflowTemplate"));
        assert_eq!(problems.unwrap_or_default(), [""; 0], "{source}");
        let name = document["metadata"]["name"].as_str().unwrap();
        let head = format!("# Exported from {source} by `faultline export argo`; change that instead.\n");
        check_file(&format!("pipelines/argo/{name}.yaml"), &format!("{head}{}", to_yaml(&document)));
    }
}

#[test]
fn no_stray_workflow_template() {
    let stem = |path: &std::path::PathBuf| path.file_stem().unwrap().to_os_string();
    let pipelines: Vec<_> = yaml_files(&workspace().join("pipelines")).iter().map(stem).collect();
    let templates: Vec<_> = yaml_files(&workspace().join("pipelines/argo")).iter().map(stem).collect();
    assert_eq!(
        templates.iter().filter(|name| *name != "executor").collect::<Vec<_>>(),
        pipelines.iter().collect::<Vec<_>>()
    );
}
