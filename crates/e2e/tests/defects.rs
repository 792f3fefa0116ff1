//! What the original system got wrong, seen from outside. `docs/development.md` lists where each defect is tested.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use faultline_e2e::{Scene, differences, digests, manifests, models, predictions};

/// A folder with one batch file: the last rows of a file to predict on, the last one first.
fn last_rows(scene: &Scene, rows: usize) -> Result<PathBuf> {
    let folder = scene.press.folder().join(format!("last-{rows}"));
    fs::create_dir(&folder)?;
    let text = fs::read_to_string(scene.press.prediction().join("press_20260111.csv"))?;
    let (header, all) = text.trim_end().split_once('\n').context("a header line")?;
    let kept: Vec<&str> = [header].into_iter().chain(all.lines().rev().take(rows)).collect();
    fs::write(folder.join("press_20260201.csv"), kept.join("\n"))?;
    Ok(folder)
}

#[test]
fn defect_1_a_row_alone_is_scored_as_in_its_batch() -> Result<()> {
    let scene = Scene::trained()?;
    scene.pipelines.predict("batch", &scene.press.prediction())?.succeeded()?;
    let batch: BTreeMap<_, _> =
        predictions(&scene.root, "batch")?.into_iter().map(|row| (row.id.clone(), row.said)).collect();
    let clusters: std::collections::BTreeSet<_> = batch.values().map(|said| said.first().cloned()).collect();
    assert!(clusters.len() > 1, "rows of more than one cluster: {clusters:?}");
    for rows in [1, 7] {
        let run = format!("last-{rows}");
        scene.pipelines.predict(&run, &last_rows(&scene, rows)?)?.succeeded()?;
        let alone = predictions(&scene.root, &run)?;
        assert_eq!(alone.len(), rows);
        for row in alone {
            assert_eq!(Some(&row.said), batch.get(&row.id), "{}", row.id);
        }
    }
    Ok(())
}

#[test]
fn defect_2_every_accepted_row_has_its_prediction() -> Result<()> {
    let scene = Scene::trained()?;
    scene.pipelines.predict("predict", &scene.press.prediction())?.succeeded()?;
    let mut ids: Vec<_> = predictions(&scene.root, "predict")?.into_iter().map(|row| row.id).collect();
    ids.sort();
    let mut expected: Vec<_> = (2_000..2_120).map(|part| format!("part-{part}")).collect();
    expected.sort();
    assert_eq!(ids, expected);
    Ok(())
}

#[test]
fn defect_4_two_runs_at_once_do_not_disturb_each_other() -> Result<()> {
    let scene = Scene::new()?;
    // One id begins like the other, and the other run has a file less.
    let fewer = scene.press.folder().join("fewer");
    fs::create_dir(&fewer)?;
    for entry in fs::read_dir(scene.press.training())? {
        let path = entry?.path();
        if !path.ends_with("press_20260101.csv") {
            fs::copy(&path, fewer.join(path.file_name().context("a file name")?))?;
        }
    }
    let runs = [("night", scene.press.training()), ("night-2", fewer)];
    let pipelines = scene.pipelines.clone().param("no-cache", "true");
    thread::scope(|scope| -> Result<()> {
        let started: Vec<_> =
            runs.iter().map(|(run, raw)| scope.spawn(|| pipelines.train(run, raw)?.succeeded())).collect();
        for run in started {
            run.join().map_err(|_| anyhow!("a run panicked"))??;
        }
        Ok(())
    })?;
    for (run, files) in [("night", 5), ("night-2", 4)] {
        let own = format!("/runs/{run}/");
        let of_run = manifests(&scene.root, run)?;
        for manifest in &of_run {
            let foreign = |uri: &&str| uri.contains("/runs/") && !uri.contains(&own);
            let inputs = manifest.inputs.iter().map(|input| input.uri.as_str());
            assert_eq!(inputs.clone().find(foreign), None, "{run}, {}", manifest.step);
            let parts = inputs.filter(|uri| uri.contains("/train/") && uri.contains("evaluation.json")).count();
            let trained = of_run.iter().filter(|manifest| manifest.step.as_str() == "train").count();
            assert!(manifest.step.as_str() != "promote" || parts == trained, "{run}: {parts} of {trained}");
        }
        let validate = of_run.iter().find(|manifest| manifest.step.as_str() == "validate").context("validate")?;
        assert_eq!(validate.count("files_accepted"), files, "{run}");
    }
    Ok(())
}

