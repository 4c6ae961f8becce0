//! The new pieces of a block, merged together before the first of them is written.
//!
//! A piece alone waits for memory at every merge (see [`lanes`](super::lanes)); so where one piece of a block is new,
//! the others that are new are merged with it.

use super::atoms::Symbols;
use super::blocks::BLOCK;
use super::lanes::{Lanes, Ranks};
use super::merge::{Ids, Short, Source};
use super::rules::Rules;
use crate::Symbol;

/// See the module.
#[derive(Default)]
pub(super) struct Ahead {
    new: Vec<New>,
    /// For each of them, where its ids begin in [`Ahead::ids`], and how many there are; none where it was too long.
    spans: Vec<(usize, usize)>,
    /// The ids of all.
    ids: Vec<u32>,
    lanes: Lanes,
    symbols: Symbols,
    /// Symbols of one piece of a unit that is not bytes.
    buffer: Vec<Symbol>,
}

/// A new piece: `text[begin..end]`.
#[derive(Clone, Copy)]
pub(super) struct New {
    /// Its number in the block.
    pub(super) piece: usize,
    pub(super) begin: usize,
    pub(super) end: usize,
    /// Where in the buffer its ids are missing.
    pub(super) gap: usize,
}

impl Ahead {
    pub(super) fn clear(&mut self) {
        self.new.clear();
    }

    #[inline(always)]
    pub(super) fn push(&mut self, new: New) {
        self.new.push(new);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Merges what was pushed and is not too long: at most [`Short::MAX`] symbols. Returns how many were pushed.
    pub(super) fn run(&mut self, rules: &Rules, text: &[u8]) -> usize {
        let Self { new, spans, ids, lanes, symbols, buffer } = self;
        let load = |n: usize, short: &mut Short| {
            let piece = &text[new[n].begin..new[n].end];
            match rules.bytes(piece) {
                Some(source) if source.split(symbols) => short.load_symbols(symbols),
                Some(source) if source.len() <= Short::MAX => {
                    short.load(&source);
                    short.rank(&rules.pairs, &source);
                    return Ranks::Known;
                }
                None if rules.split(piece, buffer, symbols) => short.load_symbols(symbols),
                _ => short.load(&Ids(&[])),
            }
            Ranks::Open
        };
        spans.clear();
        ids.resize(BLOCK * Short::MAX + 8, 0);
        let mut n_ids = 0;
        let done = |_, short: &Short| {
            let first = n_ids;
            short.emit(|_, id| {
                ids[n_ids] = id;
                n_ids += 1;
            });
            spans.push((first, n_ids - first));
        };
        lanes.run(&rules.pairs, new.len(), load, done);
        new.len()
    }

    /// What was pushed, in order, how many ids each piece has (none where it was too long), and these ids and others,
    /// eight at least.
    pub(super) fn iter(&self) -> impl Iterator<Item = (New, usize, &[u32])> {
        self.new.iter().zip(&self.spans).map(|(&new, &(first, n))| (new, n, &self.ids[first..]))
    }
}
