//! Reads the data-sharing agreements of the original system (`schema_training.json`, `schema_prediction.json`) of any data set.
//!
//! An agreement names a sample file, the lengths of the date and time stamps in its name, the number of columns and each column's type. All
//! else is inferred, and every guess that could be wrong is told in [`Imported::notes`]:
//!
//! - **File name**: the sample with its stamps turned into a pattern; its first letter in either case.
//! - **Date format**: the first of `ddmmyyyy`, `yyyymmdd`, `mmddyyyy` (six digits: `ddmmyy`, `yymmdd`, `mmddyy`) that makes the sample's
//!   stamp a date from 1970 to 2099.
//! - **Target**: the column that only the training agreement has; without a prediction agreement the last one with a telling name
//!   (`Output`, `label`, `Good/Bad`, ...), else the last integer column, else the last column.
//! - **Id**: the first text column, else one with a telling name, else the first column. Other text and date columns are ignored.
//! - **Labels**: 1 is faulty; -1 and 0 are good. For a text target the usual words as well.
//! - **Headers** that no name matches are paired by position, as in the original system, which only counts columns.
//! - **Empty columns** are kept as missing values. The original system rejects their files; so does a schema imported with
//!   [`EmptyColumn::RejectFile`].

mod agreement;
mod columns;
mod stamp;

use serde_json::error::Category;
use thiserror::Error;

use super::{
    DataSchema, Delimiter, EmptyColumn, HeaderMatching, HeaderRule, Label, MissingPolicy, QualityGate, Role,
    SchemaError, UnmatchedHeaders, default_labels, default_missing_tokens,
};
use agreement::Agreement;

/// Choices that the agreements do not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The date format, as `mmddyyyy` or `%m%d%Y`, for a stamp that reads more than one way. Absent: inferred from the sample.
    pub date_format: Option<String>,
    /// What becomes of a file with a wholly empty column. Default: it is kept.
    pub empty_column: EmptyColumn,
}

/// An imported schema, with what was guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The schema; it has passed [`DataSchema::check`].
    pub schema: DataSchema,
    /// What was guessed or looked odd, for people.
    pub notes: Vec<String>,
}

/// Why an agreement cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It is not JSON, or not of the right shape.
    #[error("{which} agreement: {reason}{}", if *syntax { "" } else { "; expected the keys SampleFileName, LengthOfDateStampInFile, LengthOfTimeStampInFile, NumberofColumns, ColName" })]
    Shape {
        /// `training` or `prediction`.
        which: &'static str,
        /// What is wrong.
        reason: String,
        /// Whether it is no JSON at all.
        syntax: bool,
    },
    /// `NumberofColumns` is not the number of columns that `ColName` lists.
    #[error(
        "{which} agreement: NumberofColumns is {stated}, but ColName lists {listed}; correct the one that is wrong{duplicates}"
    )]
    ColumnCount {
        /// `training` or `prediction`.
        which: &'static str,
        /// What `NumberofColumns` says.
        stated: u64,
        /// What `ColName` lists.
        listed: usize,
        /// A hint at columns that stand twice, or nothing.
        duplicates: String,
    },
    /// The sample file name does not hold the stamps.
    #[error("training agreement: SampleFileName `{sample}`: {reason}")]
    FileName {
        /// The sample.
        sample: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The prediction agreement has columns that the training agreement lacks.
    #[error(
        "prediction agreement: column `{column}` is not in the training agreement; a model cannot use what it was not trained on"
    )]
    UnknownColumn {
        /// The column.
        column: String,
    },
    /// The schema that came out contradicts itself.
    #[error("imported {0}")]
    Schema(#[from] SchemaError),
}

