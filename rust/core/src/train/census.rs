//! Counts the pairs of a corpus and keeps the commonest.
//!
//! A corpus holds millions of distinct pairs, of which thousands are kept. So they are counted in parts by their hash,
//! each part in a walk of its own and a small table.

use super::corpus::{Cell, Corpus, Occurrence};
use super::pairs::{Table, hash, ids, key};
use super::tokens::Tokens;
use super::watch::Watch;
use crate::Result;

/// Salts of the table that counts and of the table that is kept.
const COUNTED: u64 = 0;
const KEPT: u64 = 0x5851_F42D_4C95_7F2D;

/// At least one pair in so many cells is counted at a time: then the table takes 1.5 to 3 bytes a cell.
const PAIRS_SHARE: usize = 32;

/// What bounds the memory of a census.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Pairs counted at a time, unless the corpus is so large that more cost little.
    pub(super) n_counted: usize,
    /// Pairs kept. More only where that many stand equally often.
    pub(super) n_kept: usize,
}

/// The commonest pairs.
pub(super) struct Census {
    /// Every allowed pair of at least `bar` occurrences, with the number of its positions.
    pub(super) kept: Table,
    /// At most the count of the commonest.
    pub(super) bar: u64,
    /// The count of the commonest allowed pair; 0 where there is none.
    best: u64,
}

impl Census {
    /// Counts the corpus and keeps the allowed pairs of at least `bar` occurrences, or as many as the commonest has if
    /// that is less.
    pub(super) fn take<C: Cell>(
        corpus: &Corpus<C>,
        tokens: &mut Tokens,
        bar: u64,
        limits: Limits,
        watch: &mut Watch,
    ) -> Result<Self> {
        let census = Self::take_above(corpus, tokens, bar.max(1), limits, watch)?;
        if census.best == 0 || census.best >= bar {
            return Ok(census);
        }
        Self::take_above(corpus, tokens, census.best, limits, watch)
    }

    /// As [`take`](Self::take), but keeps none where the commonest stands less often than `bar`.
    fn take_above<C: Cell>(
        corpus: &Corpus<C>,
        tokens: &mut Tokens,
        bar: u64,
        limits: Limits,
        watch: &mut Watch,
    ) -> Result<Self> {
        let mut census = Self { kept: Table::new(KEPT), bar, best: 0 };
        let mut counts = Table::new(COUNTED);
        let n_counted = limits.n_counted.max(corpus.n_cells() / PAIRS_SHARE);
        let (mut part, mut bits) = (0, 0);
        while part < 1 << bits {
            if !count_part(corpus, part, bits, n_counted, &mut counts, watch)? {
                (part, bits) = (2 * part, bits + 1);
                continue;
            }
            census.keep(&counts, tokens);
            if census.kept.len() > 2 * limits.n_kept {
                census.thin(limits.n_kept);
            }
            part += 1;
        }
        census.thin(limits.n_kept);
        Ok(census)
    }

    /// Keeps the pairs of `counts` that are common enough.
    fn keep(&mut self, counts: &Table, tokens: &mut Tokens) {
        for entry in counts.iter() {
            let (left, right) = ids(entry.key);
            if entry.count > self.best.min(self.bar - 1) && tokens.may_merge(left, right) {
                self.best = self.best.max(entry.count);
                if entry.count >= self.bar {
                    *self.kept.entry(entry.key) = *entry;
                }
            }
        }
    }

    /// Raises the bar so that at most `n` pairs are kept, or those that stand as often as the commonest.
    fn thin(&mut self, n: usize) {
        if self.kept.len() <= n {
            return;
        }
        let mut counts: Vec<u64> = self.kept.iter().map(|entry| entry.count).collect();
        let (_, too_rare, _) = counts.select_nth_unstable_by_key(n, |count| std::cmp::Reverse(*count));
        self.bar = self.best.min(*too_rare + 1);
        let mut kept = Table::new(KEPT);
        for entry in self.kept.iter().filter(|entry| entry.count >= self.bar) {
            *kept.entry(entry.key) = *entry;
        }
        self.kept = kept;
    }
}

/// Counts the pairs whose hash begins with the `bits` bits `part`; gives `false` where they are more than `limit`.
fn count_part<C: Cell>(
    corpus: &Corpus<C>,
    part: u64,
    bits: u32,
    limit: usize,
    counts: &mut Table,
    watch: &mut Watch,
) -> Result<bool> {
    counts.clear();
    corpus.each_pair(watch, |Occurrence { left, right, weight, .. }| {
        let key = key(left, right);
        if (hash(key, COUNTED) >> 1) >> (63 - bits) == part && counts.len() <= limit {
            let entry = counts.entry(key);
            entry.count += weight;
            entry.n += 1;
        }
    })?;
    Ok(counts.len() <= limit)
}
