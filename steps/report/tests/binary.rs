//! The real binary on a folder, behind stages made by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;
mod page;
mod tracking;

use std::fs;

use faultline_contract::Digest;
use faultline_runtime::reference::reference;
use faultline_runtime::task::task_yaml;
use faultline_step_report::ReportStep;
use faultline_testkit::generated::{check_file, check_part};
use serde_json::json;

use fixture::Fixture;

#[test]
fn a_training_run_is_told_in_full() {
    let fixture = Fixture::new();
    fixture.training();
    let page = fixture.page(&[]);
    for expected in [
        "promoted as version 1",
        "1 column without a single value in up to 2 of 3 accepted files.",
        "knee at k = 3",
        "column count",
        "ROC, out of fold, model by model",
        "ROC, version 1",
        "Decisions on the rows held out",
        "A ROC AUC of 0.647 is modest.",
        "Only 4 faulty rows",
        "1 cluster too small",
        "criterion=gini max_depth=4 max_features=none",
        "2026-01-02 03:04:05 UTC",
        &Digest::of(b"code").short(12),
    ] {
        assert!(page.contains(expected), "{expected:?} is not on the page");
    }
    assert!(!page.contains("<b>T") && !page.contains("<script"), "names are text");
    assert_eq!(page.matches("<figure>").count(), 16);
    let manifest = &fixture.manifests()[0].1;
    assert_eq!((manifest.count("rows_in"), manifest.count("rows_out")), (60, 60));
    assert_eq!(manifest.facts["tracking"], "none");
    assert!(manifest.facts["report_uri"].as_str().unwrap().ends_with("runs/one/report/report.html"));
}

#[test]
fn a_rejected_run_says_why() {
    let fixture = Fixture::new();
    fixture.validate(&json!({"outcome": "rejected", "facts": {"rejection": "2 of 5 files were rejected"}}));
    let page = fixture.page(&["--pipeline=predict"]);
    for expected in [
        "Prediction run",
        "rejected by the gate of validate",
        "2 of 5 files were rejected",
        "transform, load, predict",
        "a&lt;script&gt;.csv",
    ] {
        assert!(page.contains(expected), "{expected:?} is not on the page");
    }
}

#[test]
fn a_run_without_a_single_result_still_has_a_page() {
    let page = Fixture::new().page(&[]);
    assert!(page.contains("nothing was committed") && page.contains("stopped before validate was done"), "{page}");
}

#[test]
fn each_state_of_a_run_has_a_report_and_the_newest_is_at_hand() {
    let fixture = Fixture::new();
    fixture.validate(&json!({}));
    let failed = fixture.page(&[]);
    let first = fixture.manifests();
    assert_eq!(fixture.page(&[]), failed);
    assert_eq!(fixture.manifests(), first, "the same state is reported once");

    fixture.training();
    let page = fixture.page(&[]);
    assert!(failed.contains("The run did not finish.") && !page.contains("The run did not finish."));
    assert_eq!(fixture.manifests().len(), 2);
}

#[test]
fn a_damaged_document_is_named() {
    let fixture = Fixture::new();
    fixture.commit("preprocess", None, &json!({}), |folder| fs::write(folder.join("split.json"), "{}").unwrap());
    let output = fixture.report(&[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    assert!(stderr.contains("preprocess/split.json") && stderr.contains("holdout_ratio"), "{stderr}");
}

#[test]
fn the_task_and_the_reference_are_the_generated_ones() {
    check_file("pipelines/tasks/report.yaml", &task_yaml::<ReportStep>());
    check_part("steps/report/README.md", &reference::<ReportStep>());
}
