//! The body that `trigger post` sends when a CronJob's time has come.

use serde::{Deserialize, Serialize};

use super::read;
use crate::refusal::Refusal;

/// The longest name of a schedule or a period.
const MAX_BYTES: usize = 253;

/// One time of a schedule.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Period {
    /// The schedule's name.
    pub(crate) schedule: String,
    /// Which time it is: the same however often it is told. A CronJob's Job is named after the time that it stands for.
    pub(crate) period: String,
}

impl Period {
    pub(crate) fn read(body: &str) -> Result<Self, Refusal> {
        let period: Self = read(body, "time of a schedule")?;
        for (name, value) in [("schedule", &period.schedule), ("period", &period.period)] {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
            if value.is_empty() || value.len() > MAX_BYTES || !value.bytes().all(is_plain) {
                let hint =
                    format!("expected at most {MAX_BYTES} letters, digits, dashes, dots, underscores and colons");
                return Err(Refusal::invalid(format!("the {name} of the event is no name"), hint));
            }
        }
        Ok(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_two_names() {
        let period = Period::read(r#"{"schedule": "weekly", "period": "retrain-29401980"}"#).unwrap();
        assert_eq!((period.schedule.as_str(), period.period.as_str()), ("weekly", "retrain-29401980"));
        for body in [
            "",
            "[]",
            r#"{"schedule": "weekly"}"#,
            r#"{"schedule": "weekly", "period": ""}"#,
            r#"{"schedule": "weekly", "period": "$(x)"}"#,
            r#"{"schedule": "weekly", "period": "1", "more": 1}"#,
        ] {
            assert!(Period::read(body).is_err(), "{body}");
        }
    }
}
