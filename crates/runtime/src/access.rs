//! What a step touches: its own declaration, and what every step does by the commit protocol.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::{Arg, ArgAction};
use faultline_contract::access::{Access, Declaration, Place, Right};
use faultline_contract::layout;

use crate::step::{Reuse, Step};
use crate::{Failure, frame};

/// The flag that asks for the declaration, without its dashes.
pub(crate) const FLAG: &str = "print-access";

/// The flag, for `--help`. Whoever asks has none of the values that a step requires, so it is answered before anything is parsed.
pub(crate) fn flag() -> Arg {
    let about = "Do nothing, print as JSON what the step reads and writes and where; given alone";
    Arg::new(FLAG).long(FLAG).action(ArgAction::SetTrue).exclusive(true).help(about)
}

/// Whether a command line, the program's name included, asks for the declaration.
pub(crate) fn is_asked_for(args: &[OsString]) -> bool {
    matches!(args, [_, only] if only.to_str().and_then(|only| only.strip_prefix("--")) == Some(FLAG))
}

/// Prints the declaration on stdout.
pub(crate) fn print<S: Step>() -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(&declaration::<S>()?)
        .map_err(|source| Failure::internal("write the declaration as JSON").caused_by(source))?;
    json.push(b'\n');
    Ok(io::stdout().write_all(&json)?)
}

/// Everything that the step touches.
fn declaration<S: Step>() -> Result<Declaration, Failure> {
    let step = frame::step_name::<S>()?;
    let all = [Right::Read, Right::List, Right::Write];
    let mut access = vec![Access::new(Place::Store { keys: layout::step_in_any_run(S::NAME) }, &all)];
    if S::REUSE == Reuse::Cached {
        access.push(Access::new(Place::Store { keys: format!("{}*", layout::cache_prefix(&step)) }, &all));
    }
    access.extend(S::UPSTREAM.iter().map(|upstream| Access::outputs_of(upstream.stage)));
    access.extend(S::access());
    Ok(Declaration { step, access })
}
