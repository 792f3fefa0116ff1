//! The rules for keys, the same on every backend.

use crate::error::{Action, StoreError};

/// The longest key, in bytes (the limit of S3).
const MAX_KEY_BYTES: usize = 1024;
/// The longest segment of a key, in bytes (the limit of common file systems).
const MAX_SEGMENT_BYTES: usize = 255;
/// Files with this prefix are unfinished writes of the file backend.
pub(crate) const TEMPORARY_PREFIX: &str = ".faultline-tmp-";

/// Checks an object's key: `a/b/c`, relative, without empty, `.` and `..` segments.
pub(crate) fn check(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(format!("the key has {} bytes, at most {MAX_KEY_BYTES} are allowed", key.len()));
    }
    for segment in key.split('/') {
        match segment {
            "" => return Err("the key has an empty segment (a slash at an end, or two in a row)".to_owned()),
            "." | ".." => return Err(format!("the key has the segment {segment:?}")),
            _ if segment.len() > MAX_SEGMENT_BYTES => {
                return Err(format!("a segment of the key has more than {MAX_SEGMENT_BYTES} bytes"));
            }
            _ if segment.contains('\0') => return Err("the key has a NUL byte".to_owned()),
            _ if segment.starts_with(TEMPORARY_PREFIX) => {
                return Err(format!("segments that begin with {TEMPORARY_PREFIX:?} are reserved"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks a folder's path without its final slash; the empty path is the root.
pub(crate) fn check_prefix_path(path: &str) -> Result<(), String> {
    if path.is_empty() { Ok(()) } else { check(path) }
}

/// Checks the prefix of a listing: empty, or a folder's path with its final slash.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    if prefix.is_empty() {
        return Ok(());
    }
    let path = prefix.strip_suffix('/').ok_or("the prefix of a listing is a folder and ends in a slash")?;
    check(path)
}

/// The error for a key or prefix that breaks a rule.
pub(crate) fn invalid(action: Action, uri: String, reason: String) -> StoreError {
    StoreError::Invalid {
        action,
        uri,
        reason,
        hint: "keys are relative paths such as runs/r1/validate/manifest.json".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_keys_pass() {
        for key in ["a", "a/b.json", "runs/r 1/ä/…", ".hidden", "a..b", &"x".repeat(255)] {
            assert_eq!(check(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn each_rule_refuses() {
        let long = vec!["x".repeat(200); 6].join("/");
        let segment = "x".repeat(256);
        for key in
            ["", "/a", "a/", "a//b", ".", "a/./b", "..", "a/../../b", "a\0b", "a/.faultline-tmp-1", &long, &segment]
        {
            assert!(check(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_folder() {
        assert_eq!(check_prefix(""), Ok(()));
        assert_eq!(check_prefix("runs/r1/"), Ok(()));
        for prefix in ["runs", "/", "runs//", "../"] {
            assert!(check_prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
