//! The build-time digest of a step's source closure.
