//! The merge loop, three times: [`Short`] for up to 32 symbols, [`Window`] for up to 256, [`Queues`] for any number.
//!
//! All three make the next merge where the rank is lowest, leftmost among equals, and differ only in how they find it.
//! None knows what a symbol means.
//!
//! | | finds the next merge by | a merge costs |
//! |---|---|---|
//! | [`Short`] | the minimum of up to 32 words, `rank << 5 \| position` | 65 instructions and two probes |
//! | [`Window`] | the minimum of 16 minima of 16 words | about twice that |
//! | [`Queues`] | a queue of places for each rank | 50 ns and two probes |

use super::atoms::{Atoms, Symbols};
use super::pairs::{NONE, PairTable};
use super::queues::{Place, Queues};
use crate::TokenId;

/// Symbols to merge: their ids, and the ranks of neighbours.
pub(super) trait Source: Sized {
    /// How many symbols there are.
    fn len(&self) -> usize;
    /// The id of symbol `i`.
    fn id(&self, i: usize) -> u32;
    /// The rank of the pair of symbols `i` and `i + 1`.
    fn rank(&self, pairs: &PairTable, i: usize) -> u32;
    /// Symbols `from..to` alone.
    fn part(&self, from: usize, to: usize) -> Self;
    /// Splits into fewer symbols to begin with that come to the same, where there are such and at most
    /// [`Symbols::MAX`]; says whether it did.
    fn split(&self, _symbols: &mut Symbols) -> bool {
        false
    }
}

/// Bytes as symbols.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) bytes: &'a [u8],
    /// The id of each byte.
    pub(super) byte_ids: &'a [TokenId; 256],
    pub(super) atoms: Option<&'a Atoms>,
}

impl Source for Bytes<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.bytes.len()
    }
    #[inline(always)]
    fn id(&self, i: usize) -> u32 {
        self.byte_ids[usize::from(self.bytes[i])].0
    }
    #[inline(always)]
    fn rank(&self, pairs: &PairTable, i: usize) -> u32 {
        pairs.rank_of_bytes(self.bytes[i], self.bytes[i + 1])
    }
    fn part(&self, from: usize, to: usize) -> Self {
        Self { bytes: &self.bytes[from..to], ..*self }
    }
    #[inline(always)]
    fn split(&self, symbols: &mut Symbols) -> bool {
        let Some(atoms) = self.atoms else { return false };
        let fits = self.bytes.len() <= Symbols::MAX && !self.bytes.is_ascii();
        if fits {
            atoms.split(self.bytes, self.byte_ids, symbols);
        }
        fits
    }
}

/// Ids of symbols of any unit.
#[derive(Clone, Copy)]
pub(super) struct Ids<'a>(pub(super) &'a [u32]);

impl Source for Ids<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len()
    }
    #[inline(always)]
    fn id(&self, i: usize) -> u32 {
        self.0[i]
    }
    #[inline(always)]
    fn rank(&self, pairs: &PairTable, i: usize) -> u32 {
        pairs.rank(self.0[i], self.0[i + 1])
    }
    fn part(&self, from: usize, to: usize) -> Self {
        Self(&self.0[from..to])
    }
}

/// Buffers of all three loops.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Symbols,
    short: Short,
    window: Window,
    queues: Queues<u32>,
}

impl Merger {
    /// Merges `source` and hands each token to `emit`: the position of its first symbol, its id.
    #[inline]
    pub(super) fn run(&mut self, pairs: &PairTable, source: &impl Source, mut emit: impl FnMut(usize, u32)) {
        let Self { symbols, short, window, queues } = self;
        if source.split(symbols) {
            let (ids, starts) = (Ids(&symbols.ids[..symbols.n]), &symbols.starts);
            if ids.len() <= Short::MAX {
                short.run(pairs, &ids, |at, id| emit(usize::from(starts[at]), id));
            } else {
                window.run(pairs, &ids, |at, id| emit(usize::from(starts[at]), id));
            }
        } else {
            match source.len() {
                n if n <= Short::MAX => short.run(pairs, source, emit),
                n if n <= Window::MAX => window.run(pairs, source, emit),
                n if n < u32::NOWHERE as usize => queues.run(pairs, source, emit),
                _ => Queues::<usize>::default().run(pairs, source, emit),
            }
        }
    }
}

