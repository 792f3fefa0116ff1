//! The promote stage.
fn main() {}