/// Makes a data schema from the agreements.
///
/// The prediction agreement is optional; it settles which column is the target.
///
/// # Errors
/// [`ImportError`] if an agreement has the wrong shape, its column count is wrong, its sample name does not hold
/// its stamps, or the outcome is not a valid schema.
pub fn import(training: &[u8], prediction: Option<&[u8]>, options: &ImportOptions) -> Result<Imported, ImportError> {
    let training = read(training, "training")?;
    let prediction = prediction.map(|json| read(json, "prediction")).transpose()?;
    let mut notes = Vec::new();
    let named = stamp::file_name(&training, options.date_format.as_deref(), &mut notes)?;
    let columns = columns::columns(&training, prediction.as_ref(), &mut notes)?;

    let mut labels = default_labels();
    labels.insert("0".to_owned(), Label::Good);
    if columns.iter().any(|column| column.role == Role::Target && column.kind == super::ColumnType::String) {
        for (label, words) in [
            (Label::Good, ["good", "pass", "passed", "ok", "no", "false", "normal"]),
            (Label::Faulty, ["bad", "fail", "failed", "faulty", "yes", "true", "defect"]),
        ] {
            labels.extend(words.map(|word| (word.to_owned(), label)));
        }
    }
    notes.push("labels: 1 is faulty, -1 and 0 are good; edit `labels` if the data set says otherwise".to_owned());

    let mut schema = DataSchema {
        format_version: super::FORMAT_VERSION,
        dataset: named.dataset,
        description: String::new(),
        file_name: named.rule,
        delimiter: Delimiter::Auto,
        header: HeaderRule { matching: HeaderMatching::Normalised, unmatched: UnmatchedHeaders::PairByPosition },
        missing_tokens: default_missing_tokens(),
        missing: MissingPolicy { empty_column: options.empty_column, ..MissingPolicy::default() },
        labels,
        gate: QualityGate::default(),
        columns,
    };
    if super::header::Headers::new(&schema.header, &schema.columns).is_err() {
        schema.header.matching = HeaderMatching::Exact;
        notes.push("some column names differ by signs alone, so headers must be spelled exactly".to_owned());
    }
    schema.clone().check()?;
    Ok(Imported { schema, notes })
}

