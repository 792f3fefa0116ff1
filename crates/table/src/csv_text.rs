//! Tables as CSV, for people and other programs.

use std::path::Path;

use crate::parquet_file::create_file;
use crate::{Columns, TableError, Values};

impl Columns {
    /// Writes the table as CSV with a header line; missing values are empty, moments `2020-01-08T12:00:00`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<(), TableError> {
        let mut writer = csv::Writer::from_writer(create_file(path)?);
        writer.write_record(self.names())?;
        for row in 0..self.row_count() {
            for values in self.columns() {
                writer.write_field(cell(values, row))?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(writer.flush()?)
    }
}

fn cell(values: &Values, row: usize) -> String {
    fn number<T: ToString>(value: &T, missing: bool) -> String {
        if missing { String::new() } else { value.to_string() }
    }
    match values {
        Values::Text(values) => values[row].clone(),
        Values::I64(values) => values[row].to_string(),
        Values::F64(values) => number(&values[row], values[row].is_nan()),
        Values::F32(values) => number(&values[row], values[row].is_nan()),
        Values::Bool(values) => values[row].to_string(),
        Values::OptionalU8(values) => values[row].map_or_else(String::new, |value| value.to_string()),
        Values::Moment(values) => faultline_contract::schema::moment_text(values[row]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_a_header_and_empty_cells_for_missing_values() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let number = |value: f64| Values::F64(vec![f64::NAN, value]);
        Columns::new(2)
            .with("name", Values::Text(vec!["n0".to_owned(), "n1".to_owned()]))
            .and_then(|table| table.with("count", Values::I64(vec![-2, -1])))
            .and_then(|table| table.with("wide", number(1.0 / 7.0)))
            .and_then(|table| table.with("narrow", Values::F32(vec![f32::NAN, 1.0 / 7.0])))
            .and_then(|table| table.with("flag", Values::Bool(vec![true, false])))
            .and_then(|table| table.with("target", Values::OptionalU8(vec![None, Some(1)])))
            .and_then(|table| table.with("time", Values::Moment(vec![0, 86_400])))
            .unwrap()
            .write_csv(file.path())
            .unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let expected = "name,count,wide,narrow,flag,target,time\n\
            n0,-2,,,true,,1970-01-01T00:00:00\n\
            n1,-1,0.14285714285714285,0.14285715,false,1,1970-01-02T00:00:00\n";
        assert_eq!(text, expected);
    }
}
