//! In shards, held against the same rows scored at once.

use std::fs;

use faultline_contract::{Digest, Manifest, Shard};
use faultline_store::StoreUrl;
use faultline_table::Table;
use faultline_testkit::step::bytes_of;
use faultline_tracking::{Author, Promotion, Registry};
use serde_json::{Value, json};

use super::{Fixture, N_ROWS, stderr};

const OUTPUTS: [&str; 3] = ["predictions.parquet", "predictions.csv", "summary.json"];

fn slice(table: &Table, rows: std::ops::Range<usize>) -> Table {
    let width = table.feature_names.len();
    Table {
        keys: table.keys.select(&rows.clone().collect::<Vec<_>>()),
        times: table.times[rows.clone()].to_vec(),
        lines: table.lines[rows.clone()].to_vec(),
        byte_offsets: table.byte_offsets[rows.clone()].to_vec(),
        targets: table.targets[rows.clone()].to_vec(),
        feature_names: table.feature_names.clone(),
        features: table.features[rows.start * width..rows.end * width].to_vec(),
    }
}

impl Fixture {
    /// Lets the manifest of `load` be put together from shards that have so many rows.
    fn split(&self, count: u32) {
        let table = Table::read(&self.0.path().join("export.parquet")).unwrap();
        let whole: Value = serde_json::from_slice(&fs::read(self.0.path().join("load.json")).unwrap()).unwrap();
        let mut merged_from = Vec::new();
        for shard in Shard::all(count) {
            let folder = self.0.path().join(shard.part().to_string());
            fs::create_dir_all(&folder).unwrap();
            slice(&table, shard.share(&[1; N_ROWS])).write(&folder.join("export.parquet")).unwrap();
            let content = fs::read(folder.join("export.parquet")).unwrap();
            let uri = |name: &str| format!("file://{}", folder.join(name).display());
            let mut manifest = whole.clone();
            manifest["part"] = json!(shard.part());
            manifest["outputs"][0]["uri"] = json!(uri("export.parquet"));
            manifest["outputs"][0]["sha256"] = json!(Digest::of(&content));
            manifest["outputs"][0]["bytes"] = json!(content.len());
            let text = manifest.to_string();
            fs::write(folder.join("load.json"), &text).unwrap();
            merged_from
                .push(json!({"part": shard.part(), "uri": uri("load.json"), "sha256": Digest::of(text.as_bytes())}));
        }
        let mut whole = whole;
        whole["merged_from"] = json!(merged_from);
        fs::write(self.0.path().join("load.json"), whole.to_string()).unwrap();
    }

    fn succeeds(&self, run: &str, more: &[&str]) {
        let output = self.predict(run, &[&["--model=press", "--no-cache"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    fn of_run(&self, run: &str) -> Manifest {
        let path = self.0.path().join(format!("root/runs/{run}/predict/manifest.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// Makes another version champion.
    fn promote_another(&self) {
        let promote = async {
            let store = faultline_store::open(&StoreUrl::parse("root", self.0.path()).unwrap()).await.unwrap();
            let registry = Registry::new(store, "press".parse().unwrap());
            let run_id: faultline_contract::RunId = "r9".parse().unwrap();
            let mut index = registry.bundle(1).await.unwrap().index;
            let version = registry.claim(&run_id, "2026-01-02T00:00:00Z").await.unwrap().version;
            for file in &index.files {
                registry.put_file(version, &file.path, &self.0.path().join("bundle").join(&file.path)).await.unwrap();
            }
            index.seed += 1;
            registry.commit(version, &index).await.unwrap();
            let author =
                Author { by: "test".to_owned(), at: "2026-01-02T00:00:00Z".to_owned(), reason: "x".to_owned() };
            registry
                .promote(Promotion { version, expected_seq: 1, run_id, author, figures: json!(null) })
                .await
                .unwrap();
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(promote);
    }
}

#[test]
fn any_number_of_shards_leaves_the_same_bytes_under_the_same_key() {
    for top in ["--top-features=0", "--top-features=2"] {
        let fixture = Fixture::new();
        fixture.succeeds("whole", &[top]);
        let whole = fixture.of_run("whole");
        for count in [1, 3, 8] {
            fixture.split(count);
            let run = format!("in-{count}");
            for index in (1..=count).rev() {
                fixture.succeeds(&run, &[top, &format!("--shard={index}/{count}")]);
            }
            fixture.succeeds(&run, &[top, &format!("--merge-shards={count}")]);
            let merged = fixture.of_run(&run);
            for name in OUTPUTS {
                let output = |manifest: &Manifest| manifest.output(name).map(|output| (output.sha256, output.rows));
                assert_eq!(output(&merged), output(&whole), "{name} in {count} shards");
                assert!(bytes_of(&merged, name) == bytes_of(&whole, name), "{name} in {count} shards");
            }
            assert_eq!((merged.step_key, &merged.counts, &merged.facts), (whole.step_key, &whole.counts, &whole.facts));
            assert_eq!((&merged.inputs, merged.merged_from.len() as u32), (&whole.inputs, count));
        }
    }
}

#[test]
fn all_shards_score_with_the_version_that_the_first_found() {
    let fixture = Fixture::new();
    fixture.succeeds("whole", &[]);
    fixture.split(2);
    fixture.succeeds("r", &["--shard=1/2"]);
    fixture.promote_another();
    fixture.succeeds("r", &["--shard=2/2"]);
    fixture.succeeds("r", &["--merge-shards=2"]);
    let merged = fixture.of_run("r");
    assert_eq!((merged.step_key, &merged.facts["model_version"]), (fixture.of_run("whole").step_key, &json!("1")));
    for shard in ["--shard=1/2", "--shard=2/2", "--merge-shards=2"] {
        fixture.succeeds("later", &[shard]);
    }
    assert_eq!(fixture.of_run("later").facts["model_version"], "2");
}

#[test]
fn shards_of_other_work_are_refused() {
    let fixture = Fixture::new();
    fixture.split(2);
    fixture.succeeds("r", &["--shard=1/2"]);
    for (more, code, words) in [
        (&["--model=press", "--merge-shards=2"][..], 66, "predict --shard 2/2"),
        (&["--model=other", "--shard=2/2"], 78, "version 1 of press"),
        (&["--model=press", "--shard=2/3"], 78, "from 2 shards, expected 3"),
    ] {
        let output = fixture.predict("r", more);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{more:?}: {}", stderr(&output));
    }
    fixture.succeeds("r", &["--shard=2/2", "--top-features=1"]);
    let output = fixture.predict("r", &["--model=press", "--merge-shards=2"]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(stderr(&output).contains("another set of params"), "{}", stderr(&output));
}
