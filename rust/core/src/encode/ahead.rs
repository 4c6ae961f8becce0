//! The new pieces of a block, merged together before the first of them is written.
//!
//! A piece alone waits for memory at every merge (see [`lanes`](super::lanes)); so where one piece of a block is new,
//! the others that are new are merged with it.

use super::atoms::Symbols;
use super::blocks::BLOCK;
use super::lanes::{Lanes, Ranks};
use super::merge::{Ids, Short, Source};
use super::rules::Rules;

/// See the module.
pub(super) struct Ahead {
    /// The new pieces of the block by number, ascending; the first [`Self::n_new`] count.
    new: [u8; BLOCK],
    n_new: usize,
    /// For each of them, where its ids begin in [`Ahead::ids`], and how many there are; none where it was too long.
    spans: [(usize, usize); BLOCK],
    /// The next one that [`take`](Self::take) looks at.
    next: usize,
    /// The ids of all, and eight words more.
    ids: Vec<u32>,
    lanes: Lanes,
    symbols: Symbols,
}

impl Default for Ahead {
    fn default() -> Self {
        let (lanes, symbols) = (Lanes::default(), Symbols::default());
        Self { new: [0; BLOCK], n_new: 0, spans: [(0, 0); BLOCK], next: 0, ids: Vec::new(), lanes, symbols }
    }
}

impl Ahead {
    /// Pieces of more bytes are not worth a look: they hardly ever have so few symbols.
    pub(super) const MAX_BYTES: usize = 3 * Short::MAX;

    pub(super) fn clear(&mut self) {
        self.n_new = 0;
        self.next = 0;
    }

    /// Adds piece number `piece` of the block if `is_new`. Numbers ascend.
    #[inline(always)]
    pub(super) fn push_if(&mut self, is_new: bool, piece: usize) {
        // Written in any case: whether a piece is new cannot be foretold.
        self.new[self.n_new % BLOCK] = piece as u8;
        self.n_new += usize::from(is_new);
    }

    /// Merges what was pushed. The block begins at `begin`, its pieces end at `ends`.
    pub(super) fn run(&mut self, rules: &Rules, text: &[u8], begin: usize, ends: &[usize]) {
        let Self { new, n_new, spans, ids, lanes, symbols, .. } = self;
        ids.resize(BLOCK * Short::MAX + 8, 0);
        let load = |n: usize, short: &mut Short| {
            let piece = usize::from(new[n]);
            let begin = if piece == 0 { begin } else { ends[piece - 1] };
            match rules.bytes(&text[begin..ends[piece]]) {
                Some(source) if source.split(symbols) => short.load_symbols(symbols),
                Some(source) if source.len() <= Short::MAX => {
                    short.load(&source);
                    short.rank(&rules.pairs, &source);
                    return Ranks::Known;
                }
                _ => short.load(&Ids(&[])),
            }
            Ranks::Open
        };
        let mut n_ids = 0;
        let done = |n: usize, short: &Short| {
            let first = n_ids;
            short.emit(|_, id| {
                ids[n_ids] = id;
                n_ids += 1;
            });
            spans[n] = (first, n_ids - first);
        };
        lanes.run(&rules.pairs, *n_new, load, done);
    }

    /// The ids of piece number `piece`, if it was merged: how many, and these and others, eight at least. To be asked in
    /// ascending order.
    pub(super) fn take(&mut self, piece: usize) -> Option<(usize, &[u32])> {
        let new = &self.new[..self.n_new];
        while usize::from(*new.get(self.next)?) < piece {
            self.next += 1;
        }
        let (first, n) = self.spans[self.next];
        if usize::from(new[self.next]) == piece && n > 0 { Some((n, &self.ids[first..])) } else { None }
    }
}
