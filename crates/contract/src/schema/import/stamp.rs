//! From a sample file name to a pattern with formats.

use jiff::civil::Date;

use super::super::FileNameRule;
use super::ImportError;
use super::agreement::Agreement;

const FOUR_DIGIT_YEARS: [&str; 3] = ["%d%m%Y", "%Y%m%d", "%m%d%Y"];
const TWO_DIGIT_YEARS: [&str; 3] = ["%d%m%y", "%y%m%d", "%m%d%y"];
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2099;

/// What a sample name tells.
pub(super) struct Named {
    pub(super) dataset: String,
    pub(super) rule: FileNameRule,
}

/// Turns the sample's stamps into a pattern.
pub(super) fn file_name(
    agreement: &Agreement,
    date_format: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Named, ImportError> {
    let sample = agreement.sample.trim();
    let refuse = |reason: String| ImportError::FileName { sample: sample.to_owned(), reason };
    let (date_digits, time_digits) = (agreement.date_digits, agreement.time_digits);
    let time_format = match time_digits {
        0 => None,
        2 => Some("%H"),
        4 => Some("%H%M"),
        6 => Some("%H%M%S"),
        other => return Err(refuse(format!("LengthOfTimeStampInFile is {other}, expected 0, 2, 4 or 6"))),
    };
    let candidates = match date_digits {
        8 => FOUR_DIGIT_YEARS,
        6 => TWO_DIGIT_YEARS,
        other => return Err(refuse(format!("LengthOfDateStampInFile is {other}, expected 6 or 8"))),
    };
    let (date_at, time_at) = stamps(sample, date_digits, time_digits).ok_or_else(|| {
        let time = if time_digits > 0 { format!(" followed by {time_digits} digits (time)") } else { String::new() };
        refuse(format!("expected {date_digits} digits (date){time}, as the lengths of the stamps say"))
    })?;

    let date = &sample[date_at..date_at + date_digits];
    let date_format = date_format.map(in_strftime);
    let fitting: Vec<&str> = match &date_format {
        Some(format) => vec![format.as_str()],
        None => candidates.into_iter().filter(|format| is_date(format, date)).collect(),
    };
    let Some(format) = fitting.first().filter(|format| is_date(format, date)) else {
        let tried = date_format.clone().unwrap_or_else(|| candidates.join(", "));
        return Err(refuse(format!("`{date}` is no date by {tried}")));
    };
    if let [first, others @ ..] = fitting.as_slice()
        && !others.is_empty()
    {
        let others = others.join(" or ");
        notes.push(format!("the stamp `{date}` is read as {first}; it could be {others}, then give the date format"));
    }

    let prefix = &sample[..date_at];
    let after_date = date_at + date_digits;
    let date = format!("{}(?<date>[0-9]{{{date_digits}}})", either_case(prefix));
    let pattern = if time_digits > 0 {
        let between = regex::escape(&sample[after_date..time_at]);
        let rest = regex::escape(&sample[time_at + time_digits..]);
        format!("{date}{between}(?<time>[0-9]{{{time_digits}}}){rest}")
    } else {
        format!("{date}{}", regex::escape(&sample[after_date..]))
    };
    Ok(Named {
        dataset: dataset(prefix),
        rule: FileNameRule { pattern, date_format: (*format).to_owned(), time_format: time_format.map(str::to_owned) },
    })
}

/// Where the date and the time start: the last run of digits long enough for each, the time after the date.
fn stamps(sample: &str, date_digits: usize, time_digits: usize) -> Option<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in sample.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    let exact = |length: usize| move |run: &&(usize, usize)| run.1 == length;
    if time_digits == 0 {
        return runs.iter().rev().find(exact(date_digits)).map(|run| (run.0, sample.len()));
    }
    let pair = runs.iter().enumerate().rev().find_map(|(index, time)| {
        let date = runs[..index].iter().rev().find(exact(date_digits))?;
        (time.1 == time_digits).then_some((date.0, time.0))
    });
    let joined = || runs.iter().rev().find(exact(date_digits + time_digits)).map(|run| (run.0, run.0 + date_digits));
    pair.or_else(joined)
}