/// Up to 32 symbols, linear minimum.
///
/// In two halves, so that several can take turns (see [`Lanes`](super::lanes::Lanes)): [`step`](Self::step) makes a
/// merge and leaves the ranks of the new neighbours open, [`settle`](Self::settle) finds them. Neither branches on what
/// cannot be foretold.
#[derive(Clone)]
pub(super) struct Short {
    /// By position; [`Self::NOWHERE`] is a position too, where nothing counts.
    ids: [u32; Self::PLACES],
    /// `rank << 5 | position` of the pair that begins at a position; from [`Self::LAST`] on where none merges.
    words: [i32; Self::PLACES],
    /// How many symbols there were.
    n: usize,
    /// The positions at which tokens begin, as bits.
    alive: u32,
    /// The token whose ranks are open, and its neighbours or [`Self::NOWHERE`].
    at: u8,
    last: u8,
    next: u8,
}

impl Default for Short {
    fn default() -> Self {
        let nowhere = Self::NOWHERE as u8;
        let (ids, words) = ([0; Self::PLACES], [i32::MAX; Self::PLACES]);
        Self { ids, words, n: 0, alive: 0, at: nowhere, last: nowhere, next: nowhere }
    }
}

impl Short {
    /// The most symbols it takes.
    pub(super) const MAX: usize = 32;
    /// Words from here on are pairs that do not merge.
    const LAST: i32 = (NONE << 5) as i32;
    /// No position.
    const NOWHERE: usize = Self::MAX;
    /// A power of two above [`Self::NOWHERE`].
    const PLACES: usize = 64;

    /// As [`Merger::run`], for at most [`MAX`](Self::MAX) symbols.
    #[inline]
    pub(super) fn run(&mut self, pairs: &PairTable, source: &impl Source, emit: impl FnMut(usize, u32)) {
        self.load(source);
        self.rank(pairs, source);
        while self.step(pairs) {
            self.settle(pairs);
        }
        self.emit(emit);
    }

    /// Hands each token to `emit`: the position of its first symbol, its id.
    #[inline(always)]
    pub(super) fn emit(&self, mut emit: impl FnMut(usize, u32)) {
        let mut alive = self.alive;
        while alive != 0 {
            let i = alive.trailing_zeros() as usize;
            emit(i, self.ids[i]);
            alive &= alive - 1;
        }
    }

    /// Begins with `source`, its ranks not known.
    #[inline(always)]
    pub(super) fn load(&mut self, source: &impl Source) {
        self.n = source.len().min(Self::MAX);
        (0..self.n).for_each(|i| self.ids[i] = source.id(i));
        self.alive = ((1u64 << self.n) - 1) as u32;
    }

    /// As [`load`](Self::load); of more symbols than it takes, none.
    #[inline(always)]
    pub(super) fn load_symbols(&mut self, symbols: &Symbols) {
        self.n = if symbols.n <= Self::MAX { symbols.n } else { 0 };
        self.ids[..Self::MAX].copy_from_slice(&symbols.ids[..Self::MAX]);
        self.alive = ((1u64 << self.n) - 1) as u32;
    }

    /// Finds all ranks of `source`.
    #[inline(always)]
    pub(super) fn rank(&mut self, pairs: &PairTable, source: &impl Source) {
        self.words[..Self::MAX].fill(i32::MAX);
        for i in 1..self.n {
            self.words[i - 1] = Self::word(source.rank(pairs, i - 1), i - 1);
        }
    }

    /// Finds all ranks of what was loaded.
    #[inline(always)]
    pub(super) fn rank_loaded(&mut self, pairs: &PairTable) {
        self.words[..Self::MAX].fill(i32::MAX);
        for i in 1..self.n {
            self.words[i - 1] = Self::word(pairs.rank(self.ids[i - 1], self.ids[i]), i - 1);
        }
    }

    /// Asks for the memory of all ranks of what was loaded.
    #[inline(always)]
    pub(super) fn prefetch_loaded(&self, pairs: &PairTable) {
        (1..self.n).for_each(|i| pairs.prefetch(self.ids[i - 1], self.ids[i]));
    }

