//! The JSON documents that stages hand to each other, one module per stage that writes them.
//!
//! Readers tolerate unknown fields, so that an older image reads what a newer one wrote.

pub mod cluster;
pub mod evaluation;
pub mod predict;
pub mod preprocess;
pub mod promote;
pub mod train;
pub mod validate;
