//! A prediction is followed back to its raw row and made again; whatever was changed on the way is found.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Scene, faultline, manifests, predictions};
use faultline_table::{Columns, Values};
use serde_json::{Value, json};

fn traced(scene: &Scene, arguments: &[&str]) -> Result<(Option<i32>, Value, String)> {
    let said = faultline(&scene.root, &[&["trace", "--output", "json"], arguments].concat())?;
    let trace = if said.stdout.is_empty() { Value::Null } else { serde_json::from_str(&said.stdout)? };
    Ok((said.code, trace, said.stderr))
}

fn raw_file(scene: &Scene) -> PathBuf {
    scene.press.prediction().join("press_20260111.csv")
}

/// Changes one byte of a file and gives back what it was.
fn flip(path: &Path, offset: usize) -> Result<Vec<u8>> {
    let before = fs::read(path)?;
    let mut after = before.clone();
    let byte = after.get_mut(offset).context("a byte at the offset")?;
    *byte ^= 1;
    fs::write(path, after)?;
    Ok(before)
}

fn findings(trace: &Value, finding: &str) -> Vec<String> {
    let checks = trace["checks"].as_array().into_iter().flatten();
    let wanted = checks.filter(|check| check["finding"] == finding);
    wanted.filter_map(|check| check["what"].as_str().map(str::to_owned)).collect()
}

#[test]
fn every_prediction_is_traced_to_its_raw_row_and_made_again() -> Result<()> {
    let scene = Scene::predicted()?;
    let rows = predictions(&scene.root, "predict")?;
    for row in rows.iter().step_by(13) {
        let (code, trace, stderr) = traced(&scene, &[&row.id])?;
        assert_eq!(
            (code, &trace["verified"], &trace["run_id"]),
            (Some(0), &json!(true), &json!("predict")),
            "{stderr}"
        );
        let traced = &trace["rows"][0];
        assert_eq!(traced["predicted"], traced["recomputed"]);
        let said: std::collections::BTreeMap<_, _> = row.said.iter().cloned().collect();
        let told = |name: &str| traced["predicted"][name].to_string().trim_matches('"').to_owned();
        for name in ["cluster", "decision", "probability"] {
            assert_eq!(told(name), said[name], "{name} of {}", row.id);
        }
        // The raw row is the line of the raw file at the place that the trace tells.
        let raw = fs::read_to_string(scene.press.prediction().join(&row.source_file))?;
        let (line, offset) =
            (traced["line"].as_u64().context("line")?, traced["byte_offset"].as_u64().context("byte")?);
        let expected = raw.lines().nth(line as usize - 1).context("that line")?;
        assert!(expected.starts_with(&format!("{},", row.id)) && raw[offset as usize..].starts_with(expected));
        assert_eq!(traced["raw"], *expected);
    }
    Ok(())
}

#[test]
fn a_trace_names_the_model_the_training_run_and_the_binaries() -> Result<()> {
    let scene = Scene::predicted()?;
    let (_, trace, _) = traced(&scene, &["part-2000", "--run", "predict"])?;
    let model = &trace["model"];
    assert_eq!(
        (&model["name"], &model["version"], &model["training_run_id"]),
        (&json!("wafer"), &json!(1), &json!("train"))
    );
    let bundle = fs::read(scene.root.join("models/wafer/versions/1/bundle.json"))?;
    assert_eq!(model["bundle_sha256"], faultline_contract::Digest::of(&bundle).to_string());
    assert!(model["makers"].as_array().is_some_and(|makers| makers.len() > 4), "{model}");
    let expected = manifests(&scene.root, "predict")?;
    let steps = trace["steps"].as_array().context("steps")?;
    let names: Vec<_> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(names, ["validate", "transform", "load", "predict"]);
    for step in steps {
        let manifest = expected.iter().find(|manifest| step["step"] == manifest.step.as_str()).context("manifest")?;
        assert_eq!(step["code_digest"], manifest.code_digest.to_string());
        assert_eq!(step["step_key"], manifest.step_key.to_string());
    }
    let text = faultline(&scene.root, &["trace", "part-2000"])?;
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("checks verified") && text.stdout.contains("part-2000,"), "{}", text.stdout);
    assert!(!text.stderr.contains("part-2000,"), "a row's content is never logged: {}", text.stderr);
    Ok(())
}