    /// Makes the next merge; `false` where none is left.
    #[inline(always)]
    pub(super) fn step(&mut self, pairs: &PairTable) -> bool {
        let lowest = self.lowest();
        if lowest >= Self::LAST {
            return false;
        }
        let at = lowest as usize % Self::MAX;
        let after = self.alive & (u32::MAX << 1) << at;
        let gone = after.trailing_zeros() as usize % Self::MAX;
        let before = self.alive & ((1 << at) - 1);
        self.alive &= !(1 << gone);
        self.ids[at] = pairs.result(lowest as u32 >> 5);
        self.words[gone] = i32::MAX;
        self.at = at as u8;
        // No bits have 32 leading and 32 trailing zeros.
        self.next = (after & after.wrapping_sub(1)).trailing_zeros() as u8;
        self.last = (31u32.wrapping_sub(before.leading_zeros()) as u8).min(Self::NOWHERE as u8);
        true
    }

    /// As [`step`](Self::step), and asks for the memory that [`settle`](Self::settle) will look at.
    #[inline(always)]
    pub(super) fn step_and_ask(&mut self, pairs: &PairTable) -> bool {
        let has_merged = self.step(pairs);
        if has_merged {
            self.prefetch(pairs);
        }
        has_merged
    }

    /// Asks for the memory that [`settle`](Self::settle) will look at.
    #[inline(always)]
    fn prefetch(&self, pairs: &PairTable) {
        let [last, at, next] = self.around();
        pairs.prefetch(self.ids[at], self.ids[next]);
        pairs.prefetch(self.ids[last], self.ids[at]);
    }

    /// Finds the ranks that the last merge left open.
    #[inline(always)]
    pub(super) fn settle(&mut self, pairs: &PairTable) {
        let [last, at, next] = self.around();
        let none_from = |place: usize| if place == Self::NOWHERE { NONE } else { 0 };
        let right = pairs.rank(self.ids[at], self.ids[next]) | none_from(next);
        let left = pairs.rank(self.ids[last], self.ids[at]) | none_from(last);
        self.words[at] = Self::word(right, at);
        self.words[last] = Self::word(left, last);
    }

    #[inline(always)]
    fn around(&self) -> [usize; 3] {
        [self.last, self.at, self.next].map(|place| usize::from(place) % Self::PLACES)
    }

    #[inline(always)]
    fn word(rank: u32, at: usize) -> i32 {
        (rank << 5 | at as u32) as i32
    }

    #[inline(always)]
    fn lowest(&self) -> i32 {
        let low = self.words[..16].iter().copied().fold(i32::MAX, i32::min);
        if self.n <= 16 { low } else { self.words[16..32].iter().copied().fold(low, i32::min) }
    }
}

/// Up to 256 symbols, minimum of minima.
struct Window {
    ids: [u32; Self::MAX],
    /// `rank << 8 | position`; above [`Self::LAST`] where none merges.
    words: [i32; Self::MAX],
    /// The minimum of each sixteen of `words`.
    minima: [i32; 16],
    /// Position of the next token; [`Self::MAX`] after the last.
    next: [u16; Self::MAX],
    /// Position of the token before; [`Self::MAX`] before the first.
    previous: [u16; Self::MAX],
}

impl Default for Window {
    fn default() -> Self {
        Self {
            ids: [0; Self::MAX],
            words: [i32::MAX; Self::MAX],
            minima: [i32::MAX; 16],
            next: [0; Self::MAX],
            previous: [0; Self::MAX],
        }
    }
}

impl Window {
    const MAX: usize = 256;
    const LAST: i32 = (NONE << 8) as i32;
    const NOWHERE: usize = Self::MAX;

    fn run(&mut self, pairs: &PairTable, source: &impl Source, mut emit: impl FnMut(usize, u32)) {
        self.fill(pairs, source);
        loop {
            let lowest = lowest_of_16(&self.minima);
            if lowest >= Self::LAST {
                break;
            }
            self.join(pairs, lowest);
        }
        let mut at = if source.len() == 0 { Self::NOWHERE } else { 0 };
        while at != Self::NOWHERE {
            emit(at, self.ids[at]);
            at = usize::from(self.next[at]);
        }
    }

