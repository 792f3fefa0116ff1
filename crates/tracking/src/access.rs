//! What steps touch in the registry of a model.

use faultline_contract::access::{Access, Place, Right};
use faultline_contract::layout;

/// What a step touches that reads the champion: it may not write, and so leaves repairs to others.
#[must_use]
pub fn access_of_readers() -> Vec<Access> {
    let of_model = |keys: &str, rights| Access::new(Place::Model { keys: keys.to_owned() }, rights);
    vec![
        of_model("history/*", &[Right::Read, Right::List]),
        of_model("champion.json", &[Right::Read, Right::List]),
        of_model("versions/*", &[Right::Read]),
    ]
}

/// What a step touches that brings MLflow up to the store: everything of all runs may be shown there, and runs that wait are noted.
#[must_use]
pub fn access_of_mirrors() -> Vec<Access> {
    let of_model = |keys: &str| Access::new(Place::Model { keys: keys.to_owned() }, &[Right::Read, Right::List]);
    let of_store = |keys: &str, rights| Access::new(Place::Store { keys: keys.to_owned() }, rights);
    let mut access = vec![
        of_store(layout::ANY_RUN, &[Right::Read, Right::List]),
        of_store("tracking/*", &[Right::Read, Right::List, Right::Write, Right::Delete]),
    ];
    access.extend(["history/*", "champion.json", "versions/*"].map(of_model));
    access
}

/// What a step touches that makes versions and promotes them.
#[must_use]
pub fn access_of_promoters() -> Vec<Access> {
    let all = [Right::Read, Right::List, Right::Write];
    let of_model = |keys: &str| Access::new(Place::Model { keys: keys.to_owned() }, &all);
    ["history/*", "champion.json", "versions/*"].map(of_model).into()
}
