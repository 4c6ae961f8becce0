//! Which two neighbours merge, at which rank, into what: one probe a question.
//!
//! Both rules of [`Rule`](crate::merges::Rule) come down to a list of pairs (see [`canonical`](super::canonical)), so
//! the merge loops know only this table.

use crate::raw::prefetch;
use crate::symbol::MAX_IDS;
use crate::{Error, Result, TokenId};

/// The rank of a pair that does not merge. Above every rank, and with eight bits of position below it still a
/// positive `i32`, which is what the merge loops compare.
pub(super) const NONE: u32 = (1 << 21) - 1;

/// Bits of a slot that are the pair: `left << 21 | right`. Above them is the rank, and at the top [`PASSED`].
const PAIR: u64 = (1 << 42) - 1;

/// A slot that holds nothing says [`NONE`] of a pair.
const EMPTY: u64 = (NONE as u64) << 42 | PAIR;

/// Set in the last slot of a bucket that was full when a pair was to go there: look in the next bucket as well.
const PASSED: u64 = 1 << 63;

/// Four slots, half a cache line. All four are compared, without a branch.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Bucket([u64; 4]);

/// Pair -> rank by buckets, rank -> result beside it.
pub(super) struct PairTable {
    /// A power of two of buckets, at most three eighths full, so that one pair in fifty lies outside its bucket.
    buckets: Box<[Bucket]>,
    /// `64 - log2(buckets)`: the upper bits of the hash are the bucket.
    shift: u32,
    /// The id that a merge of this rank makes.
    results: Vec<u32>,
    /// `results[rank] - rank` where that is the same for every rank, as it is for most tokenizers: saves the lookup.
    offset: Option<u32>,
    /// Ranks of pairs of bytes, `left << 8 | right`, for units whose symbols are bytes.
    bytes: Box<[u32; 1 << 16]>,
}

impl PairTable {
    /// An empty table for at most `results.len()` pairs; `results[rank]` is the id that a merge of that rank makes.
    ///
    /// # Errors
    /// A format error where there are too many ranks to number.
    pub(super) fn new(results: Vec<u32>) -> Result<Self> {
        if results.len() >= NONE as usize {
            return Err(Error::format(format!("{} merges are too many: there may be {}", results.len(), NONE - 1)));
        }
        let n_buckets = (results.len() * 2 / 3).next_power_of_two().max(2);
        let first = results.first().copied().unwrap_or(0);
        let linear = results.iter().zip(0..).all(|(id, rank)| id.wrapping_sub(rank) == first);
        Ok(Self {
            buckets: vec![Bucket([EMPTY; 4]); n_buckets].into_boxed_slice(),
            shift: 64 - n_buckets.trailing_zeros(),
            results,
            offset: linear.then_some(first),
            bytes: Box::new([NONE; 1 << 16]),
        })
    }

    /// Adds a pair, unless it is there: the first rank counts.
    pub(super) fn insert(&mut self, left: u32, right: u32, rank: u32) {
        debug_assert!((left.max(right) as usize) < MAX_IDS && (rank as usize) < self.results.len());
        if self.rank(left, right) != NONE {
            return;
        }
        let key = key(left, right);
        let mut at = self.home(key);
        while !self.buckets[at].0.contains(&EMPTY) {
            self.buckets[at].0[3] |= PASSED;
            at = (at + 1) & (self.buckets.len() - 1);
        }
        if let Some(slot) = self.buckets[at].0.iter_mut().find(|slot| **slot == EMPTY) {
            *slot = u64::from(rank) << 42 | key;
        }
    }

    /// Fills the grid of byte pairs from the slots. Call it when all pairs of base symbols are in.
    pub(super) fn fill_bytes(&mut self, byte_ids: &[TokenId]) {
        for (left, l) in byte_ids.iter().take(256).enumerate() {
            for (right, r) in byte_ids.iter().take(256).enumerate() {
                self.bytes[left << 8 | right] = self.rank(l.0, r.0);
            }
        }
    }

    /// The rank at which `left` and `right` merge, or [`NONE`].
    #[inline(always)]
    pub(super) fn rank(&self, left: u32, right: u32) -> u32 {
        let key = key(left, right);
        let mut at = self.home(key);
        loop {
            let bucket = &self.buckets[at].0;
            let found = bucket.iter().fold(EMPTY, |found, &slot| if (slot ^ key) & PAIR == 0 { slot } else { found });
            let rank = (found >> 42) as u32 & NONE;
            if bucket[3] & PASSED == 0 || rank != NONE {
                return rank;
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// Asks for the memory where [`rank`](Self::rank) of this pair begins to look.
    #[inline(always)]
    pub(super) fn prefetch(&self, left: u32, right: u32) {
        prefetch(&self.buckets, self.home(key(left, right)));
    }

    /// [`rank`](Self::rank) of two bytes, for units whose symbols are bytes.
    #[inline(always)]
    pub(super) fn rank_of_bytes(&self, left: u8, right: u8) -> u32 {
        self.bytes[usize::from(left) << 8 | usize::from(right)]
    }

    /// What a merge of `rank` makes.
    #[inline(always)]
    pub(super) fn result(&self, rank: u32) -> u32 {
        match self.offset {
            Some(offset) => rank.wrapping_add(offset),
            None => self.results[rank as usize],
        }
    }

    #[inline(always)]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

#[inline(always)]
fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 21 | u64::from(right)
}
