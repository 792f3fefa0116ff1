//! File names: the pattern, and a date and time that really exist.

use jiff::civil;
use regex::Regex;
use thiserror::Error;

use super::FileNameRule;

/// Why a file name is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// The pattern does not match.
    #[error("name does not match `{pattern}`")]
    Pattern {
        /// The pattern of the schema.
        pattern: String,
    },
    /// There is no such date.
    #[error("`{text}` is no date, expected `{format}`")]
    Date {
        /// The text found.
        text: String,
        /// The format of the schema.
        format: String,
    },
    /// There is no such time of day.
    #[error("`{text}` is no time of day, expected `{format}`")]
    Time {
        /// The text found.
        text: String,
        /// The format of the schema.
        format: String,
    },
}

/// A checked [`FileNameRule`].
#[derive(Clone, Debug)]
pub(crate) struct NameRule {
    rule: FileNameRule,
    regex: Regex,
}

impl NameRule {
    /// Compiles the pattern; the error says what is wrong with the rule.
    pub(crate) fn new(rule: &FileNameRule) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{})$", rule.pattern))
            .map_err(|error| format!("pattern is no regular expression: {error}"))?;
        let has = |group: &str| regex.capture_names().flatten().any(|name| name == group);
        if !has("date") {
            return Err("pattern lacks the named group `date`, such as `(?<date>[0-9]{8})`".to_owned());
        }
        if rule.time_format.is_some() != has("time") {
            return Err("the named group `time` and `time_format` go together".to_owned());
        }
        let probe = civil::date(2024, 12, 31);
        let printed = jiff::fmt::strtime::format(&rule.date_format, probe).unwrap_or_default();
        if !civil::Date::strptime(&rule.date_format, &printed).is_ok_and(|date| date == probe) {
            return Err(format!("date_format `{}` does not hold a whole date", rule.date_format));
        }
        if let Some(format) = &rule.time_format {
            let printed = jiff::fmt::strtime::format(format, civil::time(23, 0, 0, 0)).unwrap_or_default();
            if civil::Time::strptime(format, &printed).is_err() {
                return Err(format!("time_format `{format}` does not hold a time of day"));
            }
        }
        Ok(Self { rule: rule.clone(), regex })
    }

    /// The moment in the name, in seconds since 1970-01-01T00:00:00 by the fab's own clock (no zone is known).
    pub(crate) fn parse(&self, name: &str) -> Result<i64, NameError> {
        let captures =
            self.regex.captures(name).ok_or_else(|| NameError::Pattern { pattern: self.rule.pattern.clone() })?;
        // Printing a moment again refuses what the parser lets through, such as the leap second 60; a month may be written in any case.
        let is_as_printed = |printed: Result<String, jiff::Error>, text: &str| {
            printed.is_ok_and(|printed| printed.eq_ignore_ascii_case(text))
        };
        let group = |group: &str| captures.name(group).map_or("", |found| found.as_str());

        let (text, format) = (group("date"), &self.rule.date_format);
        let date = civil::Date::strptime(format, text)
            .ok()
            .filter(|date| is_as_printed(jiff::fmt::strtime::format(format, *date), text))
            .ok_or_else(|| NameError::Date { text: text.to_owned(), format: format.clone() })?;

        let mut time = civil::Time::midnight();
        if let Some(format) = &self.rule.time_format {
            let text = group("time");
            time = civil::Time::strptime(format, text)
                .ok()
                .filter(|time| is_as_printed(jiff::fmt::strtime::format(format, *time), text))
                .ok_or_else(|| NameError::Time { text: text.to_owned(), format: format.clone() })?;
        }
        let since = date.to_datetime(time).duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0));
        Ok(since.as_secs())
    }
}

