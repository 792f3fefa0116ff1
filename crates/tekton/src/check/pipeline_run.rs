//! Rules for `PipelineRun`s.

use super::task::unique;
use super::{EMBEDDED, Place, pipeline};
use crate::document::{GoDuration, PipelineRunSpec};
use crate::error::Error;

pub(super) fn check(place: Place<'_>, spec: &PipelineRunSpec) -> Result<(), Error> {
    if spec.pipeline_ref.is_some() == spec.pipeline_spec.is_some() {
        return Err(place.fault("", "expected exactly one of pipelineRef and pipelineSpec"));
    }
    unique(place, "params", "param", spec.params.iter().map(|param| param.name.as_str()))?;
    if let Some(whole) = spec.timeouts.pipeline.and_then(GoDuration::limit) {
        let length = |part: Option<GoDuration>| part.and_then(GoDuration::limit).unwrap_or_default();
        let parts = length(spec.timeouts.tasks) + length(spec.timeouts.finally);
        if parts > whole {
            let message =
                format!("got tasks and finally of {parts:?} together, expected at most {whole:?}, the pipeline's");
            return Err(place.fault("timeouts", message));
        }
    }
    let embedded = Place { document: place.document, root: EMBEDDED };
    spec.pipeline_spec.as_ref().map_or(Ok(()), |spec| pipeline::check(embedded, spec))
}
