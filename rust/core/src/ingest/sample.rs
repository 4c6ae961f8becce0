//! Which documents are taken. A choice by content alone: threads, chunks and the order of files cannot show.
//!
//! Knows no pieces. The hash below is published and does not change: a sample is part of a corpus's provenance.

use super::choice::SplitHash;
use super::documents::{Documents, Splitter};
use crate::{Error, ErrorKind, Result};
use std::fmt;

/// Which documents are taken. By [`content_hash`], so equal documents are all taken or all left.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Sample {
    /// All of them.
    #[default]
    All,
    /// About this fraction of the documents.
    Fraction {
        /// Of all documents, by number; above 0 and below 1.
        fraction: f64,
        /// Another seed takes others.
        seed: u64,
    },
    /// Every document whose hash is below the threshold (second pass of a sample by size, see [`SampleBySize`]).
    Below {
        /// Hashes below it are taken.
        threshold: u64,
        /// The seed of the hash.
        seed: u64,
    },
}

impl Sample {
    /// Which hashes are taken: (threshold, seed), or `None` for all.
    pub(super) fn threshold(self) -> Result<Option<(u64, u64)>> {
        match self {
            Self::All => Ok(None),
            Self::Below { threshold, seed } => Ok(Some((threshold, seed))),
            // 2^64 is exact in f64 and so is the product; the cast drops less than one.
            Self::Fraction { fraction, seed } if fraction > 0.0 && fraction < 1.0 => {
                Ok(Some(((fraction * 18_446_744_073_709_551_616.0) as u64, seed)))
            }
            Self::Fraction { fraction, .. } => Err(Error::argument(format!(
                "a sample by fraction lies between 0 and 1, both excluded, got {fraction}"
            ))
            .hint("take no sample for the whole corpus")),
        }
    }
}

/// A splitmix64 increment and two primes of xxHash64: odd, with no structure the hash could meet in text.
const K: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9];

/// Both halves of the 128-bit product `a * b`, exclusive-or.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// The hash that samples go by: 64 bits of a document's bytes and a seed. About 4 GB/s.
///
/// With `fold(a, b)` = both halves of the 128-bit product, exclusive-or, and three constants K0 = 9e3779b97f4a7c15,
/// K1 = c2b2ae3d27d4eb4f, K2 = 165667b19e3779f9 (hexadecimal):
///
/// 1. h = fold(seed ^ K0, K1)
/// 2. for each 8 bytes as a little-endian word w, the last one padded with zeros: h = fold(h ^ w, K1)
/// 3. h = fold(h ^ length in bytes, K2); h = (h ^ h >> 32) * K0 modulo 2^64; h = h ^ h >> 29
/// 4. the hash is h, but 2^64 - 2 where h is 2^64 - 1: every hash lies below some threshold
///
/// The mixing step is wyhash's (Wang Yi, <https://github.com/wangyi-fudan/wyhash>). Not for keeping secrets.
///
/// ```
/// use bpe_lab_core::ingest::content_hash;
/// assert_eq!(content_hash("한국어\n".as_bytes(), 0), 0x8e47_b21f_4340_86ad);
/// ```
pub fn content_hash(document: &[u8], seed: u64) -> u64 {
    let mut hash = ContentHash::new(seed);
    hash.update(document);
    hash.finish()
}

/// [`content_hash`] of a document that comes in parts.
#[derive(Clone, Copy, Debug)]
struct ContentHash {
    state: u64,
    /// The first `length % 8` bytes of the next word, zeros behind them.
    partial: [u8; 8],
    length: u64,
}

