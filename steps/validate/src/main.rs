//! The validate stage.
fn main() {}
