//! The secrets that events are signed with: one file for each kind of event, one secret a line.

use std::fmt;
use std::path::Path;

use crate::refusal::Refusal;
use crate::setting::What;

/// The shortest secret that is taken, in bytes.
const MIN_BYTES: usize = 20;

/// A secret. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret with these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// The secrets of a text: its lines, less empty ones. While a secret is changed there are two.
///
/// # Errors
/// A text for people when there is none, or a line that is too short to be one.
pub(crate) fn parse(text: &str) -> Result<Vec<Secret>, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err("it holds no secret".to_owned());
    }
    if let Some(short) = lines.iter().position(|line| line.len() < MIN_BYTES) {
        return Err(format!("its secret {} has fewer than {MIN_BYTES} bytes", short + 1));
    }
    Ok(lines.into_iter().map(|line| Secret::new(line.as_bytes())).collect())
}

/// The secrets for one kind of event, from a folder. They are read for each event, so that a changed Secret counts without a restart.
pub(crate) fn read(folder: &Path, what: &What) -> Result<Vec<Secret>, Refusal> {
    let path = folder.join(what.kind());
    let lacking = |reason: String| {
        tracing::error!(path = %path.display(), reason, "no secret to check an event with");
        let hint = "the Secret faultline-triggers needs a key of that name, see docs/deploy.md";
        Refusal::internal(format!("{} events cannot be checked: {reason}", what.kind()), hint)
    };
    let text =
        std::fs::read_to_string(&path).map_err(|error| lacking(format!("the secret is not readable: {error}")))?;
    parse(&text).map_err(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_secret() {
        let (old, new) = ("o".repeat(20), "n".repeat(32));
        let secrets = parse(&format!("{new}\n\n  {old}\r\n")).unwrap();
        assert_eq!(secrets, [Secret::new(new.as_bytes()), Secret::new(old.as_bytes())]);
        assert!(parse(" \n").unwrap_err().contains("no secret"));
        assert!(parse(&format!("{new}\nshort")).unwrap_err().contains("secret 2 has fewer than 20 bytes"));
        assert_eq!(format!("{secrets:?}"), "[Secret(...), Secret(...)]");
    }
}
