#![doc = include_str!("../README.md")]

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging; `FAULTLINE_LOG` takes a filter such as `debug` (default `info`).
///
/// Called again in one process, as tests do, it keeps the first setting.
pub fn start() {
    let filter = EnvFilter::try_from_env("FAULTLINE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        builder.compact().without_time().with_target(false).finish().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()
    };
    // The only error is that logging already runs.
    drop(started);
}
