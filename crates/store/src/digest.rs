//! Copying with the digest taken on the way.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use faultline_contract::Digest;
use sha2::{Digest as _, Sha256};

use crate::store::Written;

/// How much is held in memory while copying.
const BUFFER_BYTES: usize = 256 * 1024;

/// The digest and size of bytes in memory.
#[must_use]
pub fn of_bytes(content: &[u8]) -> Written {
    Written { sha256: Digest::of(content), bytes: content.len() as u64 }
}

/// The digest and size of a local file; memory does not grow with it.
///
/// # Errors
/// Those of opening and reading the file.
pub(crate) fn of_file(path: &Path) -> io::Result<Written> {
    copy(&mut File::open(path)?, &mut io::sink())
}

/// Copies everything and takes the digest of it.
pub(crate) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Written> {
    let mut to = DigestWriter::new(to);
    io::copy(&mut BufReader::with_capacity(BUFFER_BYTES, from), &mut to)?;
    Ok(to.passed().written())
}

/// A writer that takes the digest of what passes through it.
#[derive(Debug)]
pub struct DigestWriter<W> {
    inner: W,
    passed: Passed,
}

/// What has passed through a [`DigestWriter`] so far.
#[derive(Clone, Debug, Default)]
pub struct Passed(Arc<Mutex<Running>>);

impl<W> DigestWriter<W> {
    /// Writes on to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, passed: Passed::default() }
    }

    /// Tells the digest also when the writer is gone.
    pub fn passed(&self) -> Passed {
        self.passed.clone()
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(content)?;
        self.passed.running().update(&content[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Passed {
    /// The digest and size of it.
    #[must_use]
    pub fn written(&self) -> Written {
        self.running().clone().finish()
    }

    /// What the lock guards is whole also where a thread that held it has panicked.
    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A digest in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    hasher: Sha256,
    bytes: u64,
}

impl Running {
    pub(crate) fn update(&mut self, chunk: &[u8]) {
        self.hasher.update(chunk);
        self.bytes += chunk.len() as u64;
    }

    pub(crate) fn finish(self) -> Written {
        Written { sha256: Digest::finish(self.hasher), bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha256() {
        let written = of_bytes(b"abc");
        assert_eq!(written.bytes, 3);
        assert_eq!(written.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn copying_in_pieces_gives_the_digest_of_the_whole() {
        let content: Vec<u8> = (0..BUFFER_BYTES * 2 + 7).map(|index| index as u8).collect();
        let mut copied = Vec::new();
        assert_eq!(copy(&mut content.as_slice(), &mut copied).unwrap(), of_bytes(&content));
        assert_eq!(copied, content);
    }

    #[test]
    fn what_passes_is_what_the_inner_writer_took() {
        /// Takes five bytes at a time.
        struct Slow(Vec<u8>);

        impl Write for Slow {
            fn write(&mut self, content: &[u8]) -> io::Result<usize> {
                let count = content.len().min(5);
                self.0.write(&content[..count])
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let content = b"twelve bytes";
        let mut writer = DigestWriter::new(Slow(Vec::new()));
        let passed = writer.passed();
        assert_eq!(passed.written(), of_bytes(b""));
        assert_eq!(writer.write(content).unwrap(), 5);
        assert_eq!(passed.written(), of_bytes(&content[..5]));
        writer.write_all(&content[5..]).unwrap();
        assert_eq!(writer.inner.0, content);
        drop(writer);
        assert_eq!(passed.written(), of_bytes(content));
    }
}
