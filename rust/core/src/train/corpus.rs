//! The words of a corpus as one row of cells, in which tokens grow in place. Knows no counts of pairs and no order of
//! merges.
//!
//! A token owns as many cells as it had parts when the row was last [packed](Corpus::pack). Its first and its last cell
//! hold its id; what the cells between hold is never read. So both neighbours of a token are one load away, a merge
//! writes two or three cells, and nothing moves: a position stays good until the next packing, and a word of 16 M
//! symbols costs per merge what is merged in it. The layout is that of boundary tags in memory allocators (Knuth, The
//! Art of Computer Programming 1, 2.5).
//!
//! Words stand in order of falling weight, so that a weight belongs to a stretch of cells and not to each word.

use super::watch::Watch;
use super::words::Words;
use crate::count::PieceCounts;
use crate::unit::Unit;
use crate::{Error, Result, TokenId};
use std::collections::BTreeMap;

/// Cells walked between two looks at the watch.
const BLOCK: usize = 1 << 16;

/// A number wide enough for every id and the edge.
pub(super) trait Cell: Copy + Eq {
    /// The highest number it holds.
    const MAX: usize;
    fn of(id: u32) -> Self;
    fn id(self) -> u32;
}

impl Cell for u16 {
    const MAX: usize = u16::MAX as usize;
    #[inline]
    fn of(id: u32) -> Self {
        id as u16
    }
    #[inline]
    fn id(self) -> u32 {
        u32::from(self)
    }
}

impl Cell for u32 {
    const MAX: usize = u32::MAX as usize;
    #[inline]
    fn of(id: u32) -> Self {
        id
    }
    #[inline]
    fn id(self) -> u32 {
        self
    }
}

/// Two neighbouring tokens as they stand.
#[derive(Clone, Copy)]
pub(super) struct Occurrence {
    /// Where the left one begins.
    pub(super) at: u32,
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) weight: u64,
}

/// The cells and what is needed to walk them.
pub(super) struct Corpus<C> {
    /// An edge, then every word of two tokens or more with an edge after it.
    cells: Vec<C>,
    /// Stretches of cells of one weight, from left to right; they cover all cells but the first.
    stretches: Vec<Stretch>,
    /// For each 2^[`INDEX_SHIFT`] cells, the stretch in which they begin.
    stretch_of: Vec<u32>,
    /// Cells that a token of each id owns; 1 for the edge.
    lens: Vec<u32>,
    /// What stands between words: the number after the last id.
    edge: u32,
}

#[derive(Clone, Copy)]
struct Stretch {
    end: u32,
    weight: u64,
}

/// Rare words, of which there are most, lie in stretches far longer than this; frequent ones have a few per block.
const INDEX_SHIFT: u32 = 7;

impl<C: Cell> Corpus<C> {
    /// Lays out the words of `counts`; gives the weighted number of their symbols too, one-symbol words included.
    pub(super) fn new(
        counts: &PieceCounts,
        unit: &Unit,
        base_ids: &[TokenId],
        n_ids: usize,
        watch: &mut Watch,
    ) -> Result<(Self, u64)> {
        debug_assert!(n_ids <= C::MAX);
        let (mut room, n_symbols) = Room::measure(counts, unit, watch)?;
        let stretches = room.lay_out()?;
        let n_cells = stretches.last().map_or(1, |s| s.end as usize);
        let mut cells = vec![C::of(n_ids as u32); n_cells];
        let mut words = Words::default();
        for record in counts.records() {
            for symbols in words.of(unit, &record) {
                if symbols.len() > 1 && record.weight > 0 {
                    let start = room.take(record.weight, symbols.len() + 1);
                    for (cell, symbol) in cells[start..].iter_mut().zip(symbols) {
                        *cell = C::of(base_ids[symbol.0 as usize].0);
                    }
                }
                watch.spend(symbols.len())?;
            }
        }
        let stretch_of = index_of(&stretches, n_cells);
        Ok((Self { cells, stretches, stretch_of, lens: vec![1; n_ids + 1], edge: n_ids as u32 }, n_symbols))
    }

