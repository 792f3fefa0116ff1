//! Tables one after the other, as one.

use std::io::Write;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{Field, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::TableError;
use crate::encoded::Content;
use crate::parquet_file::{self, COLUMNS_AT_ONCE, GroupWriter, ROWS_PER_GROUP};

/// Writes the rows of all tables, in the order given, as one Parquet table; gives the number of rows and the writer back.
///
/// The bytes are those that a writer of this crate makes of the same rows at once, wherever the tables end. Holds one row group in
/// memory, and reads each table once.
///
/// # Errors
/// If there is no table, one cannot be read, their columns differ, or writing fails.
pub fn concatenate<W: Write + Send>(paths: &[&Path], writer: W) -> Result<(u64, W), TableError> {
    let mut tables = paths.iter();
    let Some(first) = tables.next() else {
        return Err(TableError::NoColumn { name: String::new(), known: "those of at least one table".to_owned() });
    };
    let (schema, batches) = open(first)?;
    let fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut output = Output { writer: GroupWriter::new(writer, fields)?, schema, waiting: Vec::new(), rows: 0 };
    output.add_all(first, batches)?;
    for path in tables {
        let (schema, batches) = open(path)?;
        if schema.fields() != output.schema.fields() {
            return Err(TableError::Unlike { path: path.to_path_buf(), first: first.to_path_buf() });
        }
        output.add_all(path, batches)?;
    }
    if !output.waiting.is_empty() {
        output.flush()?;
    }
    Ok((output.rows, output.writer.finish()?))
}

fn open(path: &Path) -> Result<(SchemaRef, ParquetRecordBatchReader), TableError> {
    parquet_file::open(parquet_file::open_file(path)?).map_err(|source| parquet_file::unreadable(path, source))
}

/// The table in the making.
struct Output<W: Write + Send> {
    writer: GroupWriter<W>,
    schema: SchemaRef,
    /// Rows that do not fill a row group yet.
    waiting: Vec<RecordBatch>,
    rows: u64,
}

impl<W: Write + Send> Output<W> {
    fn add_all(&mut self, path: &Path, batches: ParquetRecordBatchReader) -> Result<(), TableError> {
        for batch in batches {
            self.add(batch.map_err(|source| parquet_file::unreadable(path, source.into()))?)?;
        }
        Ok(())
    }

    /// All row groups but the last are full.
    fn add(&mut self, mut batch: RecordBatch) -> Result<(), TableError> {
        self.rows += batch.num_rows() as u64;
        while batch.num_rows() > 0 {
            let waiting: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
            let taken = batch.num_rows().min(ROWS_PER_GROUP - waiting);
            self.waiting.push(batch.slice(0, taken));
            batch = batch.slice(taken, batch.num_rows() - taken);
            if waiting + taken == ROWS_PER_GROUP {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let batch = concat_batches(&self.schema, &self.waiting)?;
        self.waiting.clear();
        self.writer.write(COLUMNS_AT_ONCE, |columns| batch.columns()[columns].iter().map(Content::of).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use faultline_contract::Digest;
    use proptest::prelude::*;

    use super::*;
    use crate::{Columns, Keys, Table, Values};

    fn table(rows: std::ops::Range<usize>) -> Table {
        let mut table = Table { feature_names: vec!["a".to_owned(), "b".to_owned()], ..Table::default() };
        table.keys = Keys::default();
        for row in rows {
            let file = row / 700;
            table
                .keys
                .push(
                    format!("id-{row}"),
                    &format!("{file}.csv"),
                    &Digest::of(&[file as u8]).to_string(),
                    row as u64 + 1,
                )
                .unwrap();
            table.times.push(file as i64);
            table.lines.push(row as u64 + 2);
            table.byte_offsets.push(row as u64 * 9);
            table.targets.push([Some(0), Some(1), None][row % 3]);
            // a part without any missing value and one of nothing else, so that a share may have no nulls at all
            table.features.extend([row as f32, if (500..900).contains(&row) { f32::NAN } else { -0.0 }]);
        }
        table
    }

    fn columns(rows: std::ops::Range<usize>) -> Columns {
        let each = |value: &dyn Fn(usize) -> f64| rows.clone().map(value).collect();
        Columns::new(rows.len())
            .with("text", Values::Text(rows.clone().map(|row| format!("t{}", row % 5)).collect()))
            .and_then(|columns| columns.with("whole", Values::I64(rows.clone().map(|row| row as i64).collect())))
            .and_then(|columns| {
                columns.with("number", Values::F64(each(&|row| if row % 7 == 0 { f64::NAN } else { row as f64 })))
            })
            .and_then(|columns| columns.with("truth", Values::Bool(rows.clone().map(|row| row % 2 == 0).collect())))
            .unwrap()
    }

    /// The bytes of one table of so many rows, and of the same in parts that end at `ends`.
    fn both(rows: usize, ends: &[usize], write: impl Fn(std::ops::Range<usize>, &Path)) -> (Vec<u8>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole");
        write(0..rows, &whole);
        let mut start = 0;
        let parts: Vec<PathBuf> = ends
            .iter()
            .chain([&rows])
            .enumerate()
            .map(|(index, end)| {
                let path = folder.path().join(index.to_string());
                write(start..*end, &path);
                start = *end;
                path
            })
            .collect();
        let parts: Vec<&Path> = parts.iter().map(PathBuf::as_path).collect();
        let (count, written) = concatenate(&parts, Vec::new()).unwrap();
        assert_eq!(count, rows as u64);
        (fs::read(whole).unwrap(), written)
    }

    #[test]
    fn the_bytes_are_those_of_one_table() {
        for (rows, ends) in
            [(0, &[0, 0][..]), (1, &[0, 1]), (1024, &[1]), (2100, &[500, 900, 900, 2048]), (9000, &[8191, 8193])]
        {
            let (whole, parts) = both(rows, ends, |rows, path| table(rows).write(path).unwrap());
            assert!(whole == parts, "{rows} rows of a table");
            let (whole, parts) = both(rows, ends, |rows, path| columns(rows).write(path).unwrap());
            assert!(whole == parts, "{rows} rows of columns");
        }
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn the_number_of_threads_changes_neither_what_is_written_nor_what_is_read() {
        let (row_count, width) = (2 * ROWS_PER_GROUP + 7, 40);
        let names: Vec<String> = (0..width).map(|column| format!("f{column}")).collect();
        let ids = || Values::Text((0..row_count).map(|row| format!("w{row}")).collect());
        let matrix: Vec<f32> =
            (0..row_count * width).map(|place| if place % 11 == 3 { f32::NAN } else { (place as f32).sin() }).collect();
        let on = |threads| {
            let write = || {
                let folder = tempfile::tempdir().unwrap();
                let (whole, twice) = (folder.path().join("whole"), folder.path().join("twice"));
                let table = Columns::new(row_count).with("_id", ids()).unwrap();
                table.write_with_matrix(&whole, &names, &matrix).unwrap();
                let (_, content) = concatenate(&[&whole, &whole], Vec::new()).unwrap();
                fs::write(&twice, &content).unwrap();
                let reversed: Vec<usize> = (0..2 * row_count).rev().collect();
                let features = crate::FeatureFile::open(&twice).unwrap().matrix(&reversed).unwrap();
                let read = Columns::read(&twice).unwrap().matrix(&names).unwrap();
                (fs::read(&whole).unwrap(), content, bits(&features), bits(&read))
            };
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(write)
        };
        let (one, five) = (on(1), on(5));
        assert!(one == five);
        let (whole, reversed) = (bits(&matrix), matrix.chunks_exact(width).rev().flat_map(bits).collect::<Vec<_>>());
        assert!(one.2 == [reversed.as_slice(), &reversed].concat() && one.3 == [whole.as_slice(), &whole].concat());
    }

    #[test]
    fn tables_with_other_columns_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("1"), folder.path().join("2"));
        table(0..3).write(&one).unwrap();
        columns(0..3).write(&two).unwrap();
        assert!(matches!(concatenate(&[&one, &two], Vec::new()), Err(TableError::Unlike { .. })));
        assert!(concatenate(&[], Vec::new()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn wherever_the_parts_end(rows in 0_usize..3000, cuts in proptest::collection::vec(0.0..1.0_f64, 0..8)) {
            let mut ends: Vec<usize> = cuts.iter().map(|cut| (cut * rows as f64) as usize).collect();
            ends.sort_unstable();
            let (whole, parts) = both(rows, &ends, |rows, path| table(rows).write(path).unwrap());
            prop_assert!(whole == parts);
        }
    }
}