fn read(json: &[u8], which: &'static str) -> Result<Agreement, ImportError> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let agreement: Agreement = serde_json::from_slice(json).map_err(|error| ImportError::Shape {
        which,
        reason: error.to_string(),
        syntax: matches!(error.classify(), Category::Syntax | Category::Eof),
    })?;
    let listed = agreement.columns.len();
    match agreement.stated_columns {
        Some(stated) if usize::try_from(stated) != Ok(listed) => {
            let duplicates = match agreement.duplicate_column() {
                Some(name) => format!(" (`{name}` stands twice)"),
                None => String::new(),
            };
            Err(ImportError::ColumnCount { which, stated, listed, duplicates })
        }
        _ => Ok(agreement),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ColumnType, Purpose};
    use super::*;

    fn agreement(sample: &str, lengths: (u32, u32), count: usize, columns: &str) -> String {
        format!(
            r#"{{"SampleFileName": "{sample}", "LengthOfDateStampInFile": {}, "LengthOfTimeStampInFile": {},
                "NumberofColumns": {count}, "ColName": {{{columns}}}}}"#,
            lengths.0, lengths.1
        )
    }

    const TRAINING: &str = r#""Reading A": " float", "Unit": "varchar", "Verdict" : "Integer", "Reading B" : "FLOAT ""#;
    const PREDICTION: &str = r#""Reading A": " float", "Unit": "varchar", "Reading B" : "float""#;

    fn imported(training: &str, prediction: Option<&str>) -> Imported {
        let training = agreement("sensor_08012020_120000.csv", (8, 6), training.matches(':').count(), training);
        let prediction = prediction
            .map(|columns| agreement("sensor_08012020_120000.csv", (8, 6), columns.matches(':').count(), columns));
        import(training.as_bytes(), prediction.as_deref().map(str::as_bytes), &ImportOptions::default()).unwrap()
    }

    fn roles(imported: &Imported) -> Vec<(&str, Role)> {
        imported.schema.columns.iter().map(|column| (column.name.as_str(), column.role)).collect()
    }

    #[test]
    fn the_target_is_what_only_training_has_wherever_it_stands() {
        let imported = imported(TRAINING, Some(PREDICTION));
        assert_eq!(
            roles(&imported),
            [("Reading A", Role::Feature), ("Unit", Role::Id), ("Verdict", Role::Target), ("Reading B", Role::Feature)]
        );
        let schema = imported.schema.check().unwrap();
        assert!(schema.parse_file_name("Sensor_31122021_235959.csv").is_ok());
        assert!(schema.parse_file_name("sensor_32122021_235959.csv").is_err());
        assert!(schema.parse_file_name("wafer_31122021_235959.csv").is_err());
        let headers = ["READING-A", "", "Good/Bad", "reading_b"].map(str::to_owned);
        assert!(schema.map_headers(&headers, Purpose::Train).is_ok());
        assert_eq!(schema.label("0"), Some(Label::Good));
        assert_eq!(schema.label("1.0"), Some(Label::Faulty));
    }

    #[test]
    fn without_a_prediction_agreement_the_name_or_the_type_tells_the_target() {
        let by_name = imported(r#""Label": "int", "Lot": "varchar(20)", "a": "float", "b": "int""#, None);
        assert_eq!(by_name.schema.columns[0].role, Role::Target);
        let by_type = imported(r#""Lot": "varchar", "a": "Integer", "b": "float""#, None);
        assert_eq!(roles(&by_type), [("Lot", Role::Id), ("a", Role::Target), ("b", Role::Feature)]);
        let last = imported(r#""Lot": "varchar", "a": "float", "b": "float""#, None);
        assert_eq!(last.schema.columns[2].role, Role::Target);
    }

    #[test]
    fn further_text_and_dates_are_ignored_and_said_so() {
        let imported = imported(
            r#""No": "varchar", "Tool": "text", "When": "datetime", "a": "double precision", "Output": "varchar""#,
            None,
        );
        assert_eq!(imported.schema.columns[1].role, Role::Ignored);
        assert_eq!(imported.schema.columns[2].role, Role::Ignored);
        assert_eq!(imported.schema.columns[4].kind, ColumnType::String);
        assert!(imported.notes.iter().any(|note| note.contains("`Tool`")), "{:?}", imported.notes);
        assert_eq!(imported.schema.check().unwrap().label("FAIL"), Some(Label::Faulty));
    }

    #[test]
    fn wrong_agreements_are_explained() {
        let error = |json: &str| import(json.as_bytes(), None, &ImportOptions::default()).unwrap_err().to_string();
        let columns = r#""Unit": "varchar", "a": "float", "a": "float", "y": "int""#;
        let mismatch = error(&agreement("s_08012020_120000.csv", (8, 6), 3, columns));
        assert!(mismatch.contains("is 3, but ColName lists 4") && mismatch.contains("`a` stands twice"), "{mismatch}");
        assert!(error("{").contains("EOF"));
        assert!(error(r#"{"SampleFileName": "x"}"#).contains("expected the keys"));
        let stamps = error(&agreement("s_0801202_120000.csv", (8, 6), 2, r#""Unit": "varchar", "y": "int""#));
        assert!(stamps.contains("8 digits"), "{stamps}");
        let typed = error(&agreement("s_08012020_120000.csv", (8, 6), 2, r#""Unit": "varchar", "y": "blob""#));
        assert!(typed.contains("`blob`"), "{typed}");
    }

    #[test]
    fn a_column_that_only_prediction_has_is_refused() {
        let training = agreement("s_08012020_120000.csv", (8, 6), 3, r#""Unit": "varchar", "a": "float", "y": "int""#);
        let prediction =
            agreement("s_08012020_120000.csv", (8, 6), 3, r#""Unit": "varchar", "a": "float", "b": "float""#);
        let error = import(training.as_bytes(), Some(prediction.as_bytes()), &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, ImportError::UnknownColumn { column } if column == "b"));
    }

    #[test]
    fn names_that_differ_by_signs_alone_switch_to_exact_headers() {
        let imported = imported(r#""id": "varchar", "temp.1": "float", "temp1": "float", "y": "int""#, None);
        assert_eq!(imported.schema.header.matching, HeaderMatching::Exact);
    }
}
