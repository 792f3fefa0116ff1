//! The command line of a step: the common flags, those that follow from the step's declarations, and its own.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use faultline_contract::{RunId, ServerUri};
use faultline_store::S3Options;

use crate::access;
use crate::results::{self, STANDARD_RESULTS};
use crate::step::{Pipeline, ResultSpec, Step};

/// Flags that every step has.
#[derive(Args, Clone, Debug)]
pub(crate) struct CommonOptions {
    /// The store's root: a URI of the scheme s3 or file, or a path
    #[arg(long, env = "FAULTLINE_ROOT_URI", value_name = "URI")]
    pub root_uri: String,

    /// The run that this work belongs to
    #[arg(long, env = "FAULTLINE_RUN_ID", value_name = "ID")]
    pub run_id: RunId,

    /// The seed of all randomness
    #[arg(long, env = "FAULTLINE_SEED", value_name = "N", default_value_t = 7)]
    pub seed: u64,

    /// Do the work even if a committed result for the same step key exists
    #[arg(long, env = "FAULTLINE_NO_CACHE", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cache: bool,

    /// The pipeline that the step is part of; empty: none
    #[arg(long, env = "FAULTLINE_PIPELINE", value_name = "PIPELINE", default_value = "", value_parser = ["", Pipeline::TRAIN, Pipeline::PREDICT])]
    pub pipeline: String,

    /// The Pushgateway that is told how the step went, http:// or https://; empty: none. One that is down or slow fails no step
    #[arg(long, env = "FAULTLINE_METRICS_URI", hide_env_values = true, value_name = "URI", default_value = "")]
    pub metrics_uri: ServerUri,

    /// Write there, as OpenMetrics text, how the step went; empty: nowhere
    #[arg(long, env = "FAULTLINE_METRICS_PATH", value_name = "PATH", default_value = "")]
    pub metrics_path: String,

    /// Local scratch space; empty: the system's temporary folder
    #[arg(long, env = "FAULTLINE_SCRATCH_DIR", value_name = "DIR", default_value = "")]
    pub scratch_dir: String,

    /// Do nothing, write to this file what would be done and why, and the results where an earlier result stands in
    #[arg(long, env = "FAULTLINE_EXPLAIN_PATH", value_name = "PATH", default_value = "")]
    pub explain_path: String,

    /// The digest of the image that runs, for the manifest
    #[arg(long, env = "FAULTLINE_IMAGE_DIGEST", value_name = "DIGEST", hide = true, default_value = "")]
    pub image_digest: String,

    #[command(flatten)]
    pub s3: S3Options,
}

impl CommonOptions {
    /// The pipeline, if one was named.
    pub(crate) fn pipeline(&self) -> Option<Pipeline> {
        [Pipeline::Train, Pipeline::Predict].into_iter().find(|pipeline| pipeline.as_str() == self.pipeline)
    }
}

/// A parsed command line.
#[derive(Debug)]
pub(crate) struct Parsed<Options> {
    pub common: CommonOptions,
    pub own: Options,
    /// Per upstream stage: manifest URI and its expected digest, if given.
    pub upstream: Vec<UpstreamFlags>,
    /// Result name and the path to write it to.
    pub result_paths: Vec<(String, PathBuf)>,
}

/// What the command line says of one upstream stage.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamFlags {
    pub stage: &'static str,
    pub manifest_uri: String,
    pub manifest_sha256: Option<String>,
}

/// The step's command line, for parsing and for the generated documents.
pub(crate) fn command<S: Step>(version: &'static str) -> Command {
    let mut command =
        CommonOptions::augment_args(Command::new(S::NAME).about(S::ABOUT).version(version)).arg(access::flag());
    for upstream in S::UPSTREAM {
        let uri = format!("{}-manifest-uri", upstream.stage);
        let sha256 = format!("{}-manifest-sha256", upstream.stage);
        command = command
            .arg(
                flag(&uri, "URI")
                    .required(true)
                    .help(format!("The manifest of `{}`: {}", upstream.stage, upstream.about)),
            )
            .arg(flag(&sha256, "DIGEST").help("The sha256 of that manifest, verified when given"));
    }
    command = S::Options::augment_args(command);
    for spec @ ResultSpec { name, about, .. } in STANDARD_RESULTS.iter().chain(S::RESULTS) {
        command = command.arg(
            flag(&results::flag(spec), "PATH")
                .help(format!("Where to write the result `{name}`: {about}"))
                .help_heading("Results"),
        );
    }
    command
}

/// Parses a command line, the environment included.
pub(crate) fn parse<S: Step>(
    command: Command,
    args: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Parsed<S::Options>, clap::Error> {
    let matches = command.try_get_matches_from(args)?;
    let text = |name: String| matches.get_one::<String>(&name).filter(|text| !text.is_empty()).cloned();
    Ok(Parsed {
        common: CommonOptions::from_arg_matches(&matches)?,
        own: S::Options::from_arg_matches(&matches)?,
        upstream: S::UPSTREAM
            .iter()
            .map(|upstream| UpstreamFlags {
                stage: upstream.stage,
                manifest_uri: text(format!("{}-manifest-uri", upstream.stage)).unwrap_or_default(),
                manifest_sha256: text(format!("{}-manifest-sha256", upstream.stage)),
            })
            .collect(),
        result_paths: result_paths::<S>(&matches),
    })
}

fn result_paths<S: Step>(matches: &ArgMatches) -> Vec<(String, PathBuf)> {
    STANDARD_RESULTS
        .iter()
        .chain(S::RESULTS)
        .filter_map(|spec| {
            let path = matches.get_one::<String>(&results::flag(spec))?;
            (!path.is_empty()).then(|| (spec.name.to_owned(), PathBuf::from(path)))
        })
        .collect()
}

fn flag(long: &str, value_name: &'static str) -> Arg {
    let env = format!("FAULTLINE_{}", long.replace('-', "_").to_uppercase());
    Arg::new(long.to_owned()).long(long.to_owned()).env(env).value_name(value_name)
}
