//! Tables that are never in memory whole: written and read a part at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use crate::columns::read_part;
use crate::parquet_file::{self, COLUMNS_AT_ONCE, GroupReader, GroupWriter, ROWS_PER_GROUP};
use crate::{Columns, TableError};

/// Rows of every part but the last.
pub const ROWS_PER_PART: usize = ROWS_PER_GROUP;

/// Writes a table part by part; the bytes are those of [`Columns::write`] of the whole.
pub struct PartWriter {
    path: PathBuf,
    writer: GroupWriter<BufWriter<File>>,
}

/// The parts of a table, in order. As many as there are threads are in memory at a time.
pub struct Parts {
    path: PathBuf,
    reader: GroupReader<File>,
    /// The number of every group that is left, with its rows.
    left: VecDeque<(usize, usize)>,
    ready: VecDeque<Columns>,
}

impl PartWriter {
    /// Starts a table with the columns of `like`, of which no row is written.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(path: &Path, like: &Columns) -> Result<Self, TableError> {
        let writer = GroupWriter::new(parquet_file::create_file(path)?, like.file_fields())?;
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Writes the next [`ROWS_PER_PART`] rows, fewer only at the end, in the columns that it was created with.
    ///
    /// # Errors
    /// If the columns are others, or the file cannot be written.
    pub fn write(&mut self, part: &Columns) -> Result<(), TableError> {
        let rows = 0..part.row_count();
        self.writer.write(COLUMNS_AT_ONCE, |columns| part.content(columns, &rows))
    }

    /// Ends the table.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        parquet_file::close_file(self.writer.finish()?, &self.path)
    }
}

impl Parts {
    /// Opens a Parquet file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let read = |source| parquet_file::unreadable(path, source);
        let reader = GroupReader::new(parquet_file::open_file(path)?).map_err(read)?;
        let left = reader.group_rows().into_iter().enumerate().collect();
        Ok(Self { path: path.to_owned(), reader, left, ready: VecDeque::new() })
    }

    fn read_more(&mut self) -> Result<(), TableError> {
        let round = self.left.len().min(rayon::current_num_threads());
        let groups: Vec<(usize, usize)> = self.left.drain(..round).collect();
        let decode = |batches, row_count| read_part(&self.reader, batches, row_count);
        let read = |source| parquet_file::unreadable(&self.path, source);
        self.ready.extend(self.reader.read_groups(groups, decode).map_err(read)?);
        Ok(())
    }
}

impl Iterator for Parts {
    type Item = Result<Columns, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        let failed = if self.ready.is_empty() { self.read_more().err() } else { None };
        if let Some(error) = failed {
            self.left.clear();
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;

    fn rows(range: std::ops::Range<usize>) -> Columns {
        Columns::new(range.len())
            .with("name", Values::Text(range.clone().map(|row| format!("n{}", row % 7)).collect()))
            .and_then(|table| table.with("value", Values::F32(range.map(|row| row as f32).collect())))
            .unwrap()
    }

    #[test]
    fn parts_are_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parted) = (folder.path().join("whole"), folder.path().join("parted"));
        for row_count in [0, 5, ROWS_PER_PART, 5 * ROWS_PER_PART + 1] {
            rows(0..row_count).write(&whole).unwrap();
            let mut writer = PartWriter::create(&parted, &rows(0..0)).unwrap();
            for start in (0..row_count).step_by(ROWS_PER_PART) {
                writer.write(&rows(start..(start + ROWS_PER_PART).min(row_count))).unwrap();
            }
            writer.finish().unwrap();
            assert!(std::fs::read(&parted).unwrap() == std::fs::read(&whole).unwrap(), "{row_count}");
            let mut seen = 0;
            for part in Parts::open(&parted).unwrap() {
                let part = part.unwrap();
                let end = seen + part.row_count();
                assert_eq!(part, rows(seen..end));
                seen = end;
            }
            assert_eq!(seen, row_count);
        }
    }

    #[test]
    fn a_torn_part_ends_the_reading() {
        let file = tempfile::NamedTempFile::new().unwrap();
        rows(0..3 * ROWS_PER_PART).write(file.path()).unwrap();
        let mut content = std::fs::read(file.path()).unwrap();
        content[4..2_000].fill(0xff);
        std::fs::write(file.path(), content).unwrap();
        let parts: Vec<_> = Parts::open(file.path()).unwrap().collect();
        assert!(parts.last().unwrap().is_err());
        assert_eq!(parts.iter().filter(|part| part.is_err()).count(), 1);
        assert!(PartWriter::create(Path::new("/nowhere/x"), &rows(0..0)).is_err());
    }
}
