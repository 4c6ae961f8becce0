//! Blocks of bytes to counted pieces: documents, samples, threads. Opens no file: it reads what it is handed.
//!
//! It does not decode, normalise or strip: what is pushed is what is counted, a leading BOM and CR LF included.

mod batch;
mod choice;
mod documents;
mod marked;
mod sample;
#[cfg(test)]
mod tests;
mod workers;

use crate::count::{PATTERN, PieceCounts};
use crate::pretokenize::Pattern;
use crate::{Error, Result};
use batch::{Batch, Filler};
use choice::Choice;
use documents::Splitter;
use workers::{Workers, failed_before};

pub use choice::split_hash;
pub use documents::Documents;
pub use marked::MarkedCounter;
pub use sample::{Sample, SampleBySize, SizedSample, content_hash};

/// The key of the meta-data that says where documents end, in the form of [`Documents::parse`].
pub const DOCUMENTS: &str = "documents";
/// The key of the meta-data that says which documents were taken.
pub const SAMPLE: &str = "sample";

/// More threads than any machine has: a number beyond is a slip.
const MAX_THREADS: usize = 4096;

/// UTF-8's byte order mark.
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// How far a [`Counter`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes pushed.
    pub pushed_bytes: u64,
    /// Documents that have ended.
    pub n_documents: u64,
    /// Of these, the ones taken; without a sample all of them.
    pub n_taken: u64,
    /// Documents that were held out.
    pub n_held_out: u64,
    /// Bytes of documents taken so far.
    pub taken_bytes: u64,
    /// Files that begin with UTF-8's byte order mark. It is kept and counted as text.
    pub n_boms: u64,
    /// Distinct pieces found by now, at most: what several threads found counts several times.
    pub n_pieces_at_most: usize,
}

/// Counts pieces of what is pushed, on threads of its own.
///
/// The counts are the same whatever the number of threads, the cuts between blocks and the order of files.
///
/// Memory: the tables ([`PieceCounts`], one a thread), and at most 3 batches of 512 KiB a thread. A document larger
/// than that is counted in parts, so its size does not matter, with two exceptions: under a sample or a held-out part a document that
/// comes in several blocks is kept until it is whole, and a pattern without safe cuts (a user's regex, `none`) needs
/// whole documents. Dropping a counter stops its threads within milliseconds.
///
/// ```
/// use bpe_lab_core::ingest::{Counter, Documents, Sample};
/// use bpe_lab_core::pretokenize::Pattern;
/// let mut counter = Counter::new(Pattern::from_name("none")?, Documents::Line, Sample::All, 2)?;
/// counter.push(b"one\ntwo\no")?;
/// counter.push(b"ne\n")?;
/// counter.end_of_file()?;
/// assert_eq!(counter.stats().n_documents, 3);
/// assert_eq!(counter.finish()?.sorted(), [(&b"one\n"[..], 2), (b"two\n", 1)]);
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
pub struct Counter {
    splitter: Splitter,
    filler: Filler,
    workers: Workers,
    sample: Sample,
    pushed_bytes: u64,
    n_boms: u64,
    /// Bytes of a BOM that the current file begins with; `None` once it is settled.
    bom_matched: Option<usize>,
    /// An error was given out: the counts are not whole.
    failed: bool,
    /// Pattern, documents and sample, for the counts.
    meta: [(&'static str, String); 3],
}

impl Counter {
    /// A counter with `threads` workers, from 1 (on the caller's thread) to 4096.
    ///
    /// # Errors
    /// A number of threads, a fraction, a separator or prefix out of bounds; threads that do not start.
    pub fn new(pattern: Pattern, documents: Documents, sample: Sample, threads: usize) -> Result<Self> {
        Self::start(pattern, None, documents, sample, threads)
    }

    /// A counter that counts superpieces too, into the second table: what superwords are learned from.
    ///
    /// Nearly every sentence is a superpiece of its own, so the second table takes about the size of the text, and 40 bytes
    /// a sentence; with several threads both, for a moment, twice.
    ///
    /// # Errors
    /// As [`new`](Self::new); a pattern that has no superpieces ([`Pattern::superword`]).
    pub fn with_superwords(pattern: Pattern, documents: Documents, sample: Sample, threads: usize) -> Result<Self> {
        let superword = pattern.superword()?;
        Self::start(pattern, Some(superword), documents, sample, threads)
    }

    fn start(
        pattern: Pattern,
        superword: Option<Pattern>,
        documents: Documents,
        sample: Sample,
        threads: usize,
    ) -> Result<Self> {
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(Error::argument(format!("threads must be from 1 to {MAX_THREADS}, got {threads}")));
        }
        let meta = [(PATTERN, name_of(&pattern)), (DOCUMENTS, documents.to_string()), (SAMPLE, sample.to_string())];
        Ok(Self {
            splitter: Splitter::new(&documents)?,
            workers: Workers::start(&pattern, superword.as_ref(), threads)?,
            // A wall is an end of a piece too, so what is cut there is cut for both tables.
            filler: Filler::new(superword.unwrap_or(pattern), Choice::new(sample)?),
            sample,
            pushed_bytes: 0,
            n_boms: 0,
            bom_matched: Some(0),
            failed: false,
            meta,
        })
    }

    /// Leaves out the documents whose [`split_hash`] under seed 0 is below `below`, whatever the sample. Said before the
    /// first block.
    #[must_use]
    pub fn holding_out(mut self, below: u64) -> Self {
        self.filler.choice.hold_out(below);
        self
    }

    /// Hands over the next block of the current file, cut anywhere. Blocks of 1 MB or so are good; so is a whole map.
    ///
    /// # Errors
    /// What a worker met in this or an earlier block: a user's regex that passes its limit. Nothing more can be
    /// counted then.
    pub fn push(&mut self, block: &[u8]) -> Result<()> {
        self.look_for_bom(block);
        self.pushed_bytes += block.len() as u64;
        self.drive(|splitter, sink| splitter.push(block, sink))
    }

    /// Ends the current file, and with it the document.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn end_of_file(&mut self) -> Result<()> {
        self.bom_matched = Some(0);
        self.drive(|splitter, sink| splitter.end_of_file(sink))
    }

