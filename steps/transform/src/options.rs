//! The stage's own flags: none.

use clap::Args;

/// `transform` has no flags beside the common ones: what it does follows from the manifest of `validate`.
#[derive(Args, Clone, Debug)]
pub struct TransformOptions {}
