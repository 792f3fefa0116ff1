#![doc = include_str!("../README.md")]

mod affected;
pub mod cli;
mod error;
mod git;
mod pin;

pub use affected::{Affected, Checkout, affected, every_image};
pub use error::DeliveryError;
pub use pin::{CdRepository, Pin, PinOptions, Pinned, pin};
