//! Names: what they may look like, and that none stands twice.

use std::collections::BTreeSet;

use crate::lint::Findings;
use crate::lint::rules::{DUPLICATE_NAME, INVALID_NAME, MISSING_FIELD, Rule};

/// The longest DNS label, in bytes.
pub const MAX_LABEL: usize = 63;

/// Reports names that stand twice in a list, and empty ones. Each name comes with its path.
pub(super) fn unique<'a>(findings: &mut Findings<'_>, what: &str, names: impl IntoIterator<Item = (String, &'a str)>) {
    unique_by(findings, &DUPLICATE_NAME, what, names);
}

/// As [`unique`], by another rule.
pub(super) fn unique_by<'a>(
    findings: &mut Findings<'_>,
    rule: &'static Rule,
    what: &str,
    names: impl IntoIterator<Item = (String, &'a str)>,
) {
    let mut seen = BTreeSet::new();
    for (path, name) in names {
        if name.is_empty() {
            findings.add(&MISSING_FIELD, &path, format!("got a {what} without a name")).hint("name it");
        } else if !seen.insert(name) {
            findings
                .add(rule, &path, format!("the {what} `{name}` stands here twice"))
                .hint("rename one of the two, or remove it");
        }
    }
}

/// Paths and names of the items of a list.
pub(super) fn named<'a, T>(
    list: &str,
    items: &'a [T],
    name: impl Fn(&'a T) -> &'a str,
) -> impl Iterator<Item = (String, &'a str)> {
    items.iter().enumerate().map(move |(index, item)| (format!("{list}[{index}].name"), name(item)))
}

/// Reports a name that is no DNS label.
pub(super) fn label(findings: &mut Findings<'_>, path: &str, name: &str) {
    if is_label(name) {
        return;
    }
    let got = match name.chars().count() {
        0 => "got an empty name".to_owned(),
        length if length > MAX_LABEL => format!("got `{name}`, which has {length} characters"),
        _ => format!("got `{name}`"),
    };
    let message = format!(
        "{got}, expected at most {MAX_LABEL} lower-case letters, digits and `-`, a letter or digit at both ends"
    );
    findings.add(&INVALID_NAME, path, message).hint("choose a name such as `build-image`");
}

/// A DNS label: at most 63 lower-case letters, digits and `-`, a letter or digit at both ends.
#[must_use]
pub fn is_label(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= MAX_LABEL
        && name.chars().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// A name of a Kubernetes object that something refers to: letters of both cases, digits, `-`, `_` and `.`, perhaps after a prefix and `/`.
pub(super) fn is_qualified(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.len() <= MAX_LABEL && is_result_name(last) && name.matches('/').count() <= 1
}

/// Letters of both cases, digits, `-`, `_` and `.`, a letter or digit at both ends.
pub(super) fn is_result_name(name: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    is_end(name.chars().next()) && is_end(name.chars().last()) && name.chars().all(is_inner)
}

/// Letters, digits, `-`, `_` and, unless it names an object, `.`; a letter or `_` first.
pub(super) fn is_param_name(name: &str, is_object: bool) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (c == '.' && !is_object);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, is_fine) in [("a-1", true), ("A", false), ("-a", false), ("", false), (&"a".repeat(64), false)] {
            assert_eq!(is_label(name), is_fine, "{name}");
        }
        for (name, is_fine) in [("Bad_Name", true), ("a.b/c", true), ("a b", false), ("a/b/c", false), ("", false)] {
            assert_eq!(is_qualified(name), is_fine, "{name}");
        }
        for (name, is_object, is_fine) in
            [("a.b", false, true), ("a.b", true, false), ("1a", false, false), ("_a-B", true, true)]
        {
            assert_eq!(is_param_name(name, is_object), is_fine, "{name}");
        }
    }
}
