//! The commonest pairs with all their positions, and which of them merges next.
//!
//! Only pairs above a bar are held: they are few, and a merge need not write positions for the long tail that never
//! wins. That is exact, not a guess: the count of a pair only falls once it is made, so a pair that is not held stays
//! below the bar, and once the best pair held does, the index is built anew from the corpus with a lower bar.

use super::census::Census;
use super::corpus::{Cell, Corpus, Occurrence};
use super::neighbours::Sum;
use super::pairs::{Entry, Table, ids, key};
use super::tokens::Tokens;
use super::watch::Watch;
use crate::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

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
    /// Finds the positions of the pairs that a census kept. `None` where it kept none.
    pub(super) fn build<C: Cell>(corpus: &Corpus<C>, census: Census, watch: &mut Watch) -> Result<Option<Self>> {
        let Census { kept: mut table, bar, .. } = census;
        if table.len() == 0 {
            return Ok(None);
        }
        let pool = positions(corpus, &mut table, watch)?;
        let mut queue = BinaryHeap::with_capacity(table.len());
        for entry in table.iter() {
            queue.push((entry.count, Reverse(entry.key)));
            watch.spend(1)?;
        }
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
