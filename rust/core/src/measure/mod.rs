//! What a tokenizer did to text, counted: from bytes and the byte ends of tokens, never from decoding a token.
//!
//! Whatever touches a byte, character or token of a corpus is counted here; ratios, percentiles and intervals are made of
//! these sums elsewhere. Knows no tokenizer: texts, ids and ends come from any. Definitions: docs/metrics.md, docs/words.md.
//!
//! | file | counts |
//! |---|---|
//! | `walk` | one document: characters, tokens and eojeol in one pass |
//! | `columns` | the names of those counts |
//! | `words` | word types, frequency bands |
//! | `kinds` | what the tokens of a vocabulary are |
//! | `alike` | where two tokenizers cut the same eojeol otherwise |
//! | `transform` | texts as people write them: NFD, without spaces, with typing errors |

mod alike;
mod chars;
mod columns;
mod kinds;
mod transform;
mod walk;
mod words;

#[cfg(test)]
mod tests;

pub use alike::{Alike, Different, cut_alike};
pub use columns::{COLUMNS, N_COLUMNS};
pub use kinds::{Anatomy, Kind, anatomy, kind_of_bytes, kinds_of_bytes, kinds_of_spellings};
pub use transform::{JAMO_NEIGHBOURS, hangul_to_nfd, lengthen_runs, with_typos, without_spaces};
pub use words::{BAND_NAMES, WordBands};

use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use walk::Walk;
use words::Types;

/// Documents fall into so many groups, the i-th into group i mod 16: ids are counted by group, for a jackknife.
pub const N_GROUPS: usize = 16;

/// Tokens of one window of the question how much text fits.
pub const WINDOW_TOKENS: u64 = 1024;

/// One text's tokens, as any tokenizer gives them.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// The ids of all documents, one after another. May be empty where only the ends matter.
    pub ids: &'a [u32],
    /// The byte end of each token within its document. Never falls; a document's last is the document's length.
    pub ends: &'a [u64],
    /// Document `i` has the tokens `offsets[i]..offsets[i + 1]`.
    pub offsets: &'a [u64],
}

impl<'a> Tokens<'a> {
    /// Checks that the tokens tile the documents.
    ///
    /// # Errors
    /// An argument error that names the document and both numbers.
    pub fn check(&self, documents: &[&[u8]]) -> Result<()> {
        let (n, n_ends) = (documents.len(), self.ends.len());
        let hint = "hand on what encode_batch_ends returned for these documents";
        if self.offsets.len() != n + 1 || self.offsets[0] != 0 || self.offsets[n] != n_ends as u64 {
            let message = format!("{n} documents need {} offsets from 0 to {n_ends}", n + 1);
            return Err(Error::argument(message).hint(hint));
        }
        for (i, document) in documents.iter().enumerate() {
            let (first, last) = (self.offsets[i], self.offsets[i + 1]);
            if first > last || last > n_ends as u64 {
                return Err(Error::argument(format!("the offsets of document {i} fall: {first}, {last}")).hint(hint));
            }
            let ends = self.of(i).1;
            if !ends.is_sorted() || ends.last().copied().unwrap_or(0) != document.len() as u64 {
                let last = ends.last().copied().unwrap_or(0);
                let message =
                    format!("the tokens of document {i} do not tile it: {} bytes, last end {last}", document.len());
                return Err(Error::argument(message).hint(hint));
            }
        }
        Ok(())
    }

    /// Ids and ends of document `i`.
    fn of(&self, i: usize) -> (&'a [u32], &'a [u64]) {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        (self.ids.get(range.clone()).unwrap_or_default(), &self.ends[range])
    }
}

/// What is known of the tokenizer whose tokens are counted.
#[derive(Debug)]
struct Facts {
    n_ids: usize,
    /// One kind an id, or empty.
    kinds: Vec<Kind>,
    /// Whether a token may end inside a syllable because it ends between two jamo.
    is_jamo: bool,
    bands: Option<Arc<WordBands>>,
}

/// The counts of one tokenizer over one text, document by document. Grows by [`add`](Self::add).
#[derive(Debug)]
pub struct Measure {
    facts: Facts,
    n_documents: usize,
    counts: Part,
}

/// Counts of a run of neighbouring documents; runs are put together in order.
#[derive(Debug, Default)]
struct Part {
    /// `N_COLUMNS` numbers a document.
    rows: Vec<u64>,
    /// `N_GROUPS` times `n_ids`.
    groups: Vec<u64>,
    types: Types,
    /// The tokens before this part, over all documents.
    first_token: u64,
    n_tokens: u64,
    /// From the window of `first_token` on: bytes, syllables and eojeol of each window, the last one perhaps not full.
    windows: Vec<[u64; 3]>,
}

