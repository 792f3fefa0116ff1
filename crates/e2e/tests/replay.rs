//! A corrected file re-enters by replay, and the result equals that of an input that was clean from the start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faultline_e2e::{Pipelines, Press, Said, differences, digests, faultline, predictions};
use serde_json::Value;

/// The press' training folder has a file with a bad name and one with a bad cell.
const BAD_NAME: &str = "press_1_2.csv";
const GOOD_NAME: &str = "press_20260106.csv";
const BAD_CELL: &str = "press_20260105.csv";

struct Scene {
    press: Press,
    root: PathBuf,
}

impl Scene {
    /// The run `bad`, which refused a file and a row.
    fn new() -> Result<Self> {
        let press = Press::new()?;
        let root = press.folder().join("root");
        let scene = Self { press, root };
        scene.pipelines(&scene.root)?.train("bad", &scene.press.training())?.succeeded()?;
        Ok(scene)
    }

    fn pipelines(&self, root: &Path) -> Result<Pipelines> {
        Ok(Pipelines::at(root.display().to_string())?.param("schema-uri", &self.press.schema().display().to_string()))
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.press.folder().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Both files put right: the name, and the cell.
    fn corrected(&self) -> Result<PathBuf> {
        let folder = self.folder("corrected")?;
        fs::copy(self.press.training().join(BAD_NAME), folder.join(GOOD_NAME))?;
        let text = fs::read_to_string(self.press.training().join(BAD_CELL))?;
        fs::write(folder.join(BAD_CELL), text.replacen(",broken", ",0.", 1))?;
        Ok(folder)
    }

    fn replay(&self, corrected: &Path, arguments: &[&str]) -> Result<Said> {
        let corrected = corrected.display().to_string();
        faultline(&self.root, &[&["replay", "bad", "--corrected", &corrected], arguments].concat())
    }
}

/// The files of a folder by name.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    fs::read_dir(folder)?
        .map(|entry| {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
            Ok((name, fs::read(&path)?))
        })
        .collect()
}

#[test]
fn a_corrected_file_re_enters_as_if_it_had_been_clean_from_the_start() -> Result<()> {
    let scene = Scene::new()?;
    let before = contents(&scene.press.training())?;
    let corrected = scene.corrected()?;
    let replayed = scene.press.folder().join("replayed");
    let to = format!("file://{}", replayed.display());
    let rename = format!("{BAD_NAME}={GOOD_NAME}");
    let said = scene.replay(&corrected, &["--to", &to, "--rename", &rename, "--output", "json"])?;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let listing: Value = serde_json::from_str(&said.stdout)?;
    assert_eq!(listing["left"], serde_json::json!([]));
    let command = listing["command"].as_str().context("a command")?;
    let expected = ["pipelines/train.yaml", "-p model=wafer", "-p seed=7", "/press.json", "/replayed"];
    assert!(expected.iter().all(|part| command.contains(part)), "{command}");
    assert_eq!(listing["repeat"], serde_json::json!(["params-uri", "records-uri", "tracking-uri", "metrics-uri"]));
    assert_eq!(contents(&scene.press.training())?, before, "the raw folder never changes");

    // A folder that was clean from the start.
    let clean = scene.folder("clean")?;
    let mut expected = before;
    expected.remove(BAD_NAME);
    expected.extend(contents(&corrected)?);
    for (name, content) in &expected {
        fs::write(clean.join(name), content)?;
    }
    assert_eq!(contents(&replayed)?, expected);

    // The replayed folder in the store of the bad run, the clean one in a store of its own.
    let (of_replay, other) = (scene.pipelines(&scene.root)?, scene.press.folder().join("other"));
    let of_clean = scene.pipelines(&other)?;
    of_replay.train("replayed", &replayed)?.succeeded()?;
    of_clean.train("clean", &clean)?.succeeded()?;
    let without_promotion = |root: &Path, run: &str| -> Result<_> {
        let mut found = digests(root, run)?;
        // The verdict tells of the champion that the version was held against.
        found.retain(|name, _| name != "promote/verdict.json");
        Ok(found)
    };
    let (left, right) = (without_promotion(&scene.root, "replayed")?, without_promotion(&other, "clean")?);
    assert!(left.len() > 15, "{:?}", left.keys());
    assert_eq!(differences(&left, &right), Vec::<String>::new());
    assert_ne!(differences(&left, &without_promotion(&scene.root, "bad")?), Vec::<String>::new());
    Ok(())
}

