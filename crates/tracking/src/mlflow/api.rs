//! The calls of MLflow's REST interface that mirroring needs, with their documents.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::client::Client;
use super::error::MlflowError;

/// The most that one call may log of each kind, and altogether.
const MAX_METRICS: usize = 800;
const MAX_PARAMS: usize = 100;
/// Runs and versions per page of a search.
const PAGE: u32 = 1_000;

/// A name with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Metric {
    pub(crate) key: String,
    #[serde(serialize_with = "number")]
    pub(crate) value: f64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) step: i64,
}

/// A data set that a run has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Dataset {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) source_type: String,
    pub(crate) source: String,
}

/// A run as a search finds it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) info: RunInfo,
    #[serde(default)]
    data: RunData,
}

/// What MLflow gives a run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunInfo {
    pub(crate) run_id: String,
    pub(crate) artifact_uri: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct RunData {
    #[serde(default)]
    tags: Vec<Pair>,
}

/// A run to be made.
#[derive(Debug, Serialize)]
pub(crate) struct NewRun<'a> {
    pub(crate) experiment_id: &'a str,
    pub(crate) run_name: &'a str,
    pub(crate) start_time: i64,
    pub(crate) tags: Vec<Pair>,
}

/// A version of a registered model.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ModelVersion {
    /// MLflow's own number.
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) run_id: String,
    #[serde(default)]
    tags: Vec<Pair>,
}

/// A version to be made.
#[derive(Debug, Serialize)]
pub(crate) struct NewVersion<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: String,
    pub(crate) run_id: &'a str,
    pub(crate) description: String,
    pub(crate) tags: Vec<Pair>,
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default = "Vec::new", alias = "runs", alias = "model_versions")]
    items: Vec<T>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    #[serde(default)]
    is_dir: bool,
    #[serde(default)]
    file_size: Option<u64>,
}

impl Run {
    /// A tag's value.
    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        value_of(&self.data.tags, key)
    }
}

impl ModelVersion {
    /// A tag's value.
    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        value_of(&self.tags, key)
    }

    /// MLflow's own number as such; a text that is none comes last.
    pub(crate) fn number(&self) -> u64 {
        self.version.parse().unwrap_or(u64::MAX)
    }
}

impl MlflowError {
    /// Whether it may come of a run or a version that another reconciliation has deleted meanwhile.
    pub(crate) fn may_be_overtaken(&self) -> bool {
        self.is(&["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE"])
    }

    fn is(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&code.as_str()))
    }
}

impl Client {
    /// The id of the active experiment of that name, made where there is none.
    pub(crate) async fn experiment(&self, name: &str) -> Result<String, MlflowError> {
        #[derive(Deserialize)]
        struct Found {
            experiment: Experiment,
        }
        #[derive(Deserialize)]
        struct Experiment {
            experiment_id: String,
            #[serde(default)]
            lifecycle_stage: String,
        }
        let (look, by) = ("experiments/get-by-name", [("experiment_name", name)]);
        let found: Found = match self.get(look, &by).await {
            Err(error) if error.is(&["RESOURCE_DOES_NOT_EXIST"]) => {
                // Another may make it at the same time: what counts is what is there afterwards.
                unless_exists(self.post("experiments/create", &json!({ "name": name })).await)?;
                self.get(look, &by).await?
            }
            found => found?,
        };
        if found.experiment.lifecycle_stage == "deleted" {
            return Err(MlflowError::Deleted { name: name.to_owned(), url: self.url() });
        }
        Ok(found.experiment.experiment_id)
    }

