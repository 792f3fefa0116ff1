//! The cluster stage.
