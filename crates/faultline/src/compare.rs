//! `faultline compare`: two versions of a model on rows that neither was fitted on.

use clap::Args as ClapArgs;
use faultline_contract::documents::evaluation::{Comparison, CostMatrix, Difference, Metrics};
use faultline_contract::documents::promote::BundleIndex;
use faultline_contract::{ExitCode, RunId};
use faultline_learn::LearnError;
use faultline_learn::bootstrap::{BootstrapParams, ValidBootstrapParams, paired_bootstrap};
use faultline_learn::metrics::metrics;
use faultline_learn::selection::holdout;
use faultline_runtime::{Explained, Failure};
use faultline_table::Table;
use faultline_tracking::{ModelName, Registry};
use serde::Serialize;

use crate::bundles::Version;
use crate::cli::{Output, answer, block_on};
use crate::runs::{Runs, of_step, output, unreadable};
use crate::table::table;

const COSTS: CostMatrix = CostMatrix::DEFAULT;

/// Compare two versions of a model on labelled rows that neither was fitted on.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the registered model.
    model: ModelName,
    /// The version to compare with.
    base: u64,
    /// The version that is held against it: differences are its figures less those of BASE.
    other: u64,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// The run whose rows to score. Default: the run that made the newer of the two versions.
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// Number of resamples behind the intervals.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    resamples: u32,
    /// Seed of the resamples.
    #[arg(long, value_name = "SEED", default_value_t = 7)]
    seed: u64,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline compare wafer 1 2 --root-uri store
  faultline compare wafer 1 2 --run nightly-7 --resamples 10000 --root-uri store --output json";

/// The comparison.
#[derive(Debug, Serialize)]
struct Listing {
    model: ModelName,
    run_id: RunId,
    base: Scored,
    other: Scored,
    /// The figures of `other` less those of `base`; absent unless both classes occur.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Comparison>,
    /// The share of samples (0..1) whose interval covers the true difference.
    level: f64,
    /// Whether there are too few faulty rows to say anything of other rows than these.
    is_descriptive: bool,
    costs: CostMatrix,
}

/// One version and its figures.
#[derive(Debug, Serialize)]
struct Scored {
    version: u64,
    figures: Metrics,
    #[serde(skip)]
    probabilities: Vec<f64>,
}

/// The rows to compare on.
#[derive(Debug)]
struct Rows {
    feature_names: Vec<String>,
    features: Vec<f32>,
    labels: Vec<bool>,
}

/// Scores both and prints them side by side.
pub(crate) fn main(args: Args) -> Result<ExitCode, Failure> {
    if args.base == args.other {
        let message = format!("compare version {} with itself", args.base);
        return Err(Failure::new(ExitCode::Usage, message).hint("name two versions; `faultline history` lists them"));
    }
    let params = BootstrapParams { n_resamples: args.resamples, ..BootstrapParams::default() };
    let params = params.check().map_err(|error| {
        Failure::new(ExitCode::Usage, "use --resamples").caused_by(error).hint("2000 is the default")
    })?;
    let (_runs, run_id, versions, table) = block_on(gather(&args))?;
    let [base, other] = versions;
    let rows = unseen(&table, [base.index(), other.index()]);
    if rows.labels.is_empty() {
        let message = format!("find labelled rows of the run {run_id} that neither version was fitted on");
        return Err(Failure::new(ExitCode::InputMissing, message)
            .hint("name a training run with --run; with two seeds few rows are held out from both versions"));
    }
    let listing = judge(args.model, run_id, [(args.base, &base), (args.other, &other)], &rows, &params, args.seed)?;
    answer(args.output, &listing, || lines(&listing))?;
    Ok(ExitCode::Committed)
}

async fn gather(args: &Args) -> Result<(Runs, RunId, [Version; 2], Table), Failure> {
    let runs = Runs::open(&args.root_uri).await?;
    let registry = Registry::new(runs.store().clone(), args.model.clone());
    let mut versions = Vec::new();
    for number in [args.base, args.other] {
        let indexed = registry.bundle(number).await.explained()?;
        let folder = runs.folder(&format!("version-{number}"))?;
        registry.download_version(number, indexed.sha256, &folder).await.explained()?;
        versions.push(Version::open(&folder, number)?);
    }
    let run = match &args.run {
        Some(run) => run.clone(),
        None => registry.version(args.base.max(args.other)).await.explained()?.run_id,
    };
    let manifests = runs.manifests(&run).await?;
    let path = runs.fetch(output(of_step(&manifests, &run, "load")?, "export.parquet")?).await?;
    let table = Table::read(&path).map_err(|error| unreadable(&path, error))?;
    let versions = versions.try_into().map_err(|_| Failure::internal("two versions were asked for"))?;
    Ok((runs, run, versions, table))
}

