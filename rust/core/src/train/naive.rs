//! The obvious trainer: counts every pair anew before each merge.
//!
//! Not for use on a corpus: a merge costs the whole of it. It is what [`train`](super::train) is tested against.

use super::{Learned, Step, Stop, TrainOptions};
use crate::count::PieceCounts;
use crate::merges::Merge;
use crate::{Error, Pair, Result, Symbol, TokenId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Learns the same merges as [`train`](super::train), with the same errors, in time merges x corpus.
///
/// # Errors
/// As [`train`](super::train), less the interruption.
pub fn train(counts: &PieceCounts, options: &TrainOptions) -> Result<Learned> {
    let base_ids = options.base_ids()?;
    let mut words = words(counts, options, &base_ids);
    let mut spellings = base_spellings(&base_ids);
    let n_tokens_before = n_tokens(&words)?;
    let mut steps = Vec::new();
    let stop = loop {
        if spellings.len() >= options.n_ids {
            break Stop::Full;
        }
        let Some((pair, count)) = best(&pair_counts(&words), |pair| may_merge(options, &joined(&spellings, pair)))
        else {
            break Stop::NoPairs;
        };
        if count < options.min_frequency {
            break Stop::TooRare(count);
        }
        let result = result_id(&mut spellings, pair);
        words.iter_mut().for_each(|(ids, _)| *ids = merged(ids, pair, result));
        let merge = Merge { left: pair.left, right: pair.right, result };
        steps.push(Step { merge, count, n_tokens: n_tokens(&words)? });
    };
    Ok(Learned { base_ids, steps, n_tokens_before, stop })
}

type Word = (Vec<TokenId>, u64);

fn words(counts: &PieceCounts, options: &TrainOptions, base_ids: &[TokenId]) -> Vec<Word> {
    let ids = |piece: &[u8]| {
        let mut symbols = Vec::new();
        options.unit.symbols_into(piece, &mut symbols);
        symbols.iter().map(|s| base_ids[s.0 as usize]).collect()
    };
    counts.iter().map(|(piece, weight)| (ids(piece), weight)).collect()
}

/// What each id spells.
fn base_spellings(base_ids: &[TokenId]) -> Vec<Vec<Symbol>> {
    let mut spellings = vec![Vec::new(); base_ids.len()];
    for (symbol, id) in base_ids.iter().enumerate() {
        spellings[id.0 as usize].push(Symbol(symbol as u32));
    }
    spellings
}

fn n_tokens(words: &[Word]) -> Result<u64> {
    let weighted = |(ids, weight): &Word| u128::from(*weight) * ids.len() as u128;
    let total: u128 = words.iter().map(weighted).sum();
    total.try_into().map_err(|_| Error::argument(super::TOO_MANY_TOKENS))
}

/// How often each pair stands in the words, overlaps included.
fn pair_counts(words: &[Word]) -> BTreeMap<Pair, u64> {
    let mut counts = BTreeMap::new();
    for (ids, weight) in words.iter().filter(|(_, weight)| *weight > 0) {
        for two in ids.windows(2) {
            *counts.entry(Pair::new(two[0], two[1])).or_default() += weight;
        }
    }
    counts
}

fn best(counts: &BTreeMap<Pair, u64>, allowed: impl Fn(Pair) -> bool) -> Option<(Pair, u64)> {
    let pairs = counts.iter().filter(|(pair, _)| allowed(**pair));
    pairs.max_by_key(|(pair, count)| (**count, Reverse(**pair))).map(|(pair, count)| (*pair, *count))
}

fn joined(spellings: &[Vec<Symbol>], pair: Pair) -> Vec<Symbol> {
    [&spellings[pair.left.0 as usize][..], &spellings[pair.right.0 as usize]].concat()
}

fn may_merge(options: &TrainOptions, spelling: &[Symbol]) -> bool {
    let n_bytes = options.unit.n_bytes(spelling);
    n_bytes <= options.max_token_bytes.unwrap_or(usize::MAX) && options.unit.allows(spelling)
}

/// The id that already spells what `pair` spells, or else the next. (That there never is one is proven in `tokens`.)
fn result_id(spellings: &mut Vec<Vec<Symbol>>, pair: Pair) -> TokenId {
    let spelling = joined(spellings, pair);
    let id = spellings.iter().position(|s| *s == spelling).unwrap_or(spellings.len());
    if id == spellings.len() {
        spellings.push(spelling);
    }
    TokenId(id as u32)
}

/// `ids` with `result` in place of `pair`, from left to right.
fn merged(ids: &[TokenId], pair: Pair, result: TokenId) -> Vec<TokenId> {
    let (mut out, mut rest) = (Vec::with_capacity(ids.len()), ids);
    while let [first, tail @ ..] = rest {
        if *first == pair.left && tail.first() == Some(&pair.right) {
            out.push(result);
            rest = &tail[1..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}
