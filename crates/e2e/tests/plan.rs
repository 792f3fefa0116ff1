//! What `plan` says is what `run` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use faultline_e2e::{Finished, Scene};
use serde_json::{Value, json};

/// The answers of `plan`, by task; of a matrix, by task and combination.
fn answers(scene: &Scene, pipeline: &str, raw: &Path, more: &[&str]) -> Result<BTreeMap<String, Value>> {
    let mut command = scene.pipelines.command("plan", pipeline, "planned", raw)?;
    let output = command.args(more).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout)?;
    Ok(told["tasks"].as_array().context("tasks")?.iter().map(|task| (key(task), task.clone())).collect())
}

fn key(task: &Value) -> String {
    let index = task["matrixIndex"].as_u64().map(|index| format!("[{index}]")).unwrap_or_default();
    format!("{}{index}", task["name"].as_str().unwrap_or_default())
}

/// The actions, by task.
fn actions(answers: &BTreeMap<String, Value>) -> BTreeMap<&str, String> {
    let action = |task: &Value| {
        let by: Vec<_> = task["by"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(",")) };
        format!("{}{by}", task["action"].as_str().unwrap_or_default())
    };
    answers.iter().map(|(task, answer)| (task.as_str(), action(answer))).collect()
}

/// Nothing called `reuse` ran, nothing called `run` was reused.
fn agrees(answers: &BTreeMap<String, Value>, finished: &Finished) -> Result<()> {
    let mut seen = 0;
    for task in finished.tasks() {
        let answer = answers.get(&key(task)).or_else(|| answers.get(task["name"].as_str().unwrap_or_default()));
        let action = answer.map_or("nothing", |answer| answer["action"].as_str().unwrap_or_default());
        match action {
            "reuse" => ensure!(task["reused"] == true, "{} was to be reused", key(task)),
            "run" => ensure!(task["reused"] == false, "{} was to run", key(task)),
            other => ensure!(other == "run-if-changed", "{} was called {other}", key(task)),
        }
        seen += 1;
    }
    ensure!(seen >= answers.len(), "{} tasks ran, {} were planned", seen, answers.len());
    Ok(())
}

#[test]
fn plan_is_right_before_the_first_run_after_it_and_after_a_change() -> Result<()> {
    let scene = Scene::new()?;
    let raw = scene.press.training();
    let first = answers(&scene, "train", &raw, &[])?;
    assert_eq!(first["validate"]["reasons"][0]["kind"], "first");
    assert_eq!(actions(&first)["promote"], "run-if-changed by validate");
    assert!(!scene.root.exists() || fs::read_dir(&scene.root)?.next().is_none(), "planning wrote to the store");
    agrees(&first, &scene.pipelines.train("one", &raw)?.succeeded()?)?;

    let again = answers(&scene, "train", &raw, &[])?;
    let told = actions(&again);
    assert!(told.keys().filter(|task| task.starts_with("train[")).count() > 1, "{told:?}");
    for (task, action) in &told {
        let expected = if *task == "promote" { "run" } else { "reuse" };
        let expected = if *task == "report" { "run-if-changed by promote" } else { expected };
        assert_eq!(action, expected, "{task}");
    }
    agrees(&again, &scene.pipelines.train("two", &raw)?.succeeded()?)?;

    let params = scene.press.folder().join("params.json");
    fs::write(&params, json!({"cluster": {"k_max": 3}}).to_string())?;
    let change = format!("params-uri={}", params.display());
    let changed = answers(&scene, "train", &raw, &["-p", &change])?;
    let told = actions(&changed);
    for task in ["validate", "transform", "load", "preprocess"] {
        assert_eq!(told[task], "reuse", "{told:?}");
    }
    assert_eq!(told["cluster"], "run");
    for task in ["train", "promote", "report"] {
        assert_eq!(told[task], "run-if-changed by cluster", "{told:?}");
    }
    let reasons = changed["cluster"]["reasons"].as_array().context("reasons")?;
    assert!(reasons.iter().all(|reason| reason["kind"] == "param"), "{reasons:?}");
    let pipelines = scene.pipelines.clone().param("params-uri", &params.display().to_string());
    agrees(&changed, &pipelines.train("three", &raw)?.succeeded()?)?;

    fs::write(raw.join("press_20270101.csv"), fs::read(fs::read_dir(&raw)?.next().context("a file")??.path())?)?;
    let grown = answers(&scene, "train", &raw, &[])?;
    assert_eq!(grown["validate"]["action"], "run");
    let reasons = grown["validate"]["reasons"].as_array().context("reasons")?;
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!((&reasons[0]["kind"], &reasons[0]["name"]), (&json!("input"), &json!("raw/press_20270101.csv")));
    Ok(())
}

#[test]
fn a_run_that_was_broken_off_is_planned_to_go_on() -> Result<()> {
    let scene = Scene::trained()?;
    fs::remove_dir_all(scene.root.join("cache"))?;
    fs::remove_dir_all(scene.root.join("runs/train/cluster"))?;
    let mut command = scene.pipelines.command("plan", "train", "train", &scene.press.training())?;
    let told: Value = serde_json::from_slice(&command.output()?.stdout)?;
    let tasks = told["tasks"].as_array().context("tasks")?;
    let answers: BTreeMap<_, _> = tasks.iter().map(|task| (key(task), task.clone())).collect();
    assert_eq!((actions(&answers)["preprocess"].as_str(), actions(&answers)["cluster"].as_str()), ("reuse", "run"));
    Ok(())
}
