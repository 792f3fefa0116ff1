//! Fixtures, seeded generators and real servers for tests.

#![expect(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "test support fails by panicking")]

pub mod containers;
pub mod data;
pub mod generated;
pub mod mongo_proxy;
pub mod proxy;
pub mod servers;
pub mod step;
pub mod webhook;
