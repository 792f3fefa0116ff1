//! The command line.

use std::error::Error as _;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode as ProcessExitCode;

use clap::{Args, Parser, Subcommand};
use faultline_contract::{ExitCode, Explain as _};
use jiff::SignedDuration;
use tokio::runtime::Runtime;

use crate::decide::Limits;
use crate::error::TriggerError;
use crate::setting::RawRoot;
use crate::{post, server};

/// The version, and the code that it is compiled from, as the steps tell it.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\ncode digest: ", env!("FAULTLINE_CODE_DIGEST"));

/// Starts runs by events: answers Tekton's EventListener, and posts signed events to it.
#[derive(Debug, Parser)]
#[command(name = "trigger", version = env!("CARGO_PKG_VERSION"), long_version = VERSION)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer an EventListener: is this event signed, is it one for a run, and what is the run called?
    Serve(Serve),
    /// Tell an EventListener, signed, that the time of a schedule has come.
    Post(Post),
}

#[derive(Debug, Args)]
struct Serve {
    /// The address to listen on.
    #[arg(long, env = "FAULTLINE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The folder that all raw files are in: s3://BUCKET/PREFIX.
    #[arg(long, env = "FAULTLINE_RAW_URI", value_name = "URI", value_parser = RawRoot::parse)]
    raw_uri: RawRoot,
    /// The folder with the files `object`, `schedule` and `push`: the secrets of these events, one a line. They are read for each event.
    #[arg(long, env = "FAULTLINE_SECRETS_DIR", value_name = "DIR")]
    secrets_dir: PathBuf,
    /// The oldest object that an event may tell of, in hours. The runs must be kept in the cluster as long, or an event that is told twice
    /// starts two.
    #[arg(long, env = "FAULTLINE_MAX_AGE_HOURS", value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..))]
    max_age_hours: u16,
    /// How far the time of a signature may be from now, in seconds.
    #[arg(long, env = "FAULTLINE_TOLERANCE_SECONDS", value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..))]
    tolerance_seconds: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Post {
    /// The address of the EventListener.
    #[arg(long, env = "FAULTLINE_LISTENER_URL", value_name = "URL")]
    pub(crate) url: String,
    /// The file with the secret to sign with; its first line counts.
    #[arg(long, env = "FAULTLINE_SECRET_FILE", value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
    /// The name of the schedule.
    #[arg(long, env = "FAULTLINE_SCHEDULE", value_name = "NAME")]
    pub(crate) schedule: String,
    /// Which time of the schedule it is: the same text however often it is told, such as the name of a CronJob's Job.
    #[arg(long, env = "FAULTLINE_PERIOD", value_name = "NAME")]
    pub(crate) period: String,
}

/// Runs the program, and returns the documented exit code.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ProcessExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing is left to tell it to when the stream is closed.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Committed }.into();
        }
    };
    faultline_log::start();
    match run(cli.command) {
        Ok(()) => ExitCode::Committed.into(),
        Err(error) => {
            let _ = io::stderr().write_all(text(&error).as_bytes());
            error.exit_code().into()
        }
    }
}

fn run(command: Command) -> Result<(), TriggerError> {
    let runtime = Runtime::new().map_err(TriggerError::Start)?;
    match command {
        Command::Serve(serve) => {
            let limits = Limits {
                raw: serve.raw_uri,
                max_age: SignedDuration::from_hours(serve.max_age_hours.into()),
                tolerance: SignedDuration::from_secs(serve.tolerance_seconds.into()),
            };
            runtime.block_on(server::serve(serve.listen, limits, serve.secrets_dir))
        }
        Command::Post(post) => runtime.block_on(post::post(&post)),
    }
}

/// The error as people meet it: what failed, why, what to do next.
fn text(error: &TriggerError) -> String {
    let mut text = format!("error: {error}\n");
    let mut next = error.source();
    while let Some(source) = next {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "caused by: {source}");
        next = source.source();
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
