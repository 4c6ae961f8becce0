//! Which documents are counted: those of the sample that are not held out. A choice by content alone.
//!
//! Knows no pieces and no files. The hash below is published and does not change: what was held out of one tokenizer must
//! be held out of the next, by every program (Python's `hashlib` gives the same).

use super::sample::{Sample, content_hash};
use crate::Result;
use blake2::Blake2bMac;
use blake2::digest::consts::U8;
use blake2::digest::{FixedOutput, KeyInit, Update};

/// The hash that decides on which side of a split a document lies: 64 bits of BLAKE2b (RFC 7693), read as little-endian,
/// under the key `split N`, N being the seed in decimal. About 1 GB/s.
///
/// ```
/// use bpe_lab_core::ingest::split_hash;
/// assert_eq!(split_hash("한국어\n".as_bytes(), 0), 0x9a6b_5ba4_744a_1460);
/// ```
pub fn split_hash(document: &[u8], seed: u64) -> u64 {
    let mut hash = SplitHash::new(seed);
    hash.update(document);
    hash.finish_and_restart()
}

/// [`split_hash`] of documents that come in parts.
#[derive(Clone, Debug)]
pub(super) struct SplitHash {
    /// After the key.
    fresh: Blake2bMac<U8>,
    state: Blake2bMac<U8>,
}

impl SplitHash {
    pub(super) fn new(seed: u64) -> Self {
        // The key has at most 26 of the 64 bytes that it may have.
        let fresh = Blake2bMac::new_from_slice(format!("split {seed}").as_bytes()).unwrap_or_else(|_| unreachable!());
        Self { state: fresh.clone(), fresh }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// Gives the hash of the document and begins the next.
    pub(super) fn finish_and_restart(&mut self) -> u64 {
        let state = std::mem::replace(&mut self.state, self.fresh.clone());
        u64::from_le_bytes(state.finalize_fixed().into())
    }
}

/// A sample, and what is held out whatever the sample is.
#[derive(Debug)]
pub(super) struct Choice {
    /// (threshold, seed) of the sample.
    sample: Option<(u64, u64)>,
    /// Documents whose [`split_hash`] under seed 0 lies below are held out.
    held_out: Option<(u64, SplitHash)>,
    pub(super) n_held_out: u64,
}

impl Choice {
    pub(super) fn new(sample: Sample) -> Result<Self> {
        Ok(Self { sample: sample.threshold()?, held_out: None, n_held_out: 0 })
    }

    pub(super) fn hold_out(&mut self, below: u64) {
        self.held_out = Some((below, SplitHash::new(0)));
    }

    /// Tells that no document need be whole to be judged.
    pub(super) fn takes_all(&self) -> bool {
        self.sample.is_none() && self.held_out.is_none()
    }

    /// Judges a whole document.
    pub(super) fn takes(&mut self, document: &[u8]) -> bool {
        if let Some((below, hash)) = &mut self.held_out {
            hash.update(document);
            if hash.finish_and_restart() < *below {
                self.n_held_out += 1;
                return false;
            }
        }
        self.sample.is_none_or(|(threshold, seed)| content_hash(document, seed) < threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Python: `hashlib.blake2b(text, digest_size=8, key=b"split 0").digest()`, little-endian.
    #[test]
    fn hashes_are_those_of_python() {
        assert_eq!(split_hash(b"", 0), 0xfcd8_5184_72f8_13ce);
        assert_eq!(split_hash("한국어\n".as_bytes(), 7), 0xcce0_5b2d_5731_e968);
        assert_eq!(split_hash(&[b'a'; 300], 0), 0x66b1_854f_9523_2a9c);
    }

    #[test]
    fn parts_are_the_whole_and_nothing_stays_behind() {
        let mut hash = SplitHash::new(0);
        for _ in 0..2 {
            [&[b'a'; 127][..], b"", &[b'a'; 173]].into_iter().for_each(|part| hash.update(part));
            assert_eq!(hash.finish_and_restart(), split_hash(&[b'a'; 300], 0));
        }
    }
}
