//! The `validate` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_validate::Validate;

fn main() -> ExitCode {
    faultline_runtime::main::<Validate>(faultline_runtime::build_info!())
}
