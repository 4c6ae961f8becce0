//! Blocks of bytes to counted pieces: documents, samples, threads. The caller opens files; this reads what it is handed.

use crate::Result;
use crate::count::PieceCounts;
use crate::pretokenize::Pattern;

/// Where one document ends and the next begins.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Documents {
    /// A file (or whatever [`Counter::end_of_file`] ends) is one document.
    #[default]
    File,
    /// A line, with its ending.
    Line,
    /// A paragraph: ends after a run of blank lines, which it keeps.
    BlankLine,
    /// Ends after each occurrence of these bytes, which it keeps.
    Separator(Vec<u8>),
    /// A new document begins at each line that starts with these bytes.
    Prefix(Vec<u8>),
}

/// Which documents are taken. By content hash, so threads, chunks and file order cannot show.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Sample {
    /// All of them.
    #[default]
    All,
    /// About this fraction, 0 < fraction < 1.
    Fraction { fraction: f64, seed: u64 },
    /// Every document whose hash is below the threshold (second pass of a sample by size).
    Below { threshold: u64, seed: u64 },
}

/// Counts pieces of what is pushed, on threads of its own.
pub struct Counter {}

impl Counter {
    /// A counter with `threads` workers (at least 1).
    pub fn new(_pattern: Pattern, _documents: Documents, _sample: Sample, _threads: usize) -> Result<Self> {
        todo!()
    }

    /// Hands over the next block of the current file, cut anywhere.
    pub fn push(&mut self, _block: &[u8]) -> Result<()> {
        todo!()
    }

    /// Ends the current file, and with it the document.
    pub fn end_of_file(&mut self) -> Result<()> {
        todo!()
    }

    /// Waits for the workers and gives the sum.
    pub fn finish(self) -> Result<PieceCounts> {
        todo!()
    }
}
