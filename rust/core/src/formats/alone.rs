//! What a token's spelling becomes when it is merged alone. Knows no files.
//!
//! **Definitions.** A *rule* gives every two neighbouring tokens a rank or none, and a token that takes their place. It
//! is *applied* to a string of base tokens by taking the neighbours of lowest rank, the leftmost of equals, again and
//! again until none have a rank. Both of bpe-lab's rules are such (pairs: the rank is the place in the list; ranks: the
//! rank of the token that the two spell together). An id spells one string only, and no two spell the same.
//!
//! **Lemma.** At any moment of applying a rule to a string, look at neighbours x, y. The tokens that xy's part of the
//! string has been, from the beginning to now, are those that the rule goes through when it is applied to that part
//! alone. *Proof.* A boundary between tokens once gone never comes back; the part's two ends are boundaries now, so they
//! always were, and every merge so far lay either inside the part or outside. One inside was of lowest rank in the
//! whole string and leftmost among equals, hence also within the part; and whether two neighbours have a rank depends on
//! them alone. So the merges inside are, in order, the first ones that the rule makes on the part alone. ∎
//!
//! **Corollary 1.** Two neighbours that together spell token t stand side by side only if t's spelling, merged alone,
//! reaches exactly these two. So a token is ever made from one pair of parts only, which [`Alone::merge`] finds: any
//! other listed pair with the same result is dead.
//!
//! **Corollary 2.** Let rule A list pairs, let rule B rank every pair that spells a token, and let both order tokens
//! alike (A by the place of the one pair that is not dead). If no token's spelling, merged alone by A, ends in exactly
//! two parts, then A and B make the same merges on every string. *Proof.* By induction: suppose they have made the same
//! merges so far. Let x, y be neighbours that spell t, so that B ranks them. By the lemma t's spelling, merged alone by
//! A, reaches x, y. That is two parts and not the end, so A joins them, into t. Conversely what A joins spells a token,
//! so B ranks it. Both have the same candidates in the same order and take the same. ∎

use crate::merges::{Merge, Merges, Rule};
use crate::seeded::Seed;
use crate::vocab::Vocab;
use crate::{Pair, Symbol, TokenId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Which neighbours merge, at which rank, into what.
pub(super) enum Joins<'a> {
    /// Listed pairs, by key; the first of two equal ones counts.
    Listed(HashMap<u64, (u32, TokenId), Seed>),
    /// Neighbours that spell a token; ranks by id, [`Joins::UNRANKED`] where it has none.
    Spelled { vocab: &'a Vocab, ranks: Vec<u32> },
}

impl<'a> Joins<'a> {
    const UNRANKED: u32 = u32::MAX;

    /// The rule of `merges`, whose vocabulary is `vocab`.
    pub fn of(merges: &Merges, vocab: &'a Vocab) -> Self {
        match merges.rule() {
            Rule::Pairs(list) => Self::listed(list),
            Rule::Ranks(tokens) => {
                let mut ranks = vec![Self::UNRANKED; vocab.n_ids()];
                for (rank, token) in tokens.iter().enumerate() {
                    ranks[token.id.0 as usize] = rank as u32;
                }
                Self::Spelled { vocab, ranks }
            }
        }
    }

    /// The rule that merges the pairs of `list`, first one first.
    pub fn listed(list: &[Merge]) -> Self {
        let mut pairs = HashMap::with_capacity_and_hasher(list.len(), Seed::default());
        for (rank, merge) in list.iter().enumerate() {
            pairs.entry(Pair::new(merge.left, merge.right).key()).or_insert((rank as u32, merge.result));
        }
        Self::Listed(pairs)
    }

    /// Rank and result of `pair`, which spells `joint`.
    fn join(&self, pair: Pair, joint: &[Symbol]) -> Option<(u32, TokenId)> {
        match self {
            Self::Listed(pairs) => pairs.get(&pair.key()).copied(),
            Self::Spelled { vocab, ranks } => {
                let id = vocab.id_of(joint)?;
                let rank = ranks[id.0 as usize];
                (rank != Self::UNRANKED).then_some((rank, id))
            }
        }
    }
}

/// How a spelling ends when it is merged alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// Tokens that are left.
    pub n_parts: usize,
    /// The first token that is left.
    pub first: TokenId,
    /// Rank and parts of the last merge; none where nothing merged.
    pub last: Option<(u32, Pair)>,
}

/// Neighbours that may merge: rank, then start, middle and end of the two, then what they become.
type Waiting = (u32, u32, u32, u32, TokenId);

/// Merges spellings alone. O(n log n) for a spelling of n symbols; buffers are reused.
pub(super) struct Alone<'a> {
    joins: Joins<'a>,
    base_ids: &'a [TokenId],
    /// Neighbours that may merge, the lowest rank on top, the leftmost of equals.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// By start: a token's id, its end (0 for none), and the start of the token before it.
    ids: Vec<TokenId>,
    ends: Vec<u32>,
    befores: Vec<u32>,
}

impl<'a> Alone<'a> {
    /// A merger by `joins` over base symbols with these ids.
    pub fn new(joins: Joins<'a>, base_ids: &'a [TokenId]) -> Self {
        let (waiting, ids, ends, befores) = (BinaryHeap::new(), Vec::new(), Vec::new(), Vec::new());
        Self { joins, base_ids, waiting, ids, ends, befores }
    }