impl ContentHash {
    fn new(seed: u64) -> Self {
        Self { state: fold(seed ^ K[0], K[1]), partial: [0; 8], length: 0 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        let filled = (self.length % 8) as usize;
        self.length += bytes.len() as u64;
        if filled > 0 {
            let (front, rest) = bytes.split_at(bytes.len().min(8 - filled));
            self.partial[filled..filled + front.len()].copy_from_slice(front);
            if filled + front.len() < 8 {
                return;
            }
            self.state = fold(self.state ^ u64::from_le_bytes(self.partial), K[1]);
            bytes = rest;
        }
        let (words, rest) = bytes.as_chunks::<8>();
        let step = |state, word: &[u8; 8]| fold(state ^ u64::from_le_bytes(*word), K[1]);
        self.state = words.iter().fold(self.state, step);
        self.partial = [0; 8];
        self.partial[..rest.len()].copy_from_slice(rest);
    }

    fn finish(self) -> u64 {
        let mut h = self.state;
        if !self.length.is_multiple_of(8) {
            h = fold(h ^ u64::from_le_bytes(self.partial), K[1]);
        }
        h = fold(h ^ self.length, K[2]);
        h = (h ^ h >> 32).wrapping_mul(K[0]);
        (h ^ h >> 29).min(u64::MAX - 1)
    }
}

/// First pass of a sample by size: finds the threshold below which documents fill so many bytes.
///
/// Push the same files as to the [`Counter`](super::Counter) after it, in any order and any blocks. Documents go in by
/// rising hash until the sample holds at least `size_bytes`; equal hashes go in together. So the sample overshoots by
/// less than one document and its copies.
///
/// Keeps 16 bytes a document of the sample, twice over; runs on the caller's thread at about 3 GB/s.
///
/// ```
/// use bpe_lab_core::ingest::{Documents, SampleBySize};
/// let mut pass = SampleBySize::new(&Documents::Line, 8, 0)?;
/// pass.push(b"one\ntwo\nthree\nfour\n")?;
/// pass.end_of_file()?;
/// let sized = pass.finish()?;
/// assert_eq!(sized.n_documents, 2);
/// assert!((8..=11).contains(&sized.size_bytes));
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SampleBySize {
    splitter: Splitter,
    current: ContentHash,
    /// What is held out is no part of the corpus here.
    held_out: Option<(u64, SplitHash)>,
    wanted: Lowest,
    seed: u64,
    n_documents: u64,
    total_bytes: u64,
}

/// What [`SampleBySize`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizedSample {
    /// The sample, for the second pass.
    pub sample: Sample,
    /// Documents in it.
    pub n_documents: u64,
    /// Bytes in it, at least those wanted.
    pub size_bytes: u64,
}

impl SampleBySize {
    /// A pass that seeks a sample of `size_bytes`.
    ///
    /// # Errors
    /// Those of `documents` (an empty separator), and a size of 0.
    pub fn new(documents: &Documents, size_bytes: u64, seed: u64) -> Result<Self> {
        if size_bytes == 0 {
            return Err(Error::argument("a sample by size needs at least 1 byte, got 0"));
        }
        Ok(Self {
            splitter: Splitter::new(documents)?,
            current: ContentHash::new(seed),
            held_out: None,
            wanted: Lowest { size_bytes, entries: Vec::new(), prune_at: 1024 },
            seed,
            n_documents: 0,
            total_bytes: 0,
        })
    }

    /// As [`Counter::holding_out`](super::Counter::holding_out).
    #[must_use]
    pub fn holding_out(mut self, below: u64) -> Self {
        self.held_out = Some((below, SplitHash::new(0)));
        self
    }

    /// Takes the next block of the current file, cut anywhere.
    ///
    /// # Errors
    /// None now; the signature is [`Counter::push`](super::Counter::push)'s.
    pub fn push(&mut self, block: &[u8]) -> Result<()> {
        self.drive(|splitter, sink| splitter.push(block, sink))
    }

