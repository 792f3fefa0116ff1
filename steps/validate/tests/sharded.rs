//! The real binary in shards, held against the same folder checked at once.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use faultline_contract::{Manifest, Outcome, Part};
use faultline_testkit::step::{bytes_of, path_of};

const SCHEMA: &str = r#"{
  "format_version": 1, "dataset": "press",
  "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%d%m%Y"},
  "gate": {"max_rejected_file_ratio": 0.9, "max_quarantined_row_ratio": 1.0},
  "columns": [{"name": "Part", "role": "id", "type": "string"}, {"name": "T"}, {"name": "P"}, {"name": "Result", "role": "target", "type": "integer"}]
}"#;
/// What a step leaves for others.
const OUTPUTS: [&str; 4] = ["accepted.json", "quarantine.jsonl", "profile.json", "schema.json"];

/// Small numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new(files: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raw")).unwrap();
        fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        let fixture = Self(folder);
        for (name, content) in files {
            fixture.add(name, content);
        }
        fixture
    }

    /// Files of many sizes, some of which are copies, have bad rows, or are refused as a whole.
    fn seeded(seed: u64, count: u64) -> Self {
        let mut random = Random(seed);
        let mut files: Vec<(String, String)> = Vec::new();
        for index in 0..count {
            let name = match random.below(8) {
                0 => format!("odd_{index}.csv"),
                _ => format!("press_{:02}{:02}2024.csv", index % 28 + 1, index / 28 + 1),
            };
            let mut content = "Part,T,P,Result\n".to_owned();
            for row in 0..random.below(60) {
                let value = ["1.5", "", "hot", "-3e2"][random.below(4) as usize];
                writeln!(content, "{index}-{row},{value},{},{}", random.below(9), [1, -1][random.below(2) as usize])
                    .unwrap();
            }
            if random.below(4) == 0 && !files.is_empty() {
                content.clone_from(&files[random.below(files.len() as u64) as usize].1);
            }
            files.push((name, content));
        }
        Self::new(&files)
    }

    fn add(&self, name: &str, content: &str) {
        fs::write(self.0.path().join("raw").join(name), content).unwrap();
    }

    fn command(&self, run: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_validate"));
        command.current_dir(self.0.path()).args(["--raw-uri=raw", "--root-uri=root", "--schema-uri=schema.json"]);
        command.arg(format!("--run-id={run}")).args(more);
        command
    }

    fn validate(&self, run: &str, more: &[&str]) -> Output {
        self.command(run, more).output().unwrap()
    }

    fn succeeds(&self, run: &str, more: &[&str]) {
        let output = self.validate(run, more);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    /// All shards, the last one first, and the merge.
    fn in_shards(&self, run: &str, count: u32) -> Output {
        for index in (1..=count).rev() {
            self.succeeds(run, &[&format!("--shard={index}/{count}")]);
        }
        self.validate(run, &[&format!("--merge-shards={count}")])
    }

    fn folder(&self, run: &str) -> PathBuf {
        self.0.path().join(format!("root/runs/{run}/validate"))
    }

    fn manifest(&self, run: &str) -> Manifest {
        read(&self.folder(run).join("manifest.json"))
    }

    fn bytes(&self, run: &str) -> Vec<String> {
        let manifest = self.manifest(run);
        OUTPUTS.map(|name| String::from_utf8(bytes_of(&manifest, name)).unwrap()).to_vec()
    }
}

