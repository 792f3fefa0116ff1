//! What events say, in the forms that their senders give them.

mod object;
mod push;
mod schedule;

pub(crate) use object::{NewObject, objects};
pub(crate) use push::Push;
pub(crate) use schedule::Period;

use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Reads the body of an event; `what` is how a refusal names it.
fn read<T: DeserializeOwned>(body: &str, what: &str) -> Result<T, Refusal> {
    let hint = "see docs/deploy.md for the events that are known";
    serde_json::from_str(body).map_err(|error| Refusal::invalid(format!("the body is no {what}: {error}"), hint))
}
