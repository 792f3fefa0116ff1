//! The name of a run, which follows from the event alone: the same event told twice has the same name, and a cluster takes a name once.

use sha2::{Digest as _, Sha256};

/// The longest name that is also a label's value and a host name.
const MAX_NAME: usize = 63;
/// Hex digits of the digest: 64 bits, so that among a million runs a second meaning of a name has a chance of 1 in 37 million.
const DIGEST_DIGITS: usize = 16;
/// The longest prefix.
pub(crate) const MAX_PREFIX: usize = 20;

/// Whether a text may begin names: lowercase letters, digits and dashes, a letter first and no dash last.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= MAX_PREFIX
        && text.bytes().all(is_plain)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
}

/// `PREFIX-READABLE-DIGEST`: at most 63 lowercase letters, digits and dashes. `readable` is for people and may be cut; the digest is of the
/// whole identity, part by part.
pub(crate) fn of(prefix: &str, readable: &str, identity: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in identity {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = &hex::encode(hasher.finalize())[..DIGEST_DIGITS];
    let room = MAX_NAME - DIGEST_DIGITS - prefix.len() - 2;
    let readable = slug(readable, room);
    let readable = readable.trim_matches('-');
    if readable.is_empty() { format!("{prefix}-{digest}") } else { format!("{prefix}-{readable}-{digest}") }
}

/// The letters and digits of a text in lower case, with one dash for whatever is between them.
fn slug(text: &str, room: usize) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if slug.len() == room {
            break;
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_can_be_read_and_tell_events_apart() {
        let name = of("train", "Lot 42/ä", &["bucket", "key", "1"]);
        assert!(name.starts_with("train-lot-42-"), "{name}");
        assert_eq!(name, of("train", "Lot 42/ä", &["bucket", "key", "1"]));
        assert_ne!(name, of("train", "Lot 42/ä", &["bucket", "key", "2"]));
        // Parts do not run into each other.
        assert_ne!(of("train", "", &["ab", "c"]), of("train", "", &["a", "bc"]));
    }

    #[test]
    fn prefixes_are_checked() {
        for good in ["a", "train", "train-sharded", "a1"] {
            assert!(is_prefix(good), "{good}");
        }
        for bad in ["", "Train", "1a", "-a", "a-", "a_b", "ä", "a.b", &"x".repeat(21)] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_a_label(prefix in "[a-z][a-z0-9]{0,19}", readable in "\\PC{0,80}", key in "\\PC{0,80}") {
            let name = of(&prefix, &readable, &[&key]);
            prop_assert!(name.len() <= 63);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"));
        }
    }
}
