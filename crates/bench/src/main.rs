#![doc = include_str!("../README.md")]

use std::process::ExitCode;

use clap::Parser;

mod kernels;
mod measure;
mod npy;

fn main() -> ExitCode {
    kernels::Command::parse().run()
}
