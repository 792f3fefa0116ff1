//! MLflow as anybody sees it: its REST interface, without a word of the code that is tested.

use std::collections::BTreeMap;

use faultline_testkit::servers::MlflowServer;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A server with questions to it.
pub(crate) struct Rest {
    http: Client,
    pub(crate) uri: String,
}

/// Everything that a reconciliation could have changed, as MLflow lists it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Everything {
    pub(crate) runs: Vec<Value>,
    pub(crate) versions: Vec<Value>,
    pub(crate) aliases: BTreeMap<String, String>,
    /// By run, path and size.
    pub(crate) artifacts: Vec<(String, String, u64)>,
    /// Values of all steps of the metric that has one per fold.
    pub(crate) folds: Vec<Value>,
}

impl Rest {
    pub(crate) fn of(server: &MlflowServer) -> Self {
        // The client of the crate installs the same provider; whoever is first counts.
        rustls::crypto::ring::default_provider().install_default().ok();
        Self { http: Client::new(), uri: server.uri() }
    }

    pub(crate) async fn get(&self, call: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/2.0/mlflow/{call}", self.uri);
        self.http.get(url).query(query).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn post(&self, call: &str, body: Value) -> Value {
        let request = self.http.request(Method::POST, format!("{}/api/2.0/mlflow/{call}", self.uri));
        request.json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// The content of an artifact, through the proxy.
    pub(crate) async fn artifact(&self, run: &Value, path: &str) -> String {
        let place = run["info"]["artifact_uri"].as_str().unwrap().strip_prefix("mlflow-artifacts:/").unwrap();
        let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{place}/{path}", self.uri);
        self.http.get(url).send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
    }

    /// The active runs of the experiment, by name and id.
    pub(crate) async fn runs(&self) -> Vec<Value> {
        let found = self.get("experiments/get-by-name", &[("experiment_name", "wafer")]).await;
        let experiment = found["experiment"]["experiment_id"].clone();
        let found = self.post("runs/search", json!({"experiment_ids": [experiment], "max_results": 1000})).await;
        let mut runs = found["runs"].as_array().cloned().unwrap_or_default();
        let key = |run: &Value| format!("{} {}", run["info"]["run_name"], run["info"]["run_id"]);
        runs.sort_by_key(key);
        runs
    }

    /// The versions by MLflow's numbers.
    pub(crate) async fn versions(&self) -> Vec<Value> {
        let found = self.get("model-versions/search", &[("filter", "name='wafer'"), ("max_results", "1000")]).await;
        let mut versions = found["model_versions"].as_array().cloned().unwrap_or_default();
        versions.sort_by_key(|version| version["version"].as_str().unwrap().parse::<u64>().unwrap());
        versions
    }

    /// The aliases, with the store's version numbers.
    pub(crate) async fn aliases(&self) -> BTreeMap<String, String> {
        let versions = self.versions().await;
        let found = self.get("registered-models/get", &[("name", "wafer")]).await;
        let aliases = found["registered_model"]["aliases"].as_array().cloned().unwrap_or_default();
        let named = |alias: &Value| {
            let version = versions.iter().find(|version| version["version"] == alias["version"]).unwrap();
            (alias["alias"].as_str().unwrap().to_owned(), tag(version, "faultline.version").unwrap())
        };
        aliases.iter().map(named).collect()
    }

    pub(crate) async fn everything(&self) -> Everything {
        let runs = self.runs().await;
        let (mut artifacts, mut folds) = (Vec::new(), Vec::new());
        for run in &runs {
            let id = run["info"]["run_id"].as_str().unwrap();
            let mut folders = vec![String::new()];
            while let Some(folder) = folders.pop() {
                let listed = self.get("artifacts/list", &[("run_id", id), ("path", &folder)]).await;
                for file in listed["files"].as_array().cloned().unwrap_or_default() {
                    let path = file["path"].as_str().unwrap().to_owned();
                    if file["is_dir"] == true {
                        folders.push(path);
                    } else {
                        artifacts.push((id.to_owned(), path, file["file_size"].as_u64().unwrap()));
                    }
                }
            }
            let metric = [("run_id", id), ("metric_key", "fold.roc_auc")];
            folds.push(self.get("metrics/get-history", &metric).await);
        }
        artifacts.sort();
        Everything { versions: self.versions().await, aliases: self.aliases().await, runs, artifacts, folds }
    }
}

/// A tag of a run or a version.
pub(crate) fn tag(of: &Value, key: &str) -> Option<String> {
    value(&of["data"]["tags"], key).or_else(|| value(&of["tags"], key)).map(|value| value.as_str().unwrap().to_owned())
}

/// The value of that key in a list of keys and values.
pub(crate) fn value(list: &Value, key: &str) -> Option<Value> {
    list.as_array()?.iter().find(|pair| pair["key"] == key).map(|pair| pair["value"].clone())
}
