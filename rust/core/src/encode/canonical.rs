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

use super::merge::{Ids, Merger};
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
        let (mut merger, mut ids) = (Merger::default(), Vec::new());
        for rank in by_length(tokens).into_values().flatten() {
            let token = &tokens[rank as usize];
            ids.clear();
            ids.extend(token.spelling.iter().filter_map(|s| base_ids.get(s.0 as usize)).map(|id| id.0));
            match last_two(&mut merger, &pairs, &ids) {
                (2, [left, right]) => pairs.insert(left, right, rank),
                // One token: the same spelling was listed before, and the first rank counts.
                (0 | 1, _) => {}
                _ => {
                    unreachable.entry(token.spelling.clone()).or_insert((rank, token.id.0));
                }
            }
        }
        Ok(Self { pairs, unreachable })
    }
}

/// How many tokens `ids` merge into, and the last two of them.
fn last_two(merger: &mut Merger, pairs: &PairTable, ids: &[u32]) -> (usize, [u32; 2]) {
    let (mut n, mut last) = (0, [0; 2]);
    merger.run(pairs, &Ids(ids), |_, id| {
        n += 1;
        last = [last[1], id];
    });
    (n, last)
}

/// Ranks of all tokens of two symbols and more by length, ascending.
fn by_length(tokens: &[RankedToken]) -> BTreeMap<usize, Vec<u32>> {
    let mut ranks = BTreeMap::<usize, Vec<u32>>::new();
    for (rank, token) in (0..).zip(tokens).filter(|(_, t)| t.spelling.len() > 1) {
        ranks.entry(token.spelling.len()).or_default().push(rank);
    }
    ranks
}
