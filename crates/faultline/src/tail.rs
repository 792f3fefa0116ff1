//! What a growing file holds beyond what has been read of it, line by line.

use std::convert::Infallible;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

/// A file that something is still added to.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    position: u64,
    /// The beginning of a line whose end has not been written yet.
    unfinished: Vec<u8>,
}

impl Tail {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, position: 0, unfinished: Vec::new() }
    }

    /// A tail that leaves out what the file holds now.
    pub(crate) fn from_its_end(path: PathBuf) -> Self {
        let position = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        Self { path, position, unfinished: Vec::new() }
    }

    /// Hands over each line that was finished since the last call, without its end; none of a file that cannot be read yet.
    pub(crate) fn each<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(()) };
        if file.seek(SeekFrom::Start(self.position)).is_err() {
            return Ok(());
        }
        let mut reader = BufReader::new(file);
        while let Ok(count @ 1..) = reader.read_until(b'\n', &mut self.unfinished) {
            self.position += count as u64;
            if let Some(line) = self.unfinished.strip_suffix(b"\n") {
                take(line)?;
                self.unfinished.clear();
            }
        }
        Ok(())
    }

    /// Hands over all that is left, the last line whether it is finished or not.
    pub(crate) fn each_of_rest<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.each(&mut take)?;
        let last = std::mem::take(&mut self.unfinished);
        if last.is_empty() { Ok(()) } else { take(&last) }
    }

    /// The lines that were finished since the last call, as text.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let Ok(()) = self.each(keeping(&mut lines));
        lines
    }

    /// All lines that are left, as text.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let Ok(()) = self.each_of_rest(keeping(&mut lines));
        lines
    }
}

/// Takes every line, as text.
fn keeping(lines: &mut Vec<String>) -> impl FnMut(&[u8]) -> Result<(), Infallible> {
    |line| {
        lines.push(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_once_and_only_when_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut tail = Tail::new(path.clone());
        let mut seen = vec![tail.lines()];
        let mut written = String::new();
        for text in ["one\ntw", "o\n", "thr", "ee"] {
            written.push_str(text);
            std::fs::write(&path, &written).unwrap();
            seen.push(tail.lines());
        }
        assert_eq!(seen, [&[][..], &["one".to_owned()], &["two".to_owned()], &[], &[]]);
        assert_eq!(tail.rest(), ["three"]);
    }

    #[test]
    fn a_line_that_is_not_wanted_ends_the_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(Tail::new(path).each(|line| Err(line.to_vec())), Err(b"one".to_vec()));
    }
}
