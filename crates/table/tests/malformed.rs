//! Malformed files: every row is accounted for, whatever a file holds.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::Read;

use faultline_contract::Digest;
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_table::{Code, FileOutcome, QuarantineRecord, Row, RowSink, Scope, check_file};
use proptest::prelude::*;

const NAME: &str = "wafer_08012020_120000.csv";
const HEADER: &str = ",s1,s2,s3,Good/Bad\n";

fn schema(changes: &str) -> ValidSchema {
    let json = format!(
        r#"{{"format_version": 1, "dataset": "small",
            "file_name": {{"pattern": "wafer_(?<date>[0-9]{{8}})_(?<time>[0-9]{{6}})\\.csv", "date_format": "%d%m%Y", "time_format": "%H%M%S"}},
            {changes}
            "columns": [{{"name": "Wafer", "role": "id", "type": "string", "aliases": [""]}},
                {{"name": "s1", "max": 100}}, {{"name": "s2", "required": true}}, {{"name": "s3", "type": "integer"}},
                {{"name": "Good/Bad", "role": "target", "type": "integer"}}]}}"#
    );
    ValidSchema::from_json(json.as_bytes()).unwrap()
}

/// A row as it was handed out.
#[derive(Debug, PartialEq)]
struct Taken {
    row: u64,
    line: u64,
    byte_offset: u64,
    id: String,
    target: Option<u8>,
    features: Vec<u32>,
}

#[derive(Debug, Default, PartialEq)]
struct Sink {
    accepted: Vec<Taken>,
    refused: Vec<QuarantineRecord>,
}

impl RowSink for Sink {
    type Error = std::convert::Infallible;

    fn accept(&mut self, row: &Row<'_>) -> Result<(), Self::Error> {
        let features = row.features.iter().map(|value| value.to_bits()).collect();
        let Row { row, line, byte_offset, id, target, .. } = *row;
        self.accepted.push(Taken { row, line, byte_offset, id: id.to_owned(), target, features });
        Ok(())
    }

    fn refuse(&mut self, record: QuarantineRecord) -> Result<(), Self::Error> {
        self.refused.push(record);
        Ok(())
    }
}

fn check(content: impl Read + Send, schema: &ValidSchema, purpose: Purpose) -> (FileOutcome, Sink) {
    let mut sink = Sink::default();
    let outcome = check_file(content, NAME, schema, purpose, &mut sink).unwrap();
    (outcome, sink)
}

/// The codes of a file: its own, or those of its rows.
fn codes(content: &[u8]) -> Vec<Code> {
    let (outcome, sink) = check(content, &schema(""), Purpose::Train);
    match outcome.rejection {
        Some(rejection) => vec![rejection.code],
        None => sink.refused.iter().map(|record| record.code).collect(),
    }
}

#[test]
fn faults_of_files_have_their_codes() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(HEADER.bytes().flat_map(|byte| [byte, 0])).collect();
    let long_header = "x".repeat((16 << 20) + 1);
    for (content, code) in [
        (&b""[..], Code::EmptyFile),
        (b"\n \r\n\n", Code::EmptyFile),
        (b"\xef\xbb\xbf", Code::EmptyFile),
        (HEADER.as_bytes(), Code::NoRows),
        (b",s1,s2,s3,Good/Bad", Code::NoRows),
        (&utf16, Code::NotUtf8),
        (b",s1,s2,s3,Good\xffBad\na,1,1,1,1\n", Code::NotUtf8),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Code::NotUtf8),
        (b"\0\0\0\0\n\0\0\0\n", Code::NotUtf8),
        (&utf16[2..], Code::NotUtf8),
        (b"a,b,c\n1,2,3\n", Code::ColumnCount),
        (b",s1,s2,s3,s4\na,1,1,1,1\n", Code::NoValidRows),
        (b",s1,s4,s3,Good/Bad\na,1,1,1,1\n", Code::UnknownColumn),
        (b",s1,,s3,Good/Bad\na,1,1,1,1\n", Code::BlankHeader),
        (b",s1,S 1,s3,Good/Bad\na,1,1,1,1\n", Code::DuplicateColumn),
        (b"\",s1,s2,s3,Good/Bad\na,1,1,1,1\n", Code::BadQuote),
        (long_header.as_bytes(), Code::LineTooLong),
        (b",s1,s2,s3,Good/Bad\nbad\nrows\nonly\n", Code::NoValidRows),
    ] {
        let shown = String::from_utf8_lossy(&content[..content.len().min(40)]).into_owned();
        // A header `s4` in place of the target is paired with it; its cells are then labels.
        let content = if code == Code::NoValidRows { content.replace_label() } else { content.to_vec() };
        assert_eq!(codes(&content), [code], "{shown:?}");
    }
}

