//! Where the runs are that a command looks at.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use faultline_runtime::Failure;

use crate::run::state::state_dir;
use crate::runs::Runs;

/// The flags that say where runs are kept.
#[derive(Debug, ClapArgs)]
pub(crate) struct Where {
    /// The store that holds the runs: s3://, file:// or a path. Default: what `faultline run` keeps on this machine.
    #[arg(long, value_name = "URI", env = "FAULTLINE_ROOT_URI")]
    root_uri: Option<String>,
    /// Folder of what is kept on this machine. Default: `$XDG_STATE_HOME/faultline`, else ~/.local/state/faultline.
    #[arg(long, value_name = "DIR", env = "FAULTLINE_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

impl Where {
    /// The runs there.
    pub(crate) async fn open(&self) -> Result<Runs, Failure> {
        let root_uri = self.root_uri.clone().filter(|uri| !uri.is_empty());
        let root_uri = root_uri.unwrap_or_else(|| state_dir(self.state_dir.as_deref()).display().to_string());
        Runs::open(&root_uri).await
    }
}
