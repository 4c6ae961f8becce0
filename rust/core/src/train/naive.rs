//! The obvious trainer: counts every pair anew before each merge.
//!
//! Not for use on a corpus: a merge costs the whole of it. It is what [`train`](super::train) is tested against.

use super::tokens::n_spaces;
use super::{Base, Learned, Step, Stop, Superwords, TokensOf, TrainOptions, TwoStages};
use crate::count::{PieceCounts, Record};
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
    let (steps, stop) = learn(&mut words, &mut spellings, options, |spelling| may_merge(options, spelling))?;
    Ok(Learned { base_ids, steps, n_tokens_before, stop })
}

/// Learns the same as [`train_superwords`](super::train_superwords).
///
/// # Errors
/// As there, less the interruption.
pub fn train_superwords(counts: &PieceCounts, options: &TrainOptions, superwords: Superwords) -> Result<TwoStages> {
    options.base_ids()?;
    let superpieces = superwords.superpieces(counts, options)?;
    let mut learned = train(counts, &superwords.first(options))?;
    let n_steps_first = learned.steps.len();
    let mut words = words(superpieces, options, &learned.base_ids);
    let mut spellings = base_spellings(&learned.base_ids);
    for Merge { left, right, result } in learned.steps.iter().map(|step| step.merge) {
        result_id(&mut spellings, Pair::new(left, right));
        words.iter_mut().for_each(|word| word.tokens = merged(&word.tokens, Pair::new(left, right), result));
    }
    let n_tokens_between = n_tokens(&words)?;
    let (steps, stop) = learn(&mut words, &mut spellings, options, |spelling| {
        n_spaces(spelling) <= superwords.max_spaces && may_merge(options, spelling)
    })?;
    learned.steps.extend(steps);
    learned.stop = stop;
    Ok(TwoStages { learned, n_steps_first, n_tokens_between })
}

/// Learns the same as [`extend`](super::extend()).
///
/// # Errors
/// As there, less the interruption.
pub fn extend(
    counts: &PieceCounts,
    base: Base<'_>,
    options: &TrainOptions,
    tokens_of: &mut TokensOf<'_>,
) -> Result<Learned> {
    base.check(counts, options)?;
    let mut word = |(piece, weight): (&[u8], u64)| {
        let mut ids = Vec::new();
        tokens_of(piece, &mut ids);
        Word { tokens: ids.iter().map(|&id| Token { id: TokenId(id), before_wall: false }).collect(), weight }
    };
    let mut words: Vec<Word> = counts.iter().map(&mut word).collect();
    let spelling = |id| base.vocab.spelling(TokenId(id as u32)).unwrap_or_default().to_vec();
    let mut spellings: Vec<Vec<Symbol>> = (0..base.first_free).map(spelling).collect();
    let n_tokens_before = n_tokens(&words)?;
    let (steps, stop) =
        learn(&mut words, &mut spellings, options, |spelling| !base.refuses(spelling) && may_merge(options, spelling))?;
    Ok(Learned { base_ids: base.base_ids.to_vec(), steps, n_tokens_before, stop })
}

/// Merges the commonest pair whose result is `allowed`, and again.
fn learn(
    words: &mut [Word],
    spellings: &mut Vec<Vec<Symbol>>,
    options: &TrainOptions,
    allowed: impl Fn(&[Symbol]) -> bool,
) -> Result<(Vec<Step>, Stop)> {
    let mut steps = Vec::new();
    let stop = loop {
        if spellings.len() >= options.n_ids {
            break Stop::Full;
        }
        let Some((pair, count)) = best(&pair_counts(words), |pair| allowed(&joined(spellings, pair))) else {
            break Stop::NoPairs;
        };
        if count < options.min_frequency {
            break Stop::TooRare(count);
        }
        let result = result_id(spellings, pair);
        words.iter_mut().for_each(|word| word.tokens = merged(&word.tokens, pair, result));
        let merge = Merge { left: pair.left, right: pair.right, result };
        steps.push(Step { merge, count, n_tokens: n_tokens(words)? });
    };
    Ok((steps, stop))
}

/// A piece as it stands.
struct Word {
    tokens: Vec<Token>,
    weight: u64,
}

/// A token, and whether a cut mark stands behind it, which no merge crosses.
#[derive(Clone, Copy)]
struct Token {
    id: TokenId,
    before_wall: bool,
}

fn words(counts: &PieceCounts, options: &TrainOptions, base_ids: &[TokenId]) -> Vec<Word> {
    let word = |record: Record| {
        let (mut symbols, mut walls) = (Vec::new(), Vec::new());
        options.unit.cut_symbols_into(record.piece, record.marks.iter(), &mut symbols, &mut walls);
        let token = |(at, symbol): (usize, &Symbol)| Token {
            id: base_ids[symbol.0 as usize],
            before_wall: walls.contains(&(at + 1)),
        };
        Word { tokens: symbols.iter().enumerate().map(token).collect(), weight: record.weight }
    };
    counts.records().map(word).collect()
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
    let weighted = |word: &Word| u128::from(word.weight) * word.tokens.len() as u128;
    let total: u128 = words.iter().map(weighted).sum();
    total.try_into().map_err(|_| Error::argument(super::TOO_MANY_TOKENS))
}

/// How often each pair stands in the words, overlaps included.
fn pair_counts(words: &[Word]) -> BTreeMap<Pair, u64> {
    let mut counts = BTreeMap::new();
    for word in words.iter().filter(|word| word.weight > 0) {
        for two in word.tokens.windows(2).filter(|two| !two[0].before_wall) {
            *counts.entry(Pair::new(two[0].id, two[1].id)).or_default() += word.weight;
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

/// `tokens` with `result` in place of `pair`, from left to right.
fn merged(tokens: &[Token], pair: Pair, result: TokenId) -> Vec<Token> {
    let (mut out, mut rest) = (Vec::with_capacity(tokens.len()), tokens);
    while let [first, tail @ ..] = rest {
        match tail.first() {
            Some(second) if !first.before_wall && Pair::new(first.id, second.id) == pair => {
                out.push(Token { id: result, before_wall: second.before_wall });
                rest = &tail[1..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}
