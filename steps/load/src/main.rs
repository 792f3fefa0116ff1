//! The load stage.
fn main() {}
