//! The `cluster` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_cluster::Cluster;

fn main() -> ExitCode {
    faultline_runtime::main::<Cluster>(faultline_runtime::build_info!())
}
