//! Tests with real git repositories.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod affected;
mod agreement;
mod overlays;
mod pin;
mod repository;
mod support;