/// Makes the label of a paired target column unknown.
trait ReplaceLabel {
    fn replace_label(&self) -> Vec<u8>;
}

impl ReplaceLabel for [u8] {
    fn replace_label(&self) -> Vec<u8> {
        String::from_utf8_lossy(self).replace("a,1,1,1,1", "a,1,1,1,7").into_bytes()
    }
}

/// Defect 8 of the original system, the half about types: whatever stood in a cell was read.
#[test]
fn faults_of_rows_have_their_codes_and_spoil_their_own_row_only() {
    let long = "9".repeat((16 << 20) + 1);
    let long_id = format!("{},1,1,1,1", "i".repeat(257));
    for (row, code, column, value) in [
        ("a,1,1,1", Code::FieldCount, None, None),
        ("a,1,1,1,1,1", Code::FieldCount, None, None),
        ("lonely", Code::FieldCount, None, None),
        ("a,\"1,1,1,1", Code::BadQuote, None, None),
        ("a,\"1\"2,1,1,1", Code::BadQuote, None, None),
        (",1,1,1,1", Code::MissingId, Some("Wafer"), Some("")),
        ("NaN,1,1,1,1", Code::MissingId, Some("Wafer"), Some("NaN")),
        (&long_id, Code::IdTooLong, Some("Wafer"), None),
        ("a,word,1,1,1", Code::TypeMismatch, Some("s1"), Some("word")),
        ("a,21-01-1998,1,1,1", Code::TypeMismatch, Some("s1"), Some("21-01-1998")),
        ("a,1\u{0},1,1,1", Code::TypeMismatch, Some("s1"), Some("1\u{fffd}")),
        ("a,inf,1,1,1", Code::TypeMismatch, Some("s1"), Some("inf")),
        ("a,-Infinity,1,1,1", Code::TypeMismatch, Some("s1"), Some("-Infinity")),
        ("a,0x10,1,1,1", Code::TypeMismatch, Some("s1"), Some("0x10")),
        ("a,1_000,1,1,1", Code::TypeMismatch, Some("s1"), Some("1_000")),
        ("a,\"1,5\",1,1,1", Code::TypeMismatch, Some("s1"), Some("1,5")),
        ("a,1e400,1,1,1", Code::OutOfRange, Some("s1"), Some("1e400")),
        ("a,1,-1e39,1,1", Code::OutOfRange, Some("s2"), Some("-1e39")),
        ("a,100.5,1,1,1", Code::OutOfRange, Some("s1"), Some("100.5")),
        ("a,1,,1,1", Code::MissingValue, Some("s2"), Some("")),
        ("a,1,1,1.5,1", Code::TypeMismatch, Some("s3"), Some("1.5")),
        ("a,1,1,1,", Code::LabelMissing, Some("Good/Bad"), Some("")),
        ("a,1,1,1,nan", Code::LabelMissing, Some("Good/Bad"), Some("nan")),
        ("a,1,1,1,0", Code::LabelUnknown, Some("Good/Bad"), Some("0")),
        ("a,1,1,1,good", Code::LabelUnknown, Some("Good/Bad"), Some("good")),
        (&long, Code::LineTooLong, None, None),
    ] {
        let content = format!("{HEADER}ok,1,2,3,1\n{row}\nok,1,2,3,-1\n");
        let (outcome, sink) = check(content.as_bytes(), &schema(""), Purpose::Train);
        let shown = &row[..row.len().min(40)];
        assert_eq!(outcome.rejection, None, "{shown}");
        assert_eq!((outcome.rows_in, outcome.rows_accepted, outcome.rows_quarantined), (3, 2, 1), "{shown}");
        let [record] = sink.refused.as_slice() else { panic!("{shown}: {:?}", sink.refused) };
        assert_eq!((record.code, record.column.as_deref(), record.line), (code, column, Some(3)), "{shown}");
        if value.is_some() {
            assert_eq!(record.value.as_deref(), value, "{shown}");
        }
        let at = usize::try_from(record.byte_offset.unwrap()).unwrap();
        let place = content[at..].trim_start_matches('"');
        assert!(place.starts_with(value.map_or("", |value| value.trim_end_matches('\u{fffd}'))), "{shown}: {at}");
    }
    assert_eq!(codes(b",s1,s2,s3,Good/Bad\nok,1,1,1,1\n\xff,1,1,1,1\nok,1,1,1,\xff\n"), [Code::NotUtf8, Code::NotUtf8]);
}

