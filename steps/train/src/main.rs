//! The train stage.
fn main() {}
