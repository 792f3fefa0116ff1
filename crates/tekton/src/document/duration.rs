//! Durations as Go writes them: `1h30m`, `90s`, `1.5h`, `250ms`, `0`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// A length of time; zero means "no limit" wherever Tekton takes a timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct GoDuration(Duration);

/// The text is no duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("got the duration `{0}`, expected numbers with units such as 1h30m, 90s or 0")]
pub struct InvalidDuration(String);

impl GoDuration {
    /// The limit this sets; `None` for zero, which means none.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }
}

impl From<Duration> for GoDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl std::str::FromStr for GoDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let invalid = || InvalidDuration(text.to_owned());
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut seconds = 0.0;
        while !rest.is_empty() {
            let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
            let number: f64 = rest[..split].parse().map_err(|_| invalid())?;
            rest = &rest[split..];
            let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            let unit = match &rest[..end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
                _ => return Err(invalid()),
            };
            seconds += number * unit;
            rest = &rest[end..];
        }
        if text.is_empty() {
            return Err(invalid());
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| invalid())
    }
}

impl TryFrom<String> for GoDuration {
    type Error = InvalidDuration;

    fn try_from(text: String) -> Result<Self, InvalidDuration> {
        text.parse()
    }
}

impl fmt::Display for GoDuration {
    /// As Go prints it: `1h0m0s`, `8s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_secs();
        let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
        let millis = self.0.subsec_millis();
        if total == 0 && millis > 0 {
            return write!(f, "{millis}ms");
        }
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if total >= 60 {
            write!(f, "{minutes}m")?;
        }
        if millis > 0 { write!(f, "{seconds}.{millis:03}s") } else { write!(f, "{seconds}s") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read_and_printed() {
        for (text, millis, printed) in [
            ("1h30m", 5_400_000, "1h30m0s"),
            ("90s", 90_000, "1m30s"),
            ("250ms", 250, "250ms"),
            ("0", 0, "0s"),
            ("1.5s", 1_500, "1.500s"),
        ] {
            let duration: GoDuration = text.parse().unwrap();
            assert_eq!((duration.0.as_millis(), duration.to_string().as_str()), (millis, printed), "{text}");
        }
        assert_eq!("0s".parse::<GoDuration>().unwrap().limit(), None);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "soon", "1 hour", "-10s", "5", "1d"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }
}
