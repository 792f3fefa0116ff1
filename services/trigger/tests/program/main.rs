//! The real program, asked over HTTP with real events.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bodies;
mod http;
mod object;
mod post;
mod push;
mod schedule;
mod server;
