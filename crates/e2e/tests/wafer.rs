//! The real wafer folders: what is accepted, and that a wafer's prediction is its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faultline_e2e::{Pipelines, Prediction, manifests, predictions, read, real_data};
use serde_json::{Value, json};

fn counts(root: &Path, run: &str) -> Result<[u64; 6]> {
    let run = manifests(root, run)?;
    let validate = run.iter().find(|manifest| manifest.step.as_str() == "validate").context("validate's manifest")?;
    let names = ["files_in", "files_accepted", "files_quarantined", "rows_in", "rows_accepted", "rows_quarantined"];
    Ok(names.map(|name| validate.count(name)))
}

/// What was said of each wafer, by its id and what stands in its row, since the same wafer may come in several files.
fn by_id(predictions: Vec<Prediction>) -> BTreeMap<String, Vec<Vec<(String, String)>>> {
    let mut by_id: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for prediction in predictions {
        by_id.entry(prediction.id).or_default().push(prediction.said);
    }
    for said in by_id.values_mut() {
        said.sort();
    }
    by_id
}

fn csv_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Deals the rows of batch files out anew: every `batches`-th row goes into the same new file, in reversed order.
fn deal_anew(files: &[PathBuf], into: &Path, batches: usize) -> Result<usize> {
    let mut header = None;
    let mut rows = Vec::new();
    for file in files {
        let text = fs::read_to_string(file)?;
        let mut lines = text.lines();
        header = header.or(lines.next().map(str::to_owned));
        rows.extend(lines.map(str::to_owned).filter(|line| !line.is_empty()));
    }
    let header = header.context("a header line")?;
    fs::create_dir_all(into)?;
    for batch in 0..batches {
        let mut text = header.clone() + "\n";
        for row in rows.iter().skip(batch).step_by(batches).rev() {
            text += row;
            text.push('\n');
        }
        fs::write(
            into.join(format!("wafer_01022021_{:02}{:02}{:02}.csv", batch / 3600, batch / 60 % 60, batch % 60)),
            text,
        )?;
    }
    Ok(rows.len())
}

#[test]
fn the_strict_schema_accepts_9_files_and_837_rows() -> Result<()> {
    let Some(wafer) = real_data("wafer")? else { return Ok(()) };
    let home = tempfile::tempdir()?;
    let root = home.path().join("root");
    let pipelines = Pipelines::at(root.display().to_string())?.param("schema-uri", "builtin://wafer-strict");
    pipelines.train("strict", &wafer.join("Training_Batch_Files"))?.succeeded()?;
    let [files_in, files, rejected, rows_in, rows, quarantined] = counts(&root, "strict")?;
    assert_eq!((files_in, files, rejected, rows), (41, 9, 32, 837));
    assert_eq!(rows + quarantined, rows_in);
    Ok(())
}

#[test]
fn the_lenient_schema_accepts_16_files_and_1537_rows_and_forests_score_each_wafer_alone() -> Result<()> {
    let forests = json!({"n_estimators": [60], "max_depth": [6], "class_weight": ["balanced"]});
    scores_each_wafer_alone("forest", &forests)
}

#[test]
fn boosted_trees_score_each_wafer_alone() -> Result<()> {
    let boosting = json!({"learning_rate": [0.1], "max_depth": [3], "n_estimators": [50]});
    scores_each_wafer_alone("boosting", &boosting)
}

/// Trains one family, a model for each cluster where it can be, and predicts the whole folder, the same rows in other batches,
/// and single wafers.
fn scores_each_wafer_alone(family: &str, grid: &Value) -> Result<()> {
    let mut params =
        json!({"cluster": {"pooled": false}, "train": {"forest": null, "boosting": null, "logistic": null}});
    params["train"][family] = grid.clone();
    let Some(wafer) = real_data("wafer")? else { return Ok(()) };
    let home = tempfile::tempdir()?;
    let (root, params_path) = (home.path().join("root"), home.path().join("params.json"));
    fs::write(&params_path, params.to_string())?;
    let pipelines = Pipelines::at(root.display().to_string())?;
    let trained = pipelines.clone().param("params-uri", &params_path.display().to_string());
    trained.train("train", &wafer.join("Training_Batch_Files"))?.succeeded()?;
    let [files_in, files, rejected, rows_in, rows, quarantined] = counts(&root, "train")?;
    assert_eq!((files_in, files, rejected, rows), (41, 16, 25, 1537));
    assert_eq!(rows + quarantined, rows_in);
    let bundle: Value = serde_json::from_slice(&read(&root, "train", "promote", "bundle.json")?)?;
    let models = bundle["models"].as_object().context("models of the bundle")?;
    assert!(models.values().all(|model| model["family"] == family), "{models:?}");

    let folder = wafer.join("Prediction_Batch_files");
    pipelines.predict("predict", &folder)?.succeeded()?;
    let together = predictions(&root, "predict")?;
    assert_eq!(together.len() as u64, counts(&root, "predict")?[4]);
    let files = accepted_files(&folder, &together)?;
    let expected = by_id(together);

    // The same rows, dealt out over other batches in another order.
    let dealt = home.path().join("dealt");
    let rows = deal_anew(&files, &dealt, 37)?;
    pipelines.predict("dealt", &dealt)?.succeeded()?;
    assert_eq!(by_id(predictions(&root, "dealt")?), expected);

    // Some wafers quite alone: a folder with one file with one row.
    let singles = home.path().join("singles");
    deal_anew(&files, &singles, rows)?;
    for (nth, file) in csv_files(&singles)?.iter().enumerate().step_by(rows / 5) {
        let run = format!("single-{nth}");
        let folder = home.path().join(&run);
        fs::create_dir(&folder)?;
        fs::copy(file, folder.join(file.file_name().context("a name")?))?;
        pipelines.predict(&run, &folder)?.succeeded()?;
        let alone = predictions(&root, &run)?;
        assert_eq!(alone.len(), 1);
        assert!(expected[&alone[0].id].contains(&alone[0].said), "{alone:?}");
    }
    Ok(())
}

/// The files of the folder that rows were accepted from.
fn accepted_files(folder: &Path, predictions: &[Prediction]) -> Result<Vec<PathBuf>> {
    let names: BTreeSet<&str> = predictions.iter().map(|row| row.source_file.as_str()).collect();
    let is_accepted =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(name));
    Ok(csv_files(folder)?.into_iter().filter(is_accepted).collect())
}
