//! The `promote` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_promote::Promote;

fn main() -> ExitCode {
    faultline_runtime::main::<Promote>(faultline_runtime::build_info!())
}
