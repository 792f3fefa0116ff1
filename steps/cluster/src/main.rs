//! The cluster stage.
fn main() {}
