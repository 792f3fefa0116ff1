//! What stands on the page is what stands in the artifacts, and nothing stands there without its artifact.

use faultline_learn::metrics::{average_precision, roc_auc};
use serde_json::json;

use crate::fixture::{Fixture, documents, tables};

/// The page's text without tags, every run of blanks one blank.
fn words(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for character in page.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            other if !in_tag => text.push(other),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn assert_says(page: &str, expected: &[&str]) {
    let text = words(page);
    for expected in expected {
        assert!(text.contains(expected), "{expected:?} is not on the page");
    }
}

fn has_section(page: &str, title: &str) -> bool {
    page.contains(&format!("{title}</h2>"))
}

#[test]
fn headline_figures_are_those_of_the_verdict() {
    let fixture = Fixture::new();
    fixture.training();
    assert_says(
        &fixture.page(&[]),
        &[
            // out of fold, then held out; chance by the exact expectation for 8 in 40 and 4 in 20
            "ROC AUC 0.62 (0.53 to 0.72) out of fold; chance gives 0.50",
            "Average precision 0.41 (0.32 to 0.51) out of fold; chance gives 0.27",
            "ROC AUC 0.65 (0.56 to 0.74) held out",
            "Average precision 0.36 (0.27 to 0.45) held out; chance gives 0.31",
            // 4 faulty of 20 at a cost of 10 each
            "Cost per row 0.76 (0.67 to 0.85) held out; to call nothing faulty costs 2.00",
            "The version uses one forest for all rows: average precision 0.41 (0.32 to 0.51) out of fold",
            "0.111 ahead of one logistic regression for all rows (the simple baseline)",
            "62 of 100 pairs (somewhere from 53 to 72)",
            "Of the 4 faulty wafers held out it finds 3. It raises 8 alarms there, 5 of them false.",
        ],
    );
}

#[test]
fn tables_hold_the_figures_of_the_documents() {
    let fixture = Fixture::new();
    fixture.training();
    let page = fixture.page(&[]);
    assert_says(
        &page,
        &[
            "with 90% intervals",
            "One forest for all rows 0.412 (0.321 to 0.506) 0.623 (0.532 to 0.717) 0.349 (0.258 to 0.442) 0.757 (0.666 to 0.850) 0.357 (0.266 to 0.450) 0.590 (0.499 to 0.683) descriptive",
            "One logistic regression for all rows (the simple baseline) 0.301",
            "0 pooled-forest 8 of 40 0.412 (0.321 to 0.506)",
            "4 of 20 0.358 (0.267 to 0.451)",
            "not necessarily the order of the process",
            "forest of all rows platt (slope \u{2212}1.234, intercept 0.500) 0.2131 0.2014 not eligible",
            "out of fold 0.757 (0.666 to 0.850) 2.000 0.800",
            "chosen: 0.429",
            "&lt;b&gt;T&lt;/b&gt; 87.7%",
            "column count a&lt;script&gt;.csv 17 4,711 Good/Bad maybe 20 expected 4 columns",
        ],
    );
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn curves_are_drawn_from_the_tables() {
    let fixture = Fixture::new();
    fixture.training();
    let page = fixture.page(&[]);
    for (name, rows) in [("out of fold", 0..40), ("held out", 40..60)] {
        let labels: Vec<bool> = rows.clone().map(tables::label).collect();
        let probabilities: Vec<f64> = rows.map(tables::probability).collect();
        let (auc, precision) =
            (roc_auc(&labels, &probabilities).unwrap(), average_precision(&labels, &probabilities).unwrap());
        assert_says(&page, &[&format!("{name} (AUC {auc:.3})"), &format!("{name} (AP {precision:.3})")]);
    }
}

#[test]
fn what_moved_in_time_is_measured() {
    let fixture = Fixture::new();
    fixture.training();
    assert_says(
        &fixture.page(&[]),
        &[
            "early the other folds, of all times 5 of 24 20.8%",
            "late the other folds, of all times 3 of 16 18.8%",
            "late the early rows alone: the past predicts the future 4 of 16",
            // means 5 and 15, variances 24/23 and 16/15
            "T 5.0000 15.000 9.74 0.0% 0.0%",
            "P 0.0% 100.0%",
        ],
    );
}

#[test]
fn every_section_stands_and_falls_with_its_artifacts() {
    let fixture = Fixture::new();
    fixture.training();
    let full = fixture.page(&[]);
    let cases: [(&str, &[&str], &str); 10] = [
        (
            "promote/verdict.json",
            &["Which models won", "The version and the verdict", "Early and late"],
            "Cost per row 0.76",
        ),
        ("promote/oof.parquet", &["Early and late"], "Reliability of the version"),
        ("promote/forward.parquet", &["Early and late"], "The version early and late"),
        ("promote/holdout.parquet", &[], "held out (AUC"),
        ("load/export.parquet", &[], "Missing values, file by file"),
        ("cluster/clusters.json", &["Clusters"], "knee at k = 3"),
        (
            "train/evaluation.json",
            &[
                "All models",
                "What wrong decisions cost",
                "Can the probabilities be taken at their word?",
                "Features that matter",
            ],
            "Importances",
        ),
        ("train/oof.parquet", &[], "chosen: 0.429"),
        ("validate/quarantine.jsonl", &[], "Quarantine, entry by entry"),
        ("preprocess/missingness.json", &[], "Share of the 40 training rows without a value"),
    ];
    let full_words = words(&full);
    for (artifact, sections, said) in cases {
        let fixture = Fixture::without(&[artifact]);
        fixture.training();
        let page = fixture.page(&[]);
        for section in sections {
            assert!(has_section(&full, section), "{section} is on the full page");
            assert!(!has_section(&page, section), "{section} without {artifact}");
        }
        assert!(full_words.contains(said), "{said} is on the full page");
        assert!(!words(&page).contains(said), "{said} without {artifact}");
    }
}

#[test]
fn a_champion_is_compared_on_the_same_rows() {
    let difference = |estimate: f64| json!({"estimate": estimate, "interval": {"low": -0.0123, "high": 0.0987}, "share_no_better": 0.1234});
    let fixture = Fixture::new();
    fixture.training_with(&json!({
        "verdict": "hold", "is_first": false, "version": 5, "champion_version": 4, "reason": "it does not exceed",
        "champion": documents::assessment(20, 4, 0.3111, 0.6),
        "difference": {"rows": 20, "rows_faulty": 4, "average_precision": difference(0.0468), "roc_auc": difference(0.0111)}
    }));
    let page = fixture.page(&[]);
    assert_says(
        &page,
        &[
            "version 5 held",
            "version 4 (champion), the same rows 4 of 20 0.311 (0.220 to 0.404)",
            "the 20 rows that neither was fitted on, 4 faulty (promote/verdict.json); descriptive",
            "Average precision, which decides 0.047 (\u{2212}0.012 to 0.099) 12.3%",
            "version 4 goes on deciding",
        ],
    );
    let first = Fixture::new();
    first.training();
    assert!(!words(&first.page(&[])).contains("Challenger less champion"));
}

#[test]
fn suspected_features_are_named_first() {
    let fixture = Fixture::new();
    fixture.training_with(&json!({"suspects": [{"feature": "Leak", "rows": "late", "roc_auc": 0.9876}]}));
    assert_says(
        &fixture.page(&[]),
        &[
            "Leak late 0.988",
            "Before anything else, find out whether Leak may know the answer.",
            "Some features may know the answer.",
        ],
    );
}

#[test]
fn a_model_that_cannot_be_told_from_chance_is_called_so() {
    let fixture = Fixture::new();
    fixture.training_with(&json!({"challenger": documents::assessment(20, 4, 0.2, 0.55)}));
    let page = fixture.page(&[]);
    assert_says(&page, &["nothing shows yet that it does better than guessing"]);
    assert!(!words(&page).contains("is modest"), "there is nothing to rank by");
    assert!(page.contains("card warning"));
}

#[test]
fn predictions_are_listed_with_their_reasons() {
    let fixture = Fixture::new();
    fixture.predicting(3);
    let page = fixture.page(&["--pipeline=predict"]);
    assert_says(
        &page,
        &[
            "Version 3 of press scored 60 wafers and calls 51 of them (85.0%) faulty.",
            "The 50 most probable of the 51 rows called faulty",
            "W-50 late.csv 51 0 0.350 F1 +0.123, F2 \u{2212}0.045, F3 +0.123 W-49",
            "F1 (51 wafers) and F3 (51 wafers)",
        ],
    );
    assert!(!words(&page).contains("W-0 early.csv"), "the least probable of 51 is beyond the 50");
    for section in ["Which models won", "The version and the verdict", "All models", "Early and late"] {
        assert!(!has_section(&page, section), "{section} on the page of a prediction run");
    }
}

#[test]
fn predictions_without_reasons_have_none() {
    let fixture = Fixture::new();
    fixture.predicting(0);
    let page = fixture.page(&["--pipeline=predict"]);
    assert_says(&page, &["W-50 late.csv 51 0 0.350 W-49"]);
    assert!(!words(&page).contains("Features that"), "no reasons, no column and no picture");

    let bare = Fixture::without(&["predict/predictions.parquet", "predict/summary.json"]);
    bare.predicting(3);
    assert!(!has_section(&bare.page(&["--pipeline=predict"]), "Predictions"));
}