#[test]
fn odd_but_right_files_are_accepted() {
    for content in [
        "\u{feff},s1,s2,s3,Good/Bad\na,1,2,3,1\n",
        ",s1,s2,s3,Good/Bad\r\na,1,2,3,1\r\n",
        ",s1,s2,s3,Good/Bad\ra,1,2,3,1",
        "\n\n,s1,s2,s3,Good/Bad\n\na,1,2,3,1\n\n",
        "\"\",\"s1\",\"s2\",\"s3\",\"Good/Bad\"\n\"a\",\"1\",\"2\",\"3\",\"1\"\n",
        ";s1;s2;s3;Good/Bad\na;1;2;3;1\n",
        "\ts1\ts2\ts3\tGood/Bad\na\t1\t2\t3\t1\n",
        "Good/Bad,s3,s2,s1,Wafer\n+1,3.0,2e0,1.000, a \n",
        ",s1,s2,s3,Good/Bad\na, 1 ,+2,3,1.0\n",
    ] {
        let (outcome, sink) = check(content.as_bytes(), &schema(""), Purpose::Train);
        assert_eq!((outcome.rejection, outcome.rows_accepted), (None, 1), "{content:?} {:?}", sink.refused);
        let features = [1.0_f32, 2.0, 3.0].map(f32::to_bits).to_vec();
        let taken = &sink.accepted[0];
        assert_eq!((taken.id.as_str(), taken.target, &taken.features), ("a", Some(1), &features), "{content:?}");
    }
}

