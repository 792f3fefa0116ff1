//! The load stage.
