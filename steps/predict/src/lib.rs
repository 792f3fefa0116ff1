//! The predict stage.