#[test]
fn a_byte_changed_on_the_way_is_found() -> Result<()> {
    let scene = Scene::predicted()?;
    let artifact = |step: &str, name: &str| -> Result<PathBuf> {
        let run = manifests(&scene.root, "predict")?;
        let manifest = run.iter().find(|manifest| manifest.step.as_str() == step).context("manifest")?;
        let uri = &manifest.output(name).context("output")?.uri;
        Ok(PathBuf::from(uri.strip_prefix("file://").context("a local file")?))
    };
    let bundle = scene.root.join("models/wafer/versions/1");
    for (path, said) in [
        (raw_file(&scene), "sha256 of the raw file press_20260111.csv"),
        (bundle.join("preprocessor.json"), "preprocessor.json: expected sha256"),
        (bundle.join("donors.parquet"), "donors.parquet: expected sha256"),
        (artifact("predict", "predictions.parquet")?, "predictions.parquet"),
        (artifact("load", "export.parquet")?, "export.parquet"),
        (artifact("validate", "schema.json")?, "schema.json"),
    ] {
        let before = flip(&path, 150)?;
        let (code, trace, stderr) = traced(&scene, &["part-2000"])?;
        assert_eq!(code, Some(78), "{}: {stderr}", path.display());
        assert!(trace["verified"] != true && stderr.contains(said) && stderr.contains("hint: "), "{stderr}");
        // Nothing is made again from what is not what it was.
        assert!(trace["rows"][0]["recomputed"].is_null(), "{trace}");
        fs::write(&path, before)?;
        assert_eq!(traced(&scene, &["part-2000"])?.0, Some(0), "{} is back", path.display());
    }
    // A manifest that was edited no longer has the key that it says.
    let path = scene.root.join("runs/predict/load/manifest.json");
    let text = fs::read_to_string(&path)?;
    fs::write(&path, text.replace("\"dataset\": \"press/predict\"", "\"dataset\": \"press/train\""))?;
    let (code, trace, _) = traced(&scene, &["part-2000"])?;
    assert_eq!((code, findings(&trace, "differs")), (Some(78), vec!["step key of load".to_owned()]));
    Ok(())
}

#[test]
fn a_forged_prediction_is_not_reproduced() -> Result<()> {
    let scene = Scene::predicted()?;
    let run = manifests(&scene.root, "predict")?;
    let mut predict = run.into_iter().find(|manifest| manifest.step.as_str() == "predict").context("manifest")?;
    let output = predict.outputs.iter_mut().find(|output| output.name == "predictions.parquet").context("output")?;
    let path = PathBuf::from(output.uri.strip_prefix("file://").context("a local file")?);
    let table = Columns::read(&path)?;
    let mut forged = Columns::new(table.row_count());
    for name in table.names() {
        let mut values = table.values(name)?.clone();
        if let (Values::F64(probabilities), "probability") = (&mut values, name) {
            // One bit of one probability: far less than any figure shows.
            probabilities[0] = f64::from_bits(probabilities[0].to_bits() ^ 1);
        }
        forged = forged.with(name, values)?;
    }
    forged.write(&path)?;
    // A forger who knows the digests writes the new one into the manifest.
    output.sha256 = faultline_contract::Digest::of(&fs::read(&path)?);
    let ids = table.text("_id")?.to_vec();
    fs::write(scene.root.join("runs/predict/predict/manifest.json"), serde_json::to_string(&predict)?)?;
    let (code, trace, stderr) = traced(&scene, &[&ids[0]])?;
    assert_eq!((code, findings(&trace, "differs")), (Some(70), Vec::new()), "{stderr}");
    assert_eq!(findings(&trace, "not_reproduced").len(), 1, "{trace}");
    assert_eq!(traced(&scene, &[&ids[1]])?.0, Some(0), "the other rows are as they were");
    Ok(())
}