    /// Ends the current file, and with it the document.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn end_of_file(&mut self) -> Result<()> {
        self.drive(|splitter, sink| splitter.end_of_file(sink))
    }

    fn drive(
        &mut self,
        step: impl FnOnce(&mut Splitter, &mut dyn FnMut(&[u8], bool) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let Self { splitter, current, held_out, wanted, seed, n_documents, total_bytes } = self;
        step(splitter, &mut |bytes, ends| {
            current.update(bytes);
            if let Some((_, hash)) = held_out {
                hash.update(bytes);
            }
            if ends {
                let whole = std::mem::replace(current, ContentHash::new(*seed));
                if held_out.as_mut().is_none_or(|(below, hash)| hash.finish_and_restart() >= *below) {
                    wanted.add(whole.finish(), whole.length);
                    *n_documents += 1;
                    *total_bytes += whole.length;
                }
            }
            Ok(())
        })
    }

    /// The threshold, after the last file.
    ///
    /// # Errors
    /// [`Corpus`](ErrorKind::Corpus) when the corpus is one document or smaller than the sample.
    pub fn finish(mut self) -> Result<SizedSample> {
        self.end_of_file()?;
        check_samplable(self.n_documents)?;
        let (wanted, total) = (self.wanted.size_bytes, self.total_bytes);
        if total < wanted {
            let message = format!("a sample of {wanted} bytes was asked of a corpus of {total} bytes");
            return Err(Error::new(ErrorKind::Corpus, message).hint("ask for less, or take no sample"));
        }
        self.wanted.prune();
        let entries = &self.wanted.entries;
        let highest = entries.last().map_or(0, |e| e.0);
        Ok(SizedSample {
            sample: Sample::Below { threshold: highest + 1, seed: self.seed },
            n_documents: entries.len() as u64,
            size_bytes: entries.iter().map(|e| e.1).sum(),
        })
    }
}

/// A sample is a choice among documents: one document leaves none.
fn check_samplable(n_documents: u64) -> Result<()> {
    if n_documents > 1 {
        return Ok(());
    }
    let message = format!("a sample is taken of documents, of which the corpus has {n_documents}; it needs at least 2");
    Err(Error::new(ErrorKind::Corpus, message)
        .hint("say where documents end: --documents line, blank-line, separator:STR or prefix:STR"))
}

/// As [`check_samplable`], and the sample took some; where everything is taken, anything goes.
pub(super) fn check_taken(sample: Sample, n_documents: u64, n_taken: u64) -> Result<()> {
    if sample == Sample::All {
        return Ok(());
    }
    check_samplable(n_documents)?;
    if n_taken > 0 {
        return Ok(());
    }
    let message = format!("the sample took none of the corpus's {n_documents} documents");
    Err(Error::new(ErrorKind::Corpus, message).hint("take a larger sample, or another seed"))
}

/// The documents of the lowest hashes that fill `size_bytes`.
#[derive(Debug)]
struct Lowest {
    size_bytes: u64,
    /// (hash, length). Holds every document of the answer: more documents only lower the threshold, so what was once
    /// above it stays out.
    entries: Vec<(u64, u64)>,
    prune_at: usize,
}

impl Lowest {
    fn add(&mut self, hash: u64, length: u64) {
        self.entries.push((hash, length));
        if self.entries.len() >= self.prune_at {
            self.prune();
            self.prune_at = (2 * self.entries.len()).max(1024);
        }
    }

