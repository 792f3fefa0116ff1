//! The history of a registered model: who was champion when, and why.

use faultline_contract::{Digest, RunId};
use serde::{Deserialize, Serialize};

/// The format that this version writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// How a version became champion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The first champion: there was nothing to compare with.
    First,
    /// A challenger took the place of the champion.
    Promote,
    /// An earlier champion was put back.
    Rollback,
}

/// One history entry. Its creation is the promotion or the rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The format of the entry, now 1. Readers accept any; unknown fields are ignored.
    pub format_version: u32,
    /// The entry's place in the history, from 1, without gaps.
    pub seq: u64,
    /// How the version became champion.
    pub action: Action,
    /// The version that is champion from here on.
    pub version: u64,
    /// The champion before, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<u64>,
    /// The sha256 of the version's `bundle.json`, which names the digest of every file.
    pub bundle_sha256: Digest,
    /// The training run that promoted; none for a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Who did it: a step or a person.
    pub by: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Why, in words.
    pub reason: String,
    /// The figures it was decided on, as the promoting step gives them; null for a rollback.
    #[serde(default)]
    pub figures: serde_json::Value,
}

/// Who acts, when and why; told by the caller, for the registry has no clock and knows no user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Who: a step or a person.
    pub by: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Why, in words.
    pub reason: String,
}

/// The champions that a rollback can go back to: the present one last, each after the one it took over from.
/// A rollback to a version in the line cuts the line there, so that two rollbacks in a row go back two versions.
pub(crate) fn line_of_champions(history: &[Entry]) -> Vec<u64> {
    let mut line: Vec<u64> = Vec::new();
    for entry in history {
        if let Some(at) = line.iter().position(|version| *version == entry.version) {
            line.truncate(at);
        }
        line.push(entry.version);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, action: Action, version: u64) -> Entry {
        Entry {
            format_version: FORMAT_VERSION,
            seq,
            action,
            version,
            previous_version: None,
            bundle_sha256: Digest::of(b""),
            run_id: None,
            by: String::new(),
            at: String::new(),
            reason: String::new(),
            figures: serde_json::Value::Null,
        }
    }

    #[test]
    fn rollbacks_cut_the_line() {
        let mut history = vec![entry(1, Action::First, 1), entry(2, Action::Promote, 2), entry(3, Action::Promote, 3)];
        assert_eq!(line_of_champions(&history), [1, 2, 3]);
        history.push(entry(4, Action::Rollback, 2));
        assert_eq!(line_of_champions(&history), [1, 2]);
        history.push(entry(5, Action::Promote, 4));
        assert_eq!(line_of_champions(&history), [1, 2, 4]);
        history.push(entry(6, Action::Rollback, 3));
        assert_eq!(line_of_champions(&history), [1, 2, 4, 3], "a cut version can come back");
    }
}
