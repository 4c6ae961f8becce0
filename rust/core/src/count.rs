//! Counted pieces: what a corpus is to the trainer. A sum, so shards add up in any order to the same counts.
//!
//! Knows bytes and weights; no text, no documents, no units.

use crate::Result;
use std::io::{Read, Write};

/// Piece -> weight, with weights in u64.
#[derive(Clone, Debug, Default)]
pub struct PieceCounts {}

impl PieceCounts {
    /// No pieces.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `weight` to `piece`. Saturating is an error elsewhere: see [`checked_total`](Self::total_weight).
    pub fn add(&mut self, _piece: &[u8], _weight: u64) {
        todo!()
    }

    /// Adds all of `other`.
    pub fn absorb(&mut self, _other: &Self) {
        todo!()
    }

    /// Number of distinct pieces.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sum of the weights: pieces in the corpus.
    pub fn total_weight(&self) -> u64 {
        todo!()
    }

    /// Sum of weight x length: bytes in the corpus.
    pub fn total_bytes(&self) -> u64 {
        todo!()
    }

    /// Pieces and weights in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        std::iter::empty()
    }

    /// Pieces and weights in canonical order: by bytes.
    pub fn sorted(&self) -> Vec<(&[u8], u64)> {
        todo!()
    }

    /// Writes bpe-lab's count file (docs/formats.md): canonical, so equal counts give equal files.
    pub fn write_to(&self, _out: &mut dyn Write) -> Result<()> {
        todo!()
    }

    /// Reads bpe-lab's count file, or a two-column `piece<TAB>count` text file (told apart by the magic).
    pub fn read_from(_input: &mut dyn Read) -> Result<Self> {
        todo!()
    }
}
