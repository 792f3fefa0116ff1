#![doc = include_str!("../README.md")]

mod declared;
mod retries;
mod text;

pub use declared::*;
pub use retries::{Retries, Service, retried};
pub use text::{Group, Sample, render};
