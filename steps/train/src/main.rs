//! The `train` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_train::Train;

fn main() -> ExitCode {
    faultline_runtime::main::<Train>(faultline_runtime::build_info!())
}
