//! The `load` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_load::Load;

fn main() -> ExitCode {
    faultline_runtime::main::<Load>(faultline_runtime::build_info!())
}
