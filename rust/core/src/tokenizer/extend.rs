//! A tokenizer with more merges behind its own: old ids and what they spell stay, new ones come behind the last.
//!
//! Text without a new merge keeps its ids, and all text is encoded as training counted it: as the old tokenizer does, and
//! then by the new merges, first learned first. For listed pairs that is shown in `train::extend`. For ranks one thing
//! more is needed, since there any two neighbours merge that spell a token: new tokens must not lead to old ones. They
//! could only where an old token is never made by merging (it is met as a whole piece). Merged alone it stops at three
//! tokens or more; no new token is spelled like two neighbours of those, so it stops there for ever (lemma in
//! `formats/alone.rs`: what neighbours spell, alone, goes the same way).

use super::Tokenizer;
use crate::count::PieceCounts;
use crate::encode::Scratch;
use crate::merges::{Merge, Merges, RankedToken, Rule};
use crate::train::{self, Base, Learned, Progress, TieBreak, TrainOptions};
use crate::{Error, Result, Symbol, TokenId};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// How far, and with which limits, a tokenizer grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// New ids; at least 1.
    pub n_new: usize,
    /// A pair rarer than this never merges; at least 1.
    pub min_frequency: u64,
    /// No new token longer than this many bytes.
    pub max_token_bytes: Option<usize>,
}

