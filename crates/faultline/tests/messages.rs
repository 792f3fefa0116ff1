//! What the command line says: its help and its errors, word by word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

const TASK: &str = "apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: hello
spec:
  params:
  - name: who
  steps:
  - name: s
    image: none
    command: [echo, $(params.who)]
";

const PIPELINE: &str = "---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: greet
spec:
  params:
  - name: who
  - name: how
    type: object
    properties: {loud: {}}
    default: {loud: no-thanks}
  tasks:
  - name: hello
    taskRef: {name: hello}
    params:
    - name: who
      value: $(params.who)
";

fn faultline(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.args(arguments).current_dir(folder).env("FAULTLINE_STATE_DIR", folder.join("state"));
    let output = command.env_remove("FAULTLINE_ROOT_URI").env("USER", "ada").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&*folder.to_string_lossy(), "[folder]");
    format!("exit code: {}\n{}{}", output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &[][..],
        &["run"],
        &["plan"],
        &["lint"],
        &["runs"],
        &["show"],
        &["logs"],
        &["diff"],
        &["trace"],
        &["quarantine"],
        &["replay"],
        &["models"],
        &["history"],
        &["compare"],
        &["rollback"],
        &["gc"],
        &["policy"],
        &["affected"],
        &["pin"],
        &["export"],
        &["export", "argo"],
        &["schema"],
        &["schema", "import"],
        &["sample"],
        &["completions"],
    ] {
        let name = format!("help {}", command.join(" "));
        insta::assert_snapshot!(
            name.trim().replace(' ', "_"),
            faultline(folder.path(), &[command, &["--help"]].concat())
        );
    }
}

#[test]
fn errors_of_run() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("greet.yaml", &format!("{TASK}{PIPELINE}"));
    write("two.yaml", &format!("{TASK}{PIPELINE}{}", PIPELINE.replace("name: greet", "name: part")));
    write("typo.yaml", &format!("{TASK}{PIPELINE}").replace("image: none", "imgae: none"));
    write("broken.yaml", "apiVersion: [\nkind: Task\n");
    write("undeclared.yaml", &format!("{TASK}{PIPELINE}").replace("$(params.who)]", "$(params.whom)]"));
    write("sidecar.yaml", &format!("{TASK}  sidecars:\n  - {{name: s, image: none}}\n{PIPELINE}"));
    write("missing.yaml", &PIPELINE.replace("taskRef: {name: hello}", "taskRef: {name: helo}"));
    for (name, arguments) in [
        ("unknown_param", &["greet.yaml", "-p", "whom=x"][..]),
        ("missing_param", &["greet.yaml"]),
        ("wrong_type", &["greet.yaml", "-p", "who=x", "-p", "how=loud"]),
        ("no_pair", &["greet.yaml", "-p", "who"]),
        ("unknown_pipeline", &["greet.yaml", "--pipeline", "great"]),
        ("several_pipelines", &["two.yaml"]),
        ("unknown_workspace", &["greet.yaml", "-w", "scratch=emptyDir"]),
        ("bad_workspace", &["greet.yaml", "-p", "who=x", "-w", "scratch=/tmp"]),
        ("bad_run_id", &["greet.yaml", "-p", "who=x", "--run-id", "Not A Label"]),
        ("bad_timeout", &["greet.yaml", "-p", "who=x", "--timeouts", "pipeline=soon"]),
        ("long_parts", &["greet.yaml", "-p", "who=x", "--timeouts", "pipeline=1m,tasks=1m,finally=1m"]),
        ("no_file", &["nowhere.yaml"]),
        ("typo", &["typo.yaml", "-p", "who=x"]),
        ("broken", &["broken.yaml"]),
        ("undeclared", &["undeclared.yaml", "-p", "who=x"]),
        ("sidecar", &["sidecar.yaml", "-p", "who=x"]),
        ("missing_task", &["missing.yaml", "-p", "who=x"]),
    ] {
        insta::assert_snapshot!(format!("run_{name}"), faultline(folder.path(), &[&["run"], arguments].concat()));
    }
}

#[test]
fn findings_of_lint() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("all")).unwrap();
    write("greet.yaml", &format!("{TASK}{PIPELINE}"));
    write("warned.yaml", &format!("{TASK}{PIPELINE}").replace("value: $(params.who)", "value: yes"));
    write(
        "all/wrong.yaml",
        &format!("{TASK}{PIPELINE}").replace("image: none", "imgae: none").replace("$(params.who)]", "$(params.whom)]"),
    );
    write("all/broken.yaml", "apiVersion: tekton.dev/v1\nkind: [\n");
    write("all/other.yaml", "{{ not: yaml\n");
    std::fs::write(folder.path().join("latin.yaml"), b"apiVersion: tekton.dev/v1\nkind: Task # caf\xe9\n").unwrap();
    for (name, arguments) in [
        ("fine", &["greet.yaml", "--allow", "unused-param"][..]),
        ("warned", &["warned.yaml", "--deny", "unused-param", "--pedantic"]),
        ("warnings_denied", &["warned.yaml", "--deny-warnings", "--output", "json"]),
        ("folder", &["all"]),
        ("latin", &["latin.yaml"]),
        ("no_file", &["nowhere.yaml"]),
        ("unknown_rule", &["greet.yaml", "--allow", "nosuch"]),
    ] {
        insta::assert_snapshot!(format!("lint_{name}"), faultline(folder.path(), &[&["lint"], arguments].concat()));
    }
}

