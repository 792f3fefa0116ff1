//! What the stage reads: every raw file, and the data schema.

use async_trait::async_trait;
use faultline_contract::ExitCode;
use faultline_contract::schema::Purpose;
use faultline_runtime::{Access, Context, Failure, Inputs, Outputs, Plan, ResultKind, ResultSpec, Step, UpstreamSpec};
use serde_json::json;

use crate::run::{self, Job};
use crate::{ValidateError, ValidateOptions};

/// The stage.
#[derive(Debug)]
pub struct Validate;

#[async_trait]
impl Step for Validate {
    const NAME: &'static str = "validate";
    const ABOUT: &'static str =
        "Checks raw batch files against the data schema; what fails goes to quarantine with a reason.";
    const UPSTREAM: &'static [UpstreamSpec] = &[];
    const RESULTS: &'static [ResultSpec] = &[
        ResultSpec { name: "files-accepted", kind: ResultKind::String, about: "files whose rows go on" },
        ResultSpec { name: "files-quarantined", kind: ResultKind::String, about: "files rejected as a whole" },
        ResultSpec { name: "rows-quarantined", kind: ResultKind::String, about: "rows that do not go on" },
    ];

    type Options = ValidateOptions;
    type Job = Job;
    type Error = ValidateError;

    fn access() -> Vec<Access> {
        vec![Access::folder("raw-uri"), Access::document("schema-uri")]
    }

    async fn gather(context: &Context, options: ValidateOptions) -> Result<Plan<Job>, Failure> {
        let document = context.document(&options.schema_uri).await?;
        let schema = document.data_schema()?;
        let mut inputs = context.raw_folder(&options.raw_uri).await?;
        if inputs.is_empty() {
            return Err(Failure::new(
                ExitCode::InputMissing,
                format!("the raw folder {} holds no file", options.raw_uri),
            )
            .hint("check --raw-uri: it names the folder of the batch files"));
        }
        inputs.push(document.input("schema.json"));
        let purpose = Purpose::from(options.purpose);
        Ok(Plan { part: None, params: json!({ "purpose": purpose }), inputs, job: Job { schema, purpose } })
    }

    fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ValidateError> {
        run::run(job, inputs, outputs)
    }
}