#[test]
fn predictions_of_a_replayed_folder_are_those_of_a_clean_one() -> Result<()> {
    let scene = Scene::new()?;
    let (clean, bad) = (scene.press.prediction(), scene.folder("bad")?);
    for (name, content) in contents(&clean)? {
        let text = String::from_utf8(content)?;
        let spoilt = if name == "press_20260111.csv" { text.replacen("part,", "part,,", 1) } else { text };
        fs::write(bad.join(name), spoilt)?;
    }
    let pipelines = scene.pipelines(&scene.root)?;
    pipelines.predict("predict-bad", &bad)?.succeeded()?;
    let corrected = scene.folder("corrected")?;
    fs::copy(clean.join("press_20260111.csv"), corrected.join("press_20260111.csv"))?;
    let replayed = scene.press.folder().join("replayed");
    let (corrected, to) = (corrected.display().to_string(), replayed.display().to_string());
    let said = faultline(&scene.root, &["replay", "predict-bad", "--corrected", &corrected, "--to", &to])?;
    assert_eq!(said.code, Some(0), "{}", said.stderr);

    // The printed command goes on as it stands.
    let command = said.stdout.lines().find_map(|line| line.trim().strip_prefix("faultline ")).context("a command")?;
    assert!(command.contains("pipelines/predict.yaml") && command.contains("-p model=wafer"), "{command}");
    let mut arguments: Vec<&str> = command.split(' ').collect();
    let pipeline = faultline_e2e::checkout().join("pipelines/predict.yaml").display().to_string();
    arguments[1] = &pipeline;
    let state = scene.press.folder().join("state").display().to_string();
    let ran = faultline(&scene.root, &[&arguments[..], &["--run-id", "replayed", "--state-dir", &state]].concat())?;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    pipelines.clone().param("no-cache", "true").predict("clean", &clean)?.succeeded()?;
    assert_eq!(predictions(&scene.root, "replayed")?, predictions(&scene.root, "clean")?);
    assert!(predictions(&scene.root, "replayed")?.len() > predictions(&scene.root, "predict-bad")?.len());
    let (left, right) = (digests(&scene.root, "replayed")?, digests(&scene.root, "clean")?);
    assert_eq!(differences(&left, &right), Vec::<String>::new());
    Ok(())
}

#[test]
fn what_is_still_wrong_is_told_before_anything_is_written() -> Result<()> {
    let scene = Scene::new()?;
    let corrected = scene.folder("corrected")?;
    let to = scene.press.folder().join("replayed");
    let target = to.display().to_string();
    // The name is as bad as it was.
    fs::copy(scene.press.training().join(BAD_NAME), corrected.join(BAD_NAME))?;
    let said = scene.replay(&corrected, &["--to", &target])?;
    assert_eq!((said.code, to.exists()), (Some(65), false), "{}", said.stderr);
    assert!(said.stderr.contains("press_1_2.csv") && said.stderr.contains("nothing was written"), "{}", said.stderr);
    fs::remove_file(corrected.join(BAD_NAME))?;
    // Single rows may stay in quarantine; they are told.
    fs::copy(scene.press.training().join(BAD_CELL), corrected.join(BAD_CELL))?;
    let said = scene.replay(&corrected, &["--check"])?;
    assert_eq!((said.code, to.exists()), (Some(0), false), "{}", said.stderr);
    assert!(
        said.stdout.contains("59 rows right, 1 still refused") && said.stdout.contains("broken"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("press_1_2.csv: goes on as it is"), "{}", said.stdout);
    Ok(())
}

#[test]
fn what_cannot_be_replayed_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    let corrected = scene.corrected()?;
    let rename = format!("{BAD_NAME}={GOOD_NAME}");
    let refuse = |to: &Path, arguments: &[&str], code: i32, words: &str| -> Result<()> {
        let to = to.display().to_string();
        let said = scene.replay(&corrected, &[&["--to", &to], arguments].concat())?;
        assert_eq!(said.code, Some(code), "{}", said.stderr);
        assert!(said.stderr.contains(words) && said.stderr.contains("hint: "), "{}", said.stderr);
        Ok(())
    };
    let free = scene.press.folder().join("replayed");
    refuse(&free, &[], 2, "the run refused nothing of that name")?;
    let renamed = ["--rename", &rename];
    refuse(&scene.press.training().join("inside"), &renamed, 78, "which never changes")?;
    refuse(&corrected, &renamed, 78, "is not empty")?;
    let original = scene.press.training().join("press_20260101.csv");
    let content = fs::read(&original)?;
    fs::write(&original, "other")?;
    refuse(&free, &renamed, 78, "press_20260101.csv")?;
    fs::remove_file(&original)?;
    refuse(&free, &renamed, 66, "press_20260101.csv")?;
    assert!(!free.exists(), "nothing was written");
    fs::write(&original, content)?;
    let said = scene.replay(&corrected, &["--to", &free.display().to_string(), "--rename", &rename])?;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    Ok(())
}

#[test]
fn quarantine_lists_reasons_with_examples() -> Result<()> {
    let scene = Scene::new()?;
    let listed = |arguments: &[&str]| -> Result<Value> {
        let said = faultline(&scene.root, &[&["quarantine", "bad", "--output", "json"], arguments].concat())?;
        serde_json::from_str(&said.stdout).with_context(|| said.stderr)
    };
    let all = listed(&[])?;
    let reasons: Vec<_> = all["reasons"].as_array().into_iter().flatten().map(|group| &group["reason"]).collect();
    assert_eq!(reasons, ["name_pattern", "type_mismatch"]);
    assert_eq!((&all["files_quarantined"], &all["rows_quarantined"]), (&Value::from(1), &Value::from(61)));
    let cell = listed(&["--reason", "type_mismatch"])?;
    let example = &cell["reasons"][0]["examples"][0];
    assert!(example["value"].as_str().is_some_and(|value| value.starts_with("broken")), "{cell}");
    assert_eq!((&example["file"], cell["reasons"].as_array().map(Vec::len)), (&Value::from(BAD_CELL), Some(1)));
    // The place is that of the cell in the raw file.
    let raw = fs::read_to_string(scene.press.training().join(BAD_CELL))?;
    let offset = example["byte_offset"].as_u64().context("a byte offset")? as usize;
    assert!(raw[offset..].starts_with("broken"), "{example}");
    assert_eq!(listed(&["--examples", "0"])?["reasons"][0]["examples"], serde_json::json!([]));
    Ok(())
}
