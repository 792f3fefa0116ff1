//! The `transform` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_transform::Transform;

fn main() -> ExitCode {
    faultline_runtime::main::<Transform>(faultline_runtime::build_info!())
}
