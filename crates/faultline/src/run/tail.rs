//! What a growing file holds beyond what has been read of it, line by line.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
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

    /// The lines that were finished since the last call; none of a file that does not exist yet.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut new = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.position))?;
            file.read_to_end(&mut new)
        });
        self.position += read.map_or(0, |count| count as u64);
        self.unfinished.extend(new);
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.unfinished.split_off(end + 1);
        let finished = std::mem::replace(&mut self.unfinished, rest);
        String::from_utf8_lossy(&finished).lines().map(str::to_owned).collect()
    }

    /// All lines that are left, the last one whether it is finished or not.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let mut lines = self.lines();
        if !self.unfinished.is_empty() {
            lines.push(String::from_utf8_lossy(&self.unfinished).into_owned());
        }
        lines
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
}