fn read(path: &Path) -> Manifest {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn failed(output: &Output, code: i32, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains("hint:"), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn any_number_of_shards_leaves_the_same_bytes_under_the_same_key() {
    for (seed, count) in [(1, 1), (2, 3), (3, 12), (4, 40)] {
        let fixture = Fixture::seeded(seed, count);
        let code = fixture.validate("whole", &["--no-cache"]).status.code();
        let (whole, bytes) = (fixture.manifest("whole"), fixture.bytes("whole"));
        for shards in [1, 3, 8] {
            let run = format!("in-{shards}");
            for index in 1..=shards {
                fixture.succeeds(&run, &[&format!("--shard={index}/{shards}")]);
            }
            let merged = fixture.validate(&run, &["--no-cache", &format!("--merge-shards={shards}")]);
            assert_eq!(merged.status.code(), code, "{}", stderr(&merged));
            assert_eq!(fixture.bytes(&run), bytes, "{count} files in {shards} shards");
            let manifest = fixture.manifest(&run);
            assert_eq!(
                (manifest.step_key, &manifest.counts, &manifest.inputs),
                (whole.step_key, &whole.counts, &whole.inputs)
            );
            assert_eq!(
                (&manifest.params, &manifest.facts, manifest.outcome),
                (&whole.params, &whole.facts, whole.outcome)
            );
            let parts: Vec<String> = manifest.merged_from.iter().map(|shard| shard.part.to_string()).collect();
            assert_eq!(parts, (1..=shards).map(|index| format!("shard-{index}-of-{shards}")).collect::<Vec<_>>());
        }
    }
}

#[test]
fn each_stands_in_for_the_other() {
    let fixture = Fixture::seeded(5, 9);
    fixture.succeeds("whole", &[]);
    assert_eq!(fixture.in_shards("three", 3).status.code(), Some(0));
    assert!(fixture.manifest("three").reused_from.unwrap().ends_with("runs/whole/validate/manifest.json"));
    assert_eq!(fixture.manifest("three").merged_from.len(), 3, "the shards of its own run");
    fixture.add("press_01122024.csv", "Part,T,P,Result\nnew,1,2,1\n");
    assert_eq!(fixture.in_shards("eight", 8).status.code(), Some(0));
    fixture.succeeds("later", &[]);
    assert!(fixture.manifest("later").reused_from.unwrap().ends_with("runs/eight/validate/manifest.json"));
    assert_eq!(fixture.manifest("later").merged_from, []);
}

#[test]
fn a_shard_never_fails_the_gate_and_the_merge_judges_all() {
    let row = "Part,T,P,Result\nA,1,2,1\n";
    let good: Vec<_> =
        (1..=3).map(|day| (format!("press_{day:02}012024.csv"), format!("{row}B{day},1,2,1\n"))).collect();
    let bad: Vec<_> = (1..=40).map(|index| (format!("bad_{index:02}.csv"), row.to_owned())).collect();
    let fixture = Fixture::new(&[bad, good].concat());
    let merged = fixture.in_shards("three", 3);
    failed(&merged, 65, &["max_rejected_file_ratio"]);
    assert_eq!(fixture.manifest("three").outcome, Outcome::Rejected);
    let first = read(&fixture.folder("three").join("shard-1-of-3/manifest.json"));
    assert_eq!((first.outcome, first.count("files_accepted")), (Outcome::Accepted, 0));
    assert_eq!(fixture.validate("whole", &[]).status.code(), Some(65));
    assert_eq!(fixture.bytes("three"), fixture.bytes("whole"));
}

#[test]
fn what_a_merge_lacks_is_named_with_what_to_do() {
    let fixture = Fixture::seeded(6, 10);
    failed(&fixture.validate("r", &["--merge-shards=3"]), 66, &["3 of 3 shards", "1/3, 2/3, 3/3", "--shard 1/3"]);
    for shard in ["--shard=1/3", "--shard=3/3", "--shard=2/8"] {
        fixture.succeeds("r", &[shard]);
    }
    failed(&fixture.validate("r", &["--merge-shards=3"]), 66, &["1 of 3 shards", "the run r: 2/3"]);
    assert!(!fixture.folder("r").join("manifest.json").exists());
    // Shards of another number do no harm.
    fixture.succeeds("r", &["--shard=2/3"]);
    fixture.succeeds("r", &["--merge-shards=3"]);
    fixture.succeeds("whole", &["--no-cache"]);
    assert_eq!(fixture.bytes("r"), fixture.bytes("whole"));
}

#[test]
fn a_shard_of_other_work_is_refused() {
    for (changed, words) in [
        (&["--purpose=predict"][..], "another set of params"),
        (&["--seed=8"], "another seed"),
        (&["--schema-uri=other.json"], "schema.json"),
    ] {
        let fixture = Fixture::seeded(7, 6);
        fs::write(fixture.0.path().join("other.json"), SCHEMA.replace("0.9", "0.8")).unwrap();
        fixture.succeeds("r", &["--shard=1/2"]);
        // a flag that is given twice is an error, so the changed one stands alone
        let mut command = Command::new(env!("CARGO_BIN_EXE_validate"));
        command.current_dir(fixture.0.path()).args(["--raw-uri=raw", "--root-uri=root", "--run-id=r", "--shard=2/2"]);
        command.args(changed);
        if !changed[0].starts_with("--schema-uri") {
            command.arg("--schema-uri=schema.json");
        }
        assert!(command.output().unwrap().status.success());
        failed(&fixture.validate("r", &["--merge-shards=2"]), 78, &["validate/shard-2-of-2", words]);
    }
}

/// A manifest of the shard with other words in it.
fn falsified(fixture: &Fixture, shard: &str, change: impl Fn(&mut Manifest)) {
    let path = fixture.folder("r").join(shard).join("manifest.json");
    let mut manifest = read(&path);
    change(&mut manifest);
    fs::write(path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[test]
fn a_shard_that_is_rejected_foreign_or_of_another_program_is_refused() {
    let ready = || {
        let fixture = Fixture::seeded(8, 6);
        for index in 1..=2 {
            fixture.succeeds("r", &[&format!("--shard={index}/2")]);
        }
        fixture
    };
    let fixture = ready();
    falsified(&fixture, "shard-2-of-2", |manifest| manifest.outcome = Outcome::Rejected);
    failed(&fixture.validate("r", &["--merge-shards=2"]), 65, &["shard-2-of-2", "`rejected`"]);

    let fixture = ready();
    falsified(&fixture, "shard-1-of-2", |manifest| manifest.run_id = "other".parse().unwrap());
    failed(&fixture.validate("r", &["--merge-shards=2"]), 78, &["in the run other"]);

    let fixture = ready();
    falsified(&fixture, "shard-1-of-2", |manifest| manifest.part = Some("shard-2-of-2".parse::<Part>().unwrap()));
    failed(&fixture.validate("r", &["--merge-shards=2"]), 78, &["shard-2-of-2", "expected validate/shard-1-of-2"]);

    let fixture = ready();
    falsified(&fixture, "shard-1-of-2", |manifest| {
        manifest.code_digest = faultline_contract::Digest::of(b"another build");
    });
    failed(&fixture.validate("r", &["--merge-shards=2"]), 78, &["another code digest"]);

    // One whose files were changed behind its back.
    let fixture = ready();
    let shard = read(&fixture.folder("r").join("shard-1-of-2/manifest.json"));
    fs::write(path_of(&shard, "files.jsonl"), "").unwrap();
    failed(&fixture.validate("r", &["--no-cache", "--merge-shards=2"]), 78, &["files.jsonl", "sha256"]);
}

#[test]
fn a_file_that_comes_meanwhile_waits_for_the_next_run() {
    let fixture = Fixture::seeded(9, 10);
    fixture.succeeds("before", &["--no-cache"]);
    fixture.succeeds("r", &["--shard=3/3"]);
    fixture.add("a_new_one.csv", "x");
    fixture.add("press_01122024.csv", "Part,T,P,Result\nnew,1,2,1\n");
    for shard in ["--shard=1/3", "--shard=2/3"] {
        fixture.succeeds("r", &[shard]);
    }
    fixture.succeeds("r", &["--no-cache", "--merge-shards=3"]);
    assert_eq!(fixture.bytes("r"), fixture.bytes("before"));
    assert_eq!(fixture.in_shards("next", 3).status.code(), Some(0));
    assert_eq!(fixture.manifest("next").count("files_in"), fixture.manifest("r").count("files_in") + 2);
}

#[test]
fn a_marker_of_a_batch_is_no_data() {
    let fixture = Fixture::seeded(9, 10);
    fixture.succeeds("before", &["--no-cache"]);
    fixture.add("lot-42.complete", "");
    fixture.succeeds("whole", &["--no-cache"]);
    assert_eq!(fixture.in_shards("shards", 3).status.code(), Some(0));
    for run in ["whole", "shards"] {
        assert_eq!(fixture.bytes(run), fixture.bytes("before"));
        assert_eq!(fixture.manifest(run).step_key, fixture.manifest("before").step_key);
    }
}

#[test]
fn a_file_that_goes_meanwhile_is_missed() {
    let fixture = Fixture::seeded(10, 10);
    fixture.succeeds("r", &["--shard=1/3"]);
    let last = fs::read_dir(fixture.0.path().join("raw")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    fs::remove_file(&last).unwrap();
    fixture.succeeds("r", &["--shard=2/3"]);
    let output = fixture.validate("r", &["--shard=3/3"]);
    assert_eq!(output.status.code(), Some(66), "{}", stderr(&output));
    assert!(stderr(&output).contains(last.file_name().unwrap().to_str().unwrap()), "{}", stderr(&output));
}

#[test]
fn shards_of_another_folder_are_refused() {
    let fixture = Fixture::seeded(11, 3);
    fixture.succeeds("r", &["--shard=1/2"]);
    fs::rename(fixture.0.path().join("raw"), fixture.0.path().join("elsewhere")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_validate"));
    command.current_dir(fixture.0.path()).args(["--raw-uri=elsewhere", "--root-uri=root", "--schema-uri=schema.json"]);
    let output = command.args(["--run-id=r", "--shard=2/2"]).output().unwrap();
    failed(&output, 78, &["/raw", "/elsewhere"]);
}

#[test]
fn a_shard_that_was_killed_is_done_again_and_one_that_was_not_changes_nothing() {
    let fixture = Fixture::seeded(12, 12);
    fixture.succeeds("whole", &["--no-cache"]);
    for index in 1..=3 {
        let shard = format!("--shard={index}/3");
        for wait_millis in [0, 2, 5, 10] {
            let mut child = fixture.command("r", &[&shard]).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(wait_millis));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        fixture.succeeds("r", &[&shard]);
        let path = fixture.folder("r").join(format!("shard-{index}-of-3/manifest.json"));
        let committed = fs::read(&path).unwrap();
        fixture.succeeds("r", &[&shard]);
        assert_eq!(fs::read(&path).unwrap(), committed);
    }
    for _ in 0..2 {
        fixture.succeeds("r", &["--no-cache", "--merge-shards=3"]);
    }
    assert_eq!(fixture.bytes("r"), fixture.bytes("whole"));
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let fixture = Fixture::seeded(13, 2);
    failed(&fixture.validate("r", &["--shard=1/2", "--merge-shards=2"]), 2, &["--shard 1/2", "--merge-shards 2"]);
    for (flag, words) in
        [("--shard=3/2", "expected I/N"), ("--shard=two", "expected I/N"), ("--merge-shards=1001", "1001")]
    {
        let output = fixture.validate("r", &[flag]);
        assert_eq!(output.status.code(), Some(2), "{flag}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    let empty = Fixture::new(&[]);
    failed(&empty.validate("r", &["--shard=1/2"]), 66, &["--raw-uri"]);
}
