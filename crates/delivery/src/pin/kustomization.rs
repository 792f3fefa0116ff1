//! Editing the `images:` of a kustomization, line by line, so that comments, order and everything else stay as they are.

use std::collections::BTreeMap;

use crate::pin::Pin;

const NAME: &str = "name";
const NEW_NAME: &str = "newName";
const NEW_TAG: &str = "newTag";
const DIGEST: &str = "digest";

/// Why a kustomization cannot be edited.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No entry has this name.
    Unknown { name: String, known: Vec<String> },
    /// The entries are written in another way than this editor knows.
    Form { line: usize, reason: String },
}

/// The text with each image at its digest.
pub(crate) fn edit(text: &str, pins: &BTreeMap<&str, &Pin>) -> Result<String, Problem> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let entries = entries(&lines)?;
    let mut edited: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    for (name, pin) in pins {
        let Some(entry) = entries.get(*name) else {
            let known = entries.keys().map(|known| (*known).to_owned()).collect();
            return Err(Problem::Unknown { name: (*name).to_owned(), known });
        };
        entry.write(&mut edited, pin);
    }
    Ok(edited.concat())
}

/// One item of `images:`: its keys, each with its line.
struct Entry<'a> {
    fields: BTreeMap<&'a str, Field<'a>>,
}

/// One `key: value` of an item.
struct Field<'a> {
    line: usize,
    /// Everything before the key: the indentation, with the item's dash on its first line.
    before: &'a str,
    value: &'a str,
    /// Everything after the value: a comment and the end of the line.
    after: &'a str,
}

impl Entry<'_> {
    /// Sets the new name and the digest, and drops a tag.
    fn write(&self, lines: &mut [String], pin: &Pin) {
        let digest = pin.digest();
        let mut missing = Vec::new();
        for (key, value) in [(NEW_NAME, pin.repository()), (DIGEST, digest.as_str())] {
            match self.fields.get(key) {
                Some(field) if field.value == value => {}
                Some(field) => lines[field.line] = field.with(key, value),
                // A digest takes the line of the tag that it stands in for, with its place and its comment.
                None => match self.fields.get(NEW_TAG).filter(|_| key == DIGEST) {
                    Some(tag) => lines[tag.line] = tag.with(key, value),
                    None => missing.push((key, value)),
                },
            }
        }
        if let (Some(tag), true) = (self.fields.get(NEW_TAG), self.fields.contains_key(DIGEST)) {
            lines[tag.line].clear();
        }
        let Some(name) = self.fields.get(NAME) else { return };
        let end = if name.after.ends_with("\r\n") { "\r\n" } else { "\n" };
        let indent = " ".repeat(name.before.len());
        let line = &mut lines[name.line];
        if !missing.is_empty() && !line.ends_with('\n') {
            line.push_str(end);
        }
        for (key, value) in missing {
            line.extend([indent.as_str(), key, ": ", value, end]);
        }
    }
}

impl Field<'_> {
    fn with(&self, key: &str, value: &str) -> String {
        format!("{}{key}: {value}{}", self.before, self.after)
    }
}

/// The items of `images:` by name.
fn entries<'a>(lines: &[&'a str]) -> Result<BTreeMap<&'a str, Entry<'a>>, Problem> {
    let form = |line: usize, reason: &str| Problem::Form { line: line + 1, reason: reason.to_owned() };
    let mut entries = BTreeMap::new();
    let Some(start) = lines.iter().position(|line| line.starts_with("images:")) else { return Ok(entries) };
    if !without_comment(&lines[start]["images:".len()..]).trim().is_empty() {
        return Err(form(start, "`images:` has its value on the same line, expected a list below it"));
    }
    let mut items: Vec<(usize, Entry)> = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        let content = without_comment(line).trim();
        if content.is_empty() {
            continue;
        }
        let is_item = line.trim_start().starts_with("- ");
        if !line.starts_with(' ') && !is_item {
            break;
        }
        if is_item {
            items.push((at, Entry { fields: BTreeMap::new() }));
        }
        let (Some((_, item)), Some((key, field))) = (items.last_mut(), field(at, line)) else {
            return Err(form(at, "expected `key: value` of an image on a line of its own"));
        };
        let aligned = item.fields.values().all(|other| other.before.len() == field.before.len());
        if !aligned || item.fields.insert(key, field).is_some() {
            return Err(form(at, "expected the keys of an image below each other, each once"));
        }
    }
    for (at, item) in items {
        let Some(name) = item.fields.get(NAME).map(|field| field.value) else {
            return Err(form(at, "an image has no name"));
        };
        if entries.insert(name, item).is_some() {
            return Err(form(at, &format!("the image {name} is listed twice")));
        }
    }
    Ok(entries)
}

