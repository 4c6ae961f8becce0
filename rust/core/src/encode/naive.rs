//! The obvious encoder: look at every pair, merge the best one, begin again. Quadratic, for tests and for reading.
//!
//! Everything else in [`encode`](super) must give the same ids.

use crate::merges::{Merges, Rule};
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Symbol, TokenId};
use std::collections::HashMap;

/// The rule as plain maps.
pub struct Naive<'a> {
    unit: &'a Unit,
    base_ids: &'a [TokenId],
    vocab: &'a Vocab,
    /// Pair -> (rank, result), the first listed counting. Empty where ranks rule.
    pairs: HashMap<(TokenId, TokenId), (u32, TokenId)>,
    /// Spelling -> (rank, id), the first listed counting. Empty where pairs rule.
    ranks: HashMap<&'a [Symbol], (u32, TokenId)>,
}

impl<'a> Naive<'a> {
    /// Collects the maps: one entry a merge or a token.
    pub fn new(unit: &'a Unit, merges: &'a Merges, vocab: &'a Vocab) -> Self {
        let (mut pairs, mut ranks) = (HashMap::new(), HashMap::new());
        match merges.rule() {
            Rule::Pairs(list) => {
                for (rank, m) in (0..).zip(list) {
                    pairs.entry((m.left, m.right)).or_insert((rank, m.result));
                }
            }
            Rule::Ranks(tokens) => {
                for (rank, token) in (0..).zip(tokens).filter(|(_, t)| t.spelling.len() > 1) {
                    ranks.entry(token.spelling.as_slice()).or_insert((rank, token.id));
                }
            }
        }
        Self { unit, base_ids: merges.base_ids(), vocab, pairs, ranks }
    }

    /// The ids of one piece.
    pub fn encode(&self, piece: &[u8]) -> Vec<TokenId> {
        self.steps(piece).pop().map_or_else(Vec::new, |(_, ids)| ids)
    }

    /// Every state of one piece: the base ids, then the ids after each merge with the merge's rank.
    pub fn steps(&self, piece: &[u8]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        let mut symbols = Vec::new();
        self.unit.symbols_into(piece, &mut symbols);
        let mut ids: Vec<TokenId> = symbols.iter().filter_map(|s| self.base_ids.get(s.0 as usize)).copied().collect();
        let mut states = vec![(None, ids.clone())];
        while let Some((rank, at, result)) = self.best(&ids) {
            ids.splice(at..at + 2, [result]);
            states.push((Some(rank), ids.clone()));
        }
        match self.ranks.get(symbols.as_slice()) {
            Some(&(rank, whole)) if ids != [whole] => states.push((Some(rank), vec![whole])),
            _ => {}
        }
        states
    }

    /// The ids of one piece with merges dropped: at each step `draw` says for every occurrence, by rank and place, whether
    /// it is dropped, until one is not.
    pub fn encode_dropping(&self, piece: &[u8], draw: &mut dyn FnMut() -> bool) -> Vec<TokenId> {
        let mut states = self.steps(piece);
        let whole = states.pop().map_or_else(Vec::new, |(_, ids)| ids);
        let is_short_cut = states.last().is_some_and(|(_, before)| before.len() > 2 && whole.len() == 1);
        if is_short_cut && !draw() {
            return whole;
        }
        let mut ids = states.into_iter().next().map_or(whole, |(_, base)| base);
        loop {
            let mut all: Vec<_> = self.ranked(&ids).collect();
            all.sort_unstable();
            let Some((_, at, result)) = all.into_iter().find(|_| !draw()) else { return ids };
            ids.splice(at..at + 2, [result]);
        }
    }

    /// Rank, position and result of the next merge: the lowest rank, and the leftmost place among equal ranks.
    fn best(&self, ids: &[TokenId]) -> Option<(u32, usize, TokenId)> {
        self.ranked(ids).min()
    }

    /// Rank, position and result of all that may merge.
    fn ranked(&self, ids: &[TokenId]) -> impl Iterator<Item = (u32, usize, TokenId)> {
        ids.windows(2).enumerate().filter_map(|(at, pair)| {
            let (rank, result) = self.joined(pair[0], pair[1])?;
            Some((rank, at, result))
        })
    }

    fn joined(&self, left: TokenId, right: TokenId) -> Option<(u32, TokenId)> {
        if self.ranks.is_empty() {
            return self.pairs.get(&(left, right)).copied();
        }
        let spelling = [self.vocab.spelling(left)?, self.vocab.spelling(right)?].concat();
        self.ranks.get(spelling.as_slice()).copied()
    }
}
