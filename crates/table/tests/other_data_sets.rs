//! Data sets that are nothing like wafers, through nothing but the import of their agreements.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use faultline_contract::schema::{EmptyColumn, ImportOptions, Purpose, ValidSchema, import};
use faultline_table::{Code, FolderCheck, FolderOutcome};

const TRAINING: &str = r#"{
    "SampleFileName": "Press_20210131_0930.csv", "LengthOfDateStampInFile": 8, "LengthOfTimeStampInFile": 4,
    "NumberofColumns": 7,
    "ColName": {"Temp (C)": "float", "Part No": "varchar", "Quality": "INTEGER", "Pressure - 1": " Float",
        "Pressure - 2": "double", "Operator": "varchar", "Cycles": "int"}
}"#;
const PREDICTION: &str = r#"{
    "SampleFileName": "Press_20210131_0930.csv", "LengthOfDateStampInFile": 8, "LengthOfTimeStampInFile": 4,
    "NumberofColumns": 6,
    "ColName": {"Temp (C)": "float", "Part No": "varchar", "Pressure - 1": " Float", "Pressure - 2": "double",
        "Operator": "varchar", "Cycles": "int"}
}"#;

fn schema(empty_column: EmptyColumn) -> ValidSchema {
    let options = ImportOptions { empty_column, ..ImportOptions::default() };
    let imported = import(TRAINING.as_bytes(), Some(PREDICTION.as_bytes()), &options).unwrap();
    imported.schema.check().unwrap()
}

fn check(files: &[(&str, &str)], purpose: Purpose) -> FolderOutcome {
    check_by(&schema(EmptyColumn::Keep), files, purpose)
}

fn check_by(schema: &ValidSchema, files: &[(&str, &str)], purpose: Purpose) -> FolderOutcome {
    let mut check = FolderCheck::new(schema, purpose, tempfile::tempfile().unwrap());
    for (name, content) in files {
        check.check(content.as_bytes(), name).unwrap();
    }
    check.finish().unwrap()
}

#[test]
fn files_in_all_their_spellings_are_accepted() {
    let outcome = check(
        &[
            // As agreed.
            (
                "Press_20210201_0000.csv",
                "Temp (C),Part No,Quality,Pressure - 1,Pressure - 2,Operator,Cycles\n1,p1,0,2,3,Ann,4\n",
            ),
            // Other spellings, order, separator and line ends; a byte order mark, quotes, exponents, missing values, no last line end.
            (
                "press_20210202_2359.csv",
                "\u{feff}\"CYCLES\";\"quality\";\"part_no\";\"temp-c\";operator;pressure1;pressure2\r\n4;1.0;\"p;2\";-1.5E-3;;NaN;?\r\n5;0;p3;null;Bob;NA;1e2",
            ),
            // Key columns under other names, at their places.
            ("press_20210203_1200.csv", "temp c,,Verdict,pressure-1,pressure-2,operator,cycles\n1,p4,+1,,,x,1\n"),
            // Headers that nobody agreed on: the place tells, as in the original system.
            ("press_20210204_1200.csv", "a,b,c,d,e,f,g\n1,p5,-1,1,1,x,1\n"),
        ],
        Purpose::Train,
    );
    assert_eq!(outcome.file_reasons.len(), 0, "{outcome:?}");
    assert_eq!((outcome.counts.files_accepted, outcome.counts.rows_accepted), (4, 5));
    let paired: Vec<usize> = outcome.files.iter().map(|file| file.paired_headers.len()).collect();
    assert_eq!(paired, [0, 0, 1, 7]);
}

#[test]
fn faulty_files_are_rejected_for_the_right_reason() {
    let header = "Temp (C),Part No,Quality,Pressure - 1,Pressure - 2,Operator,Cycles";
    let row = "1,p1,0,2,3,Ann,4";
    let file = |lines: &[&str]| lines.join("\n");
    let empty = file(&[header, "1,p1,0,,3,Ann,4", "1,p2,1,,3,Ann,4"]);
    let outcome = check_by(
        &schema(EmptyColumn::RejectFile),
        &[
            ("press_20210230_0000.csv", &file(&[header, row])),
            ("press_20210201_2400.csv", &file(&[header, row])),
            ("wafer_20210201_0000.csv", &file(&[header, row])),
            ("press_20210201_0001.csv", "Temp (C),Part No,Quality\n1,p1,0\n"),
            ("press_20210201_0002.csv", &empty),
            (
                "press_20210201_0003.csv",
                &file(&[header, row, "1,p2,2,2,3,Ann,4", "1,p3,0,2,3,Ann,4.5", "1,p4,1,2,x,Ann,4"]),
            ),
        ],
        Purpose::Train,
    );
    let codes: Vec<Option<Code>> =
        outcome.files.iter().map(|file| file.rejection.as_ref().map(|record| record.code)).collect();
    let expected = [Code::NameDate, Code::NameTime, Code::NamePattern, Code::ColumnCount, Code::EmptyColumn];
    assert_eq!(codes[..5], expected.map(Some));
    assert_eq!((codes[5], outcome.counts.rows_accepted), (None, 1));
    assert_eq!(outcome.row_reasons[&Code::TypeMismatch], 2);
    assert_eq!(outcome.row_reasons[&Code::LabelUnknown], 1);
}

#[test]
fn files_to_predict_need_no_label() {
    let outcome = check(
        &[("press_20210201_0000.csv", "Temp (C),Part No,Pressure - 1,Pressure - 2,Operator,Cycles\n1,p1,2,3,Ann,4\n")],
        Purpose::Predict,
    );
    assert_eq!((outcome.counts.files_accepted, outcome.counts.rows_accepted), (1, 1), "{outcome:?}");
}
