//! The keys of objects that a run may be pointed at.

/// The longest key, in bytes (the limit of S3).
const MAX_BYTES: usize = 1024;

/// Checks a key, or a folder's path without slashes at its ends. The rules are those of the store, which has to read below it, and two more:
/// Tekton would take `$(` for the start of a variable, and control characters hide in logs what they do.
///
/// # Errors
/// A text for people.
pub(crate) fn check(key: &str) -> Result<(), String> {
    if key.len() > MAX_BYTES {
        return Err(format!("the key has {} bytes, at most {MAX_BYTES} are allowed", key.len()));
    }
    if key.contains("$(") {
        return Err("the key has \"$(\" in it, which Tekton would take for a variable".to_owned());
    }
    if key.chars().any(char::is_control) {
        return Err("the key has a control character".to_owned());
    }
    for segment in key.split('/') {
        match segment {
            "" => return Err("the key has an empty segment (a slash at an end, or two in a row)".to_owned()),
            "." | ".." => return Err(format!("the key has the segment {segment:?}")),
            _ => {}
        }
    }
    Ok(())
}

/// A key as it stands in notifications of S3: percent-encoded, with `+` for a space.
///
/// # Errors
/// A text for people when the bytes are no UTF-8.
pub(crate) fn decode(encoded: &str) -> Result<String, String> {
    let spaced = encoded.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.map(String::from).map_err(|_| "the key is no UTF-8 once it is decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_refuses() {
        for key in ["raw/a.csv", "raw/lot 7/ä.csv", "raw/a+b.csv", "raw/..a", "raw/$x"] {
            assert_eq!(check(key), Ok(()), "{key}");
        }
        let long = "x".repeat(1025);
        for key in ["", "/raw", "raw/", "raw//a", "raw/../a", "raw/./a", "raw/$(x)/a", "raw/a\nb", "raw/\u{7f}", &long]
        {
            assert!(check(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        for (encoded, key) in [
            ("raw/lot+7/a.csv", "raw/lot 7/a.csv"),
            ("raw/lot%2B7/a.csv", "raw/lot+7/a.csv"),
            ("raw/Messung+%C3%BC.csv", "raw/Messung ü.csv"),
            ("raw/100%25.csv", "raw/100%.csv"),
        ] {
            assert_eq!(decode(encoded).as_deref(), Ok(key));
        }
        assert!(decode("raw/%FF.csv").is_err());
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(key in "\\PC{0,40}") {
            let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string().replace("%20", "+");
            prop_assert_eq!(decode(&encoded), Ok(key));
        }
    }
}
