//! The predict stage.
fn main() {}