    /// Lays out words that have been merged before. Every token owns one cell.
    pub(super) fn of_words(words: &TokenWords<C>, n_ids: usize, watch: &mut Watch) -> Result<Self> {
        debug_assert!(n_ids <= C::MAX);
        let mut room = Room::new();
        words.iter().for_each(|(tokens, weight)| room.add(tokens.len() as u64, weight));
        let stretches = room.lay_out()?;
        let n_cells = stretches.last().map_or(1, |s| s.end as usize);
        let mut cells = vec![C::of(n_ids as u32); n_cells];
        for (tokens, weight) in words.iter().filter(|(tokens, _)| tokens.len() > 1) {
            let start = room.take(weight, tokens.len() + 1);
            cells[start..start + tokens.len()].copy_from_slice(tokens);
            watch.spend(tokens.len())?;
        }
        let stretch_of = index_of(&stretches, n_cells);
        Ok(Self { cells, stretches, stretch_of, lens: vec![1; n_ids + 1], edge: n_ids as u32 })
    }

    pub(super) fn edge(&self) -> u32 {
        self.edge
    }

    pub(super) fn n_cells(&self) -> usize {
        self.cells.len()
    }

    #[inline]
    pub(super) fn len(&self, id: u32) -> u32 {
        self.lens[id as usize]
    }

    /// Says how many cells a token made by a merge owns.
    pub(super) fn set_len(&mut self, id: u32, len: u32) {
        self.lens[id as usize] = len;
    }

    /// The token before the one that begins at `at`, or the edge.
    #[inline]
    pub(super) fn before(&self, at: u32) -> u32 {
        self.cells[at as usize - 1].id()
    }

    /// What begins at `at`: a token or the edge where one begins, and otherwise no id that ever began there.
    #[inline]
    pub(super) fn at(&self, at: u32) -> u32 {
        self.cells[at as usize].id()
    }

    /// Puts `result` in the place of a left token at `at` and a right one at `middle` that owns the cells up to `end`.
    ///
    /// Afterwards the cell at `middle` is an edge or, where it is the last one, `result`, which owns more cells than
    /// any token that began there. So a stale position shows by its cell alone.
    #[inline]
    pub(super) fn join(&mut self, at: u32, middle: u32, end: u32, result: u32) {
        self.cells[middle as usize] = C::of(self.edge);
        self.cells[end as usize - 1] = C::of(result);
        self.cells[at as usize] = C::of(result);
    }

    /// Gives every token one cell and drops the words that are one token. All positions change.
    pub(super) fn pack(&mut self, watch: &mut Watch) -> Result<()> {
        let (mut from, mut to, mut word) = (1, 1, 1);
        for i in 0..self.stretches.len() {
            let end = self.stretches[i].end as usize;
            while from < end {
                let start = from;
                while from < end.min(start + BLOCK) {
                    let cell = self.cells[from];
                    from += self.lens[cell.id() as usize] as usize;
                    self.cells[to] = cell;
                    to += 1;
                    if cell.id() == self.edge {
                        to = if to - word > 2 { to } else { word };
                        word = to;
                    }
                }
                watch.spend(from - start)?;
            }
            self.stretches[i].end = to as u32;
        }
        self.cells.truncate(to);
        self.cells.shrink_to_fit();
        let mut last = 1;
        self.stretches.retain(|stretch| std::mem::replace(&mut last, stretch.end) < stretch.end);
        self.stretch_of = index_of(&self.stretches, to);
        self.lens.fill(1);
        Ok(())
    }

    /// Shows every pair of neighbours, from left to right. Only where every token owns one cell: before any merge or
    /// after packing.
    pub(super) fn each_pair(&self, watch: &mut Watch, mut see: impl FnMut(Occurrence)) -> Result<()> {
        let mut start = 1;
        for stretch in &self.stretches {
            let mut left = self.edge;
            while start < stretch.end as usize {
                let end = (stretch.end as usize).min(start + BLOCK);
                for (i, cell) in self.cells[start..end].iter().enumerate() {
                    let right = cell.id();
                    if left != self.edge && right != self.edge {
                        see(Occurrence { at: (start + i - 1) as u32, left, right, weight: stretch.weight });
                    }
                    left = right;
                }
                watch.spend(end - start)?;
                start = end;
            }
        }
        Ok(())
    }

    /// The weight of the word around `at`.
    #[inline]
    pub(super) fn weight(&self, at: u32) -> u64 {
        let mut i = self.stretch_of[(at >> INDEX_SHIFT) as usize] as usize;
        while self.stretches[i].end <= at {
            i += 1;
        }
        self.stretches[i].weight
    }
}