    /// The active runs of an experiment that a filter lets through.
    pub(crate) async fn runs(&self, experiment: &str, filter: &str) -> Result<Vec<Run>, MlflowError> {
        let mut runs = Vec::new();
        let mut token = None;
        loop {
            let query =
                json!({ "experiment_ids": [experiment], "filter": filter, "max_results": PAGE, "page_token": token });
            let page: Page<Run> = self.call(Method::POST, "runs/search", &query).await?;
            runs.extend(page.items);
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(runs);
            }
        }
    }

    /// Makes a run.
    pub(crate) async fn create_run(&self, run: &NewRun<'_>) -> Result<(), MlflowError> {
        self.post("runs/create", &json!(run)).await
    }

    /// Deletes a run; one that is gone is a success.
    pub(crate) async fn delete_run(&self, run_id: &str) -> Result<(), MlflowError> {
        let done = self.post("runs/delete", &json!({ "run_id": run_id })).await;
        // Another may have deleted it first.
        unless(done, &["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"])
    }

    /// Logs params, metrics and tags, in as many calls as it takes. The same again changes nothing.
    pub(crate) async fn log(
        &self,
        run_id: &str,
        params: &BTreeMap<String, String>,
        metrics: &[Metric],
        tags: &BTreeMap<String, String>,
    ) -> Result<(), MlflowError> {
        let (params, tags) = (pairs(params), pairs(tags));
        for params in params.chunks(MAX_PARAMS) {
            self.post("runs/log-batch", &json!({ "run_id": run_id, "params": params })).await?;
        }
        for metrics in metrics.chunks(MAX_METRICS) {
            self.post("runs/log-batch", &json!({ "run_id": run_id, "metrics": metrics })).await?;
        }
        for tags in tags.chunks(MAX_PARAMS) {
            self.post("runs/log-batch", &json!({ "run_id": run_id, "tags": tags })).await?;
        }
        Ok(())
    }

    /// Says which data set a run has read.
    pub(crate) async fn log_input(&self, run_id: &str, dataset: &Dataset, context: &str) -> Result<(), MlflowError> {
        let tags = [Pair { key: "mlflow.data.context".to_owned(), value: context.to_owned() }];
        let input = json!({ "run_id": run_id, "datasets": [{ "tags": tags, "dataset": dataset }] });
        self.post("runs/log-inputs", &input).await
    }

    /// Sets status and end of a run.
    pub(crate) async fn end_run(&self, run_id: &str, status: &str, end_time: i64) -> Result<(), MlflowError> {
        self.post("runs/update", &json!({ "run_id": run_id, "status": status, "end_time": end_time })).await
    }

    /// Sets one tag of a run.
    pub(crate) async fn tag_run(&self, run_id: &str, key: &str, value: &str) -> Result<(), MlflowError> {
        self.post("runs/set-tag", &json!({ "run_id": run_id, "key": key, "value": value })).await
    }

    /// The sizes of all artifacts of a run, by path.
    pub(crate) async fn artifacts(&self, run_id: &str) -> Result<BTreeMap<String, u64>, MlflowError> {
        let mut sizes = BTreeMap::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let query = [("run_id", run_id), ("path", &folder)];
            let query = &query[..if folder.is_empty() { 1 } else { 2 }];
            let listing: Listing = self.get("artifacts/list", query).await?;
            for file in listing.files {
                if file.is_dir {
                    folders.push(file.path);
                } else {
                    sizes.insert(file.path, file.file_size.unwrap_or(0));
                }
            }
        }
        Ok(sizes)
    }

    /// Makes the registered model where there is none.
    pub(crate) async fn register(&self, name: &str) -> Result<(), MlflowError> {
        unless_exists(self.post("registered-models/create", &json!({ "name": name })).await)
    }

    /// The aliases of a registered model, with MLflow's own version numbers.
    pub(crate) async fn aliases(&self, name: &str) -> Result<BTreeMap<String, String>, MlflowError> {
        #[derive(Deserialize)]
        struct Found {
            registered_model: Model,
        }
        #[derive(Deserialize)]
        struct Model {
            #[serde(default)]
            aliases: Vec<Alias>,
        }
        #[derive(Deserialize)]
        struct Alias {
            alias: String,
            version: String,
        }
        let found: Found = self.get("registered-models/get", &[("name", name)]).await?;
        Ok(found.registered_model.aliases.into_iter().map(|alias| (alias.alias, alias.version)).collect())
    }

    /// Points an alias at a version.
    pub(crate) async fn set_alias(&self, name: &str, alias: &str, version: &str) -> Result<(), MlflowError> {
        self.post("registered-models/alias", &json!({ "name": name, "alias": alias, "version": version })).await
    }

    /// Removes an alias.
    pub(crate) async fn remove_alias(&self, name: &str, alias: &str) -> Result<(), MlflowError> {
        let what = json!({ "name": name, "alias": alias });
        self.call::<serde_json::Value>(Method::DELETE, "registered-models/alias", &what).await.map(drop)
    }

    /// All versions of a registered model.
    pub(crate) async fn versions(&self, name: &str) -> Result<Vec<ModelVersion>, MlflowError> {
        let (filter, page) = (format!("name='{name}'"), PAGE.to_string());
        let mut versions = Vec::new();
        let mut token = String::new();
        loop {
            let query = [("filter", filter.as_str()), ("max_results", &page), ("page_token", &token)];
            let query = &query[..if token.is_empty() { 2 } else { 3 }];
            let page: Page<ModelVersion> = self.get("model-versions/search", query).await?;
            versions.extend(page.items);
            token = page.next_page_token.unwrap_or_default();
            if token.is_empty() {
                return Ok(versions);
            }
        }
    }

    /// Makes a version; MLflow gives it its number.
    pub(crate) async fn create_version(&self, version: &NewVersion<'_>) -> Result<(), MlflowError> {
        self.post("model-versions/create", &json!(version)).await
    }

    /// Deletes a version; one that is gone is a success.
    pub(crate) async fn delete_version(&self, name: &str, version: &str) -> Result<(), MlflowError> {
        let what = json!({ "name": name, "version": version });
        let done = self.call::<serde_json::Value>(Method::DELETE, "model-versions/delete", &what).await.map(drop);
        unless(done, &["RESOURCE_DOES_NOT_EXIST"])
    }
}

/// Names with texts, in the order of the names.
pub(crate) fn pairs(texts: &BTreeMap<String, String>) -> Vec<Pair> {
    texts.iter().map(|(key, value)| Pair { key: key.clone(), value: value.clone() }).collect()
}

fn unless_exists(done: Result<(), MlflowError>) -> Result<(), MlflowError> {
    unless(done, &["RESOURCE_ALREADY_EXISTS"])
}

/// A success where the failure says that nothing is left to do.
fn unless(done: Result<(), MlflowError>, codes: &[&str]) -> Result<(), MlflowError> {
    match done {
        Err(error) if error.is(codes) => Ok(()),
        done => done,
    }
}

fn value_of<'a>(tags: &'a [Pair], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// A number as MLflow takes it: what JSON has no number for is a text.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        value if value.is_nan() => serializer.serialize_str("NaN"),
        value if value.is_infinite() => serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        value => serializer.serialize_f64(*value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_in_json_is_a_text() {
        let metric = |value| serde_json::to_value(Metric { key: String::new(), value, timestamp: 0, step: 0 }).unwrap();
        assert_eq!(metric(f64::NAN)["value"], "NaN");
        assert_eq!(metric(f64::NEG_INFINITY)["value"], "-Infinity");
        assert_eq!(metric(0.5)["value"], 0.5);
    }
}
