//! The transform stage.
