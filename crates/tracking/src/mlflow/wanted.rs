//! What MLflow should show of a run, worked out from its story alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use faultline_contract::documents::evaluation::{Assessment, Interval};
use faultline_contract::documents::train::{Candidates, Evaluation, Trained};
use faultline_contract::{Digest, Manifest, Outcome};
use jiff::Timestamp;
use serde_json::Value;

use super::api::{Dataset, Metric};
use super::story::Story;

/// The tags by which runs and versions are found again.
pub(crate) const RUN_ID: &str = "faultline.run_id";
pub(crate) const KIND: &str = "faultline.kind";
pub(crate) const PART: &str = "faultline.part";
pub(crate) const VERSION: &str = "faultline.version";
/// The digest of what was written; set last.
pub(crate) const MIRRORED: &str = "faultline.mirrored";
/// MLflow's own tag that puts a run below another.
pub(crate) const PARENT: &str = "mlflow.parentRunId";

/// The longest value of a param, in bytes; MLflow would cut it.
const MAX_PARAM_BYTES: usize = 6_000;
/// The longest digest of a data set.
const MAX_DATASET_DIGEST: usize = 36;

/// What a run of MLflow stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A run of the pipeline that trains.
    Train,
    /// A run of the pipeline that predicts.
    Predict,
    /// One model of one family, below the run that trained it.
    Candidate,
}

/// One run of MLflow.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The stage's part for a candidate; empty for the pipeline's own run.
    pub(crate) part: String,
    pub(crate) name: String,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) status: &'static str,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) dataset: Option<Dataset>,
    pub(crate) files: BTreeMap<String, File>,
}

/// One artifact, by its path in the run.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Where it is in the store.
    pub(crate) key: String,
    pub(crate) bytes: u64,
    /// What it must hold; none for the page and its pictures, which follow the state of their run.
    pub(crate) sha256: Option<Digest>,
    pub(crate) media_type: String,
}

impl Kind {
    /// The name in tags.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Predict => "predict",
            Self::Candidate => "candidate",
        }
    }
}

impl Wanted {
    /// The run of a pipeline.
    pub(crate) fn pipeline(story: &Story, kind: Kind, model: &str) -> Self {
        let mut wanted = Self::of(story, "", kind, &story.stages.values());
        wanted.tag("faultline.model", &model);
        wanted.name = story.run_id.to_string();
        if story.last().is_none_or(|last| last.outcome == Outcome::Rejected) {
            wanted.status = "FAILED";
        }
        let at = wanted.end_time;
        for (name, manifest) in &story.stages {
            wanted.tag(&format!("faultline.code_digest.{name}"), &manifest.code_digest);
            wanted.tag(&format!("faultline.step_key.{name}"), &manifest.step_key);
            if let Some(rejection) = manifest.facts.get("rejection").and_then(Value::as_str) {
                wanted.tag(&format!("faultline.rejection.{name}"), &rejection);
            }
            if manifest.part.is_some() {
                continue;
            }
            wanted.params_below(name, &manifest.params);
            for (count, value) in &manifest.counts {
                wanted.metric(format!("{name}.{count}"), *value as f64, at, 0);
            }
        }
        if let Some(schema) = story.stages.get("validate").and_then(|validate| validate.output("schema.json")) {
            wanted.tag("faultline.schema_sha256", &schema.sha256);
        }
        wanted.dataset = dataset(story);
        if let Some(verdict) = &story.verdict {
            wanted.tag(VERSION, &verdict.version);
            wanted.tag("faultline.verdict", &text_of(&verdict.verdict));
            wanted.tag("faultline.reason", &verdict.reason);
            let assessed = [
                ("out_of_fold", verdict.compositions.first().map(|composition| &composition.out_of_fold)),
                ("forward", verdict.compositions.first().and_then(|composition| composition.forward.as_ref())),
                ("holdout", verdict.challenger.as_ref()),
                ("champion_holdout", verdict.champion.as_ref()),
            ];
            for (name, assessment) in assessed {
                wanted.assessment(name, assessment, at);
            }
        }
        wanted.tag("mlflow.note.content", &lineage(story));
        wanted
    }

