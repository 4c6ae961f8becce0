//! The commonest pairs with all their positions, and which of them merges next.
//!
//! Only pairs above a bar are held: they are few, and a merge need not write positions for the long tail that never
//! wins. That is exact, not a guess: `unseen` bounds the count of every pair that is not held, and once the best pair
//! held is no commoner than that, the index is built anew from the corpus with a lower bar.

use super::corpus::{Cell, Corpus};
use super::neighbours::Sum;
use super::pairs::{Entry, Table, ids, key};
use super::tokens::Tokens;
use super::watch::Watch;
use crate::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// The first bar is the commonest pair's count divided by this. Less holds too few pairs, so that the corpus is
/// counted once more; more writes positions that nobody reads. Korean reviews and documents, 12.8 M cells: 32 gives
/// three counts, 1.12 s and 78 MB; 256 two, 1.10 s and 81 MB; 4096 two, 0.91 s and 105 MB.
const FIRST_BAR: u64 = 256;

/// Pairs held, positions, queue.
pub(super) struct Index {
    table: Table,
    /// Positions of all pairs held, and of pairs gone since the index was built.
    pool: Vec<u32>,
    /// Counts as they were when queued, so at least what they are now; a pair whose count grew is queued again.
    queue: BinaryHeap<(u64, Reverse<u64>)>,
    /// No allowed pair outside the table stands more often.
    unseen: u64,
    /// Pairs whose positions await sorting, and the most that a pair not held has grown by.
    grown: Vec<u64>,
    grown_unseen: u64,
    /// Above this many positions, most of the pool is waste.
    pool_limit: usize,
}

/// What a count of the whole corpus finds.
pub(super) enum Built {
    /// At least one pair above the bar.
    Index(Index),
    /// The commonest allowed pair stands less often than asked, this often; 0 where there is none.
    TooRare(u64),
}

impl Index {
    /// Counts the corpus and holds every allowed pair of at least `bar` occurrences ([`FIRST_BAR`] of the commonest
    /// where not given), or as many as the commonest has if that is less, but none below `min_frequency`.
    pub(super) fn build<C: Cell>(
        corpus: &Corpus<C>,
        tokens: &mut Tokens,
        bar: Option<u64>,
        min_frequency: u64,
        watch: &mut Watch,
    ) -> Result<Built> {
        let all = count(corpus, watch)?;
        let best = commonest(&all, tokens);
        if best < min_frequency.max(1) {
            return Ok(Built::TooRare(best));
        }
        let bar = bar.unwrap_or(best / FIRST_BAR).min(best).max(min_frequency).max(1);
        let mut table = Table::new();
        let mut n_positions = 0;
        for entry in all.iter().filter(|e| e.count >= bar) {
            let (left, right) = ids(entry.key);
            if tokens.may_merge(left, right) {
                *table.entry(entry.key) = Entry { start: n_positions, n: 0, ..*entry };
                n_positions += entry.n as usize;
            }
        }
        drop(all);
        let pool = positions(corpus, &mut table, n_positions, watch)?;
        let queue = table.iter().map(|e| (e.count, Reverse(e.key))).collect();
        let pool_limit = 2 * n_positions + corpus.n_cells() / 4;
        Ok(Built::Index(Self { table, pool, queue, unseen: bar - 1, grown: Vec::new(), grown_unseen: 0, pool_limit }))
    }

