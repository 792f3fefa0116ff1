//! The store's registry and its mirror: one suite on both, and what befalls the mirror alone.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod faults;
mod loopback;
mod rest;
mod shown;
mod story;
mod suite;
