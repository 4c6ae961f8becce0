//! The tables that a tokenizer's merges come down to, and the way from one piece to its ids.
//!
//! Knows no cache and no blocks.

use super::atoms::{Atoms, Symbols};
use super::canonical::Canonical;
use super::long::Long;
use super::merge::{Bytes, Ids, Merger};
use super::pairs::{NONE, PairTable};
use super::syllables::Syllables;
use crate::merges::{Merges, Rule};
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Error, Result, Symbol, TokenId};
use std::collections::HashMap;

/// See the module. Immutable.
pub(super) struct Rules {
    unit: Unit,
    /// By symbol.
    base_ids: Vec<TokenId>,
    /// The ids of the 256 bytes, which are the first symbols of every unit.
    byte_ids: Box<[TokenId; 256]>,
    pub(super) pairs: PairTable,
    /// Characters as first symbols, where every symbol is a byte and the pairs allow it.
    atoms: Option<Atoms>,
    /// Syllables as first symbols, where their jamo are symbols and the pairs allow it.
    syllables: Option<Syllables>,
    /// Tokens that only a whole piece makes: spelling -> (rank, id).
    unreachable: HashMap<Vec<Symbol>, (u32, u32)>,
}

/// Buffers for pieces of any length.
#[derive(Default)]
pub(super) struct Work {
    merger: Merger,
    long: Long,
    symbols: Vec<Symbol>,
    first: Symbols,
    ids: Vec<u32>,
}

impl Rules {
    /// See [`Encoder::new`](super::Encoder::new).
    pub(super) fn derive(unit: &Unit, merges: &Merges, vocab: &Vocab) -> Result<Self> {
        let base_ids = merges.base_ids().to_vec();
        if base_ids.len() != unit.n_base() {
            let (have, need) = (base_ids.len(), unit.n_base());
            return Err(Error::format(format!("the unit has {need} base symbols, the merges give ids to {have}")));
        }
        let byte_ids = base_ids.first_chunk::<256>().copied().map(Box::new);
        let byte_ids = byte_ids.ok_or_else(|| Error::format("a unit has 256 bytes among its base symbols"))?;
        let of_bytes = unit.is_bytewise().then_some(&*byte_ids);
        let Canonical { mut pairs, atoms, unreachable } = match merges.rule() {
            Rule::Pairs(list) => Canonical::of_merges(of_bytes, list, vocab)?,
            Rule::Ranks(tokens) => Canonical::derive(&base_ids, of_bytes, tokens, vocab)?,
        };
        if !unit.is_bytewise() {
            pairs.fill_bytes(&*byte_ids);
        }
        let syllables = Syllables::derive(unit, &base_ids, merges, vocab, &pairs);
        Ok(Self { unit: unit.clone(), base_ids, byte_ids, pairs, atoms, syllables, unreachable })
    }

    /// `piece` as symbols to merge, where its symbols are its bytes and nothing but merging decides.
    #[inline(always)]
    pub(super) fn bytes<'a>(&'a self, piece: &'a [u8]) -> Option<Bytes<'a>> {
        if self.unreachable.is_empty() { self.any_bytes(piece) } else { None }
    }

    /// As [`bytes`](Self::bytes), whatever decides. ASCII is its bytes in every unit.
    #[inline(always)]
    fn any_bytes<'a>(&'a self, piece: &'a [u8]) -> Option<Bytes<'a>> {
        let is_bytes = self.unit.is_bytewise() || piece.is_ascii();
        is_bytes.then_some(Bytes { bytes: piece, byte_ids: &self.byte_ids, atoms: self.atoms.as_ref() })
    }

    /// Splits `piece` into first symbols, at most [`Symbols::MAX`] of them, where nothing but merging decides; says
    /// whether it did. `buffer` is room for its symbols.
    pub(super) fn split(&self, piece: &[u8], buffer: &mut Vec<Symbol>, symbols: &mut Symbols) -> bool {
        if !self.unreachable.is_empty() || piece.len() > Symbols::MAX {
            return false;
        }
        buffer.clear();
        self.unit.symbols_into(piece, buffer);
        match &self.syllables {
            Some(syllables) => syllables.split(buffer, &self.base_ids, symbols),
            None => symbols.fill(buffer.iter().map(|s| self.base_ids[s.0 as usize].0)),
        }
        true
    }