    /// The commonest pair, smallest ids first among equals; `None` where the index must be built anew to know it.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        if self.pool.len() > self.pool_limit {
            return None;
        }
        while let Some(mut top) = self.queue.peek_mut() {
            let (count, Reverse(key)) = *top;
            if count <= self.unseen {
                return None;
            }
            match self.table.get(key) {
                Some(entry) if entry.count == count => {
                    PeekMut::pop(top);
                    return Some(*entry);
                }
                Some(entry) if self.unseen < entry.count && entry.count < count => top.0 = entry.count,
                _ => drop(PeekMut::pop(top)),
            }
        }
        None
    }

    pub(super) fn positions(&self, entry: &Entry) -> &[u32] {
        &self.pool[entry.start..][..entry.n as usize]
    }

    pub(super) fn n_positions(&self) -> usize {
        self.pool.len()
    }

    pub(super) fn set_position(&mut self, i: usize, at: u32) {
        self.pool[i] = at;
    }

    /// Takes `weight` off the count of a pair, if it is held.
    #[inline]
    pub(super) fn subtract(&mut self, key: u64, weight: u64) {
        if let Some(entry) = self.table.get_mut(key) {
            entry.count -= weight;
        }
    }

    /// A merged pair stands nowhere any more.
    pub(super) fn retire(&mut self, key: u64) {
        if let Some(entry) = self.table.get_mut(key) {
            *entry = Entry { key, count: 0, start: 0, n: 0 };
        }
    }

    /// Takes in more occurrences of a pair of which one id `is_new`, or has come up again. Gives the start of room
    /// for their positions if the pair is held; [`sort_grown`](Self::sort_grown) is due when they are written.
    pub(super) fn add(&mut self, tokens: &mut Tokens, key: u64, sum: Sum, is_new: bool) -> Option<usize> {
        if is_new { self.insert(tokens, key, sum) } else { self.grow(tokens, key, sum) }
    }

    /// Takes in a pair that stood nowhere before.
    fn insert(&mut self, tokens: &mut Tokens, key: u64, sum: Sum) -> Option<usize> {
        let Sum { weight, n, .. } = sum;
        let (left, right) = ids(key);
        if weight <= self.unseen || !tokens.may_merge(left, right) {
            return None;
        }
        let start = self.pool.len();
        self.pool.resize(start + n as usize, 0);
        *self.table.entry(key) = Entry { key, count: weight, start, n };
        self.queue.push((weight, Reverse(key)));
        Some(start)
    }

    /// Takes in more of a pair that may have stood elsewhere before.
    fn grow(&mut self, tokens: &mut Tokens, key: u64, sum: Sum) -> Option<usize> {
        let Sum { weight, n, .. } = sum;
        let (left, right) = ids(key);
        if !tokens.may_merge(left, right) {
            return None;
        }
        let Some(entry) = self.table.get_mut(key) else {
            self.grown_unseen = self.grown_unseen.saturating_add(weight);
            return None;
        };
        let (old, start) = (entry.start..entry.start + entry.n as usize, self.pool.len());
        *entry = Entry { key, count: entry.count + weight, start, n: entry.n + n };
        self.queue.push((entry.count, Reverse(key)));
        self.pool.extend_from_within(old);
        let new = self.pool.len();
        self.pool.resize(new + n as usize, 0);
        self.grown.push(key);
        Some(new)
    }

    /// Ends what [`grow`](Self::grow) began.
    pub(super) fn sort_grown(&mut self) {
        for key in self.grown.drain(..) {
            if let Some(entry) = self.table.get(key) {
                self.pool[entry.start..][..entry.n as usize].sort();
            }
        }
        self.unseen = self.unseen.saturating_add(std::mem::take(&mut self.grown_unseen));
    }
}

/// Counts every pair.
#[inline(never)]
fn count<C: Cell>(corpus: &Corpus<C>, watch: &mut Watch) -> Result<Table> {
    let mut all = Table::new();
    corpus.each_pair(watch, |o| {
        let entry = all.entry(key(o.left, o.right));
        entry.count += o.weight;
        entry.n += 1;
    })?;
    Ok(all)
}

/// The count of the commonest pair that may merge; 0 where there is none.
fn commonest(all: &Table, tokens: &mut Tokens) -> u64 {
    let mut best = 0;
    for entry in all.iter() {
        let (left, right) = ids(entry.key);
        if entry.count > best && tokens.may_merge(left, right) {
            best = entry.count;
        }
    }
    best
}

/// Writes the positions of the pairs in `table` from their starts on, and sets how many there are.
#[inline(never)]
fn positions<C: Cell>(corpus: &Corpus<C>, table: &mut Table, n: usize, watch: &mut Watch) -> Result<Vec<u32>> {
    let mut pool = vec![0; n];
    corpus.each_pair(watch, |o| {
        if let Some(entry) = table.get_mut(key(o.left, o.right)) {
            pool[entry.start + entry.n as usize] = o.at;
            entry.n += 1;
        }
    })?;
    Ok(pool)
}
