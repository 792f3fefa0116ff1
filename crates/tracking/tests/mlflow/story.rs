//! A store with runs that were never made: manifests, documents and versions, as the steps would leave them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use faultline_contract::documents::promote::{BUNDLE_FORMAT_VERSION, BundleIndex, Task};
use faultline_contract::{Artifact, Digest, RunId};
use faultline_store::{PutMode, Store, StoreUrl, open};
use faultline_tracking::{Author, Mirrored, Mlflow, Promotion, Registry, TrackingError};
use serde_json::{Value, json};

const AT: &str = "2026-01-01T00:00:00Z";

/// A store in a folder.
pub(crate) struct Story {
    folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Registry,
}

impl Story {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&StoreUrl::parse("store", folder.path()).unwrap()).await.unwrap();
        let registry = Registry::new(Arc::clone(&store), "wafer".parse().unwrap());
        Self { folder, store, registry }
    }

    /// A run whose data were refused.
    pub(crate) async fn refused(&self, run: &str) {
        let input = json!({"name": "raw/a.csv", "uri": "s3://fab/raw/a.csv", "sha256": Digest::of(run.as_bytes()), "bytes": 3,
            "media_type": "text/csv"});
        let more = json!({"params": {"purpose": "train"}, "inputs": [input], "outcome": "rejected",
            "counts": {"rows_in": 60}, "facts": {"rejection": "too many files were refused"}});
        self.commit(run, "validate", None, &[], more).await;
    }

    /// A run that has made a version, which is committed and no more.
    pub(crate) async fn trained(&self, run: &str) -> u64 {
        self.refused(run).await;
        let input = json!({"name": "raw/a.csv", "uri": "s3://fab/raw/a.csv", "sha256": Digest::of(run.as_bytes()), "bytes": 3,
            "media_type": "text/csv"});
        let accepted = json!({"params": {"purpose": "train"}, "inputs": [input], "counts": {"rows_in": 60}});
        self.commit(run, "validate", None, &[("schema.json", json!({"dataset": "wafer"}))], accepted).await;
        self.commit(run, "cluster", None, &[], json!({"params": {"k_max": 10, "nested": {"deep": [1, 2]}}})).await;
        for family in ["forest", "logistic"] {
            let documents = [("evaluation.json", evaluation(family)), ("candidates.json", candidates(family))];
            self.commit(run, "train", Some(&format!("pooled-{family}")), &documents, json!({})).await;
        }
        let version = self.version(run).await;
        self.commit(run, "promote", None, &[("verdict.json", verdict(version))], json!({})).await;
        self.put(&format!("runs/{run}/report/report.html"), "<html>the page</html>").await;
        self.put(&format!("runs/{run}/report/pictures/elbow.html"), "<html>the elbow</html>").await;
        version
    }

    pub(crate) async fn promote(&self, run: &str, version: u64) {
        let expected_seq = self.registry.history().await.unwrap().len() as u64;
        let promotion =
            Promotion { version, expected_seq, run_id: id(run), author: author(), figures: json!({"ap": 0.2}) };
        self.registry.promote(promotion).await.unwrap();
    }

    pub(crate) async fn rollback(&self) {
        self.registry.rollback(None, author()).await.unwrap();
    }

    pub(crate) async fn reconcile(&self, uri: &str, run: Option<&str>) -> Result<Mirrored, TrackingError> {
        self.reconcile_within(uri, run, Duration::from_mins(2)).await
    }

    pub(crate) async fn reconcile_within(
        &self,
        uri: &str,
        run: Option<&str>,
        budget: Duration,
    ) -> Result<Mirrored, TrackingError> {
        let server = Mlflow::new(&uri.parse().unwrap()).unwrap().unwrap();
        server.reconcile(&self.registry, run.map(id).as_ref(), budget, self.folder.path()).await
    }

    /// The runs that somebody has to come back to.
    pub(crate) async fn behind(&self) -> Vec<String> {
        let prefix = "tracking/wafer/behind/";
        let objects = self.store.list(prefix).await.unwrap();
        objects.iter().map(|object| object.key[prefix.len()..].split('@').next().unwrap().to_owned()).collect()
    }

    /// Claims and commits a version of one file.
    async fn version(&self, run: &str) -> u64 {
        let version = self.registry.claim(&id(run), AT).await.unwrap().version;
        let file = self.folder.path().join(run);
        std::fs::write(&file, format!("model of {run}")).unwrap();
        let file = self.registry.put_file(version, "models/pooled/forest.parquet", &file).await.unwrap();
        let index = BundleIndex {
            format_version: BUNDLE_FORMAT_VERSION,
            task: Task::Binary,
            dataset: "wafer".to_owned(),
            features: vec!["Sensor-1".to_owned()],
            labels: ["good".to_owned(), "faulty".to_owned()],
            model_of_cluster: vec!["pooled".to_owned()],
            models: BTreeMap::new(),
            seed: 7,
            holdout_ratio: 0.2,
            makers: BTreeMap::new(),
            files: vec![file],
        };
        self.registry.commit(version, &index).await.unwrap();
        version
    }

    async fn commit(&self, run: &str, stage: &str, part: Option<&str>, documents: &[(&str, Value)], more: Value) {
        let folder = part.map_or_else(|| format!("runs/{run}/{stage}"), |part| format!("runs/{run}/{stage}/{part}"));
        let mut outputs = Vec::new();
        for (name, document) in documents {
            let key = format!("{folder}/attempts/1/{name}");
            let content = document.to_string();
            self.put(&key, &content).await;
            outputs.push(Artifact {
                name: (*name).to_owned(),
                uri: self.store.uri_of(&key),
                sha256: Digest::of(content.as_bytes()),
                bytes: content.len() as u64,
                rows: None,
                media_type: "application/json".to_owned(),
            });
        }
        let mut manifest = json!({
            "format_version": 1, "step": stage, "step_key": Digest::of(stage.as_bytes()), "run_id": run, "part": part,
            "faultline_version": "0.1.0", "git_revision": "abc", "code_digest": Digest::of(b"code"), "params": {}, "seed": 7,
            "inputs": [], "outputs": outputs, "counts": {}, "facts": {}, "outcome": "accepted",
            "started_at": "2026-01-01T00:00:01Z", "finished_at": "2026-01-01T00:00:02.5Z"
        });
        for (key, value) in more.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        self.put(&format!("{folder}/manifest.json"), &manifest.to_string()).await;
    }

    async fn put(&self, key: &str, content: &str) {
        self.store.put(key, Bytes::from(content.to_owned()), PutMode::Overwrite).await.unwrap();
    }
}