/// TokenWords as tokens, in no particular order.
pub(super) struct TokenWords<C> {
    tokens: Vec<C>,
    /// Where each word ends among the tokens, and its weight.
    ends: Vec<(usize, u64)>,
    /// Weighted.
    n_tokens: u64,
}

impl<C> Default for TokenWords<C> {
    fn default() -> Self {
        Self { tokens: Vec::new(), ends: Vec::new(), n_tokens: 0 }
    }
}

impl<C: Cell> TokenWords<C> {
    pub(super) fn push_token(&mut self, token: C) {
        self.tokens.push(token);
    }

    /// Makes a word of the tokens since the last one; `None` where there are too many in all, weighted.
    pub(super) fn end_word(&mut self, weight: u64) -> Option<()> {
        let start = self.ends.last().map_or(0, |&(end, _)| end);
        let n = (self.tokens.len() - start) as u64;
        self.n_tokens = weight.checked_mul(n).and_then(|n| self.n_tokens.checked_add(n))?;
        self.ends.push((self.tokens.len(), weight));
        Some(())
    }

    /// Weighted.
    pub(super) fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    fn iter(&self) -> impl Iterator<Item = (&[C], u64)> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, weight)| (&self.tokens[std::mem::replace(&mut start, end)..end], weight))
    }
}

fn index_of(stretches: &[Stretch], n_cells: usize) -> Vec<u32> {
    let mut i = 0;
    let stretch_at = |start| {
        while stretches.get(i).is_some_and(|s| s.end as usize <= start) {
            i += 1;
        }
        i as u32
    };
    (0..n_cells).step_by(1 << INDEX_SHIFT).map(stretch_at).collect()
}

/// How many cells the words of each weight need, and then where the next of them goes.
struct Room {
    /// By weight, for the small weights that nearly all words have.
    small: Vec<u64>,
    large: BTreeMap<u64, u64>,
}

impl Room {
    fn measure(counts: &PieceCounts, unit: &Unit, watch: &mut Watch) -> Result<(Self, u64)> {
        let mut room = Self::new();
        let (mut words, mut total) = (Words::default(), 0u64);
        for record in counts.records() {
            for symbols in words.of(unit, &record) {
                let (n, weight) = (symbols.len() as u64, record.weight);
                total = weight
                    .checked_mul(n)
                    .and_then(|weighted| total.checked_add(weighted))
                    .ok_or_else(|| Error::argument(super::TOO_MANY_TOKENS))?;
                room.add(n, weight);
                watch.spend(symbols.len())?;
            }
        }
        Ok((room, total))
    }

    fn new() -> Self {
        Self { small: vec![0; 1 << 10], large: BTreeMap::new() }
    }

    /// Makes room for a word of `n` tokens, if it needs any.
    fn add(&mut self, n: u64, weight: u64) {
        if n > 1 && weight > 0 {
            *self.of(weight) += n + 1;
        }
    }

    fn of(&mut self, weight: u64) -> &mut u64 {
        match usize::try_from(weight).ok().and_then(|w| self.small.get_mut(w)) {
            Some(cells) => cells,
            None => self.large.entry(weight).or_default(),
        }
    }

    /// Turns sizes into starts, the heaviest words first.
    fn lay_out(&mut self) -> Result<Vec<Stretch>> {
        let mut stretches = Vec::new();
        let mut end = 1u64;
        let small = self.small.iter_mut().enumerate().map(|(weight, cells)| (weight as u64, cells));
        let large = self.large.iter_mut().map(|(weight, cells)| (*weight, cells));
        for (weight, cells) in small.chain(large).rev().filter(|(_, cells)| **cells > 0) {
            end += std::mem::replace(cells, end);
            let end = u32::try_from(end).map_err(|_| too_many_cells())?;
            stretches.push(Stretch { end, weight });
        }
        Ok(stretches)
    }

    /// Takes `n` cells for a word of `weight`; gives their start.
    fn take(&mut self, weight: u64, n: usize) -> usize {
        let next = self.of(weight);
        let start = *next as usize;
        *next += n as u64;
        start
    }
}

pub(super) fn too_many_cells() -> Error {
    Error::unsupported("the distinct pieces hold more than 4294967295 symbols")
        .hint("train on a sample, or drop the rarest pieces from the counts")
}