/// A line as a field of an item; the value is given without quotes.
fn field(at: usize, line: &str) -> Option<(&str, Field<'_>)> {
    let key_at = line.find(|c: char| c != ' ' && c != '-')?;
    let (before, rest) = line.split_at(key_at);
    let (key, value) = without_comment(rest).trim_end().split_once(": ")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_alphabetic());
    let after = &rest[key.len() + 2 + value.len()..];
    let value = value.trim().trim_matches(['"', '\'']);
    (is_key && !value.starts_with(['{', '[', '&', '*', '|', '>']))
        .then_some((key, Field { line: at, before, value, after }))
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split_once(" #").map_or(line, |(content, _)| content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const NEW: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn edited(text: &str, names: &[&str]) -> Result<String, Problem> {
        let pins: Vec<Pin> = names.iter().map(|name| format!("{name}=host/{name}@{NEW}").parse().unwrap()).collect();
        edit(text, &pins.iter().map(|pin| (pin.name(), pin)).collect())
    }

    #[test]
    fn only_the_named_entries_change() {
        let text = format!(
            "# top\nresources: [base]\nimages:\n  # one\n  - name: a # the first\n    newName: old/a\n    digest: {OLD} # by CI\n\n  \
             - digest: {OLD}\n    name: \"b\"\n    newName: old/b\n# end\nnamespace: x\n"
        );
        let both = text.replace("old/", "host/").replace(OLD, NEW);
        assert_eq!(edited(&text, &["a", "b"]).unwrap(), both);
        let only_a = text.replace("old/a", "host/a").replacen(OLD, NEW, 1);
        assert_eq!(edited(&text, &["a"]).unwrap(), only_a);
        assert_eq!(edited(&both, &["a", "b"]).unwrap(), both);
    }

    #[test]
    fn a_tag_gives_way_and_what_is_missing_is_added() {
        for (before, after) in [
            (
                "images:\n- name: a\n  newTag: v1 # tag\n",
                "images:\n- name: a\n  newName: host/a\n  digest: NEW # tag\n",
            ),
            (
                "images:\n- name: a\n  digest: OLD\n  newTag: v1\n",
                "images:\n- name: a\n  newName: host/a\n  digest: NEW\n",
            ),
            ("images:\n  - name: a", "images:\n  - name: a\n    newName: host/a\n    digest: NEW\n"),
            (
                "images:\r\n- name: a\r\nx: y\r\n",
                "images:\r\n- name: a\r\n  newName: host/a\r\n  digest: NEW\r\nx: y\r\n",
            ),
        ] {
            assert_eq!(edited(&before.replace("OLD", OLD), &["a"]).unwrap(), after.replace("NEW", NEW), "{before}");
        }
    }

    #[test]
    fn an_image_that_is_not_listed_is_refused_with_the_known_ones() {
        let text = "images:\n- name: a\n- name: b\nconfigurations:\n- name: c\n";
        let known = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(edited(text, &["c"]), Err(Problem::Unknown { name: "c".to_owned(), known }));
        assert_eq!(edited("resources: []\n", &["a"]), Err(Problem::Unknown { name: "a".to_owned(), known: vec![] }));
    }

    #[test]
    fn other_forms_are_refused_with_the_line() {
        for (text, line) in [
            ("images: [{name: a}]\n", 1),
            ("x: y\nimages:\n- {name: a}\n", 3),
            ("images:\n- name: a\n- name: a\n", 3),
            ("images:\n- newName: a\n", 2),
            ("images:\n- name: a\n    digest: b\n", 3),
            ("images:\n- name: a\n  name: b\n", 3),
            ("images:\n- name:\n    a\n", 2),
        ] {
            let Err(Problem::Form { line: found, .. }) = edited(text, &["a"]) else { panic!("{text}") };
            assert_eq!(found, line, "{text}");
        }
    }
}
