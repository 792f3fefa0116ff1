//! `faultline show`, `rollback` and `schema import` on a store in a folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use faultline_contract::documents::promote::{BUNDLE_FORMAT_VERSION, BundleIndex, Task};
use faultline_store::{StoreUrl, open};
use faultline_tracking::{Author, Promotion, Registry};
use serde_json::{Value, json};

fn faultline(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    let output = command.args(arguments).current_dir(folder).env("FAULTLINE_ROOT_URI", "store").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn manifest(step: &str, part: Option<&str>, finished_at: &str) -> Value {
    let digest = "ab".repeat(32);
    json!({
        "format_version": 1, "step": step, "step_key": digest, "run_id": "r", "part": part, "faultline_version": "0.1.0",
        "code_digest": digest, "params": {}, "seed": 7, "inputs": [],
        "outputs": [{"name": "table.parquet", "uri": "file:///t", "sha256": digest, "bytes": 30, "rows": 2, "media_type": "x/y"}],
        "counts": {"rows_in": 3, "rows_out": 2}, "started_at": "t", "finished_at": finished_at, "outcome": "accepted",
        "reused_from": part.map(|_| "file:///earlier/manifest.json")
    })
}

#[test]
fn show_lists_committed_steps_with_outputs_and_digests() {
    let folder = tempfile::tempdir().unwrap();
    let write = |key: &str, value: &Value| {
        let path = folder.path().join("store/runs/r").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, value.to_string()).unwrap();
    };
    write("second/manifest.json", &manifest("second", None, "2026-01-01T00:00:02Z"));
    write("first/0-a/manifest.json", &manifest("first", Some("0-a"), "2026-01-01T00:00:01Z"));
    write("first/attempts/a1/manifest.json", &json!("an attempt that was not committed"));
    let (code, stdout, stderr) = faultline(folder.path(), &["show", "r"]);
    assert_eq!(code, Some(0), "{stderr}");
    insta::assert_snapshot!("show", stdout);
    let (_, stdout, _) = faultline(folder.path(), &["show", "r", "--output", "json"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&json["run_id"], &json["steps"][0]["part"], &json["steps"][1]["step"]),
        (&json!("r"), &json!("0-a"), &json!("second"))
    );
    assert_eq!(json["steps"][0]["outputs"][0]["sha256"], "ab".repeat(32));
}

#[tokio::test]
async fn rollback_puts_the_champion_before_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&StoreUrl::parse("store", folder.path()).unwrap()).await.unwrap();
    let registry = Registry::new(Arc::clone(&store), "wafer".parse().unwrap());
    for seq in 0..2 {
        let run_id = format!("run-{seq}").parse().unwrap();
        let author = Author { by: "promote".into(), at: "2026-01-01T00:00:00Z".into(), reason: "better".into() };
        let version = registry.claim(&run_id, &author.at).await.unwrap().version;
        registry.commit(version, &index(seq)).await.unwrap();
        registry.promote(Promotion { version, expected_seq: seq, run_id, author, figures: Value::Null }).await.unwrap();
    }
    let (code, stdout, stderr) = faultline(folder.path(), &["rollback", "wafer", "--by", "ada"]);
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "wafer: version 1 is champion again, after version 2 (history entry 3)\n"),
        "{stderr}"
    );
    assert_eq!(registry.champion().await.unwrap().unwrap().entry.version, 1);
    let (code, stdout, _) =
        faultline(folder.path(), &["rollback", "wafer", "--to", "2", "--by", "ada", "--output", "json"]);
    let entry: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (code, &entry["version"], &entry["action"], &entry["by"]),
        (Some(0), &json!(2), &json!("rollback"), &json!("ada"))
    );
    let (code, _, stderr) = faultline(folder.path(), &["rollback", "wafer", "--to", "9"]);
    assert_eq!(code, Some(78));
    assert!(stderr.contains("{1, 2}"), "{stderr}");

    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let server = format!("--tracking-uri=http://127.0.0.1:{port}");
    let (code, stdout, stderr) = faultline(folder.path(), &["rollback", "wafer", &server]);
    assert_eq!(code, Some(0), "a server that is down takes nothing back: {stderr}");
    assert!(stdout.starts_with("wafer: version 1 is champion again"), "{stdout}");
    assert!(stderr.starts_with("warning: ") && stderr.contains(&format!("http://127.0.0.1:{port}/")), "{stderr}");
}

fn index(seed: u64) -> BundleIndex {
    BundleIndex {
        format_version: BUNDLE_FORMAT_VERSION,
        task: Task::Binary,
        dataset: "wafer".into(),
        features: Vec::new(),
        labels: ["good".into(), "faulty".into()],
        model_of_cluster: Vec::new(),
        models: BTreeMap::new(),
        seed,
        holdout_ratio: 0.2,
        makers: BTreeMap::new(),
        files: Vec::new(),
    }
}

#[test]
fn schema_import_writes_a_schema_and_tells_its_guesses() {
    let folder = tempfile::tempdir().unwrap();
    let agreement = json!({
        "SampleFileName": "oven_31122020_235959.csv", "LengthOfDateStampInFile": 8, "LengthOfTimeStampInFile": 6, "NumberofColumns": 3,
        "ColName": {"Oven": "varchar", "Heat": "FLOAT", "Output": "Integer"}
    });
    std::fs::write(folder.path().join("training.json"), agreement.to_string()).unwrap();
    let (code, stdout, stderr) = faultline(folder.path(), &["schema", "import", "training.json"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.lines().all(|line| line.starts_with("note: ")) && !stderr.is_empty(), "{stderr}");
    let (code, nothing, _) = faultline(folder.path(), &["schema", "import", "training.json", "--out", "oven.json"]);
    let written = std::fs::read_to_string(folder.path().join("oven.json")).unwrap();
    assert_eq!((code, nothing.as_str(), written.trim_end()), (Some(0), "", stdout.trim_end()));
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap()["dataset"], "oven");
}
