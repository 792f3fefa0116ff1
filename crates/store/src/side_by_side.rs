//! The digests of several local files, some at a time on each core.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use faultline_contract::Digest;

use crate::lanes::{self, BLOCK_BYTES, Block, LANES, START, State};
use crate::store::Written;

/// What is read of a file at once: whole blocks, and so few that those of all lanes are in the cache of a core.
const BUFFER_BYTES: usize = 2048 * BLOCK_BYTES;

/// Blocks that are taken of the files of a core before it opens the next one, while it may have more.
const FIRST_BLOCKS: usize = 256;

/// The digests of a file, of the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) written: Written,
    pub(crate) blake3: Digest,
}

/// The digests of each file, in their order; memory does not grow with them.
pub(crate) fn of_files(paths: &[PathBuf]) -> Vec<io::Result<Digests>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(paths.len()).max(1);
    // The largest go first, one to each core; no core takes so many that another has none.
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by_key(|&index| Reverse(fs::metadata(&paths[index]).map_or(0, |metadata| metadata.len())));
    let most = (paths.len() / threads).clamp(1, LANES);
    let queue = Queue { paths, order, next: AtomicUsize::new(threads) };
    let mut found: Vec<_> = thread::scope(|scope| {
        let run = |first: usize| {
            Worker { queue: &queue, first: Some(first), most, lanes: Vec::new(), found: Vec::new() }.run()
        };
        let workers: Vec<_> = (0..threads).map(|first| scope.spawn(move || run(first))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    found.sort_unstable_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, digests)| digests).collect()
}

/// The files that are to be digested.
struct Queue<'a> {
    paths: &'a [PathBuf],
    order: Vec<usize>,
    next: AtomicUsize,
}

/// One core's part.
struct Worker<'a> {
    queue: &'a Queue<'a>,
    /// The place of its first file, which is taken by nobody else.
    first: Option<usize>,
    /// Lanes at a time.
    most: usize,
    /// Files that have a block to take.
    lanes: Vec<Lane>,
    found: Vec<(usize, io::Result<Digests>)>,
}

impl Worker<'_> {
    fn run(mut self) -> Vec<(usize, io::Result<Digests>)> {
        loop {
            let may_have_more = self.lanes.len() < self.most && self.open_next();
            let blocks = if may_have_more { FIRST_BLOCKS } else { usize::MAX };
            match self.lanes.as_mut_slice() {
                [] => return self.found,
                [a] => advance([a], blocks),
                [a, b] => advance([a, b], blocks),
                [a, b, c] => advance([a, b, c], blocks),
                [a, b, c, d, ..] => advance([a, b, c, d], blocks),
            }
            for lane in std::mem::take(&mut self.lanes) {
                self.keep(lane);
            }
        }
    }

    /// Opens the next file that has a block to take; `false` if there is none.
    fn open_next(&mut self) -> bool {
        let before = self.lanes.len();
        while self.lanes.len() == before {
            let place = self.first.take().unwrap_or_else(|| self.queue.next.fetch_add(1, Ordering::Relaxed));
            let Some(&index) = self.queue.order.get(place) else { return false };
            match File::open(&self.queue.paths[index]) {
                Ok(file) => self.keep(Lane::new(index, file)),
                Err(error) => self.found.push((index, Err(error))),
            }
        }
        true
    }

    /// Reads on where that is due. A file that has ended is done.
    fn keep(&mut self, mut lane: Lane) {
        let read = if lane.blocks().is_empty() { lane.read_on() } else { Ok(()) };
        match read {
            Err(error) => self.found.push((lane.index, Err(error))),
            Ok(()) if lane.blocks().is_empty() => self.found.push((lane.index, Ok(lane.finish()))),
            Ok(()) => self.lanes.push(lane),
        }
    }
}

/// A file, as far as it is read and digested.
struct Lane {
    index: usize,
    file: File,
    state: State,
    blake3: Box<blake3::Hasher>,
    bytes: u64,
    buffer: Vec<u8>,
    /// Blocks of the buffer that are in the state.
    taken: usize,
    has_ended: bool,
}

impl Lane {
    fn new(index: usize, file: File) -> Self {
        let (blake3, buffer) = (Box::default(), Vec::with_capacity(BUFFER_BYTES));
        Self { index, file, state: START, blake3, bytes: 0, buffer, taken: 0, has_ended: false }
    }

    /// Blocks that are still to be taken.
    fn blocks(&self) -> &[Block] {
        &self.buffer.as_chunks().0[self.taken..]
    }

    /// Fills the buffer anew; less than that much is the end of the file, whose rest after the last whole block stays.
    fn read_on(&mut self) -> io::Result<()> {
        if self.has_ended {
            return Ok(());
        }
        self.buffer.clear();
        self.taken = 0;
        let count = (&self.file).take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer)?;
        self.blake3.update(&self.buffer);
        self.bytes += count as u64;
        self.has_ended = count < BUFFER_BYTES;
        Ok(())
    }

    fn finish(&self) -> Digests {
        let rest = self.buffer.as_chunks::<BLOCK_BYTES>().1;
        let written = Written { sha256: lanes::finish(self.state, rest, self.bytes), bytes: self.bytes };
        Digests { written, blake3: Digest::from(*self.blake3.finalize().as_bytes()) }
    }
}

/// Takes as many blocks of each as all have, `most` at most.
fn advance<const N: usize>(lanes: [&mut Lane; N], most: usize) {
    let count = lanes.iter().map(|lane| lane.blocks().len()).fold(most, usize::min);
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

    fn digests(content: &[u8]) -> Digests {
        let blake3 = Digest::from(*blake3::hash(content).as_bytes());
        Digests { written: digest::of_bytes(content), blake3 }
    }

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
            let found: Vec<Digests> = of_files(&paths[..count]).into_iter().map(Result::unwrap).collect();
            let expected: Vec<Digests> = contents[..count].iter().map(|content| digests(content)).collect();
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
        let whole = digests(b"abc");
        assert_eq!(kinds, [Err(io::ErrorKind::NotFound), Ok(&whole), Err(io::ErrorKind::IsADirectory), Ok(&whole)]);
    }
}
