//! The folder that holds what the command line keeps on this machine: the output of the steps of each run.

use std::path::{Path, PathBuf};

/// The folder of a run's logs.
pub(crate) fn log_dir(state_dir: Option<&Path>, run_id: &str) -> PathBuf {
    let root = state_dir.map_or_else(default_dir, Path::to_owned);
    root.join("runs").join(run_id)
}

/// `$XDG_STATE_HOME/faultline`, else `~/.local/state/faultline`, else `.faultline` in the current folder.
fn default_dir() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_home = || folder("HOME").map(|home| home.join(".local/state"));
    folder("XDG_STATE_HOME")
        .or_else(of_home)
        .map_or_else(|| PathBuf::from(".faultline"), |state| state.join("faultline"))
}