#[test]
fn a_raw_file_that_is_gone_is_said_to_be_missing() -> Result<()> {
    let scene = Scene::predicted()?;
    fs::remove_file(raw_file(&scene))?;
    let (code, trace, stderr) = traced(&scene, &["part-2000"])?;
    assert_eq!(code, Some(66), "{stderr}");
    assert_eq!(findings(&trace, "missing"), ["sha256 of the raw file press_20260111.csv"]);
    assert!(trace["rows"][0]["recomputed"].is_null() && stderr.contains("hint: "), "{stderr}");
    Ok(())
}

#[test]
fn what_has_no_prediction_ends_with_a_hint() -> Result<()> {
    let scene = Scene::predicted()?;
    for (arguments, said) in [
        (&["part-9999"][..], "faultline quarantine"),
        (&["part-9999", "--run", "predict"], "faultline quarantine predict"),
        (&["part-1", "--run", "train"], "prediction runs: predict"),
        (&["part-1", "--run", "nowhere"], "runs there: train, predict"),
    ] {
        let (code, trace, stderr) = traced(&scene, arguments)?;
        assert_eq!((code, &trace), (Some(66), &Value::Null), "{stderr}");
        assert!(stderr.contains("hint: ") && stderr.contains(said), "{stderr}");
    }
    Ok(())
}

#[test]
fn without_a_run_the_newest_that_has_the_id_is_traced() -> Result<()> {
    let scene = Scene::predicted()?;
    let folder = scene.press.folder().join("later");
    fs::create_dir(&folder)?;
    fs::copy(raw_file(&scene), folder.join("press_20260111.csv"))?;
    scene.pipelines.predict("later", &folder)?.succeeded()?;
    let run_of = |id: &str| -> Result<Value> { Ok(traced(&scene, &[id])?.1["run_id"].clone()) };
    assert_eq!(run_of("part-2000")?, "later");
    assert_eq!(run_of("part-2100")?, "predict", "the later run does not have it");
    Ok(())
}

#[test]
fn models_history_and_comparison_tell_what_the_runs_did() -> Result<()> {
    let scene = Scene::predicted()?;
    scene.pipelines.clone().param("seed", "8").train("second", &scene.press.training())?.succeeded()?;
    let listed = |arguments: &[&str]| -> Result<Value> {
        let said = faultline(&scene.root, &[arguments, &["--output", "json"]].concat())?;
        ensure!(said.code == Some(0), "{}", said.stderr);
        Ok(serde_json::from_str(&said.stdout)?)
    };
    let models = listed(&["models"])?;
    assert_eq!((&models[0]["name"], &models[0]["versions"]), (&json!("wafer"), &json!(2)));
    assert!(models[0]["champion"]["roc_auc"]["estimate"].as_f64().is_some_and(|auc| auc > 0.5), "{models}");
    let history = listed(&["history", "wafer"])?;
    let entries = history["entries"].as_array().context("entries")?;
    let held = history["held"].as_array().context("held")?;
    assert_eq!((entries[0]["action"].as_str(), entries.len() + held.len()), (Some("first"), 2), "{history}");

    let compared = listed(&["compare", "wafer", "1", "2"])?;
    assert_eq!(compared["run_id"], "second");
    let rows = &compared["base"]["figures"]["rows"];
    assert!(rows.as_u64().is_some_and(|rows| rows > 0) && *rows == compared["other"]["figures"]["rows"], "{compared}");
    // The other way round the difference has the other sign, whatever the rows.
    let swapped = listed(&["compare", "wafer", "2", "1", "--run", "second"])?;
    let gain = |listing: &Value| listing["difference"]["roc_auc"]["estimate"].as_f64();
    assert_eq!(gain(&compared), gain(&swapped).map(|gain| -gain), "{compared} {swapped}");
    let said = faultline(&scene.root, &["compare", "wafer", "1", "1"])?;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let said = faultline(&scene.root, &["compare", "wafer", "1", "7"])?;
    assert_eq!(said.code, Some(78), "{}", said.stderr);
    Ok(())
}
