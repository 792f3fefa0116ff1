//! Tables whose features are read as one matrix, without a copy of them as columns beside it.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::columns::{is_feature, put_column};
use crate::parquet_file::{self, GroupReader};
use crate::{Columns, TableError};

/// A Parquet file of which the features have yet to be read.
pub struct FeatureFile {
    path: PathBuf,
    /// Reads the features alone.
    reader: GroupReader<File>,
    names: Vec<String>,
    others: Columns,
}

impl FeatureFile {
    /// Opens a file and reads its columns that are no features.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let read = |source| parquet_file::unreadable(path, source);
        let mut reader = GroupReader::new(parquet_file::open_file(path)?).map_err(read)?;
        reader.choose(|name| !is_feature(name));
        let others = Columns::read_chosen(&reader).map_err(read)?;
        reader.choose(is_feature);
        let names = reader.fields().map(|field| field.name().clone()).collect();
        Ok(Self { path: path.to_owned(), reader, names, others })
    }

    /// The columns that are no features.
    pub fn others(&self) -> &Columns {
        &self.others
    }

    /// The names of the features, in order.
    pub fn feature_names(&self) -> &[String] {
        &self.names
    }

    /// The features of some rows, in the order given: a matrix of rows x features, row-major, NaN = missing. Beside it, a few row groups are held
    /// at a time.
    ///
    /// # Errors
    /// If a row does not exist or is named twice, the file cannot be read, or a feature is not f32.
    pub fn matrix(&self, rows: &[usize]) -> Result<Vec<f32>, TableError> {
        let width = self.names.len();
        let places = self.places(rows)?;
        let mut matrix = vec![0.0; rows.len() * width];
        let mut places = places.into_iter();
        let decode = |batches, row_count| self.block(batches, row_count);
        let take = |block: Vec<f32>| {
            for (row, place) in block.chunks_exact(width.max(1)).zip(places.by_ref()) {
                if let Some(place) = place {
                    matrix[place * width..(place + 1) * width].copy_from_slice(row);
                }
            }
        };
        let read = |source| parquet_file::unreadable(&self.path, source);
        self.reader.read(self.reader.group_rows(), decode, take).map_err(read)?;
        Ok(matrix)
    }

    /// For every row of the file its place among `rows`.
    fn places(&self, rows: &[usize]) -> Result<Vec<Option<usize>>, TableError> {
        let row_count = self.others.row_count();
        let mut places = vec![None; row_count];
        for (place, &row) in rows.iter().enumerate() {
            match places.get_mut(row) {
                Some(free @ None) => *free = Some(place),
                Some(_) => return Err(TableError::RowTwice { row }),
                None => return Err(TableError::NoRow { row, row_count }),
            }
        }
        Ok(places)
    }

    /// The features of a row group.
    fn block(&self, batches: ParquetRecordBatchReader, row_count: usize) -> Result<Vec<f32>, TableError> {
        let width = self.names.len();
        let mut block = vec![0.0; row_count * width];
        let mut rest = block.as_mut_slice();
        for batch in batches {
            let batch = batch?;
            let (place, after) = parquet_file::split_rows(rest, batch.num_rows(), width)?;
            for (column, (name, array)) in self.names.iter().zip(batch.columns()).enumerate() {
                put_column(name, array.as_ref(), place, column, width)?;
            }
            rest = after;
        }
        parquet_file::expect_all(rest.len())?;
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;
    use crate::parquet_file::ROWS_PER_GROUP;

    const ROW_COUNT: usize = 2 * ROWS_PER_GROUP + 7;

    /// Features on both sides of another column, one of them with missing values.
    fn file() -> (tempfile::NamedTempFile, Columns) {
        let numbers = |factor: f32| (0..ROW_COUNT).map(move |row| row as f32 * factor);
        let gaps = numbers(3.0).map(|value| if (value as usize).is_multiple_of(2) { f32::NAN } else { value });
        let table = Columns::new(ROW_COUNT)
            .with("a", Values::F32(numbers(1.0).collect()))
            .and_then(|table| table.with("_id", Values::Text((0..ROW_COUNT).map(|row| format!("w{row}")).collect())))
            .and_then(|table| table.with("b", Values::F32(gaps.collect())))
            .unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        table.write(file.path()).unwrap();
        (file, table)
    }

    #[test]
    fn the_matrix_is_that_of_the_columns() {
        let (file, table) = file();
        let opened = FeatureFile::open(file.path()).unwrap();
        assert_eq!(opened.feature_names(), ["a", "b"]);
        assert_eq!(opened.others().names().collect::<Vec<_>>(), ["_id"]);
        assert_eq!(opened.others().text("_id").unwrap(), table.text("_id").unwrap());
        let bits = |matrix: Vec<f32>| matrix.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let all: Vec<usize> = (0..ROW_COUNT).collect();
        let whole = bits(table.matrix(&table.feature_names()).unwrap());
        assert_eq!(bits(opened.matrix(&all).unwrap()), whole);
        let some: Vec<usize> = all.into_iter().rev().step_by(3).collect();
        let expected: Vec<u32> = some.iter().flat_map(|row| whole[row * 2..row * 2 + 2].to_vec()).collect();
        assert_eq!(bits(opened.matrix(&some).unwrap()), expected);
        assert!(opened.matrix(&[]).unwrap().is_empty());
    }

    #[test]
    fn rows_that_are_not_there_or_come_twice_are_refused() {
        let opened = FeatureFile::open(file().0.path()).unwrap();
        let message = |rows: &[usize]| opened.matrix(rows).unwrap_err().to_string();
        assert_eq!(message(&[0, ROW_COUNT]), "no row 16391, expected one below 16391");
        assert_eq!(message(&[5, 6, 5]), "row 5 is asked for twice, expected once");
    }

    #[test]
    fn a_table_without_features_has_an_empty_matrix() {
        let file = tempfile::NamedTempFile::new().unwrap();
        Columns::new(3).with("_row", Values::I64(vec![1, 2, 3])).unwrap().write(file.path()).unwrap();
        let opened = FeatureFile::open(file.path()).unwrap();
        assert!(opened.feature_names().is_empty());
        assert!(opened.matrix(&[0, 2]).unwrap().is_empty());
    }
}
