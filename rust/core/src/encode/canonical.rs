//! Tiktoken's rule as a list of pairs: for every token the one pair that ever makes it.
//!
//! Definitions. The merge loop of [`Rule::Ranks`](crate::merges::Rule::Ranks) joins the two neighbours whose joint
//! spelling has the lowest rank, the leftmost among equals. The *isolated run* of a string is that loop on the string
//! alone.
//!
//! Corollary. Say that in some text the tokens `l`, `r` stand side by side and together spell the token `t`. Up to
//! then no merge crossed either end of `t`'s span, so the merges inside it came in the order of `t`'s isolated run:
//! the loop's choice among the pairs inside the span does not depend on what stands outside. So `(l, r)` is a state
//! of that run, the last but one, and every `t` has at most one such pair. A token whose isolated run ends in more
//! than one token is never made by merging (it is only met as a whole piece).
//!
//! Algorithm. By length, since the isolated run of a token uses shorter tokens only: run the loop with the pairs found
//! so far; where it ends in two tokens, they are the pair. One short run a token, instead of a lookup for each of its
//! splits, and five times fewer pairs in the table.

use super::lanes::{Lanes, Ranks};
use super::merge::{Ids, Merger, Short};
use super::pairs::PairTable;
use crate::merges::RankedToken;
use crate::{Result, Symbol, TokenId};
use std::collections::{BTreeMap, HashMap};

/// Pairs of a rank list, and the tokens that no pair makes.
pub(super) struct Canonical {
    /// Every pair that can occur and merge.
    pub(super) pairs: PairTable,
    /// Tokens of two symbols or more that merging never makes: spelling -> (rank, id). Empty for most vocabularies.
    pub(super) unreachable: HashMap<Vec<Symbol>, (u32, u32)>,
}

impl Canonical {
    /// Derives the pairs of `tokens`, listed in rank order.
    ///
    /// # Errors
    /// A format error where there are too many tokens to number.
    pub(super) fn derive(base_ids: &[TokenId], tokens: &[RankedToken]) -> Result<Self> {
        let mut pairs = PairTable::new(tokens.iter().map(|t| t.id.0).collect())?;
        let mut unreachable = HashMap::new();
        let (mut lanes, mut merger, mut ends) = (Lanes::default(), Merger::default(), Vec::new());
        let by_length = ByLength::new(base_ids, tokens);
        for (ranks, ids) in by_length.groups() {
            let len = ids.len() / ranks.len();
            ends.clear();
            ends.resize(ranks.len(), End::default());
            // Tokens of one length do not need each other.
            if len <= Short::MAX {
                let load = |n: usize, short: &mut Short| {
                    short.load(&Ids(&ids[n * len..][..len]));
                    Ranks::Open
                };
                lanes.run(&pairs, ranks.len(), load, |n, short| short.emit(|_, id| ends[n].push(id)));
            } else {
                let runs = ids.chunks(len).zip(&mut ends);
                runs.for_each(|(ids, end)| merger.run(&pairs, &Ids(ids), |_, id| end.push(id)));
            }
            for (&rank, end) in ranks.iter().zip(&ends) {
                match (end.n, end.last) {
                    // One token: the same spelling was listed before, and the first rank counts.
                    (0 | 1, _) => {}
                    (2, [left, right]) => pairs.insert(left, right, rank),
                    _ => {
                        let token = &tokens[rank as usize];
                        unreachable.entry(token.spelling.clone()).or_insert((rank, token.id.0));
                    }
                }
            }
        }
        Ok(Self { pairs, unreachable })
    }
}

/// What an isolated run ends in: how many tokens, and the last two of them.
#[derive(Clone, Copy, Default)]
struct End {
    n: u32,
    last: [u32; 2],
}

impl End {
    fn push(&mut self, id: u32) {
        self.n += 1;
        self.last = [self.last[1], id];
    }
}

/// All tokens of two symbols and more, by length, then by rank.
struct ByLength {
    /// Each length that occurs, and how many tokens have it; ascending.
    lengths: Vec<(usize, usize)>,
    ranks: Vec<u32>,
    /// The ids of their symbols, one token after the other.
    ids: Vec<u32>,
}

impl ByLength {
    /// Sorts by counting: everything is allocated once, and read in the order in which it lies.
    fn new(base_ids: &[TokenId], tokens: &[RankedToken]) -> Self {
        let mut counts = BTreeMap::<usize, usize>::new();
        let spellings = || (0u32..).zip(tokens).map(|(rank, t)| (rank, &t.spelling)).filter(|(_, s)| s.len() > 1);
        spellings().for_each(|(_, s)| *counts.entry(s.len()).or_default() += 1);
        let lengths: Vec<(usize, usize)> = counts.into_iter().collect();
        let (mut n_tokens, mut n_ids) = (0, 0);
        let mut places = BTreeMap::new();
        for &(len, n) in &lengths {
            places.insert(len, (n_tokens, n_ids));
            n_tokens += n;
            n_ids += n * len;
        }
        let (mut ranks, mut ids) = (vec![0; n_tokens], vec![0; n_ids]);
        for (rank, spelling) in spellings() {
            if let Some((token, id)) = places.get_mut(&spelling.len()) {
                ranks[*token] = rank;
                let symbols = ids[*id..].iter_mut().zip(spelling);
                symbols.for_each(|(id, s)| *id = base_ids.get(s.0 as usize).map_or(0, |id| id.0));
                *token += 1;
                *id += spelling.len();
            }
        }
        Self { lengths, ranks, ids }
    }

    /// Ranks and ids of the tokens of each length.
    fn groups(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        let (mut ranks, mut ids) = (self.ranks.as_slice(), self.ids.as_slice());
        self.lengths.iter().map(move |&(len, n)| {
            let (group, rest) = ranks.split_at(n);
            let (group_ids, rest_ids) = ids.split_at(n * len);
            (ranks, ids) = (rest, rest_ids);
            (group, group_ids)
        })
    }
}
