//! Numbers as people read them. All functions are independent of the locale.

/// A count with thousands separators: `1537` gives `1,537`.
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A number with a fixed number of decimals and thousands separators; `n/a` when it is not finite.
pub fn decimal(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { "\u{2212}" } else { "" };
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let grouped = group(whole);
    fraction.map_or_else(|| format!("{sign}{grouped}"), |fraction| format!("{sign}{grouped}.{fraction}"))
}

/// A ratio (0..1) as a percentage with one decimal; `n/a` when it is not finite.
pub fn percent(ratio: f64) -> String {
    if ratio.is_finite() { format!("{}%", decimal(ratio * 100.0, 1)) } else { "n/a".to_owned() }
}

/// `part` of `whole` as a percentage; `n/a` when `whole` is zero.
pub fn share(part: u64, whole: u64) -> String {
    percent(part as f64 / whole as f64)
}

/// A size in bytes with a decimal unit: `1_500_000` gives `1.5 MB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    format!("{} {}", decimal(scaled, usize::from(unit > 0)), UNITS[unit])
}

/// The first twelve characters of a digest, enough to tell two apart by eye.
pub fn short_digest(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.chars().take(12).collect()
}

fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!([count(0), count(999), count(1537), count(1_234_567)], ["0", "999", "1,537", "1,234,567"]);
    }

    #[test]
    fn decimals_have_one_sign_and_no_negative_zero() {
        assert_eq!(decimal(-1234.567, 2), "\u{2212}1,234.57");
        assert_eq!(decimal(-0.001, 2), "0.00");
        assert_eq!(decimal(f64::NAN, 2), "n/a");
    }

    #[test]
    fn shares_of_nothing_are_not_available() {
        assert_eq!([share(1, 4), share(0, 0)], ["25.0%", "n/a"]);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!([bytes(12), bytes(1_500_000), bytes(999_999)], ["12 B", "1.5 MB", "1.0 MB"]);
    }

    #[test]
    fn digests_are_shortened() {
        assert_eq!(short_digest("sha256:0123456789abcdef"), "0123456789ab");
    }
}
