//! The transform stage.
fn main() {}