    /// Applies the rule to `spelling`, which is not empty and holds base symbols only.
    pub fn merge(&mut self, spelling: &[Symbol]) -> Ending {
        self.start(spelling);
        let (mut n_parts, mut last) = (spelling.len(), None);
        while let Some(Reverse((rank, start, middle, end, result))) = self.waiting.pop() {
            let (l, r) = (start as usize, middle as usize);
            if self.ends[l] != middle || self.ends[r] != end {
                continue; // one of the two has merged since
            }
            last = Some((rank, Pair::new(self.ids[l], self.ids[r])));
            n_parts -= 1;
            self.ids[l] = result;
            (self.ends[l], self.ends[r]) = (end, 0);
            if let Some(before) = self.befores.get_mut(end as usize) {
                *before = start;
            }
            self.wait(spelling, start);
            if start > 0 {
                self.wait(spelling, self.befores[l]);
            }
        }
        Ending { n_parts, first: self.ids[0], last }
    }

    fn start(&mut self, spelling: &[Symbol]) {
        let n = spelling.len() as u32;
        self.waiting.clear();
        self.ids.clear();
        self.ids.extend(spelling.iter().map(|s| self.base_ids[s.0 as usize]));
        self.ends.clear();
        self.ends.extend(1..=n);
        self.befores.clear();
        self.befores.extend((0..n).map(|i| i.saturating_sub(1)));
        (0..n).for_each(|i| self.wait(spelling, i));
    }

    /// Notes the token that begins at `start` and the one after it, where they may merge.
    fn wait(&mut self, spelling: &[Symbol], start: u32) {
        let middle = self.ends[start as usize];
        let Some(&end) = self.ends.get(middle as usize) else { return };
        let pair = Pair::new(self.ids[start as usize], self.ids[middle as usize]);
        if let Some((rank, result)) = self.joins.join(pair, &spelling[start as usize..end as usize]) {
            self.waiting.push(Reverse((rank, start, middle, end, result)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merges::{ByteOrder, RankedToken};
    use proptest::prelude::*;

    /// The rule applied to `spelling` with a plain search for the lowest rank; every state on the way.
    fn states(merges: &Merges, vocab: &Vocab, spelling: &[Symbol]) -> Vec<Vec<TokenId>> {
        let rank = |l: TokenId, r: TokenId| match merges.rule() {
            Rule::Pairs(list) => {
                list.iter().enumerate().find(|(_, m)| (m.left, m.right) == (l, r)).map(|(i, m)| (i, m.result))
            }
            Rule::Ranks(list) => {
                let joint = [vocab.spelling(l).unwrap(), vocab.spelling(r).unwrap()].concat();
                list.iter().enumerate().find(|(_, t)| t.spelling == joint).map(|(i, t)| (i, t.id))
            }
        };
        let mut ids: Vec<TokenId> = spelling.iter().map(|s| merges.base_ids()[s.0 as usize]).collect();
        let mut states = vec![ids.clone()];
        while let Some((_, at, id)) =
            (1..ids.len()).filter_map(|i| rank(ids[i - 1], ids[i]).map(|(rank, id)| (rank, i, id))).min()
        {
            ids.splice(at - 1..=at, [id]);
            states.push(ids.clone());
        }
        states
    }

    fn spelled(bytes: &[u8]) -> Vec<Symbol> {
        bytes.iter().map(|&b| Symbol(b.into())).collect()
    }

    fn ranks(tokens: &std::collections::BTreeSet<Vec<u8>>, order: &[usize]) -> Merges {
        let mut tokens: Vec<_> = tokens.iter().collect();
        tokens.sort_by_key(|t| order.get(t.iter().map(|&b| usize::from(b)).sum::<usize>() % 40));
        let ranked =
            tokens.iter().enumerate().map(|(i, t)| RankedToken { id: TokenId(256 + i as u32), spelling: spelled(t) });
        Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Ranks(ranked.collect())).unwrap()
    }

    fn listed(picks: &[(usize, usize)]) -> Merges {
        let mut list: Vec<Merge> = Vec::new();
        let mut texts: Vec<Vec<u8>> = vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
        let mut ids = vec![TokenId(97), TokenId(98), TokenId(99)];
        for &(l, r) in picks {
            let (l, r) = (l % texts.len(), r % texts.len());
            let joint = [texts[l].clone(), texts[r].clone()].concat();
            let known = texts.iter().position(|t| *t == joint).map(|i| ids[i]);
            let result = known.unwrap_or(TokenId(256 + texts.len() as u32));
            if known.is_none() {
                texts.push(joint);
                ids.push(result);
            }
            list.push(Merge { left: ids[l], right: ids[r], result });
        }
        Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(list)).unwrap()
    }

    fn check(merges: &Merges, text: &[u8]) -> std::result::Result<(), TestCaseError> {
        let vocab = Vocab::derive(merges).unwrap();
        let symbols = spelled(text);
        let all = states(merges, &vocab, &symbols);
        let ending = Alone::new(Joins::of(merges, &vocab), merges.base_ids()).merge(&symbols);
        prop_assert_eq!((ending.n_parts, ending.first), (all[all.len() - 1].len(), all[all.len() - 1][0]));
        // Corollary 1: neighbours that spell a token are the two that its spelling alone reaches.
        for state in &all {
            for two in state.windows(2) {
                let joint = [vocab.spelling(two[0]).unwrap(), vocab.spelling(two[1]).unwrap()].concat();
                prop_assert!(states(merges, &vocab, &joint).iter().any(|s| s == two));
            }
        }
        Ok(())
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(97u8..100, 1..14)
    }

    proptest! {
        #[test]
        fn agrees_with_plain_search_by_ranks(
            tokens in proptest::collection::btree_set(proptest::collection::vec(97u8..100, 2..6), 0..20),
            order in proptest::collection::vec(0usize..1000, 40),
            text in text(),
        ) {
            check(&ranks(&tokens, &order), &text)?;
        }

        #[test]
        fn agrees_with_plain_search_by_pairs(
            picks in proptest::collection::vec((0usize..20, 0usize..20), 0..20),
            text in text(),
        ) {
            check(&listed(&picks), &text)?;
        }
    }
}
