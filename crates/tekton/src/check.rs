//! What a cluster would not admit, and what plain processes do not have.

mod cycle;
mod names;
mod pipeline;
mod pipeline_task;
mod quantity;
mod run;
mod step;
mod task;
mod texts;
mod unsupported;
mod uses;

use crate::document::{Body, Document, PipelineSpec, TaskSpec};
use crate::error::{Error, Problem};
use crate::lint::{Finding, Findings, Severity};

pub use names::{MAX_LABEL, is_label};
pub(crate) use texts::{Place, Text, task_inputs};

/// Where a Pipeline stands inside a `PipelineRun`.
const EMBEDDED: &str = "spec.pipelineSpec";

/// Everything that one document says about itself.
pub(crate) fn judge(document: &Document, findings: &mut Findings<'_>) {
    match &document.body {
        Body::Task(spec) => task::check(findings, "spec", spec, &task::Surroundings::alone()),
        Body::Pipeline(spec) => pipeline::check(findings, "spec", spec, &pipeline::Given::default()),
        Body::PipelineRun(spec) => run::check_pipeline_run(findings, spec),
        Body::TaskRun(spec) => run::check_task_run(findings, spec),
        Body::StepAction(spec) => run::check_step_action(findings, spec),
    }
}

/// What of a document a cluster runs and plain processes do not.
pub(crate) fn judge_support(document: &Document, findings: &mut Findings<'_>) {
    match &document.body {
        Body::Task(spec) => unsupported::task(findings, "spec", spec),
        Body::Pipeline(spec) => unsupported::pipeline(findings, "spec", spec),
        Body::PipelineRun(spec) => {
            unsupported::run(findings, spec);
            if let Some(spec) = &spec.pipeline_spec {
                unsupported::pipeline(findings, EMBEDDED, spec);
            }
        }
        Body::TaskRun(_) | Body::StepAction(_) => {}
    }
}

/// Refuses a document that a cluster would not admit.
pub(crate) fn admit(document: &Document) -> Result<(), Error> {
    let mut findings = Findings::new(document.source());
    judge(document, &mut findings);
    first(findings.into_list().into_iter().filter(|finding| finding.severity() == Severity::Error))
}

/// Refuses a Pipeline that needs what plain processes do not have.
pub(crate) fn support(document: &Document, pipeline: &PipelineSpec) -> Result<(), Error> {
    let root = if matches!(document.body, Body::PipelineRun(_)) { EMBEDDED } else { "spec" };
    let mut findings = Findings::new(document.source());
    unsupported::pipeline(&mut findings, root, pipeline);
    first(findings.into_list())
}

/// Refuses a Task that a cluster would not admit or that needs what plain processes do not have.
pub(crate) fn used_task(document: &Document, spec: &TaskSpec) -> Result<(), Error> {
    admit(document)?;
    let mut findings = Findings::new(document.source());
    unsupported::task(&mut findings, "spec", spec);
    first(findings.into_list())
}

fn first(findings: impl IntoIterator<Item = Finding>) -> Result<(), Error> {
    findings.into_iter().next().map_or(Ok(()), |finding| Err(Problem::from(finding).into()))
}
