//! The folder that holds what the command line keeps on this machine. It is laid out as a store is, so that the same commands
//! read both.

use std::path::{Path, PathBuf};

/// `wanted`, else `$XDG_STATE_HOME/faultline`, else `~/.local/state/faultline`, else `.faultline` in the current folder.
pub(crate) fn state_dir(wanted: Option<&Path>) -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_home = || folder("HOME").map(|home| home.join(".local/state"));
    let default = || {
        folder("XDG_STATE_HOME")
            .or_else(of_home)
            .map_or_else(|| PathBuf::from(".faultline"), |state| state.join("faultline"))
    };
    wanted.map_or_else(default, Path::to_owned)
}
