//! The `predict` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_predict::Predict;

fn main() -> ExitCode {
    faultline_runtime::main::<Predict>(faultline_runtime::build_info!())
}