    /// The runs of the candidates, below that of the pipeline.
    pub(crate) fn candidates(story: &Story) -> Vec<Self> {
        let of_candidate = |(name, (evaluation, candidates)): (&String, &(Evaluation, Candidates))| {
            let manifest = story.stages.get(name)?;
            let part = manifest.part.as_ref()?;
            let mut wanted = Self::of(story, part.as_str(), Kind::Candidate, &std::iter::once(manifest));
            wanted.tag("faultline.code_digest", &manifest.code_digest);
            wanted.tag("faultline.step_key", &manifest.step_key);
            wanted.param("model", &evaluation.model);
            wanted.param("family", &evaluation.family);
            let at = wanted.end_time;
            wanted.metric("rows_train".to_owned(), evaluation.rows_train as f64, at, 0);
            wanted.metric("rows_train_faulty".to_owned(), evaluation.rows_train_faulty as f64, at, 0);
            for (point, candidate) in (0_i64..).zip(&candidates.candidates) {
                wanted.metric("grid.average_precision".to_owned(), candidate.average_precision, at, point);
                wanted.metric("grid.roc_auc".to_owned(), candidate.roc_auc, at, point);
            }
            match &evaluation.trained {
                Some(trained) => wanted.trained(trained, at),
                None => wanted.tag("faultline.reason", &evaluation.reason.as_deref().unwrap_or("nothing was trained")),
            }
            Some(wanted)
        };
        story.candidates.iter().filter_map(of_candidate).collect()
    }

    /// A digest of all that is to be seen, the run's place in MLflow included. A page of another state has other stages beside it.
    pub(crate) fn digest(&self, parent: &str) -> Digest {
        Digest::of(format!("{parent} {self:?}").as_bytes())
    }

    fn of<'a>(story: &Story, part: &str, kind: Kind, manifests: &(impl Iterator<Item = &'a Manifest> + Clone)) -> Self {
        let time = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        let start_time = manifests.clone().filter_map(|manifest| time(&manifest.started_at)).min().unwrap_or(0);
        let end_time = manifests.clone().filter_map(|manifest| time(&manifest.finished_at)).max().unwrap_or(start_time);
        let mut wanted = Self {
            part: part.to_owned(),
            name: part.to_owned(),
            start_time,
            end_time,
            status: "FINISHED",
            params: BTreeMap::new(),
            metrics: Vec::new(),
            tags: BTreeMap::new(),
            dataset: None,
            files: BTreeMap::new(),
        };
        wanted.tag(RUN_ID, &story.run_id);
        wanted.tag(KIND, &kind.as_str());
        if !part.is_empty() {
            wanted.tag(PART, &part);
        }
        wanted.tag("mlflow.source.type", &"JOB");
        wanted.tag("mlflow.source.name", &"faultline");
        if let Some(first) = manifests.clone().next() {
            wanted.tag("faultline.program_version", &first.faultline_version);
            wanted.tag("faultline.seed", &first.seed);
            wanted.param("seed", &first.seed);
            if let Some(revision) = &first.git_revision {
                wanted.tag("mlflow.source.git.commit", &revision);
            }
        }
        wanted
    }

    fn trained(&mut self, trained: &Trained, at: i64) {
        for (name, value) in &trained.params {
            self.param(name, &text_of(value));
        }
        self.param("n_folds", &trained.n_folds);
        if let Ok(calibration) = serde_json::to_value(&trained.calibration) {
            self.param("calibration", &text_of(&calibration["method"]));
        }
        self.metric("threshold".to_owned(), trained.threshold, at, 0);
        for fold in &trained.folds {
            let step = fold.fold as i64;
            self.metric("fold.rows".to_owned(), fold.rows as f64, at, step);
            self.metric("fold.rows_faulty".to_owned(), fold.rows_faulty as f64, at, step);
            self.metric("fold.average_precision".to_owned(), fold.average_precision.unwrap_or(f64::NAN), at, step);
            self.metric("fold.roc_auc".to_owned(), fold.roc_auc.unwrap_or(f64::NAN), at, step);
            self.metric("fold.log_loss".to_owned(), fold.log_loss, at, step);
        }
        self.assessment("out_of_fold", Some(&trained.out_of_fold), at);
        self.assessment("forward", trained.forward.as_ref().map(|forward| &forward.late), at);
    }

    /// All figures with the ends of their intervals. A figure that needs a class that does not occur is no number.
    fn assessment(&mut self, name: &str, assessment: Option<&Assessment>, at: i64) {
        let Some(Assessment { metrics, intervals, .. }) = assessment else { return };
        self.metric(format!("{name}.rows"), metrics.rows as f64, at, 0);
        self.metric(format!("{name}.rows_faulty"), metrics.rows_faulty as f64, at, 0);
        let figures: [(&str, Option<f64>, Option<Interval>); 8] = [
            ("average_precision", metrics.average_precision, intervals.average_precision),
            ("roc_auc", metrics.roc_auc, intervals.roc_auc),
            ("mcc", Some(metrics.mcc), Some(intervals.mcc)),
            ("balanced_accuracy", Some(metrics.balanced_accuracy), Some(intervals.balanced_accuracy)),
            ("accuracy", Some(metrics.accuracy), Some(intervals.accuracy)),
            ("brier_score", Some(metrics.brier_score), Some(intervals.brier_score)),
            ("log_loss", Some(metrics.log_loss), Some(intervals.log_loss)),
            ("expected_cost", Some(metrics.expected_cost), Some(intervals.expected_cost)),
        ];
        for (figure, value, interval) in figures {
            self.metric(format!("{name}.{figure}"), value.unwrap_or(f64::NAN), at, 0);
            if let Some(Interval { low, high }) = interval {
                self.metric(format!("{name}.{figure}.low"), low, at, 0);
                self.metric(format!("{name}.{figure}.high"), high, at, 0);
            }
        }
    }

    fn tag(&mut self, key: &str, value: &impl ToString) {
        self.tags.insert(key.to_owned(), value.to_string());
    }

    fn param(&mut self, key: &str, value: &impl ToString) {
        let mut value = value.to_string();
        while value.len() > MAX_PARAM_BYTES {
            value.pop();
        }
        self.params.insert(key.to_owned(), value);
    }

    /// The leaves of a document as params, by their paths.
    fn params_below(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.params_below(&format!("{path}.{name}"), value);
                }
            }
            value => self.param(path, &text_of(value)),
        }
    }

    fn metric(&mut self, key: String, value: f64, timestamp: i64, step: i64) {
        self.metrics.push(Metric { key, value, timestamp, step });
    }
}

