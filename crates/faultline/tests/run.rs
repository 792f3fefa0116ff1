//! `faultline run` from outside: what it prints, how it ends, what it leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use faultline_testkit::containers::busybox_image;
use serde_json::Value;

/// A Pipeline of embedded Tasks; `TASKS` is replaced.
const PIPELINE: &str = "
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: p
spec:
  params:
  - name: who
  - name: items
    type: array
    default: [x]
  workspaces:
  - name: scratch
    optional: true
  tasks:
TASKS
";

fn with_tasks(folder: &Path, tasks: &str) {
    std::fs::write(folder.join("p.yaml"), PIPELINE.replace("TASKS", tasks)).unwrap();
}

/// A task that runs `script` in a shell and declares `results`.
fn task(name: &str, results: &[&str], script: &str) -> String {
    let results: Vec<_> = results.iter().map(|result| format!("      - name: {result}\n")).collect();
    let results = results.concat();
    let results =
        if results.is_empty() { "      results: []\n".to_owned() } else { format!("      results:\n{results}") };
    format!(
        "  - name: {name}\n    taskSpec:\n{results}      steps:\n      - name: s\n        image: none\n        command: [sh, -c]\n        args:\n        - |\n          {script}\n"
    )
}

fn faultline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.args(arguments).current_dir(folder).env("FAULTLINE_STATE_DIR", folder.join("state"));
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    faultline(folder, &[&["run", "p.yaml", "--run-id", "r"], arguments].concat()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_json_has_the_documented_fields() {
    let folder = tempfile::tempdir().unwrap();
    let say = "printf '%s' \"$(params.who)\" > $(results.reused.path)";
    with_tasks(folder.path(), &task("a", &["reused"], say));
    let output = run(folder.path(), &["-p", "who=true", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut task = json["tasks"][0].take();
    for measured in ["seconds", "cpuSeconds", "peakMemoryBytes"] {
        assert!(task[measured].take().as_f64().unwrap() > 0.0, "{measured}");
        assert!(task["steps"][0][measured].take().as_f64().unwrap() > 0.0, "{measured}");
    }
    json["tasks"][0] = task;
    let expected = serde_json::json!({
        "run_id": "r", "status": "Succeeded", "reason": "Succeeded",
        "message": "tasks completed: 1 (failed: 0), skipped: 0", "pipelineResults": {},
        "tasks": [{
            "name": "a", "kind": "task", "status": "Succeeded", "reason": "Succeeded", "skipReason": null, "message": "",
            "attempts": 1, "seconds": null, "cpuSeconds": null, "peakMemoryBytes": null, "reused": true,
            "params": {}, "results": {"reused": "true"}, "exitCode": 0, "matrixIndex": null,
            "steps": [{
                "name": "s", "reason": "Completed", "exitCode": 0, "results": {},
                "seconds": null, "cpuSeconds": null, "peakMemoryBytes": null
            }]
        }]
    });
    assert_eq!(json, expected);
}

#[test]
fn a_run_that_is_refused_is_told_as_json_too() {
    let folder = tempfile::tempdir().unwrap();
    with_tasks(folder.path(), &task("a", &[], "exit 0"));
    let output = run(folder.path(), &["--output", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["status"], &json["reason"]), (&"Failed".into(), &"ParameterMissing".into()));
    assert_eq!((&json["tasks"][0]["name"], &json["tasks"][0]["status"]), (&"a".into(), &"NotRun".into()));
    assert!(text(&output.stderr).contains("add -p who=VALUE"));
}

#[test]
fn a_volume_that_a_process_cannot_have_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = task("a", &[], "exit 0").replace(
        "      steps:\n      - name: s\n",
        "      volumes: [{name: v, emptyDir: {}}]\n      steps:\n      - name: s\n        volumeMounts: [{name: v, mountPath: /PATH}]\n",
    );
    with_tasks(folder.path(), &mounted.replace("/PATH", "/cache"));
    let output = run(folder.path(), &["-p", "who=x"]);
    assert_eq!(output.status.code(), Some(78));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("p.yaml:22:34: ") && stderr.contains("mountPath: unsupported: a volume"), "{stderr}");
    with_tasks(folder.path(), &mounted.replace("/PATH", "/tmp"));
    assert_eq!(run(folder.path(), &["-p", "who=x"]).status.code(), Some(0));
}

#[test]
fn the_table_shows_rows_and_reuse_by_the_names_of_results() {
    let folder = tempfile::tempdir().unwrap();
    let write = "printf 20 > $(results.rows-in.path); printf 19 > $(results.rows-out.path); printf false > $(results.reused.path)";
    with_tasks(folder.path(), &(task("a", &["rows-in", "rows-out", "reused"], write) + &task("b", &[], "exit 0")));
    let output = run(folder.path(), &["-p", "who=x"]);
    let stderr = text(&output.stderr);
    let row = |name: &str| stderr.lines().find(|line| line.starts_with(&format!("{name}  "))).unwrap().to_owned();
    let cells: Vec<_> = stderr
        .lines()
        .find(|line| line.starts_with("TASK"))
        .unwrap()
        .split("  ")
        .filter(|cell| !cell.is_empty())
        .collect();
    assert_eq!(
        cells.iter().map(|cell| cell.trim()).collect::<Vec<_>>(),
        ["TASK", "STATUS", "SECONDS", "ROWS IN", "ROWS OUT", "REUSED"]
    );
    let words: Vec<_> = row("a").split_whitespace().map(str::to_owned).collect();
    assert_eq!(
        (words[1].as_str(), &words[3..]),
        ("Succeeded", &["20".to_owned(), "19".to_owned(), "false".to_owned()][..])
    );
    assert!(stderr.contains("run r: Succeeded (Succeeded)"), "{stderr}");
}

#[test]
fn the_exit_code_is_that_of_the_failed_step_where_it_is_documented() {
    for (code, expected) in [(65, 65), (78, 78), (75, 75), (3, 70), (2, 70), (200, 70)] {
        let folder = tempfile::tempdir().unwrap();
        with_tasks(folder.path(), &task("a", &[], &format!("echo the-last-words; exit {code}")));
        let output = run(folder.path(), &["-p", "who=x"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{stderr}");
        assert!(stderr.contains("[a] the-last-words"), "{stderr}");
        assert_eq!(
            std::fs::read_to_string(folder.path().join("state/runs/r/_run/logs/a.log")).unwrap(),
            "the-last-words\n"
        );
    }
}

#[test]
fn steps_see_the_callers_folder_and_of_its_environment_what_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf '%s' \"$(cat here.txt)${CALLER}${OWN}${OTHER}$(params.items[1])\" > $(results.out.path)";
    with_tasks(folder.path(), &task("a", &["out"], script));
    std::fs::write(folder.path().join("here.txt"), "1").unwrap();
    let arguments =
        ["run", "p.yaml", "-p", "who=x", "-p", "items=a,b", "--output", "json", "--env", "CALLER", "-e", "OWN=3"];
    let output = faultline(folder.path(), &arguments).env("CALLER", "2").env("OTHER", "no").output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["tasks"][0]["results"]["out"], "123b", "{}", text(&output.stderr));
}

#[test]
fn programs_are_found_beside_the_binary_by_their_base_name() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = "  - name: a\n    taskSpec:\n      steps:\n      - image: none\n        command: [/no/such/folder/faultline]\n        args: [--version]\n";
    with_tasks(folder.path(), tasks);
    let output = run(folder.path(), &["-p", "who=x", "--verbose"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(concat!("[a] faultline ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_given_workspace_is_a_folder_and_an_absent_one_is_empty_text() {
    let folder = tempfile::tempdir().unwrap();
    let script = "test -d \"$(workspaces.scratch.path)\" && test $(workspaces.scratch.bound) = true";
    with_tasks(folder.path(), &task("a", &[], script));
    assert_eq!(run(folder.path(), &["-p", "who=x", "-w", "scratch=emptyDir"]).status.code(), Some(0));
    assert_eq!(run(folder.path(), &["-p", "who=x"]).status.code(), Some(70));
}

#[test]
fn a_stopped_run_takes_whole_process_groups_along_runs_finally_and_exits_75() {
    let folder = tempfile::tempdir().unwrap();
    let slow = task("slow", &[], "sleep 300 & echo $! > child; echo $$ > started; wait");
    let finally = task("f", &[], "touch finally-ran").replace("  - name: f", "  finally:\n  - name: f");
    with_tasks(
        folder.path(),
        &(slow + &task("after", &[], "exit 0").replace("taskSpec", "runAfter: [slow]\n    taskSpec") + &finally),
    );
    let mut command = faultline(folder.path(), &["run", "p.yaml", "-p", "who=x", "--output", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(|| std::fs::read_to_string(folder.path().join("started")).is_ok_and(|text| text.ends_with('\n')));
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", text(&output.stderr));
    assert_eq!((json["status"].as_str(), json["reason"].as_str()), (Some("Failed"), Some("Cancelled")));
    let reasons: Vec<_> =
        json["tasks"].as_array().unwrap().iter().map(|task| task["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["TaskRunCancelled", "PipelineRun was gracefully cancelled", "Succeeded"]);
    assert!(folder.path().join("finally-ran").exists());
    let sleeper = std::fs::read_to_string(folder.path().join("child")).unwrap();
    wait_for(|| is_gone(sleeper.trim()));
}

#[test]
fn a_timeout_ends_the_run_with_75() {
    let folder = tempfile::tempdir().unwrap();
    with_tasks(folder.path(), &task("a", &[], "sleep 300"));
    let output = run(folder.path(), &["-p", "who=x", "--timeouts", "pipeline=1s", "--output", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), json["reason"].as_str()), (Some(75), Some("PipelineRunTimeout")));
}

#[test]
fn nothing_is_left_in_the_temporary_folder() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("tmp");
    std::fs::create_dir(&scratch).unwrap();
    with_tasks(folder.path(), &task("a", &["out"], "printf 1 > $(results.out.path)"));
    let left = |arguments: &[&str]| {
        let arguments = [&["run", "p.yaml", "-p", "who=x"], arguments].concat();
        assert!(faultline(folder.path(), &arguments).env("TMPDIR", &scratch).output().unwrap().status.success());
        std::fs::read_dir(&scratch).unwrap().count()
    };
    assert_eq!(left(&[]), 0);
    assert_eq!(left(&["--keep-scratch"]), 1);
}

#[test]
fn the_record_and_the_logs_are_kept_on_this_machine_and_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    with_tasks(folder.path(), &task("a", &["out"], "echo hello; printf 1 > $(results.out.path)"));
    let output = run(folder.path(), &["-p", "who=mongodb://me:secret@host/db", "--history-uri", "store"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let record = read("state/runs/r/_run/record.json");
    assert_eq!(read("store/runs/r/_run/logs/a.log"), "hello\n");
    let kept: Value = serde_json::from_str(&read("store/runs/r/_run/record.json")).unwrap();
    assert_eq!(kept["state"], "Succeeded");
    assert_eq!(kept["tasks"][0]["results"]["out"], "1");
    assert_eq!(kept["params"]["who"], "mongodb://...@host/db");
    assert!(!record.contains("secret") && record.contains("\"finished_at\": \"20"), "{record}");
}

#[test]
fn a_killed_runner_leaves_no_process_and_a_record_of_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let quick = task("quick", &[], "exit 0");
    let slow = task("slow", &[], "echo $$ > started; sleep 300");
    with_tasks(folder.path(), &(quick + &slow.replace("taskSpec", "runAfter: [quick]\n    taskSpec")));
    let mut child = faultline(folder.path(), &["run", "p.yaml", "--run-id", "r", "-p", "who=x"]).spawn().unwrap();
    wait_for(|| std::fs::read_to_string(folder.path().join("started")).is_ok_and(|text| text.ends_with('\n')));
    let record = || -> Value {
        let text = std::fs::read_to_string(folder.path().join("state/runs/r/_run/record.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    };
    wait_for(|| record()["tasks"][1]["state"] == "Running");
    child.kill().unwrap();
    child.wait().unwrap();
    let shell = std::fs::read_to_string(folder.path().join("started")).unwrap();
    wait_for(|| is_gone(shell.trim()));
    assert_eq!(record()["tasks"][0]["state"], "Succeeded");
    assert_eq!(record()["state"], "Running");
    assert!(record()["finished_at"].is_null());
}

#[test]
fn verbose_output_comes_while_the_task_runs() {
    let folder = tempfile::tempdir().unwrap();
    with_tasks(folder.path(), &task("a", &[], "echo early; while [ ! -e go ]; do sleep 0.05; done; printf late"));
    let mut command = faultline(folder.path(), &["run", "p.yaml", "-p", "who=x", "--verbose"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "[a] early"));
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert!(lines.any(|line| line == "[a] late"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn steps_run_in_containers_of_their_images() {
    let Some(image) = busybox_image() else { return };
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::write(&outside, "of this machine").unwrap();
    let script = "test \"$OF_IMAGE\" = image && cat \"$0\" > $(results.seen.path)";
    let task = task("a", &["seen"], script).replace("image: none", &format!("image: {image}"));
    with_tasks(folder.path(), &format!("{task}        - $(params.who)\n"));
    let outside = outside.display().to_string();
    let (who, mount) = (format!("who={outside}"), format!("{outside}:ro"));
    let arguments = ["-p", &who, "--engine", "podman", "--network", "none", "--mount", &mount, "--output", "json"];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["tasks"][0]["results"]["seen"], "of this machine");
    // Without the mount the file is not there.
    assert_ne!(run(folder.path(), &arguments[..6]).status.code(), Some(0));
}

#[test]
fn mounts_are_for_containers() {
    let folder = tempfile::tempdir().unwrap();
    with_tasks(folder.path(), &task("a", &[], "true"));
    let said = |arguments: &[&str]| {
        let output = run(folder.path(), &[&["-p", "who=x"], arguments].concat());
        (output.status.code(), text(&output.stderr))
    };
    let (code, stderr) = said(&["--mount", "."]);
    assert!(code == Some(2) && stderr.contains("add --engine podman"), "{stderr}");
    let (code, stderr) = said(&["--engine", "podman", "--mount", "no/such/path"]);
    assert!(code == Some(2) && stderr.contains("no/such/path: No such file"), "{stderr}");
}

fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_gone(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}