    /// Sorts, and drops what lies behind the hash with which the sample is full.
    fn prune(&mut self) {
        self.entries.sort_unstable();
        let mut sum = 0u64;
        let last = self.entries.iter().find(|e| {
            sum = sum.saturating_add(e.1);
            sum >= self.size_bytes
        });
        if let Some(&(highest, _)) = last {
            self.entries.truncate(self.entries.partition_point(|e| e.0 <= highest));
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Fraction { fraction, seed } => write!(f, "fraction {fraction}, seed {seed}"),
            Self::Below { threshold, seed } => write!(f, "hash below {threshold}, seed {seed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The definition, word by word.
    fn by_definition(document: &[u8], seed: u64) -> u64 {
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            (product as u64) ^ ((product >> 64) as u64)
        };
        let mut h = fold(seed ^ 0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f);
        for word in document.chunks(8) {
            let w = word.iter().rev().fold(0, |w, &b| w << 8 | u64::from(b));
            h = fold(h ^ w, 0xc2b2_ae3d_27d4_eb4f);
        }
        h = fold(h ^ document.len() as u64, 0x1656_67b1_9e37_79f9);
        h = (h ^ (h >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^= h >> 29;
        if h == u64::MAX { u64::MAX - 1 } else { h }
    }

    proptest! {
        #[test]
        fn hash_of_parts_is_the_definition(parts in vec(vec(any::<u8>(), 0..20), 0..8), seed: u64) {
            let mut hash = ContentHash::new(seed);
            parts.iter().for_each(|p| hash.update(p));
            prop_assert_eq!(hash.finish(), by_definition(&parts.concat(), seed));
        }

        /// Twin: sort all documents and take from the front.
        #[test]
        fn lowest_is_a_sorted_prefix(lengths in vec((0u64..50, 1u64..9), 1..4000), percent in 1u64..=100) {
            let total: u64 = lengths.iter().map(|l| l.1).sum();
            let size_bytes = (total * percent / 100).max(1);
            let mut lowest = Lowest { size_bytes, entries: Vec::new(), prune_at: 16 };
            lengths.iter().for_each(|&(hash, n)| lowest.add(hash, n));
            lowest.prune();
            let below = |h| lengths.iter().filter(|l| l.0 < h).map(|l| l.1).sum::<u64>();
            let threshold = (0..=50).find(|&h| below(h) >= size_bytes).unwrap();
            let mut twin: Vec<_> = lengths.iter().copied().filter(|l| l.0 < threshold).collect();
            twin.sort_unstable();
            prop_assert_eq!(lowest.entries, twin);
        }
    }

    /// These numbers are part of what a recorded sample means: they never change.
    #[test]
    fn hash_is_fixed() {
        let text: Vec<u8> = (0..100).collect();
        for (n, seed, hash) in [
            (0, 0, 0xb9f4_4264_9356_2e05),
            (1, 0, 0x9d4e_1b77_f46f_c509),
            (8, 0, 0xcae9_63d7_c593_0b5f),
            (13, 0, 0x4d3f_e25a_6dde_e0a9),
            (100, 0, 0x7e27_7223_9daf_5f8c),
            (100, 1, 0x6604_fe3e_7eec_cc5f),
        ] {
            assert_eq!(content_hash(&text[..n], seed), hash, "{n} bytes, seed {seed}");
        }
    }

    #[test]
    fn hashes_of_like_documents_are_spread_evenly() {
        for seed in 0..4 {
            for bit in [63, 62, 60, 40] {
                let ones =
                    (0..40_000).filter(|i| content_hash(format!("{i}\n").as_bytes(), seed) >> bit & 1 == 1).count();
                assert!((19_400..20_600).contains(&ones), "seed {seed}, bit {bit}: {ones} of 40000");
            }
        }
    }

    #[test]
    fn a_sample_by_size_needs_documents_and_bytes() {
        let pass = |text: &[u8], size| {
            let mut pass = SampleBySize::new(&Documents::Line, size, 0).unwrap();
            pass.push(text).unwrap();
            pass.finish()
        };
        let e = pass(b"one line", 3).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corpus);
        assert!(e.next_step().unwrap().contains("--documents"), "{e:?}");
        let e = pass(b"a\nb\n", 5).unwrap_err();
        assert_eq!(e.to_string(), "a sample of 5 bytes was asked of a corpus of 4 bytes");
        assert_eq!(pass(b"a\nb\n", 4).unwrap().n_documents, 2);
        assert_eq!(pass(b"a\na\nb\nb\n", 1).unwrap().size_bytes, 4, "equal documents go in together");
        assert!(SampleBySize::new(&Documents::Line, 0, 0).is_err());
    }
}
