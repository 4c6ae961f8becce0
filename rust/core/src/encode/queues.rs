//! The merge loop for any number of symbols: for each rank that has work, the places where it is.
//!
//! Knows no windows; who calls it has cut the piece already, if it can be cut at all.
//!
//! Places of one rank are nearly always found in ascending order, so a list with a cursor is a queue, and a merge costs
//! what a step along an array costs. A binary heap of ranks and places took 630 to 940 ns a symbol where a token had grown to
//! 16 MB, since each step of it is a miss.
//!
//! Why a list is sorted at most once: a pair of some rank always spells the same. While a rank is worked on, each new
//! pair holds a token that already spells that much, so nothing of that rank comes in. Before that, order may break,
//! because several ranks found places for it.

use super::merge::Source;
use super::pairs::{NONE, PairTable};
use std::collections::BTreeMap;

/// The position of a symbol. Lists of `u32` take half the memory of lists of `usize`.
pub(super) trait Place: Copy + Ord {
    /// No position; greater than every other.
    const NOWHERE: Self;
    /// Position `i`, which is below [`NOWHERE`](Self::NOWHERE).
    fn of(i: usize) -> Self;
    /// As an index.
    fn index(self) -> usize;
}

impl Place for u32 {
    const NOWHERE: Self = u32::MAX;
    #[inline(always)]
    fn of(i: usize) -> Self {
        i as u32
    }
    #[inline(always)]
    fn index(self) -> usize {
        self as usize
    }
}

impl Place for usize {
    const NOWHERE: Self = usize::MAX;
    #[inline(always)]
    fn of(i: usize) -> Self {
        i
    }
    #[inline(always)]
    fn index(self) -> usize {
        self
    }
}

/// Buffers of the loop: 16 bytes a symbol and 4 a place in a queue, where places are `u32`.
pub(super) struct Queues<P> {
    ids: Vec<u32>,
    /// The rank of the pair that begins at a position; [`NONE`] where none merges or the position is gone.
    ranks: Vec<u32>,
    next: Vec<P>,
    previous: Vec<P>,
    /// By rank. A place whose rank is no longer that of its queue is stale.
    work: BTreeMap<u32, Queue<P>>,
}

impl<P> Default for Queues<P> {
    fn default() -> Self {
        let (next, previous) = (Vec::new(), Vec::new());
        Self { ids: Vec::new(), ranks: Vec::new(), next, previous, work: BTreeMap::new() }
    }
}

impl<P: Place> Queues<P> {
    /// Symbols beyond which buffers are not kept for the next piece.
    const KEPT: usize = 1 << 17;

    /// As [`Merger::run`](super::merge::Merger::run), for fewer symbols than [`Place::NOWHERE`].
    pub(super) fn run(&mut self, pairs: &PairTable, source: &impl Source, mut emit: impl FnMut(usize, u32)) {
        self.fill(pairs, source);
        while let Some((rank, at)) = self.pop() {
            if self.ranks[at.index()] == rank {
                self.join(pairs, rank, at);
            }
        }
        let mut at = if self.ids.is_empty() { P::NOWHERE } else { P::of(0) };
        while at != P::NOWHERE {
            emit(at.index(), self.ids[at.index()]);
            at = self.next[at.index()];
        }
        if self.ids.len() > Self::KEPT {
            *self = Self::default();
        }
    }

    fn fill(&mut self, pairs: &PairTable, source: &impl Source) {
        let n = source.len();
        let last = n.saturating_sub(1);
        self.ids.clear();
        self.ids.extend((0..n).map(|i| source.id(i)));
        self.next.clear();
        self.next.extend((1..n).map(P::of).chain([P::NOWHERE]));
        self.previous.clear();
        self.previous.extend([P::NOWHERE].into_iter().chain((0..last).map(P::of)));
        self.ranks.clear();
        self.ranks.resize(n, NONE);
        self.work.clear();
        (0..last).for_each(|i| self.note(source.rank(pairs, i), P::of(i)));
    }

    /// The lowest rank that has places, and its leftmost place.
    #[inline]
    fn pop(&mut self) -> Option<(u32, P)> {
        loop {
            let mut lowest = self.work.first_entry()?;
            match lowest.get_mut().pop() {
                Some(at) => return Some((*lowest.key(), at)),
                None => lowest.remove(),
            };
        }
    }

    #[inline]
    fn join(&mut self, pairs: &PairTable, rank: u32, at: P) {
        let id = pairs.result(rank);
        let gone = self.next[at.index()].index();
        let (next, previous) = (self.next[gone], self.previous[at.index()]);
        self.ids[at.index()] = id;
        self.next[at.index()] = next;
        self.ranks[gone] = NONE;
        self.ranks[at.index()] = NONE;
        // From left to right, as the places are to stand in their queues.
        if previous != P::NOWHERE {
            self.note(pairs.rank(self.ids[previous.index()], id), previous);
        }
        if next != P::NOWHERE {
            self.previous[next.index()] = at;
            self.note(pairs.rank(id, self.ids[next.index()]), at);
        }
    }

    /// The pair that begins at `at` has this rank now.
    #[inline]
    fn note(&mut self, rank: u32, at: P) {
        self.ranks[at.index()] = rank;
        if rank != NONE {
            self.work.entry(rank).or_default().push(at);
        }
    }
}

/// Places, the leftmost first.
struct Queue<P> {
    places: Vec<P>,
    /// So many of them are taken.
    taken: usize,
    /// Whether the others may not ascend.
    is_mixed: bool,
}

impl<P> Default for Queue<P> {
    fn default() -> Self {
        Self { places: Vec::new(), taken: 0, is_mixed: false }
    }
}

impl<P: Place> Queue<P> {
    #[inline]
    fn push(&mut self, at: P) {
        self.is_mixed |= self.places.last().is_some_and(|&last| at < last);
        self.places.push(at);
    }

    #[inline]
    fn pop(&mut self) -> Option<P> {
        if self.is_mixed {
            self.places[self.taken..].sort();
            self.is_mixed = false;
        }
        let at = self.places.get(self.taken).copied();
        self.taken += usize::from(at.is_some());
        at
    }
}