/// The labelled rows that are held out from both versions.
fn unseen(table: &Table, indexes: [&BundleIndex; 2]) -> Rows {
    let mut rows = Rows { feature_names: table.feature_names.clone(), features: Vec::new(), labels: Vec::new() };
    for row in 0..table.row_count() {
        let id = &table.keys.ids[row];
        let Some(target) = table.targets[row] else { continue };
        if indexes.iter().all(|index| holdout(index.seed, id, index.holdout_ratio)) {
            rows.features.extend_from_slice(table.row(row));
            rows.labels.push(target == 1);
        }
    }
    rows
}

fn judge(
    model: ModelName,
    run_id: RunId,
    versions: [(u64, &Version); 2],
    rows: &Rows,
    params: &ValidBootstrapParams,
    seed: u64,
) -> Result<Listing, Failure> {
    let [base, other] = versions.map(|(number, version)| scored(number, version, rows));
    let (base, other) = (base?, other?);
    let has_both = rows.labels.contains(&true) && rows.labels.contains(&false);
    let paired = || paired_bootstrap(&rows.labels, &other.probabilities, &base.probabilities, params, seed);
    let difference = has_both.then(paired).transpose().map_err(odd)?;
    let is_descriptive = difference.as_ref().is_none_or(Comparison::is_descriptive);
    Ok(Listing { model, run_id, base, other, difference, level: params.get().level, is_descriptive, costs: COSTS })
}

fn scored(number: u64, version: &Version, rows: &Rows) -> Result<Scored, Failure> {
    let scores = version.score(&rows.feature_names, &rows.features)?;
    let probabilities: Vec<f64> = scores.iter().map(|score| score.probability).collect();
    let decisions: Vec<bool> = scores.iter().map(|score| score.faulty).collect();
    let figures = metrics(&rows.labels, &probabilities, &decisions, &COSTS).map_err(odd)?;
    Ok(Scored { version: number, figures, probabilities })
}

fn odd(error: LearnError) -> Failure {
    Failure::internal("judge the two versions").caused_by(error)
}

fn lines(listing: &Listing) -> Vec<String> {
    let Listing { model, run_id, base, other, difference, level, .. } = listing;
    let mut lines = vec![
        format!(
            "{model}: {} rows of the run {run_id} that neither version was fitted on, {} of them faulty",
            base.figures.rows, base.figures.rows_faulty
        ),
        String::new(),
    ];
    let versions = [base, other].map(|scored| format!("VERSION {}", scored.version));
    let interval = format!("{}% INTERVAL", level * 100.0);
    let head = ["FIGURE".to_owned(), versions[0].clone(), versions[1].clone(), "DIFFERENCE".to_owned(), interval];
    let figures = [
        row(
            "average precision",
            [base, other],
            |figures| figures.average_precision,
            difference.map(|all| all.average_precision),
        ),
        row("ROC AUC", [base, other], |figures| figures.roc_auc, difference.map(|all| all.roc_auc)),
        row("MCC", [base, other], |figures| Some(figures.mcc), None),
        row("balanced accuracy", [base, other], |figures| Some(figures.balanced_accuracy), None),
        row("accuracy", [base, other], |figures| Some(figures.accuracy), None),
        row("Brier score", [base, other], |figures| Some(figures.brier_score), None),
        row("log loss", [base, other], |figures| Some(figures.log_loss), None),
        row("cost per row", [base, other], |figures| Some(figures.expected_cost), None),
    ];
    let rows: Vec<_> = std::iter::once(head).chain(figures).collect();
    lines.extend(table(&rows, &[1, 2, 3]));
    lines.push(String::new());
    lines.push(format!(
        "cost per row: a missed fault costs {}, a needless inspection {}",
        COSTS.false_negative, COSTS.false_positive
    ));
    if listing.is_descriptive {
        lines.push("mind: with so few faulty rows the figures describe these rows and say little of others".to_owned());
    }
    lines
}

fn row(
    name: &str,
    versions: [&Scored; 2],
    figure: impl Fn(&Metrics) -> Option<f64>,
    difference: Option<Difference>,
) -> [String; 5] {
    let values = versions.map(|scored| figure(&scored.figures));
    let [base, other] = values.map(|value| value.map(|value| format!("{value:.4}")).unwrap_or_default());
    let gained = values[1].zip(values[0]).map(|(other, base)| format!("{:+.4}", other - base)).unwrap_or_default();
    let interval =
        difference.map(|Difference { interval, .. }| format!("{:+.4} to {:+.4}", interval.low, interval.high));
    [name.to_owned(), base, other, gained, interval.unwrap_or_default()]
}