#[test]
fn defect_4_ten_runs_in_one_store_do_not_add_up() -> Result<()> {
    let scene = Scene::trained()?;
    let raw = last_rows(&scene, 9)?;
    for run in 0..10 {
        let run = format!("run-{run}");
        scene.pipelines.predict(&run, &raw)?.succeeded()?;
        assert_eq!(predictions(&scene.root, &run)?.len(), 9, "{run}");
        let counted: Vec<_> = manifests(&scene.root, &run)?.iter().map(|manifest| manifest.count("rows_out")).collect();
        assert!(counted.iter().all(|rows| *rows == 9), "{run} counted {counted:?}");
    }
    Ok(())
}

#[test]
fn defect_5_one_file_with_one_row_is_enough() -> Result<()> {
    let scene = Scene::trained()?;
    scene.pipelines.predict("one", &last_rows(&scene, 1)?)?.succeeded()?;
    assert_eq!(predictions(&scene.root, "one")?.len(), 1);
    Ok(())
}

#[test]
fn defect_8_a_second_run_adds_no_row() -> Result<()> {
    let scene = Scene::trained()?;
    let pipelines = scene.pipelines.clone().param("no-cache", "true");
    pipelines.train("again", &scene.press.training())?.succeeded()?;
    let added = |run: &str| -> Result<u64> {
        let run = manifests(&scene.root, run)?;
        let load = run.iter().find(|manifest| manifest.step.as_str() == "load").context("load's manifest")?;
        load.counts.get("rows_added").copied().context("the count rows_added")
    };
    assert_eq!((added("train")?, added("again")?), (299, 0));
    Ok(())
}

#[test]
fn defect_10_a_run_killed_twice_in_the_same_place_ends_as_if_it_had_not_been() -> Result<()> {
    let scene = Scene::trained()?;
    let undisturbed = digests(&scene.root, "train")?;
    fs::remove_dir_all(scene.root.join("cache"))?;
    fs::remove_dir_all(scene.root.join("models"))?;
    let trace = scene.press.folder().join("points");
    let killed = scene.pipelines.clone().env("FAULTLINE_FAULT_POINTS", &trace).env("FAULTLINE_KILL_AT", "transform:8");
    for _ in 0..2 {
        assert_ne!(killed.train("killed", &scene.press.training())?.code, Some(0));
    }
    scene.pipelines.train("killed", &scene.press.training())?.succeeded()?;
    assert_eq!(differences(&digests(&scene.root, "killed")?, &undisturbed), Vec::<String>::new());
    Ok(())
}

#[test]
fn defect_14_a_second_training_leaves_the_first_version_and_its_history() -> Result<()> {
    let scene = Scene::trained()?;
    let of_first = contents(&models(&scene.root, "wafer")?, "versions/1/")?;
    assert!(of_first.len() > 4, "{:?}", of_first.keys());
    scene.pipelines.clone().param("seed", "8").train("second", &scene.press.training())?.succeeded()?;
    let files = models(&scene.root, "wafer")?;
    assert_eq!(contents(&files, "versions/1/")?, of_first);
    assert!(files.iter().any(|path| path.ends_with("history/00000001.json")), "{files:?}");
    Ok(())
}

#[test]
fn defect_15_a_step_that_is_killed_has_said_what_it_was_doing() -> Result<()> {
    let scene = Scene::new()?;
    let trace = scene.press.folder().join("points");
    let killed = scene.pipelines.clone().env("FAULTLINE_FAULT_POINTS", trace).env("FAULTLINE_KILL_AT", "validate:1");
    let finished = killed.train("killed", &scene.press.training())?;
    assert_ne!(finished.code, Some(0));
    let own = finished.stderr.lines().find(|line| line.contains("started") && line.contains("root_uri"));
    assert!(own.is_some_and(|line| line.contains("validate")), "{}", finished.stderr);
    Ok(())
}

/// The bytes of the files whose path holds `part`.
fn contents(files: &[PathBuf], part: &str) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let wanted = |path: &&PathBuf| path.to_str().is_some_and(|path| path.contains(part));
    files.iter().filter(wanted).map(|path| Ok((path.clone(), read(path)?))).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}