#[test]
fn missing_values_in_all_their_spellings() {
    for missing in ["", " ", "NaN", "nan", "NA", "null", "NULL", "?", "\"\"", "N/A"] {
        let content = format!("{HEADER}a,{missing},2,{missing},1\n");
        let (outcome, _) = check(content.as_bytes(), &schema(""), Purpose::Train);
        assert_eq!((outcome.rows_accepted, outcome.missing_counts), (1, vec![1, 0, 1]), "{missing:?}");
    }
    let numeric = schema(r#""missing_tokens": ["-999"],"#);
    let (outcome, _) = check(
        format!("{HEADER}a,-999,2,1,1\nb,NaN,2,1,1\nc,-999.00,2,-9.99e2,1\n").as_bytes(),
        &numeric,
        Purpose::Train,
    );
    assert_eq!((outcome.rows_accepted, outcome.rows_quarantined, outcome.missing_counts), (2, 1, vec![2, 0, 1]));
}

#[test]
fn a_label_is_one_where_other_cells_of_its_text_are_missing() {
    let rules = schema(r#""labels": {"none": "good", "Scratch": "faulty"},"#);
    let content = format!("{HEADER}a,1,2,1,none\nb,none,2,1,scratch\nc,1,2,1,NA\nd,1,2,1,other\n");
    let (outcome, sink) = check(content.as_bytes(), &rules, Purpose::Train);
    assert_eq!((outcome.rows_accepted, outcome.missing_counts), (2, vec![1, 0, 0]));
    assert_eq!(sink.accepted.iter().map(|row| row.target).collect::<Vec<_>>(), [Some(0), Some(1)]);
    let refused: Vec<Code> = sink.refused.iter().map(|record| record.code).collect();
    assert_eq!(refused, [Code::LabelMissing, Code::LabelUnknown]);
}

#[test]
fn prediction_needs_no_label_and_does_not_read_one() {
    for content in [",s1,s2,s3\na,1,2,3\n", ",s1,s2,s3,Good/Bad\na,1,2,3,whatever\n"] {
        let (outcome, sink) = check(content.as_bytes(), &schema(""), Purpose::Predict);
        assert_eq!((outcome.rows_accepted, sink.accepted[0].target), (1, None), "{content}");
    }
}

/// Defect 5 of the original system: exactly one file or row crashed it.
#[test]
fn one_row_is_enough() {
    let content = format!("{HEADER}a,1,2,3,1");
    let (outcome, _) = check(content.as_bytes(), &schema(""), Purpose::Train);
    assert_eq!((outcome.rows_in, outcome.rows_accepted), (1, 1));
}

#[test]
fn missing_policies() {
    let empty = schema(r#""missing": {"empty_column": "reject_file"},"#);
    let content = format!("{HEADER}a,,2,3,1\nb,,2,3,1\n");
    let (outcome, _) = check(content.as_bytes(), &empty, Purpose::Train);
    let rejection = outcome.rejection.unwrap();
    assert_eq!((rejection.code, rejection.rows, rejection.column.as_deref()), (Code::EmptyColumn, 2, Some("s1")));
    let filled_once = format!("{HEADER}a,,2,3,1\nb,word,2,3,1\n");
    assert_eq!(check(filled_once.as_bytes(), &empty, Purpose::Train).0.rejection, None);

    let rows = schema(r#""missing": {"max_row_missing_ratio": 0.5},"#);
    let (outcome, sink) = check(format!("{HEADER}a,,2,,1\nb,,2,3,1\n").as_bytes(), &rows, Purpose::Train);
    assert_eq!((outcome.rows_accepted, sink.refused[0].code), (1, Code::TooManyMissing));
    let file = schema(r#""missing": {"max_file_missing_ratio": 0.3},"#);
    let (outcome, _) = check(content.as_bytes(), &file, Purpose::Train);
    assert_eq!(outcome.rejection.map(|record| (record.code, record.rows)), Some((Code::TooManyMissing, 2)));
}

/// Hands out a few bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Lines that are not blank, less the header; counted in another way than the checker does.
fn data_rows(content: &[u8]) -> u64 {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let lines = content.split(|byte| *byte == b'\n' || *byte == b'\r').filter(|line| !line.trim_ascii().is_empty());
    (lines.count() as u64).saturating_sub(1)
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop::sample::select(vec![
        "1", "2.5", "-3e2", "", "NaN", "inf", "1e400", "word", "\"", "\"\"", "\"1\"", "\"1,2\"", "a\"b", "\0", "é",
        " ", "?", "-1",
    ]);
    let row = (prop::sample::select(vec!["w", "", "w-1"]), prop::collection::vec(cell, 2..6))
        .prop_map(|(id, cells)| format!("{id},{}", cells.join(",")));
    let good = Just("w,1,2,3,1".to_owned());
    let line = prop_oneof![3 => good, 2 => row, 1 => "[,\"a1 ]{0,12}"];
    let header = prop::sample::select(vec![
        ",s1,s2,s3,Good/Bad",
        "Wafer,s3,s1,Good/Bad,s2",
        ",s1,s2,s3",
        "a,b",
        "",
        "\u{feff},s1,s2,s3,x",
    ]);
    let end = prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]);
    (
        header,
        prop::collection::vec((line, end.clone()), 0..12),
        end,
        prop::option::of((0..200_usize, any::<u8>())),
        any::<bool>(),
    )
        .prop_map(|(header, lines, end, damage, cut)| {
            let mut content = format!("{header}{end}");
            for (line, end) in lines {
                content.push_str(&line);
                content.push_str(end);
            }
            let mut content = content.into_bytes();
            if let Some((at, byte)) = damage
                && !content.is_empty()
            {
                let at = at % content.len();
                if cut { content.truncate(at) } else { content[at] = byte }
            }
            content
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn accepted_and_quarantined_make_up_the_input(content in content(), strict: bool, train: bool) {
        let schema = schema(if strict { r#""missing": {"empty_column": "reject_file"},"# } else { "" });
        let purpose = if train { Purpose::Train } else { Purpose::Predict };
        let (outcome, sink) = check(content.as_slice(), &schema, purpose);
        prop_assert_eq!(outcome.rows_in, data_rows(&content));
        prop_assert_eq!(outcome.rows_accepted + outcome.rows_quarantined, outcome.rows_in);
        prop_assert_eq!(outcome.sha256, Digest::of(&content));
        prop_assert_eq!(outcome.bytes, content.len() as u64);
        if let Some(rejection) = &outcome.rejection {
            prop_assert_eq!((outcome.rows_accepted, rejection.rows, rejection.scope), (0, outcome.rows_in, Scope::File));
            prop_assert!(outcome.reasons.is_empty());
        } else {
            prop_assert!(outcome.rows_accepted > 0);
            prop_assert_eq!(sink.accepted.len() as u64, outcome.rows_accepted);
            prop_assert_eq!(sink.refused.len() as u64, outcome.rows_quarantined);
            prop_assert_eq!(outcome.reasons.values().sum::<u64>(), outcome.rows_quarantined);
        }
        for taken in &sink.accepted {
            prop_assert!(taken.features.iter().all(|bits| !f32::from_bits(*bits).is_infinite()));
            prop_assert!(taken.byte_offset < outcome.bytes && taken.row <= outcome.rows_in && taken.line > taken.row);
        }
    }

    #[test]
    fn what_is_decided_does_not_depend_on_how_the_bytes_arrive(content in content(), step in 1_usize..20) {
        let whole = check(content.as_slice(), &schema(""), Purpose::Train);
        prop_assert_eq!(check(Drip(&content, step), &schema(""), Purpose::Train), whole);
    }

    #[test]
    fn any_bytes_at_all_are_accounted_for(content in prop::collection::vec(any::<u8>(), 0..300)) {
        let (outcome, _) = check(content.as_slice(), &schema(""), Purpose::Train);
        prop_assert_eq!(outcome.rows_in, data_rows(&content));
        prop_assert_eq!(outcome.rows_accepted + outcome.rows_quarantined, outcome.rows_in);
    }
}