    fn drive(
        &mut self,
        step: impl FnOnce(&mut Splitter, &mut dyn FnMut(&[u8], bool) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        if self.failed {
            return Err(failed_before());
        }
        let Self { splitter, filler, workers, .. } = self;
        let mut submit = |batch: Batch| workers.submit(batch);
        let done = step(splitter, &mut |bytes, ends| filler.add(bytes, ends, &mut submit));
        self.failed = done.is_err();
        done
    }

    fn look_for_bom(&mut self, block: &[u8]) {
        for &byte in block.iter().take(BOM.len()) {
            self.bom_matched = match self.bom_matched {
                Some(n) if byte == BOM[n] && n + 1 < BOM.len() => Some(n + 1),
                Some(n) => {
                    self.n_boms += u64::from(byte == BOM[n]);
                    None
                }
                None => return,
            };
        }
    }

    /// How far it is. Cheap, and about right while threads are at work.
    pub fn stats(&self) -> Stats {
        Stats {
            pushed_bytes: self.pushed_bytes,
            n_documents: self.filler.n_documents,
            n_taken: self.filler.n_taken,
            n_held_out: self.filler.choice.n_held_out,
            taken_bytes: self.filler.taken_bytes,
            n_boms: self.n_boms,
            n_pieces_at_most: self.workers.n_pieces_at_most(),
        }
    }

    /// Ends the last file, waits for the workers and gives the sum, with pattern, documents and sample in its
    /// meta-data.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`Corpus`](crate::ErrorKind::Corpus) when a sample was asked of a corpus of less than two
    /// documents, or took none.
    pub fn finish(mut self) -> Result<PieceCounts> {
        self.end_of_file()?;
        sample::check_taken(self.sample, self.filler.n_documents, self.filler.n_taken)?;
        let Self { mut filler, mut workers, meta, .. } = self;
        filler.hand_on(&mut |batch| workers.submit(batch))?;
        drop(filler);
        let mut counts = workers.finish()?;
        for (key, value) in meta {
            counts.set_meta(key, value);
        }
        Ok(counts)
    }
}

/// What counts call a pattern: its name, or `regex:` and the expression.
fn name_of(pattern: &Pattern) -> String {
    match pattern.name() {
        Some(name) => name.to_owned(),
        None => format!("regex:{}", pattern.tiktoken_regex().unwrap_or_default()),
    }
}
