//! What a run tells while it goes on.

use std::path::Path;
use std::time::Duration;

use crate::outcome::TaskOutcome;

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A task, or one combination of its matrix, started its first attempt.
    Started {
        /// The pipeline task.
        task: &'a str,
        /// Which combination.
        matrix_index: Option<usize>,
        /// Where its output is kept, from the moment that a step prints something.
        log: &'a Path,
    },
    /// An attempt failed and another follows.
    Retrying {
        /// The pipeline task.
        task: &'a str,
        /// Which combination.
        matrix_index: Option<usize>,
        /// The attempt that follows, from 2.
        attempt: u32,
        /// Why the last one failed.
        message: &'a str,
        /// Where the output of the attempt that follows is kept.
        log: &'a Path,
    },
    /// A task ended or was left out.
    Ended(&'a TaskOutcome),
    /// The run is being stopped; steps have this long to end by themselves.
    Stopping {
        /// How long.
        grace: Duration,
    },
}

/// Something that is told about a run. Called from one thread at a time.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn on_event(&self, event: &Event<'_>);
}

/// An observer that takes no note.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn on_event(&self, _event: &Event<'_>) {}
}
