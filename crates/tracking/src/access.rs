//! What steps touch in the registry of a model.

use faultline_contract::access::{Access, Place, Right};

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

/// What a step touches that makes versions and promotes them.
#[must_use]
pub fn access_of_promoters() -> Vec<Access> {
    let all = [Right::Read, Right::List, Right::Write];
    let of_model = |keys: &str| Access::new(Place::Model { keys: keys.to_owned() }, &all);
    ["history/*", "champion.json", "versions/*"].map(of_model).into()
}