    /// Appends the ids of a piece of any unit and length.
    pub(super) fn encode(&self, piece: &[u8], work: &mut Work, out: &mut Vec<u32>) {
        let Work { merger, long, symbols, first, ids } = work;
        if !self.unreachable.is_empty() {
            symbols.clear();
            self.unit.symbols_into(piece, symbols);
            if let Some(&(_, id)) = self.unreachable.get(symbols.as_slice()) {
                return out.push(id);
            }
        }
        if let Some(source) = self.any_bytes(piece) {
            return long.run(&self.pairs, merger, &source, out);
        }
        if self.split(piece, symbols, first) {
            return merger.run(&self.pairs, &Ids(&first.ids[..first.n]), |_, id| out.push(id));
        }
        symbols.clear();
        self.unit.symbols_into(piece, symbols);
        ids.clear();
        self.ids_into(symbols, ids);
        long.run(&self.pairs, merger, &Ids(ids), out);
    }

    /// Appends the ids of a string of symbols.
    pub(super) fn encode_symbols(&self, symbols: &[Symbol], work: &mut Work, out: &mut Vec<u32>) {
        if let Some(&(_, id)) = self.unreachable.get(symbols) {
            return out.push(id);
        }
        work.ids.clear();
        self.ids_into(symbols, &mut work.ids);
        work.long.run(&self.pairs, &mut work.merger, &Ids(&work.ids), out);
    }

    /// Every state of one piece while it merges; see [`Encoder::steps`](super::Encoder::steps).
    pub(super) fn steps(&self, piece: &[u8]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        let mut symbols = Vec::new();
        self.unit.symbols_into(piece, &mut symbols);
        self.steps_of_symbols(&symbols)
    }

    /// The same of a string of symbols.
    pub(super) fn steps_of_symbols(&self, symbols: &[Symbol]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        let mut ids = Vec::new();
        self.ids_into(symbols, &mut ids);
        let state = |ids: &[u32]| ids.iter().copied().map(TokenId).collect();
        let mut states = vec![(None, state(&ids))];
        let lowest = |ids: &[u32]| (0..).zip(ids.windows(2)).map(|(at, p)| (self.pairs.rank(p[0], p[1]), at)).min();
        while let Some((rank, at)) = lowest(&ids).filter(|&(rank, _)| rank != NONE) {
            ids.splice(at..at + 2, [self.pairs.result(rank)]);
            states.push((Some(rank), state(&ids)));
        }
        if let Some(&(rank, id)) = self.unreachable.get(symbols) {
            states.push((Some(rank), vec![TokenId(id)]));
        }
        states
    }

    /// The symbols of `piece`.
    pub(super) fn symbols_into(&self, piece: &[u8], symbols: &mut Vec<Symbol>) {
        symbols.clear();
        self.unit.symbols_into(piece, symbols);
    }

    /// The token that `symbols` are as a whole piece, where merging never makes it.
    pub(super) fn whole(&self, symbols: &[Symbol]) -> Option<u32> {
        self.unreachable.get(symbols).map(|&(_, id)| id)
    }

    /// Appends the ids of `symbols`.
    pub(super) fn ids_into(&self, symbols: &[Symbol], ids: &mut Vec<u32>) {
        ids.extend(symbols.iter().filter_map(|s| self.base_ids.get(s.0 as usize)).map(|id| id.0));
    }

    #[cfg(test)]
    pub(super) fn has_atoms(&self) -> bool {
        self.atoms.is_some()
    }

    #[cfg(test)]
    pub(super) fn has_syllables(&self) -> bool {
        self.syllables.is_some()
    }

    #[cfg(test)]
    pub(super) fn byte_ids(&self) -> Option<&[TokenId; 256]> {
        Some(&self.byte_ids)
    }
}