impl Measure {
    /// A measure of a tokenizer with `n_ids` ids. `kinds` has one kind an id, or none where they are unknown; `is_jamo` says
    /// that its tokens may end between two jamo of a syllable.
    ///
    /// # Errors
    /// An argument error where `kinds` has another length.
    pub fn new(n_ids: usize, kinds: Vec<Kind>, is_jamo: bool, bands: Option<Arc<WordBands>>) -> Result<Self> {
        if !kinds.is_empty() && kinds.len() != n_ids {
            return Err(Error::argument(format!("{n_ids} ids need {n_ids} kinds or none, got {}", kinds.len())));
        }
        let counts = Part { groups: vec![0; N_GROUPS * n_ids], ..Part::default() };
        Ok(Self { facts: Facts { n_ids, kinds, is_jamo, bands }, n_documents: 0, counts })
    }

    /// Counts `documents` on up to `n_threads` threads; the counts do not depend on how many. About 30 ns a byte, most
    /// of it waiting for the table of word types.
    ///
    /// # Errors
    /// An argument error where tokens do not tile the documents, a token error for an id beyond `n_ids`. Nothing is
    /// counted then.
    pub fn add(&mut self, documents: &[&[u8]], tokens: Tokens<'_>, n_threads: usize) -> Result<()> {
        tokens.check(documents)?;
        self.check_ids(tokens)?;
        let runs = runs_of_equal_bytes(documents, n_threads);
        let part_of = |run: Range<usize>| self.count_run(documents, tokens, run);
        let parts: Vec<Part> = match &runs[..] {
            [one] => vec![part_of(one.clone())],
            _ => std::thread::scope(|scope| {
                let threads: Vec<_> = runs.iter().map(|run| scope.spawn(|| part_of(run.clone()))).collect();
                threads.into_iter().filter_map(|t| t.join().ok()).collect()
            }),
        };
        if parts.len() != runs.len() {
            return Err(Error::unsupported("a counting thread failed"));
        }
        parts.into_iter().for_each(|part| self.counts.absorb(part));
        self.n_documents += documents.len();
        Ok(())
    }

    fn check_ids(&self, tokens: Tokens<'_>) -> Result<()> {
        if tokens.ids.len() != tokens.ends.len() {
            let (n_ids, n_ends) = (tokens.ids.len(), tokens.ends.len());
            return Err(Error::argument(format!("every token needs an id and an end, got {n_ids} ids, {n_ends} ends")));
        }
        match tokens.ids.iter().max() {
            Some(&id) if id as usize >= self.facts.n_ids => {
                let message = format!("id {id} stands in the text, but there are {} ids", self.facts.n_ids);
                Err(Error::new(crate::ErrorKind::Token, message).hint("n_ids counts special tokens and holes too"))
            }
            _ => Ok(()),
        }
    }

    fn count_run(&self, documents: &[&[u8]], tokens: Tokens<'_>, run: Range<usize>) -> Part {
        let first_token = self.counts.n_tokens + tokens.offsets[run.start];
        let mut part = Part {
            rows: vec![0; run.len() * N_COLUMNS],
            groups: vec![0; N_GROUPS * self.facts.n_ids],
            first_token,
            ..Part::default()
        };
        for (i, at) in run.clone().enumerate() {
            let (ids, ends) = tokens.of(at);
            part.count(&self.facts, documents[at], ids, ends, i);
        }
        part.count_ids(&self.facts, tokens, run, self.n_documents);
        part
    }

    /// How many documents were counted.
    pub fn n_documents(&self) -> usize {
        self.n_documents
    }

    /// The counts: [`N_COLUMNS`] numbers a document, in the order of [`COLUMNS`].
    pub fn rows(&self) -> &[u64] {
        &self.counts.rows
    }

    /// The sums of at most `n_blocks` blocks of neighbouring documents, `N_COLUMNS` numbers a block.
    ///
    /// All blocks but the last hold the same number of documents, the smallest that makes them few enough.
    pub fn blocks(&self, n_blocks: usize) -> Vec<u64> {
        let size = self.n_documents.div_ceil(n_blocks.max(1)).max(1);
        let sums = self.counts.rows.chunks(size * N_COLUMNS).flat_map(|block| {
            let mut sum = [0; N_COLUMNS];
            block.iter().enumerate().for_each(|(i, n)| sum[i % N_COLUMNS] += n);
            sum
        });
        sums.collect()
    }