impl Tokenizer {
    /// Learns more merges from `counts`, whose pieces must be cut by this tokenizer's pattern, and gives the tokenizer
    /// with them, and how the learning went. Fewer new ids than asked for come where the merges run out.
    ///
    /// `watch` as in [`train`](train::train()).
    ///
    /// # Errors
    /// Growth by no id, beyond [`MAX_IDS`](crate::symbol::MAX_IDS), or with limits of 0; pieces with cut marks; a
    /// tokenizer that asks an analyser when it encodes.
    pub fn extended(
        &self,
        counts: &PieceCounts,
        growth: Growth,
        provenance: Map<String, Value>,
        watch: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<(Self, Learned)> {
        let (options, refused) = (self.growth_options(growth)?, self.kept_apart());
        let base = self.base(&refused);
        let mut scratch = Scratch::default();
        let mut tokens_of = |piece: &[u8], ids: &mut Vec<u32>| {
            self.encoder.encode_pieces(piece, 0, &[piece.len()], &mut scratch, ids);
        };
        let learned = train::extend(counts, base, &options, &mut tokens_of, watch)?;
        let merges = self.with_steps(&learned);
        let (unit, pattern) = (self.unit.clone(), self.pattern.clone());
        Ok((Self::new(unit, pattern, merges, self.specials.clone(), provenance)?, learned))
    }

    fn growth_options(&self, growth: Growth) -> Result<TrainOptions> {
        if let Some(analyser) = &self.analyser {
            return Err(Error::unsupported(format!(
                "a tokenizer that asks {} where morphemes meet cannot grow",
                analyser.name
            ))
            .hint("train it anew on all the text"));
        }
        if growth.n_new == 0 {
            return Err(Error::argument("a vocabulary must grow by at least 1 id, got 0"));
        }
        Ok(TrainOptions {
            n_ids: self.n_ids().saturating_add(growth.n_new),
            unit: self.unit.clone(),
            tie: TieBreak::Hf, // has no say: bytes have their ids
            min_frequency: growth.min_frequency,
            max_token_bytes: growth.max_token_bytes,
        })
    }

    fn base<'a>(&'a self, refused: &'a HashSet<Vec<Symbol>>) -> Base<'a> {
        Base { base_ids: self.merges.base_ids(), vocab: &self.vocab, first_free: self.n_ids(), refused }
    }

    /// What two neighbours spell where a ranked token that merging never makes stops, merged alone.
    fn kept_apart(&self) -> HashSet<Vec<Symbol>> {
        let Rule::Ranks(tokens) = self.merges.rule() else { return HashSet::new() };
        let mut ranks = HashMap::with_capacity(tokens.len());
        for (rank, token) in tokens.iter().enumerate().filter(|(_, token)| token.spelling.len() > 1) {
            ranks.entry(token.spelling.as_slice()).or_insert(rank);
        }
        let mut refused = HashSet::new();
        for token in tokens {
            let cuts = merged_alone(&token.spelling, &ranks);
            refused.extend(cuts.windows(3).map(|three| token.spelling[three[0]..three[2]].to_vec()));
        }
        refused
    }

    fn with_steps(&self, learned: &Learned) -> Merges {
        let base_ids = self.merges.base_ids().to_vec();
        let rule = match self.merges.rule() {
            Rule::Pairs(list) => {
                Rule::Pairs(list.iter().copied().chain(learned.steps.iter().map(|s| s.merge)).collect())
            }
            Rule::Ranks(tokens) => Rule::Ranks(self.with_ranks(tokens, learned)),
        };
        Merges::unchecked(base_ids, rule).with_unmade_unchecked(self.merges.unmade().to_vec())
    }

    fn with_ranks(&self, tokens: &[RankedToken], learned: &Learned) -> Vec<RankedToken> {
        let (mut tokens, n_old) = (tokens.to_vec(), tokens.len());
        let first = self.n_ids();
        for Merge { left, right, result } in learned.steps.iter().map(|step| step.merge) {
            let spelling = |id: TokenId| match (id.0 as usize).checked_sub(first) {
                None => self.vocab.spelling(id).unwrap_or_default(),
                Some(new) => tokens[n_old + new].spelling.as_slice(), // new ids follow each other
            };
            let spelling = [spelling(left), spelling(right)].concat();
            tokens.push(RankedToken { id: result, spelling });
        }
        tokens
    }
}

/// Where the tokens begin and end that `spelling` becomes, merged alone by ranks. Quadratic, for tokens.
fn merged_alone(spelling: &[Symbol], ranks: &HashMap<&[Symbol], usize>) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..=spelling.len()).collect();
    loop {
        let rank = |at: usize| ranks.get(&spelling[cuts[at]..cuts[at + 2]]);
        let ranked = (0..cuts.len().saturating_sub(2)).filter_map(|at| Some((*rank(at)?, at)));
        let Some((_, at)) = ranked.min() else { return cuts };
        cuts.remove(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{pick_pairs, random_pairs, random_ranks, tokenizer};
    use super::super::{SpecialRule, Workspace};
    use super::*;
    use crate::merges::ByteOrder;
    use crate::train::{Step, naive};
    use proptest::prelude::*;

    const ALL: Growth = Growth { n_new: 1000, min_frequency: 1, max_token_bytes: None };

    fn counts_of(pieces: &[(Vec<u8>, u64)]) -> PieceCounts {
        let mut counts = PieceCounts::new();
        pieces.iter().filter(|(piece, _)| !piece.is_empty()).for_each(|(p, n)| counts.add(p, *n).unwrap());
        counts
    }

    fn grown(base: &Tokenizer, counts: &PieceCounts, growth: Growth) -> (Tokenizer, Learned) {
        base.extended(counts, growth, Map::new(), &mut |_| true).unwrap()
    }

    fn ids_of(tokenizer: &Tokenizer, piece: &[u8]) -> Vec<u32> {
        let mut ids = Vec::new();
        tokenizer.encoder().encode_pieces(piece, 0, &[piece.len()], &mut Scratch::default(), &mut ids);
        ids
    }

    /// The ids of `piece` before, and then each new merge wherever it stands, from left to right.
    fn replayed(base: &Tokenizer, steps: &[Step], piece: &[u8]) -> Vec<u32> {
        let mut ids = ids_of(base, piece);
        for Merge { left, right, result } in steps.iter().map(|step| step.merge) {
            let mut at = 0;
            while at + 1 < ids.len() {
                if ids[at..at + 2] == [left.0, right.0] {
                    ids.splice(at..at + 2, [result.0]);
                }
                at += 1;
            }
        }
        ids
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let letters = |letters: &'static [u8], n| prop::collection::vec(prop::sample::select(letters), 1..n);
        prop_oneof![3 => letters(b"aabc ", 14), 1 => letters("가각abc".as_bytes(), 9)]
    }

    fn any_base() -> impl Strategy<Value = Tokenizer> {
        prop_oneof![
            (random_pairs(), prop::sample::select(vec![ByteOrder::Gpt2, ByteOrder::Raw]), 1..3u32)
                .prop_map(|(picks, order, step)| pick_pairs(order, &picks, step)),
            random_ranks(),
        ]
        .prop_map(|merges| tokenizer(merges, "none"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn grown_fast_equals_naive_and_encodes_as_counted(
            base in any_base(),
            pieces in prop::collection::vec((piece(), 1..6u64), 0..16),
            others in prop::collection::vec(piece(), 0..8),
            n_new in 1..60usize,
            min_frequency in 1..4u64,
            max_token_bytes in prop_oneof![3 => Just(None), 1 => (1..9usize).prop_map(Some)],
        ) {
            let (counts, growth) = (counts_of(&pieces), Growth { n_new, min_frequency, max_token_bytes });
            let (more, learned) = grown(&base, &counts, growth);

            let refused = base.kept_apart();
            let options = base.growth_options(growth).unwrap();
            let mut tokens_of = |piece: &[u8], ids: &mut Vec<u32>| ids.extend(ids_of(&base, piece));
            prop_assert_eq!(&learned, &naive::extend(&counts, base.base(&refused), &options, &mut tokens_of).unwrap());

            prop_assert_eq!(more.specials(), base.specials());
            for id in 0..base.n_ids() as u32 {
                prop_assert_eq!(more.token_bytes(id).ok(), base.token_bytes(id).ok());
            }
            prop_assert_eq!(more.n_ids(), base.n_ids() + learned.steps.len());
            let results: Vec<usize> = learned.steps.iter().map(|step| step.merge.result.0 as usize).collect();
            prop_assert_eq!(results, (base.n_ids()..more.n_ids()).collect::<Vec<_>>());
            for piece in pieces.iter().map(|(piece, _)| piece).chain(&others) {
                prop_assert_eq!(ids_of(&more, piece), replayed(&base, &learned.steps, piece));
            }
            let n_tokens: u64 = pieces.iter().map(|(piece, n)| n * ids_of(&more, piece).len() as u64).sum();
            prop_assert_eq!(learned.steps.last().map_or(learned.n_tokens_before, |step| step.n_tokens), n_tokens);
        }
    }

    /// `abc` is a token that merging never makes: alone it stays a, b, c, since neither ab nor bc is one. With a new token
    /// ab merging would make it, so ab and bc are refused, and xa is not.
    #[test]
    fn what_merging_never_made_it_never_makes() {
        let spelled = |bytes: &[u8]| bytes.iter().map(|&b| Symbol(b.into())).collect::<Vec<_>>();
        let bytes = (0..=255u8).map(|b| RankedToken { id: TokenId(b.into()), spelling: spelled(&[b]) });
        let abc = RankedToken { id: TokenId(256), spelling: spelled(b"abc") };
        let rule = Rule::Ranks(bytes.chain([abc]).collect());
        let base = tokenizer(Merges::new(ByteOrder::Raw.ids().to_vec(), rule).unwrap(), "none");
        assert_eq!(base.kept_apart(), HashSet::from([spelled(b"ab"), spelled(b"bc")]));
        let (more, learned) = grown(&base, &counts_of(&[(b"xabc".to_vec(), 9), (b"abc".to_vec(), 9)]), ALL);
        // xa, then xa+b, then xab+c: 9 each. The piece abc is id 256 before and after.
        assert_eq!(learned.steps.iter().map(|step| step.count).collect::<Vec<_>>(), [9, 9, 9]);
        assert_eq!((ids_of(&more, b"abc"), ids_of(&more, b"yabc")), (vec![256], ids_of(&base, b"yabc")));
    }

    #[test]
    fn specials_in_the_middle_are_found_and_decoded() {
        let base = tokenizer(pick_pairs(ByteOrder::Gpt2, &[(0, 1)], 1), "gpt2");
        let (more, _) = grown(&base, &counts_of(&[("사과".as_bytes().to_vec(), 3)]), ALL);
        let rule = SpecialRule { allowed: vec![0], refused: vec![] };
        let (mut ids, mut text) = (Vec::new(), Vec::new());
        more.encode_into("사과<|end".as_bytes(), &rule, &mut Workspace::new(), &mut ids).unwrap();
        assert_eq!(ids, [more.n_ids() as u32 - 1, base.specials()[0].id.0]);
        more.decode_into(&ids, &mut text).unwrap();
        assert_eq!(text, "사과<|end".as_bytes());
    }

    #[test]
    fn growth_that_cannot_be_says_why() {
        let base = tokenizer(pick_pairs(ByteOrder::Gpt2, &[], 1), "none");
        let fail = |base: &Tokenizer, counts: &PieceCounts, growth| {
            base.extended(counts, growth, Map::new(), &mut |_| true).unwrap_err().to_string()
        };
        let counts = counts_of(&[(b"ab".to_vec(), 1)]);
        let none = Growth { n_new: 0, ..ALL };
        assert_eq!(fail(&base, &counts, none), "a vocabulary must grow by at least 1 id, got 0");
        let huge = Growth { n_new: usize::MAX, ..ALL };
        assert!(fail(&base, &counts, huge).starts_with("n_ids must be at most 2097152"));
        let mut marked = PieceCounts::new();
        marked.add_marked(b"ab", &[1], 1).unwrap();
        assert_eq!(fail(&base, &marked, ALL), "a vocabulary cannot grow on pieces cut at morphemes");
        let analyser = super::super::Analyser { name: "mecab".into(), version: "1".into() };
        let asking = base.with_analyser(Some(analyser));
        assert_eq!(fail(&asking, &counts, ALL), "a tokenizer that asks mecab where morphemes meet cannot grow");
    }
}
