//! Pieces to ids. The [`Encoder`] is immutable and shared by threads; each caller owns a [`Scratch`].
//!
//! Knows no patterns and no specials.
//!
//! Most pieces of a text were met before: a hit in the piece cache (module `cache`) costs a few nanoseconds. Pieces are
//! taken in blocks; the keys of a whole block are hashed and their cache lines read ahead before the first is looked
//! up. A piece that is new runs the merge loop (module `merge`), with one probe for each question "do these two merge,
//! and when" (module `pairs`). Tiktoken's rule is turned into the same list of pairs (module `canonical`). Pieces of
//! more than 256 symbols are cut into overlapping windows, exactly (module `long`). Characters, and syllables where jamo
//! are symbols, are begun with what they merge into, where that is proven to change nothing (`atoms`, `syllables`).
//!
//! The obvious twin is [`naive`]; every path here gives its ids. Encoding with merges dropped at random is a loop of its
//! own (module `dropout`).

mod ahead;
mod atoms;
mod blocks;
mod cache;
mod canonical;
mod dropout;
mod lanes;
mod long;
mod merge;
pub mod naive;
mod pairs;
mod queues;
mod rules;
mod syllables;
mod symbols;
#[cfg(test)]
mod tests;

use crate::merges::Merges;
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Result, TokenId};
use blocks::Blocks;
use cache::Cache;
pub use dropout::{Dropout, Drops};
use dropout::{Dropping, ranks_by_id};
use rules::Rules;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tables derived from the merges. Immutable.
pub struct Encoder {
    /// Told from every other encoder of this process, so that a [`Scratch`] notices.
    number: u64,
    rules: Rules,
    /// By id the rank of each token, where ranks rule; only [`dropout`] asks.
    ranks_by_id: Option<Box<[u32]>>,
}

/// Buffers and the piece cache of one caller. Bounded; never shared.
///
/// The cache begins with 144 KB and grows to at most 16 MiB while new pieces come in; buffers take 0.1 MB, and up to
/// 2 MB where pieces have more than 256 symbols.
#[derive(Default)]
pub struct Scratch {
    /// The encoder whose ids the cache holds; 0 before the first.
    owner: u64,
    blocks: Blocks,
    dropping: Dropping,
}

impl Scratch {
    /// A scratch whose cache takes at most `max_bytes`. [`Scratch::default`] takes up to 16 MiB.
    pub fn with_cache_bytes(max_bytes: usize) -> Self {
        let mut scratch = Self::default();
        scratch.blocks.cache = Cache::with_max_bytes(max_bytes);
        scratch
    }

    /// Bytes that the cache takes now.
    pub fn cache_bytes(&self) -> usize {
        self.blocks.cache.size_bytes()
    }

    /// How many pieces so far were not in the cache and had to be merged.
    pub fn n_new_pieces(&self) -> u64 {
        self.blocks.n_new
    }

    /// The buffers, with nothing in the cache that another encoder put there.
    fn serve(&mut self, encoder: &Encoder) -> &mut Blocks {
        if self.owner != encoder.number {
            self.owner = encoder.number;
            self.blocks.cache.clear();
        }
        &mut self.blocks
    }
}

/// Where ids go: into a vector, or into a count.
trait Sink {
    fn take(&mut self, ids: &[u32]);
}

impl Sink for Vec<u32> {
    #[inline]
    fn take(&mut self, ids: &[u32]) {
        self.extend_from_slice(ids);
    }
}

/// Counts and drops.
struct Count(u64);

impl Sink for Count {
    fn take(&mut self, ids: &[u32]) {
        self.0 += ids.len() as u64;
    }
}

impl Encoder {
    /// Derives the tables.
    ///
    /// Costs 70 ms and 11 MB for o200k's 200,000 tokens.
    ///
    /// # Errors
    /// A format error where there are 2^21 - 1 merges or more, or where merges and unit do not fit each other.
    pub fn new(unit: &Unit, merges: &Merges, vocab: &Vocab) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let rules = Rules::derive(unit, merges, vocab)?;
        let ranks_by_id = ranks_by_id(merges, vocab);
        Ok(Self { number: NUMBER.fetch_add(1, Ordering::Relaxed), rules, ranks_by_id })
    }

    /// Appends the ids of the pieces of `text` that begin at `start` and end at each of `ends`.
    ///
    /// The pieces tile: each begins where the one before ends, and `ends` ascend to at most `text.len()`. Time grows
    /// with the text, whatever the pieces: one of 16 MB costs at most 100 ns a byte.
    ///
    /// ```
    /// use bpe_lab_core::encode::{Encoder, Scratch};
    /// use bpe_lab_core::merges::{ByteOrder, Merge, Merges, Rule};
    /// use bpe_lab_core::{TokenId, unit::Unit, vocab::Vocab};
    ///
    /// let ids = ByteOrder::Raw.ids();
    /// let merge = Merge { left: ids[b'a' as usize], right: ids[b'b' as usize], result: TokenId(256) };
    /// let merges = Merges::new(ids.to_vec(), Rule::Pairs(vec![merge]))?;
    /// let encoder = Encoder::new(&Unit::Byte, &merges, &Vocab::derive(&merges)?)?;
    /// let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    /// encoder.encode_pieces(b"abba cab", 0, &[4, 8], &mut scratch, &mut out);
    /// assert_eq!(out, [256, 98, 97, 32, 99, 256]);
    /// # Ok::<(), bpe_lab_core::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where `ends` do not ascend or pass the end of `text`.
    pub fn encode_pieces(&self, text: &[u8], start: usize, ends: &[usize], scratch: &mut Scratch, out: &mut Vec<u32>) {
        scratch.serve(self).run(&self.rules, text, start, ends, out);
    }

    /// How many ids [`encode_pieces`](Self::encode_pieces) would append.
    ///
    /// # Panics
    /// As there.
    pub fn count_pieces(&self, text: &[u8], start: usize, ends: &[usize], scratch: &mut Scratch) -> u64 {
        let mut count = Count(0);
        scratch.serve(self).run(&self.rules, text, start, ends, &mut count);
        count.0
    }

    /// Every state of one piece while it merges: the ids before the first merge, then after each, with its rank.
    ///
    /// Where a piece is a token that merging never makes, the last state is that token. Costs time and memory in
    /// proportion to the square of the piece.
    pub fn steps(&self, piece: &[u8]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        self.rules.steps(piece)
    }
}