pub(crate) fn id(run: &str) -> RunId {
    run.parse().unwrap()
}

fn author() -> Author {
    Author { by: "promote".to_owned(), at: AT.to_owned(), reason: "better".to_owned() }
}

fn assessment() -> Value {
    let around = json!({"low": 0.1, "high": 0.9});
    json!({
        "metrics": {"rows": 40, "rows_faulty": 8, "average_precision": 0.4123, "mcc": 0.1456, "balanced_accuracy": 0.6,
            "accuracy": 0.8, "brier_score": 0.1377, "log_loss": 0.3488, "expected_cost": 0.7571,
            "confusion": {"true_positives": 3, "false_positives": 7, "true_negatives": 25, "false_negatives": 5}},
        "intervals": {"level": 0.9, "n_resamples": 500, "average_precision": around, "mcc": around,
            "balanced_accuracy": around, "accuracy": around, "brier_score": around, "log_loss": around,
            "expected_cost": around},
        "is_descriptive": true
    })
}

fn evaluation(family: &str) -> Value {
    let fold = |fold: u64, roc_auc: f64| json!({"fold": fold, "rows": 20, "rows_faulty": 4, "average_precision": 0.3, "roc_auc": roc_auc, "log_loss": 0.4});
    json!({
        "model": "pooled", "family": family, "rows_train": 40, "rows_train_faulty": 8,
        "trained": {
            "file": "x", "params": {"max_depth": 4, "criterion": "gini", "max_features": null}, "n_folds": 2,
            "folds": [fold(0, 0.6), fold(1, 0.7)], "calibration": {"method": "none"}, "calibrations": [],
            "costs": {"false_positive": 1.0, "false_negative": 10.0}, "threshold": 0.5, "out_of_fold": assessment(),
            "importances": []
        }
    })
}

fn candidates(family: &str) -> Value {
    let point =
        |depth: u64, score: f64| json!({"params": {"max_depth": depth}, "average_precision": score, "roc_auc": score});
    json!({"model": "pooled", "family": family, "candidates": [point(2, 0.3), point(4, 0.4), point(8, 0.2)]})
}

fn verdict(version: u64) -> Value {
    json!({
        "verdict": "promote", "is_first": true, "reason": "it is the first version", "warnings": [], "model": "wafer",
        "version": version, "challenger": assessment(), "suspects": [], "choices": [], "compositions": [], "clusters": [],
        "gate": {"min_average_precision_gain": 0.0, "level": 0.9, "n_resamples": 500}
    })
}
