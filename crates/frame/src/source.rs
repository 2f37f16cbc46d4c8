//! The bytes of a picture for a decoder that is to be stopped.

use std::cell::Cell;
use std::io::{BufRead, Error, Read, Result, Seek, SeekFrom};

use crate::error::DecodeError;

/// Bytes that are handed out at once. A kilobyte inflates to a megabyte at most, and LZW makes up
/// to 2.7 MB of it, so a decoder comes back for more within some milliseconds.
const PIECE_BYTES: usize = 1024;
/// Reads without new bytes after which `stop` is asked too: PNG's decoder makes 8 KiB of pixels for
/// each, `WebP`'s some pixels.
const READS: u32 = 256;

/// Reads bytes in small pieces, and fails once `stop` returned true.
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    stopping: &'a Stopping<'a>,
}

/// Asks whether to stop, and remembers that the answer was yes.
pub(crate) struct Stopping<'a> {
    stop: &'a dyn Fn() -> bool,
    is_stopped: Cell<bool>,
    /// Bytes and reads since the question was asked.
    bytes: Cell<usize>,
    reads: Cell<u32>,
}

impl<'a> Stopping<'a> {
    pub(crate) fn new(stop: &'a dyn Fn() -> bool) -> Self {
        let (bytes, reads) = (Cell::new(0), Cell::new(0));
        Self { stop, is_stopped: Cell::new(false), bytes, reads }
    }

    /// Asks now.
    ///
    /// # Errors
    /// When this is to stop, or was stopped before.
    pub(crate) fn ask(&self) -> std::result::Result<(), DecodeError> {
        if !self.is_stopped.get() {
            self.is_stopped.set((self.stop)());
        }
        if self.is_stopped.get() { Err(DecodeError::Stopped) } else { Ok(()) }
    }

    /// True once the answer was yes.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.get()
    }

    /// Counts a read of so many bytes, and asks if enough has happened since.
    fn read(&self, bytes: usize) -> Result<()> {
        self.bytes.set(self.bytes.get() + bytes);
        self.reads.set(self.reads.get() + 1);
        if self.is_stopped.get() || self.bytes.get() >= PIECE_BYTES || self.reads.get() >= READS {
            self.bytes.set(0);
            self.reads.set(0);
            return self.ask().map_err(Error::other);
        }
        Ok(())
    }
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8], stopping: &'a Stopping<'a>) -> Self {
        Self { bytes, at: 0, stopping }
    }

    fn piece(&self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        &rest[..rest.len().min(PIECE_BYTES)]
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let piece = self.piece();
        let length = piece.len().min(into.len());
        self.stopping.read(length)?;
        into[..length].copy_from_slice(&piece[..length]);
        self.at += length;
        Ok(length)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.stopping.read(0)?;
        Ok(self.piece())
    }

    fn consume(&mut self, length: usize) {
        self.stopping.bytes.set(self.stopping.bytes.get() + length);
        self.at += length;
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (0, i64::try_from(at).unwrap_or(i64::MAX)),
            SeekFrom::End(by) => (self.bytes.len() as i64, by),
            SeekFrom::Current(by) => (self.at as i64, by),
        };
        let at = from.checked_add(by).and_then(|at| usize::try_from(at).ok());
        let before_start =
            || Error::new(std::io::ErrorKind::InvalidInput, "a seek before the start");
        self.at = at.ok_or_else(before_start)?;
        Ok(self.at as u64)
    }
}
