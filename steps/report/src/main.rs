//! The `report` stage; see the crate's documentation.

use std::process::ExitCode;

use faultline_step_report::ReportStep;

fn main() -> ExitCode {
    faultline_runtime::main::<ReportStep>(faultline_runtime::build_info!())
}
