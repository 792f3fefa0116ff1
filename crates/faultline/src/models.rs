//! `faultline models`: the registered models of a store.

use clap::Args as ClapArgs;
use faultline_contract::ExitCode;
use faultline_runtime::{Explained, Failure};
use faultline_tracking::{Entry, ModelName, Registry, model_names};
use serde::Serialize;

use crate::cli::{Output, answer, block_on, open_store};
use crate::figures::{Figure, of_promoted};
use crate::table::table;

/// List the registered models with their champions.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline models --root-uri store
  faultline models --root-uri s3://bucket/prefix --output json";

/// One registered model.
#[derive(Debug, Serialize)]
struct Model {
    name: ModelName,
    /// Committed versions.
    versions: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    champion: Option<Champion>,
}

/// The version that predicts now.
#[derive(Debug, Serialize)]
struct Champion {
    version: u64,
    /// Since when, RFC 3339 in UTC.
    since: String,
    /// On the rows that it was promoted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_precision: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roc_auc: Option<Figure>,
}

/// Prints one line per model.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let models = block_on(async {
        let store = open_store(&args.root_uri).await?;
        let mut models = Vec::new();
        for name in model_names(store.as_ref()).await.explained()? {
            let registry = Registry::new(store.clone(), name.clone());
            let versions = registry.versions().await.explained()?;
            models.push(Model {
                name,
                versions: versions.iter().filter(|version| version.bundle_sha256.is_some()).count(),
                champion: champion(&registry.history().await.explained()?),
            });
        }
        Ok(models)
    })?;
    let none = || vec!["no registered model: the train pipeline makes one".to_owned()];
    answer(args.output, &models, || if models.is_empty() { none() } else { lines(&models) })?;
    Ok(ExitCode::Committed)
}

/// The newest entry's version, with the figures that it was promoted on: a rollback has none of its own.
fn champion(history: &[Entry]) -> Option<Champion> {
    let newest = history.last()?;
    let promoted = history.iter().rev().find(|entry| entry.version == newest.version && !entry.figures.is_null());
    let figure = |name| promoted.and_then(|entry| of_promoted(&entry.figures, name));
    Some(Champion {
        version: newest.version,
        since: newest.at.clone(),
        average_precision: figure("average_precision"),
        roc_auc: figure("roc_auc"),
    })
}

fn lines(models: &[Model]) -> Vec<String> {
    let head = ["MODEL", "VERSIONS", "CHAMPION", "SINCE", "AVERAGE PRECISION", "ROC AUC"].map(str::to_owned);
    let row = |model: &Model| {
        let champion = model.champion.as_ref();
        let figure = |figure: Option<&Figure>| figure.map(ToString::to_string).unwrap_or_default();
        [
            model.name.to_string(),
            model.versions.to_string(),
            champion.map_or_else(|| "none".to_owned(), |champion| champion.version.to_string()),
            champion.map(|champion| champion.since.clone()).unwrap_or_default(),
            figure(champion.and_then(|champion| champion.average_precision.as_ref())),
            figure(champion.and_then(|champion| champion.roc_auc.as_ref())),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(models.iter().map(row)).collect();
    table(&rows, &[1, 2])
}
