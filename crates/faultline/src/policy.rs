//! `faultline policy`: the rights that a step needs, made from what the step says of itself.

mod iam;
mod mongodb;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use clap::Args as ClapArgs;
use faultline_contract::access::Declaration;
use faultline_contract::{ExitCode, StepName};
use faultline_runtime::Failure;
use faultline_store::StoreUrl;
use faultline_tracking::ModelName;
use serde::Serialize;

use crate::cli::{Output, answer, current_folder};
use iam::{Locations, Policy};
use mongodb::Role;

/// The flag by which a step says what it touches.
const ACCESS_FLAG: &str = "--print-access";

/// Print the least rights that a step needs: an IAM policy for S3, and a role for MongoDB.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The step, for example validate.
    stage: StepName,
    /// The store's root: s3://, file:// or a path.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: String,
    /// The folder of raw batch files, for steps that read it.
    #[arg(long, value_name = "URI")]
    raw_uri: Option<String>,
    /// The data schema, where it is an object of S3.
    #[arg(long, value_name = "URI")]
    schema_uri: Option<String>,
    /// The params file, where it is an object of S3.
    #[arg(long, value_name = "URI")]
    params_uri: Option<String>,
    /// The database of records, where it is MongoDB; user and password are not looked at.
    #[arg(long, value_name = "URI", env = "FAULTLINE_RECORDS_URI", hide_env_values = true)]
    records_uri: Option<String>,
    /// Name of the registered model, for steps that read or make versions.
    #[arg(long, value_name = "NAME", default_value = "wafer")]
    model: ModelName,
    /// The KMS key that the buckets encrypt with: adds the rights to use it.
    #[arg(long, value_name = "ARN")]
    kms_key_arn: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  faultline policy transform --root-uri s3://bucket/prefix --raw-uri s3://bucket/raw
  faultline policy validate --root-uri s3://bucket/prefix --raw-uri s3://uploads --output json | jq .iam_policy > validate.json
  faultline policy load --root-uri s3://bucket/prefix --records-uri mongodb://host/faultline --output json | jq .mongodb_role
  for step in $(ls pipelines/tasks | sed s/.yaml//); do faultline policy $step --root-uri s3://bucket/prefix --raw-uri s3://uploads; done

The step itself is asked what it reads and writes, by the flag --print-access of its program. Where the store is no S3 there is no policy, where the records are in no MongoDB no role.
Exit codes: 0 done; 2 wrong command line; 66 there is no such step; 78 what is asked is no step or one of another version, or a URL is malformed.";

/// The rights of one step.
#[derive(Debug, Serialize)]
struct Rights {
    step: StepName,
    /// Absent where nothing that the step touches is in S3.
    iam_policy: Option<Policy>,
    /// What `db.createRole` takes; absent where the step touches no MongoDB.
    mongodb_role: Option<Role>,
}

/// Prints both.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let declaration = ask(&args.stage)?;
    let mut given = BTreeMap::new();
    for (param, uri) in [("raw-uri", &args.raw_uri), ("schema-uri", &args.schema_uri), ("params-uri", &args.params_uri)]
    {
        given.insert(param, uri.clone().filter(|uri| !uri.is_empty()));
    }
    let base_dir = current_folder()?;
    let root = StoreUrl::parse(&args.root_uri, &base_dir)?;
    let locations = Locations { root, base_dir, model: args.model.clone(), given };
    let rights = Rights {
        iam_policy: Policy::new(&declaration, &locations, args.kms_key_arn.as_deref())?,
        mongodb_role: Role::new(&declaration, args.records_uri.as_deref().unwrap_or_default())?,
        step: declaration.step,
    };
    let lines = rights.lines()?;
    answer(args.output, &rights, || lines)?;
    Ok(ExitCode::Committed)
}

impl Rights {
    fn lines(&self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        if let Some(policy) = &self.iam_policy {
            lines.extend([format!("IAM policy of {}:", self.step), json(policy)?]);
        }
        if let Some(role) = &self.mongodb_role {
            lines.extend([format!("MongoDB role of {}, for db.createRole:", self.step), json(role)?]);
        }
        if lines.is_empty() {
            lines.push(format!("{} touches neither S3 nor MongoDB there", self.step));
        }
        Ok(lines)
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::internal("print JSON").caused_by(error))
}

/// Asks the step's program, which stands beside this one or on PATH.
fn ask(stage: &StepName) -> Result<Declaration, Failure> {
    let beside =
        std::env::current_exe().ok().map(|own| own.with_file_name(stage.as_str())).filter(|path| path.is_file());
    let program = beside.map_or_else(|| OsString::from(stage.as_str()), Into::into);
    let output = Command::new(program).arg(ACCESS_FLAG).stdin(Stdio::null()).output().map_err(|error| {
        Failure::new(ExitCode::InputMissing, format!("start the program of the step {stage}"))
            .caused_by(error)
            .hint("it is sought beside faultline, then on PATH; the steps are named as the files in pipelines/tasks")
    })?;
    let declaration: Result<Declaration, _> = serde_json::from_slice(&output.stdout);
    match declaration {
        Ok(declaration) if declaration.step == *stage => Ok(declaration),
        _ => Err(Failure::configuration(format!("ask {stage} what it touches: {ACCESS_FLAG} gave no answer"))
            .hint("name a step of this version; the steps are named as the files in pipelines/tasks")),
    }
}