fn is_date(format: &str, text: &str) -> bool {
    Date::strptime(format, text).is_ok_and(|date| YEARS.contains(&date.year()))
}

/// `ddmmyyyy` as `%d%m%Y`; a format with `%` is taken as it is.
fn in_strftime(format: &str) -> String {
    if format.contains('%') {
        return format.to_owned();
    }
    format.to_lowercase().replace("yyyy", "%Y").replace("yy", "%y").replace("dd", "%d").replace("mm", "%m")
}

/// The literal text as a pattern, its first letter in either case.
fn either_case(prefix: &str) -> String {
    let Some((at, letter)) = prefix.char_indices().find(|(_, letter)| letter.is_ascii_alphabetic()) else {
        return regex::escape(prefix);
    };
    let (before, after) = (&prefix[..at], &prefix[at + 1..]);
    let (upper, lower) = (letter.to_ascii_uppercase(), letter.to_ascii_lowercase());
    format!("{}[{upper}{lower}]{}", regex::escape(before), regex::escape(after))
}

fn dataset(prefix: &str) -> String {
    let letters: String =
        prefix.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let name = letters.trim_matches('-');
    if name.is_empty() { "dataset".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sample: &str, date_digits: usize, time_digits: usize) -> Result<Named, ImportError> {
        let agreement = Agreement {
            sample: sample.to_owned(),
            date_digits,
            time_digits,
            stated_columns: None,
            columns: Vec::new(),
        };
        file_name(&agreement, None, &mut Vec::new())
    }

    #[test]
    fn date_formats_are_inferred() {
        for (sample, date_digits, format) in [
            ("wafer_08012020_120000.csv", 8, "%d%m%Y"),
            ("wafer_20200108_120000.csv", 8, "%Y%m%d"),
            ("wafer_01252020_120000.csv", 8, "%m%d%Y"),
            ("wafer_20101112_120000.csv", 8, "%Y%m%d"),
            ("wafer_080120_120000.csv", 6, "%d%m%y"),
            ("wafer_991231_120000.csv", 6, "%y%m%d"),
        ] {
            assert_eq!(named(sample, date_digits, 6).unwrap().rule.date_format, format, "{sample}");
        }
        assert!(named("wafer_99999999_120000.csv", 8, 6).is_err());
        for (given, format) in [("mmddyyyy", "%m%d%Y"), ("%m%d%Y", "%m%d%Y"), ("YYMMDD", "%y%m%d")] {
            assert_eq!(in_strftime(given), format);
        }
    }

    #[test]
    fn patterns_follow_the_sample() {
        let pattern = |sample, date, time| named(sample, date, time).map(|named| named.rule.pattern).unwrap();
        assert_eq!(pattern("wafer_08012020_120000.csv", 8, 6), r"[Ww]afer_(?<date>[0-9]{8})_(?<time>[0-9]{6})\.csv");
        assert_eq!(pattern("L2-Press.08012020.csv", 8, 0), r"[Ll]2\-Press\.(?<date>[0-9]{8})\.csv");
        assert_eq!(pattern("08012020120000.txt", 8, 6), r"(?<date>[0-9]{8})(?<time>[0-9]{6})\.txt");
        assert_eq!(
            pattern("line12345678_08012020_1200_v2.csv", 8, 4),
            r"[Ll]ine12345678_(?<date>[0-9]{8})_(?<time>[0-9]{4})_v2\.csv"
        );
        assert_eq!(named("Press Line_08012020_120000.csv", 8, 6).unwrap().dataset, "press-line");
        assert_eq!(named("08012020_120000.csv", 8, 6).unwrap().dataset, "dataset");
    }
}
