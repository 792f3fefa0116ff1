//! The digests of several local files, some at a time on each core.

use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::lanes::{self, BLOCK_BYTES, Block, LANES, START, State};
use crate::store::Written;

/// What is read of a file at once: whole blocks.
const BUFFER_BYTES: usize = 4096 * BLOCK_BYTES;

/// The digest and size of each file, in their order; memory does not grow with them.
pub(crate) fn of_files(paths: &[PathBuf]) -> Vec<io::Result<Written>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(paths.len()).max(1);
    // No core takes so many that another has none.
    let lanes = paths.len().div_ceil(threads).min(LANES);
    let next = AtomicUsize::new(0);
    let mut found: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| Worker::new(paths, &next, lanes).run())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    found.sort_unstable_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, written)| written).collect()
}

/// One core's part: files that nobody else has taken.
struct Worker<'a> {
    paths: &'a [PathBuf],
    next: &'a AtomicUsize,
    lanes: Vec<Option<Lane>>,
    found: Vec<(usize, io::Result<Written>)>,
}

impl<'a> Worker<'a> {
    fn new(paths: &'a [PathBuf], next: &'a AtomicUsize, lanes: usize) -> Self {
        Self { paths, next, lanes: (0..lanes).map(|_| None).collect(), found: Vec::new() }
    }

    fn run(mut self) -> Vec<(usize, io::Result<Written>)> {
        loop {
            for place in 0..self.lanes.len() {
                self.make_ready(place);
            }
            let mut ready: Vec<&mut Lane> = self.lanes.iter_mut().flatten().collect();
            match ready.as_mut_slice() {
                [] => return self.found,
                [a] => advance([*a]),
                [a, b] => advance([*a, *b]),
                [a, b, c] => advance([*a, *b, *c]),
                [a, b, c, d, ..] => advance([*a, *b, *c, *d]),
            }
        }
    }

    /// Leaves a lane with a block to take, or empty when no file is left.
    fn make_ready(&mut self, place: usize) {
        let mut lane = self.lanes[place].take();
        loop {
            let mut current = match lane.take() {
                Some(current) => current,
                None => match self.open_next() {
                    Some(opened) => opened,
                    None => return,
                },
            };
            if current.blocks().is_empty()
                && !current.has_ended
                && let Err(error) = current.read_on()
            {
                self.found.push((current.index, Err(error)));
            } else if current.blocks().is_empty() {
                self.found.push((current.index, Ok(current.finish())));
            } else {
                self.lanes[place] = Some(current);
                return;
            }
        }
    }

    /// The next file that can be opened; one that cannot is told of.
    fn open_next(&mut self) -> Option<Lane> {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            match File::open(self.paths.get(index)?) {
                Ok(file) => return Some(Lane::new(index, file)),
                Err(error) => self.found.push((index, Err(error))),
            }
        }
    }
}

/// A file, as far as it is read and digested.
struct Lane {
    index: usize,
    file: File,
    state: State,
    bytes: u64,
    buffer: Vec<u8>,
    /// Blocks of the buffer that are in the state.
    taken: usize,
    has_ended: bool,
}

impl Lane {
    fn new(index: usize, file: File) -> Self {
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Self { index, file, state: START, bytes: 0, buffer, taken: 0, has_ended: false }
    }

    /// Blocks that are still to be taken.
    fn blocks(&self) -> &[Block] {
        &self.buffer.as_chunks().0[self.taken..]
    }

    /// Fills the buffer anew; less than that much is the end of the file.
    fn read_on(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.taken = 0;
        let count = (&self.file).take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer)?;
        self.bytes += count as u64;
        self.has_ended = count < BUFFER_BYTES;
        Ok(())
    }

    fn finish(&self) -> Written {
        let rest = self.buffer.as_chunks::<BLOCK_BYTES>().1;
        Written { sha256: lanes::finish(self.state, rest, self.bytes), bytes: self.bytes }
    }
}

/// Takes as many blocks of each as all have.
fn advance<const N: usize>(lanes: [&mut Lane; N]) {
    let count = lanes.iter().map(|lane| lane.blocks().len()).min().unwrap_or(0);
    let mut states = lanes.each_ref().map(|lane| lane.state);
    lanes::compress(&mut states, lanes.each_ref().map(|lane| &lane.blocks()[..count]));
    for (lane, state) in lanes.into_iter().zip(states) {
        lane.state = state;
        lane.taken += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    #[test]
    fn files_of_any_size_have_their_own_digests() {
        let folder = tempfile::tempdir().unwrap();
        let sizes =
            [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 9, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1];
        let sizes = sizes.into_iter().chain([5 * BUFFER_BYTES, 2 * BUFFER_BYTES + 77, 9]);
        let contents: Vec<Vec<u8>> = sizes
            .enumerate()
            .map(|(file, size)| (0..size).map(|at| ((at * (2 * file + 1)) >> 3) as u8).collect())
            .collect();
        let paths: Vec<PathBuf> = (0..contents.len()).map(|file| folder.path().join(file.to_string())).collect();
        for (path, content) in paths.iter().zip(&contents) {
            std::fs::write(path, content).unwrap();
        }
        for count in 0..=paths.len() {
            let found: Vec<Written> = of_files(&paths[..count]).into_iter().map(Result::unwrap).collect();
            let expected: Vec<Written> = contents[..count].iter().map(|content| digest::of_bytes(content)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_has_its_error_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), b"abc").unwrap();
        let found = of_files(&[path("gone"), path("a"), folder.path().to_owned(), path("a")]);
        let kinds: Vec<_> = found.iter().map(|each| each.as_ref().map_err(io::Error::kind)).collect();
        let whole = digest::of_bytes(b"abc");
        assert_eq!(kinds, [Err(io::ErrorKind::NotFound), Ok(&whole), Err(io::ErrorKind::IsADirectory), Ok(&whole)]);
    }
}
