//! The `preprocess` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_preprocess::Preprocess;

fn main() -> ExitCode {
    faultline_runtime::main::<Preprocess>(faultline_runtime::build_info!())
}
