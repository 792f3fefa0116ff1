//! `faultline trace`: follows a prediction back to the raw row, the model and the binaries, and makes it again.

mod chain;
mod checks;
mod listing;
mod model;
mod row;

use clap::Args as ClapArgs;
use faultline_contract::{ExitCode, RunId};
use faultline_runtime::Failure;
use serde::Serialize;

use crate::cli::{Output, answer, block_on};
use crate::runs::Runs;
use chain::StepTrace;
use checks::Checks;
use model::ModelTrace;
use row::{RowTrace, SchemaTrace};

/// Follow a prediction back to file, row, model and binary; verify every digest on the way, and make it again.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The wafer's id, as it stands in the raw file.
    id: String,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// The prediction run. Default: the newest one that has the id.
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// How to print it. The raw row is printed too.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline trace Wafer-801 --root-uri store
  faultline trace Wafer-801 --run nightly-7 --root-uri s3://bucket/prefix --output json

Exit codes: 0 all checks hold and the prediction came out the same; 66 no such wafer, or something is gone; 70 the prediction comes out otherwise; 78 something is not what was recorded.";

/// Everything that a prediction hangs on.
#[derive(Debug, Serialize)]
struct Trace {
    id: String,
    run_id: RunId,
    /// Whether every check holds and every row's prediction came out the same.
    verified: bool,
    model: ModelTrace,
    schema: SchemaTrace,
    /// The steps of the prediction run, in their order.
    steps: Vec<StepTrace>,
    /// Every row of the run with that id.
    rows: Vec<RowTrace>,
    checks: Checks,
}

/// Prints the chain, then says whether it holds.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let trace = trace(args)?;
    answer(args.output, &trace, || listing::lines(&trace))?;
    trace.checks.verdict(&args.id)?;
    Ok(ExitCode::Committed)
}

fn trace(args: &Args) -> Result<Trace, Failure> {
    let mut checks = Checks::default();
    let (runs, chain, model, sources) = block_on(async {
        let runs = Runs::open(&args.root_uri).await?;
        let chain = chain::follow(&runs, &args.id, args.run.as_ref(), &mut checks).await?;
        let model = model::follow(&runs, &chain, &mut checks).await?;
        let sources = row::fetch(&runs, &chain, &mut checks).await?;
        Ok((runs, chain, model, sources))
    })?;
    let rows = row::again(&chain, &model, &sources, &mut checks)?;
    Ok(Trace {
        id: args.id.clone(),
        run_id: chain.predict.run_id.clone(),
        verified: checks.hold(),
        model: model.trace,
        schema: row::schema(&chain, &sources),
        steps: chain.steps(&runs),
        rows,
        checks,
    })
}
