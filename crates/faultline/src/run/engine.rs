//! What executes the steps of a run: plain processes, or containers.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_tekton::{Engine, Mount, PodmanEngine, PodmanOptions, ProcessEngine};

use super::environment;

/// What follows a path that steps cannot change.
const READ_ONLY: &str = ":ro";

/// How steps are executed.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// What executes the steps.
    #[arg(long, value_enum, default_value_t)]
    engine: EngineName,
    /// A variable that the steps see beside their own: NAME takes the caller's value. They see credentials, proxies and, as processes,
    /// where programs and homes are in any case, and nothing else. Repeatable.
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// With `--engine podman`: a file or folder that the steps see at the same path, as a store in a folder needs it. Repeatable.
    #[arg(long, value_name = "PATH[:ro]", value_parser = mount)]
    mount: Vec<Mount>,
    /// With `--engine podman`: the network of the containers, as Podman names it. With `host` they reach servers on this machine.
    #[arg(long, value_name = "NAME", default_value = "host")]
    network: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// Each step is a process; its program is sought beside this one, then on PATH.
    #[default]
    Process,
    /// Each step is a container of the image that it names, which must be on this machine: read-only, without capabilities.
    Podman,
}

impl EngineArgs {
    /// The engine that is asked for.
    pub(crate) fn engine(&self) -> Result<Arc<dyn Engine>, Failure> {
        if self.engine == EngineName::Podman {
            let environment = environment::passed(&self.env, false)?;
            let options = PodmanOptions { network: self.network.clone(), mounts: self.mount.clone() };
            return Ok(Arc::new(PodmanEngine::new(environment, options).map_err(|error| not_started(&error))?));
        }
        if !self.mount.is_empty() {
            return Err(Failure::new(ExitCode::Usage, "--mount was given, but processes see everything where it is")
                .hint("leave it out, or add --engine podman"));
        }
        Ok(Arc::new(processes(&self.env)?))
    }
}

/// The engine of processes: programs are sought beside this command line's own binary first.
pub(crate) fn processes(env: &[String]) -> Result<ProcessEngine, Failure> {
    let program_dir = std::env::current_exe().ok().and_then(|path| path.parent().map(PathBuf::from));
    ProcessEngine::new(program_dir, environment::passed(env, true)?).map_err(|error| not_started(&error))
}

fn not_started(error: &std::io::Error) -> Failure {
    Failure::new(ExitCode::Unavailable, format!("start the engine: {error}"))
}

/// A path that exists: Podman's word for one that does not is hard to read.
fn mount(text: &str) -> Result<Mount, String> {
    let (path, is_read_only) = text.strip_suffix(READ_ONLY).map_or((text, false), |path| (path, true));
    let refused = |error| format!("{path}: {error}");
    let path = std::path::absolute(path).map_err(refused)?;
    path.metadata().map_err(refused)?;
    Ok(Mount { path, is_read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_paths_that_exist() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().display().to_string();
        let expected = |is_read_only| Ok(Mount { path: folder.path().to_owned(), is_read_only });
        assert_eq!((mount(&text), mount(&format!("{text}:ro"))), (expected(false), expected(true)));
        assert!(mount("no/such/path").unwrap_err().starts_with("no/such/path: "));
    }
}