    /// How often each id was emitted, by group of documents: `N_GROUPS` times `n_ids` numbers.
    pub fn group_counts(&self) -> &[u64] {
        &self.counts.groups
    }

    /// Bytes, syllables and eojeol of every full window of [`WINDOW_TOKENS`] tokens, over the documents in order.
    pub fn windows(&self) -> &[[u64; 3]] {
        let n_full = (self.counts.n_tokens / WINDOW_TOKENS) as usize;
        &self.counts.windows[..n_full]
    }

    /// One count of every document.
    ///
    /// # Errors
    /// An argument error where no column is called `name`.
    pub fn column(&self, name: &str) -> Result<Vec<u64>> {
        let at = COLUMNS.iter().position(|column| column == name).ok_or_else(|| {
            Error::argument(format!("no column is called {name:?}")).hint("Measure.columns lists them")
        })?;
        Ok(self.counts.rows.iter().skip(at).step_by(N_COLUMNS).copied().collect())
    }

    /// How often each id was emitted.
    pub fn token_counts(&self) -> Vec<u64> {
        let n_ids = self.facts.n_ids;
        (0..n_ids).map(|id| (0..N_GROUPS).map(|group| self.counts.groups[group * n_ids + id]).sum()).collect()
    }

    /// Word types in order of first occurrence: how often each occurred, and how often as one token.
    pub fn words(&self) -> impl Iterator<Item = (&[u8], u64, u64)> {
        self.counts.types.iter()
    }

    /// The same without the words: cheaper.
    pub fn word_counts(&self) -> Vec<[u64; 2]> {
        self.counts.types.counts()
    }

    /// How many word types there are.
    pub fn n_types(&self) -> usize {
        self.counts.types.len()
    }
}

impl Part {
    /// Counts document number `i` of this part.
    fn count(&mut self, facts: &Facts, text: &[u8], ids: &[u32], ends: &[u64], i: usize) {
        let row = &mut self.rows[i * N_COLUMNS..][..N_COLUMNS];
        let in_window = (self.first_token % WINDOW_TOKENS) + self.n_tokens;
        let windows = walk::Windows::at(&mut self.windows, in_window);
        Walk::new(facts, text, ids, ends, row, &mut self.types, windows).run();
        self.n_tokens += ids.len() as u64;
    }

    /// Counts the ids of `run`, group after group: the counts of one group stay in the cache. `n_before` documents were
    /// counted before these.
    fn count_ids(&mut self, facts: &Facts, tokens: Tokens<'_>, run: Range<usize>, n_before: usize) {
        for (group, counts) in self.groups.chunks_exact_mut(facts.n_ids.max(1)).enumerate() {
            for at in run.clone().filter(|at| (n_before + at) % N_GROUPS == group) {
                tokens.of(at).0.iter().for_each(|&id| counts[id as usize] += 1);
            }
        }
    }

    /// Puts `other`, whose documents come next, behind this one.
    fn absorb(&mut self, other: Self) {
        match self.rows.is_empty() {
            true => self.rows = other.rows,
            false => self.rows.extend(other.rows),
        }
        self.groups.iter_mut().zip(other.groups).for_each(|(sum, n)| *sum += n);
        self.types.absorb(other.types);
        let first = (other.first_token / WINDOW_TOKENS) as usize;
        self.windows.resize(self.windows.len().max(first + other.windows.len()), [0; 3]);
        for (sum, window) in self.windows[first..].iter_mut().zip(other.windows) {
            sum.iter_mut().zip(window).for_each(|(sum, n)| *sum += n);
        }
        self.n_tokens += other.n_tokens;
    }
}

/// At most `n` runs of neighbouring documents, of about equal bytes; one empty run where there are none.
fn runs_of_equal_bytes(documents: &[&[u8]], n: usize) -> Vec<Range<usize>> {
    let total: usize = documents.iter().map(|d| d.len() + 1).sum();
    let share = total.div_ceil(n.max(1)).max(1 << 16);
    let (mut runs, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (i, document) in documents.iter().enumerate() {
        bytes += document.len() + 1;
        if bytes >= share {
            runs.push(start..i + 1);
            (start, bytes) = (i + 1, 0);
        }
    }
    if start < documents.len() || runs.is_empty() {
        runs.push(start..documents.len());
    }
    runs
}