/// Where a run came from, in Markdown.
pub(crate) fn lineage(story: &Story) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- {name}: `{value}`");
    };
    line("run", story.run_id.to_string());
    if let Some(sha256) = story.raw_sha256() {
        line("raw data", format!("{} files, sha256 {sha256}", story.raw_files().count()));
    }
    if let Some(schema) = story.stages.get("validate").and_then(|validate| validate.output("schema.json")) {
        line("data schema", format!("sha256 {}", schema.sha256));
    }
    if let Some(last) = story.last() {
        line(&format!("code of {}", last.step), last.code_digest.to_string());
        line("faultline", last.faultline_version.clone());
        if let Some(revision) = &last.git_revision {
            line("git revision", revision.clone());
        }
        line("seed", last.seed.to_string());
    }
    text
}

/// Where a version came from and what it is worth, in Markdown.
pub(crate) fn description(story: &Story, version: u64, bundle_sha256: Digest) -> String {
    let mut text = lineage(story);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "- version in the store: `{version}`\n- bundle.json: `sha256 {bundle_sha256}`");
    let Some(verdict) = story.verdict.as_ref().filter(|verdict| verdict.version == version) else { return text };
    let _ = writeln!(text, "- verdict: {}, {}", text_of(&verdict.verdict), verdict.reason);
    if let Some(Assessment { metrics, intervals, .. }) = &verdict.challenger {
        for (name, value, interval) in [
            ("average precision", metrics.average_precision, intervals.average_precision),
            ("ROC AUC", metrics.roc_auc, intervals.roc_auc),
        ] {
            if let (Some(value), Some(Interval { low, high })) = (value, interval) {
                let _ = writeln!(text, "- {name} on rows held out: {value:.4} ({low:.4} to {high:.4})");
            }
        }
    }
    text
}

/// The raw files as one data set of MLflow.
fn dataset(story: &Story) -> Option<Dataset> {
    let digest = story.raw_sha256()?.to_string();
    let first = story.raw_files().next()?;
    let folder = first.uri.trim_end_matches(first.name.trim_start_matches("raw/"));
    Some(Dataset {
        name: "raw".to_owned(),
        digest: digest.chars().take(MAX_DATASET_DIGEST).collect(),
        source_type: folder.split_once("://").map_or("local", |(scheme, _)| scheme).to_owned(),
        source: serde_json::json!({ "uri": folder }).to_string(),
    })
}

/// A value as people write it: texts without quotes.
fn text_of(value: &impl serde::Serialize) -> String {
    match value.serialize(serde_json::value::Serializer) {
        Ok(Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}