/// The text of a moment given in seconds since 1970-01-01T00:00:00: `2020-01-08T12:00:00`, without a zone.
#[must_use]
pub fn moment_text(seconds: i64) -> String {
    let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let moment = epoch.saturating_add(jiff::SignedDuration::from_secs(seconds));
    moment.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::DataSchema;
    use super::*;

    fn wafer() -> NameRule {
        let schema = DataSchema::from_json(include_bytes!("../../../../schemas/wafer.json")).unwrap();
        NameRule::new(&schema.file_name).unwrap()
    }

    #[test]
    fn the_moment_is_read_from_the_name() {
        assert_eq!(wafer().parse("wafer_01011970_000001.csv"), Ok(1));
        assert_eq!(wafer().parse("Wafer_08012020_120000.csv"), Ok(1_578_484_800));
        assert_eq!(moment_text(1_578_484_800), "2020-01-08T12:00:00");
        assert_eq!(wafer().parse("wafer_29022020_235959.csv"), Ok(1_583_020_799));
    }

    #[test]
    fn a_month_and_half_a_day_are_read_in_any_case() {
        let (pattern, date_format) = ("p_(?<date>[^_]+)_(?<time>.+)".to_owned(), "%d%b%Y".to_owned());
        let rule =
            NameRule::new(&FileNameRule { pattern, date_format, time_format: Some("%I%M%p".to_owned()) }).unwrap();
        for name in ["p_01Jan1970_0100AM", "p_01JAN1970_0100am", "p_01jan1970_0100Am"] {
            assert_eq!(rule.parse(name), Ok(3600), "{name}");
        }
        assert!(matches!(rule.parse("p_1Jan1970_0100AM"), Err(NameError::Date { .. })));
    }

    #[test]
    fn the_date_and_the_time_must_exist() {
        for (name, part) in [
            ("wafer_29022021_000000.csv", "date"),
            ("wafer_31042020_000000.csv", "date"),
            ("wafer_00012020_000000.csv", "date"),
            ("wafer_01132020_000000.csv", "date"),
            ("wafer_01012020_240000.csv", "time"),
            ("wafer_01012020_006000.csv", "time"),
            ("wafer_01012020_000060.csv", "time"),
        ] {
            let error = wafer().parse(name).unwrap_err();
            assert!(
                matches!((&error, part), (NameError::Date { .. }, "date") | (NameError::Time { .. }, "time")),
                "{name}: {error:?}"
            );
        }
    }

    /// Defect 9 of the original system: its rule was a set of characters, so that `ferw_1_2.csv` passed.
    #[test]
    fn a_corpus_of_names() {
        for accepted in ["wafer_07012020_041011.csv", "Wafer_31122019_235959.csv"] {
            assert!(wafer().parse(accepted).is_ok(), "{accepted}");
        }
        for refused in [
            "ferw_1_2.csv",
            "wafer_1_2.csv",
            "wafer_07012020_04101.csv",
            "wafer_0701202_041011.csv",
            "wafer_07012020.csv",
            "waferdefault_07012020_041011.csv",
            "Wafer12_20012.csv",
            "Wafer_fault_detection.csv",
            "WAFER_07012020_041011.csv",
            "wafer_07012020_041011.csv.bak",
            "xwafer_07012020_041011.csv",
            "wafer_07012020_041011xcsv",
            "wafer_07012020_041011.csv\n",
            "wafer_٠٧٠١٢٠٢٠_041011.csv",
            "",
            ".csv",
            "a",
        ] {
            assert!(matches!(wafer().parse(refused), Err(NameError::Pattern { .. })), "{refused}");
        }
    }

    #[test]
    fn a_rule_that_contradicts_itself_is_refused() {
        let rule = |pattern: &str, date: &str, time: Option<&str>| {
            NameRule::new(&FileNameRule {
                pattern: pattern.to_owned(),
                date_format: date.to_owned(),
                time_format: time.map(str::to_owned),
            })
            .unwrap_err()
        };
        assert!(rule("(", "%d%m%Y", None).contains("regular expression"));
        assert!(rule("a", "%d%m%Y", None).contains("group `date`"));
        assert!(rule("(?<date>.)", "%d%m%Y", Some("%H")).contains("go together"));
        assert!(rule("(?<date>.)", "%d%m", None).contains("whole date"));
        assert!(rule("(?<date>.)(?<time>.)", "%d%m%Y", Some("%Y")).contains("time of day"));
    }
}