#[test]
fn lint_writes_sarif() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{TASK}{PIPELINE}").replace("image: none", "imgae: none");
    std::fs::write(folder.path().join("wrong file.yaml"), text).unwrap();
    let printed = faultline(folder.path(), &["lint", "wrong file.yaml", "--output", "sarif"]);
    let log: serde_json::Value = serde_json::from_str(printed.strip_prefix("exit code: 78\n").unwrap()).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unknown-field");
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "wrong%20file.yaml");
    assert_eq!(location["region"]["startLine"], 10);
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
}

#[test]
fn export_to_argo() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("greet.yaml", &format!("{TASK}{PIPELINE}"));
    write("task.yaml", TASK);
    write("braces.yaml", &format!("{TASK}{PIPELINE}").replace("value: $(params.who)", "value: '{{$(params.who)}}'"));
    write("typo.yaml", &format!("{TASK}{PIPELINE}").replace("image: none", "imgae: none"));
    for (name, arguments) in [
        (
            "one",
            &["greet.yaml", "--image", "none=registry/none@sha256:0", "--task-service-account", "hello=greeter"][..],
        ),
        ("twice", &["greet.yaml", "greet.yaml"]),
        ("refused", &["braces.yaml"]),
        ("typo", &["typo.yaml"]),
        ("no_pipeline", &["task.yaml"]),
        ("no_file", &["nowhere.yaml"]),
        ("bad_retry", &["greet.yaml", "--retry-on", "never"]),
        ("bad_image", &["greet.yaml", "--image", "none"]),
        ("files", &["greet.yaml", "--output-dir", "argo"]),
    ] {
        let printed = faultline(folder.path(), &[&["export", "argo"], arguments].concat());
        insta::assert_snapshot!(format!("export_{name}"), printed);
    }
    let written = std::fs::read_to_string(folder.path().join("argo/greet.yaml")).unwrap();
    let printed = faultline(folder.path(), &["export", "argo", "greet.yaml"]);
    assert_eq!(printed, format!("exit code: 0\n{written}"));
}

#[test]
fn errors_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("odd.json"), "{}").unwrap();
    std::fs::create_dir_all(folder.path().join("store/runs/other/validate")).unwrap();
    std::fs::write(folder.path().join("store/runs/other/validate/manifest.json"), "{}").unwrap();
    for (name, arguments) in [
        ("show_no_state", &["show", "r"][..]),
        ("show_unknown_run", &["show", "r", "--root-uri", "store"]),
        ("show_bad_root", &["show", "r", "--root-uri", "ftp://x"]),
        ("show_bad_manifest", &["show", "other", "--root-uri", "store"]),
        ("trace_no_runs", &["trace", "Wafer-1", "--root-uri", "store"]),
        ("trace_unknown_run", &["trace", "Wafer-1", "--run", "r", "--root-uri", "store"]),
        ("quarantine_unknown_run", &["quarantine", "r", "--root-uri", "store"]),
        ("quarantine_unknown_reason", &["quarantine", "r", "--reason", "bad", "--root-uri", "store"]),
        ("replay_no_target", &["replay", "r", "--corrected", "c", "--root-uri", "store"]),
        (
            "replay_bad_rename",
            &["replay", "r", "--corrected", "c", "--to", "t", "--rename", "a", "--root-uri", "store"],
        ),
        ("replay_unknown_run", &["replay", "r", "--corrected", "c", "--to", "t", "--root-uri", "store"]),
        ("models_none", &["models", "--root-uri", "store"]),
        ("history_unknown_model", &["history", "wafer", "--root-uri", "store"]),
        ("compare_unknown_version", &["compare", "wafer", "1", "2", "--root-uri", "store"]),
        ("compare_with_itself", &["compare", "wafer", "1", "1", "--root-uri", "store"]),
        ("compare_too_few_resamples", &["compare", "wafer", "1", "2", "--resamples", "9", "--root-uri", "store"]),
        ("rollback_nothing", &["rollback", "wafer", "--root-uri", "store"]),
        ("rollback_bad_name", &["rollback", "a/b", "--root-uri", "store"]),
        ("schema_no_file", &["schema", "import", "nowhere.json"]),
        ("schema_odd_file", &["schema", "import", "odd.json"]),
        ("sample_too_small", &["sample", "s", "--rows-per-file", "1"]),
    ] {
        insta::assert_snapshot!(name, faultline(folder.path(), arguments));
    }
}
