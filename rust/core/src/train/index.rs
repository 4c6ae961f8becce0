//! The commonest pairs with all their positions, and which of them merges next.
//!
//! Only pairs above a bar are held: they are few, and a merge need not write positions for the long tail that never
//! wins. That is exact, not a guess: the count of a pair only falls once it is made, so a pair that is not held stays
//! below the bar, and once the best pair held does, the index is built anew from the corpus with a lower bar.

use super::corpus::{Cell, Corpus, Occurrence};
use super::neighbours::Sum;
use super::pairs::{Entry, Table, hash, ids, key};
use super::tokens::Tokens;
use super::watch::Watch;
use crate::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Salts of the table that counts and of the table that lasts.
const COUNTED: u64 = 0;
const HELD: u64 = 0x5851_F42D_4C95_7F2D;

/// Pairs are counted so many at a time that their table takes 1.5 to 3 bytes a cell.
const PAIRS_SHARE: usize = 32;

/// Pairs held, positions, queue.
pub(super) struct Index {
    table: Table,
    /// Positions of all pairs held, and of pairs gone since the index was built.
    pool: Vec<u32>,
    /// Counts as they were when queued: at least what they are now.
    queue: BinaryHeap<(u64, Reverse<u64>)>,
    /// Every allowed pair that stands so often is held.
    bar: u64,
    /// Above this many positions, most of the pool is waste.
    pool_limit: usize,
}

impl Index {
    /// Counts the corpus and holds every allowed pair of at least `bar` occurrences, or as many as the commonest has
    /// if that is less. `None` where there is no allowed pair.
    pub(super) fn build<C: Cell>(
        corpus: &Corpus<C>,
        tokens: &mut Tokens,
        bar: u64,
        n_at_once: usize,
        watch: &mut Watch,
    ) -> Result<Option<Self>> {
        let limit = n_at_once.max(corpus.n_cells() / PAIRS_SHARE);
        let mut bar = bar.max(1);
        let (mut table, best) = count(corpus, tokens, bar, limit, watch)?;
        if best == 0 {
            return Ok(None);
        }
        if best < bar {
            bar = best;
            table = count(corpus, tokens, bar, limit, watch)?.0;
        }
        let pool = positions(corpus, &mut table, watch)?;
        let queue = table.iter().map(|e| (e.count, Reverse(e.key))).collect();
        let pool_limit = 2 * pool.len() + corpus.n_cells() / 4;
        Ok(Some(Self { table, pool, queue, bar, pool_limit }))
    }

    /// Every allowed pair that stands so often is held; at first the commonest does.
    pub(super) fn bar(&self) -> u64 {
        self.bar
    }

    /// The commonest pair, smallest ids first among equals; `None` where the index must be built anew to know it.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        if self.pool.len() > self.pool_limit {
            return None;
        }
        while let Some(mut top) = self.queue.peek_mut() {
            let (count, Reverse(key)) = *top;
            let now = self.table.get(key).filter(|entry| entry.count >= self.bar);
            match now {
                Some(entry) if entry.count == count => {
                    PeekMut::pop(top);
                    return Some(*entry);
                }
                Some(entry) => top.0 = entry.count,
                None => drop(PeekMut::pop(top)),
            }
        }
        None
    }

    /// The room of a pair's positions.
    pub(super) fn positions_mut(&mut self, entry: &Entry) -> &mut [u32] {
        &mut self.pool[entry.start..][..entry.n as usize]
    }

    /// Where the room of the next pair will begin.
    pub(super) fn n_positions(&self) -> usize {
        self.pool.len()
    }

    /// Puts the position that stands at `from`, less `back` cells, at `to`.
    #[inline]
    pub(super) fn copy_position(&mut self, from: usize, back: u32, to: usize) {
        self.pool[to] = self.pool[from] - back;
    }

    /// Takes `weight` off the count of a pair, if it is held.
    #[inline]
    pub(super) fn subtract(&mut self, key: u64, weight: u64) {
        if let Some(entry) = self.table.get_mut(key) {
            entry.count -= weight;
        }
    }

    /// Takes a merged pair out of the running.
    pub(super) fn retire(&mut self, key: u64) {
        if let Some(entry) = self.table.get_mut(key) {
            entry.count = 0;
        }
    }

    /// Takes in a pair that stood nowhere before; gives the start of room for its positions if it is held.
    pub(super) fn insert(&mut self, tokens: &mut Tokens, key: u64, sum: Sum) -> Option<usize> {
        let (left, right) = ids(key);
        if sum.weight < self.bar || !tokens.may_merge(left, right) {
            return None;
        }
        let start = self.pool.len();
        self.pool.resize(start + sum.n as usize, 0);
        *self.table.entry(key) = Entry { key, count: sum.weight, start, n: sum.n };
        self.queue.push((sum.weight, Reverse(key)));
        Some(start)
    }
}

/// Counts all pairs; gives the allowed ones of at least `bar` occurrences, and what the commonest allowed one has.
///
/// Pairs are counted in parts by their hash, of which there are so many that none has more than `limit`: a corpus holds
/// millions of distinct pairs, of which thousands are kept.
fn count<C: Cell>(
    corpus: &Corpus<C>,
    tokens: &mut Tokens,
    bar: u64,
    limit: usize,
    watch: &mut Watch,
) -> Result<(Table, u64)> {
    let (mut held, mut part_counts) = (Table::new(HELD), Table::new(COUNTED));
    let (mut best, mut part, mut bits) = (0, 0, 0);
    while part < 1 << bits {
        if !count_part(corpus, part, bits, limit, &mut part_counts, watch)? {
            (part, bits) = (2 * part, bits + 1);
            continue;
        }
        for entry in part_counts.iter() {
            let (left, right) = ids(entry.key);
            if entry.count > best.min(bar - 1) && tokens.may_merge(left, right) {
                best = best.max(entry.count);
                if entry.count >= bar {
                    *held.entry(entry.key) = *entry;
                }
            }
        }
        part += 1;
    }
    Ok((held, best))
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

/// Gives every pair of `table` room for its positions, and writes them in rising order.
fn positions<C: Cell>(corpus: &Corpus<C>, table: &mut Table, watch: &mut Watch) -> Result<Vec<u32>> {
    let mut n_positions = 0;
    for entry in table.iter_mut() {
        entry.start = n_positions;
        n_positions += std::mem::take(&mut entry.n) as usize;
    }
    let mut pool = vec![0; n_positions];
    corpus.each_pair(watch, |Occurrence { at, left, right, .. }| {
        if let Some(entry) = table.get_mut(key(left, right)) {
            pool[entry.start + entry.n as usize] = at;
            entry.n += 1;
        }
    })?;
    Ok(pool)
}
