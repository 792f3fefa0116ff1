//! The `trigger` program; see the crate's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultline_service_trigger::main(std::env::args_os())
}
