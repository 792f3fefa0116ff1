//! How the step went, told to whoever watches: a Pushgateway, a file, both, or nobody.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use faultline_contract::{ExitCode, Manifest, Part, ServerUri};
use faultline_metrics::{
    Group, RUN_COMPLETED, RUN_SUCCEEDED, RUN_SUCCESS, Retries, STEP_COMPLETED, STEP_DURATION, STEP_EXIT_CODE,
    STEP_INPUT_BYTES, STEP_INPUT_ROWS, STEP_OUTPUT_BYTES, STEP_OUTPUT_ROWS, STEP_RETRIES, STEP_REUSED, STEP_SUCCESS,
    Sample, render,
};
use jiff::Timestamp;

use crate::options::CommonOptions;
use crate::push;
use crate::step::{Pipeline, RunStatus, Step};

/// What is told of one attempt beside what came of it, from its start.
#[derive(Debug)]
pub(crate) struct Monitor {
    uri: ServerUri,
    path: String,
    step: &'static str,
    pipeline: Option<Pipeline>,
    share: Option<Part>,
    run: Option<RunStatus>,
    measure: fn(&Manifest) -> Vec<Sample>,
    clock: Instant,
    retries: Retries,
}

impl Monitor {
    /// Starts the clock.
    pub(crate) fn start<S: Step>(common: &CommonOptions, own: &S::Options) -> Self {
        Self {
            uri: common.metrics_uri.clone(),
            path: common.metrics_path.clone(),
            step: S::NAME,
            pipeline: common.pipeline(),
            share: S::share(own),
            run: S::run_status(own),
            measure: S::measure,
            clock: Instant::now(),
            retries: Retries::now(),
        }
    }

    /// Tells how the attempt ended. Whatever goes wrong with that is a warning in the log and nothing else.
    pub(crate) async fn tell(&self, code: ExitCode, committed: Option<&Manifest>) {
        let groups = self.groups(code, committed, Timestamp::now());
        if !self.path.is_empty()
            && let Err(error) = write(Path::new(&self.path), &render(&groups))
        {
            tracing::warn!(path = self.path, %error, "the metrics could not be written; the step is not affected");
        }
        if let Err(error) = push::push(&self.uri, &groups).await {
            let cause = push::root_cause(&error);
            tracing::warn!(metrics_uri = %self.uri, %error, cause, "the metrics could not be pushed; the step is not affected");
        }
    }

    /// What is told: of the step always, of the run where the step knows of it.
    fn groups(&self, code: ExitCode, committed: Option<&Manifest>, now: Timestamp) -> Vec<Group> {
        let now = now.as_millisecond() as f64 / 1e3;
        let mut samples = vec![
            Sample::new(&STEP_EXIT_CODE, f64::from(code.code())),
            Sample::new(&STEP_COMPLETED, now),
            Sample::new(&STEP_DURATION, self.clock.elapsed().as_secs_f64()),
        ];
        if code == ExitCode::Committed {
            samples.push(Sample::new(&STEP_SUCCESS, now));
        }
        for (service, count) in Retries::now().since(&self.retries) {
            samples.push(Sample::labelled(&STEP_RETRIES, service.as_str(), count as f64));
        }
        if let Some(manifest) = committed {
            let bytes_in: u64 = manifest.inputs.iter().map(|input| input.bytes).sum();
            let bytes_out: u64 = manifest.outputs.iter().map(|output| output.bytes).sum();
            samples.extend([
                Sample::new(&STEP_REUSED, f64::from(u8::from(manifest.reused_from.is_some()))),
                Sample::new(&STEP_INPUT_ROWS, manifest.count("rows_in") as f64),
                Sample::new(&STEP_OUTPUT_ROWS, manifest.count("rows_out") as f64),
                Sample::new(&STEP_INPUT_BYTES, bytes_in as f64),
                Sample::new(&STEP_OUTPUT_BYTES, bytes_out as f64),
            ]);
            samples.extend((self.measure)(manifest));
        }
        let pipeline: Vec<_> =
            self.pipeline.iter().map(|pipeline| ("pipeline", pipeline.as_str().to_owned())).collect();
        let part = self.share.iter().map(|share| ("part", share.to_string()));
        let step = pipeline.iter().cloned().chain([("step", self.step.to_owned())]).chain(part).collect();
        let mut groups = vec![Group { labels: step, samples }];
        if let Some(status) = self.run {
            let succeeded = status == RunStatus::Succeeded;
            let mut samples =
                vec![Sample::new(&RUN_SUCCEEDED, f64::from(u8::from(succeeded))), Sample::new(&RUN_COMPLETED, now)];
            samples.extend(succeeded.then(|| Sample::new(&RUN_SUCCESS, now)));
            groups.push(Group { labels: pipeline, samples });
        }
        groups
    }
}

/// Writes the file as a whole or not at all: a collector may read it at any moment.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