    fn fill(&mut self, pairs: &PairTable, source: &impl Source) {
        let n = source.len();
        for i in 0..n {
            self.ids[i] = source.id(i);
            self.words[i] = if i + 1 < n { Self::word(source.rank(pairs, i), i) } else { i32::MAX };
            self.next[i] = if i + 1 < n { i as u16 + 1 } else { Self::NOWHERE as u16 };
            self.previous[i] = if i > 0 { i as u16 - 1 } else { Self::NOWHERE as u16 };
        }
        self.words[n..].fill(i32::MAX);
        (0..16).for_each(|group| self.refresh(group * 16));
    }

    #[inline(always)]
    fn word(rank: u32, at: usize) -> i32 {
        (rank << 8 | at as u32) as i32
    }

    /// Finds the minimum of the sixteen that hold position `at` again.
    #[inline(always)]
    fn refresh(&mut self, at: usize) {
        let group = (at / 16).min(15);
        if let Some(words) = self.words[group * 16..].first_chunk() {
            self.minima[group] = lowest_of_16(words);
        }
    }

    fn join(&mut self, pairs: &PairTable, word: i32) {
        let at = word as usize % Self::MAX;
        let id = pairs.result(word as u32 >> 8);
        let gone = usize::from(self.next[at]);
        let (next, previous) = (usize::from(self.next[gone]), usize::from(self.previous[at]));
        self.ids[at] = id;
        self.next[at] = next as u16;
        self.words[gone] = i32::MAX;
        self.words[at] = i32::MAX;
        if next != Self::NOWHERE {
            self.previous[next] = at as u16;
            self.words[at] = Self::word(pairs.rank(id, self.ids[next]), at);
        }
        if previous != Self::NOWHERE {
            self.words[previous] = Self::word(pairs.rank(self.ids[previous], id), previous);
            self.refresh(previous);
        }
        self.refresh(at);
        self.refresh(gone);
    }
}

#[inline(always)]
fn lowest_of_16(words: &[i32; 16]) -> i32 {
    words.iter().copied().fold(i32::MAX, i32::min)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::{BTreeMap, BinaryHeap};

    type Tokens = Vec<(usize, u32)>;

    /// The same by a binary heap of ranks and places, in a map of tokens: the twin.
    pub(in super::super) fn by_heap(pairs: &PairTable, source: &impl Source) -> Tokens {
        let mut tokens: BTreeMap<usize, u32> = (0..source.len()).map(|i| (i, source.id(i))).collect();
        let mut heap: BinaryHeap<_> = (0..source.len()).map(|i| Reverse((pair(pairs, &tokens, i).0, i))).collect();
        while let Some(Reverse((rank, at))) = heap.pop() {
            let (now, gone) = pair(pairs, &tokens, at);
            if rank == NONE || rank != now {
                continue;
            }
            tokens.remove(&gone);
            tokens.insert(at, pairs.result(rank));
            let previous = tokens.range(..at).next_back().map(|(&previous, _)| previous);
            heap.extend(previous.into_iter().chain([at]).map(|i| Reverse((pair(pairs, &tokens, i).0, i))));
        }
        tokens.into_iter().collect()
    }

    /// The rank of the pair that begins at `at`, and where its right side is.
    fn pair(pairs: &PairTable, tokens: &BTreeMap<usize, u32>, at: usize) -> (u32, usize) {
        let mut from = tokens.range(at..);
        match (from.next(), from.next()) {
            (Some((&left, &l)), Some((&right, &r))) if left == at => (pairs.rank(l, r), right),
            _ => (NONE, at),
        }
    }

    fn by_queues<P: Place>(pairs: &PairTable, source: &impl Source) -> Tokens {
        let mut tokens = Vec::new();
        Queues::<P>::default().run(pairs, source, |at, id| tokens.push((at, id)));
        tokens
    }

    /// By every loop that takes so many symbols.
    pub(in super::super) fn by_each(pairs: &PairTable, source: &impl Source) -> Vec<Tokens> {
        let mut all = vec![by_queues::<u32>(pairs, source), by_queues::<usize>(pairs, source)];
        if source.len() <= Window::MAX {
            let mut tokens = Vec::new();
            Window::default().run(pairs, source, |at, id| tokens.push((at, id)));
            all.push(tokens);
        }
        if source.len() <= Short::MAX {
            let mut tokens = Vec::new();
            Short::default().run(pairs, source, |at, id| tokens.push((at, id)));
            all.push(tokens);
        }
        all
    }
}
