//! Unquoted scalars by the YAML 1.1 rules of `kubectl`.

use serde_json::{Number, Value};

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let joined: String = digits.chars().filter(|c| *c != '_').collect();
    let integer = if let Some(hex) = joined.strip_prefix("0x") {
        integer(hex, 16)
    } else if let Some(binary) = joined.strip_prefix("0b") {
        integer(binary, 2)
    } else if joined.len() > 1 && joined.starts_with('0') {
        integer(joined.strip_prefix("0o").unwrap_or(&joined), 8)
    } else {
        integer(&joined, 10)
    };
    let negative = text.starts_with('-');
    if let Some(integer) = integer {
        return Some(Number::from(if negative { -integer } else { integer }));
    }
    let is_float = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let float: f64 = if is_float { digits.parse().ok()? } else { return None };
    Number::from_f64(if negative { -float } else { float })
}

/// Digits alone: a second sign is no number.
fn integer(digits: &str, radix: u32) -> Option<i64> {
    if digits.starts_with(['-', '+']) { None } else { i64::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn scalars_follow_yaml_1_1() {
        for (text, expected) in [
            ("yes", json!(true)),
            ("n", json!(false)),
            ("010", json!(8)),
            ("0x1F", json!(31)),
            ("1.10", json!(1.1)),
            ("~", json!(null)),
            ("1_000", json!(1000)),
            ("12h", json!("12h")),
            ("-3", json!(-3)),
            ("1e3", json!(1000.0)),
            ("0.5.1", json!("0.5.1")),
            ("-0x-8000000000000000", json!("-0x-8000000000000000")),
            ("99999999999999999999", json!(1e20)),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_a_scalar(text in "[-+.0-9a-fxob_eE]{0,24}") {
            prop_assert!(!plain(&text).is_object());
        }
    }
}
