//! Superwords: learning goes on across the walls between pieces. SuperBPE (Liu et al. 2025, arXiv 2503.13423), on counts
//! and not on text.
//!
//! Stage one learns from pieces as [`train`](super::train) does, up to some number of ids. Stage two applies these merges
//! to superpieces, whole sentences and lines, as an encoder will that knows no other walls, and goes on from there; a
//! token of stage two holds at most so many spaces (U+0020, counted among the symbols that it spells).
//!
//! No merge of either stage makes a token that there is already: the proof in `tokens` asks of two places with the same
//! spelling only that the merges so far were applied to both, whatever text they lie in. It would not hold if stage two
//! began with the tokens of the pieces side by side: two tokens that a wall has kept apart may spell a third. So nothing
//! is ever to be reused here either, ids and ranks go on in parallel, and the lowest rank first, as encoders merge, is the
//! order in which was learned. (Counted too: the twin looks for an id to reuse, and the tests compare.)
//!
//! Cost beside stage one: 31 ns a byte of distinct superpieces, of which there are nearly as many as there is text, and
//! about as much again for 2,000 merges (31 MB of Korean documents: 2.2 s); memory, about as many bytes as they have.

use super::corpus::{Cell, Corpus};
use super::fast::{self, TUNING, Tuning};
use super::tokens::Tokens;
use super::watch::Watch;
use super::{Learned, Progress, TrainOptions, replay};
use crate::count::PieceCounts;
use crate::{Error, Result, TokenId};

/// Where stage two begins, and how long its tokens may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superwords {
    /// Ids at which stage two begins, base symbols counted, specials not: from the base alphabet to `n_ids`.
    pub n_ids_first: usize,
    /// Most spaces in a token of stage two; at least 1. The paper has 4.
    pub max_spaces: usize,
}

/// What was learned in two stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoStages {
    /// All merges. Counts and numbers of tokens of stage two are those in superpieces, and so are no continuation of those
    /// of stage one.
    pub learned: Learned,
    /// So many steps are stage one's.
    pub n_steps_first: usize,
    /// Tokens in the superpieces when stage two began, weighted.
    pub n_tokens_between: u64,
}

impl Superwords {
    /// The superpieces of `counts`.
    ///
    /// # Errors
    /// A stage two that begins outside the base alphabet ..= `n_ids`; no spaces; counts without superpieces.
    pub(super) fn superpieces<'a>(&self, counts: &'a PieceCounts, options: &TrainOptions) -> Result<&'a PieceCounts> {
        let (n_base, n_ids, first) = (options.unit.n_base(), options.n_ids, self.n_ids_first);
        if !(n_base..=n_ids).contains(&first) {
            return Err(Error::argument(format!(
                "superwords must begin between {n_base} ids (the base symbols of unit {}) and {n_ids} (all), got {first}",
                options.unit.name()
            )));
        }
        if self.max_spaces == 0 {
            return Err(Error::argument("superwords must be allowed at least 1 space, got 0"));
        }
        counts.superpieces().ok_or_else(|| {
            Error::argument("superwords are learned from superpieces, and these counts hold none")
                .hint("count again with --superword (count_pieces(superword=True))")
        })
    }

    /// The options of stage one.
    pub(super) fn first(&self, options: &TrainOptions) -> TrainOptions {
        TrainOptions { n_ids: self.n_ids_first, ..options.clone() }
    }
}

/// Learns merges from pieces, then from superpieces. `watch` as in [`train`](super::train).
///
/// ```
/// use bpe_lab_core::count::PieceCounts;
/// use bpe_lab_core::train::{Superwords, TieBreak, TrainOptions, train_superwords};
/// use bpe_lab_core::unit::Unit;
///
/// let (mut counts, mut superpieces) = (PieceCounts::new(), PieceCounts::new());
/// for piece in [&b"go"[..], b" on", b" on"] {
///     counts.add(piece, 1)?;
/// }
/// superpieces.add(b"go on on", 1)?;
/// counts.set_superpieces(superpieces, "o200k+superword");
/// let options =
///     TrainOptions { n_ids: 259, unit: Unit::Byte, tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None };
/// let superwords = Superwords { n_ids_first: 258, max_spaces: 2 };
/// let two = train_superwords(&counts, &options, superwords, &mut |_| true)?;
/// // Stage one: o+n twice, then ␣+on twice. Stage two sees g o ␣on ␣on and takes the smallest ids: g+o.
/// assert_eq!(two.learned.steps.iter().map(|step| step.count).collect::<Vec<_>>(), [2, 2, 1]);
/// assert_eq!((two.n_steps_first, two.n_tokens_between), (2, 4));
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
///
/// # Errors
/// As [`train`](super::train); a stage two that begins outside the base alphabet ..= `n_ids`; `max_spaces` of 0; counts
/// without superpieces.
pub fn train_superwords(
    counts: &PieceCounts,
    options: &TrainOptions,
    superwords: Superwords,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<TwoStages> {
    let n_base = options.base_ids()?.len();
    let watch = &mut Watch::new(watch, Progress { n_ids: n_base, n_ids_wanted: options.n_ids });
    if options.n_ids <= usize::from(u16::MAX) {
        two_stages::<u16>(counts, options, superwords, TUNING, watch)
    } else {
        two_stages::<u32>(counts, options, superwords, TUNING, watch)
    }
}

/// As [`train_superwords`], with cells of width `C`, which must hold `n_ids` itself.
pub(super) fn two_stages<C: Cell>(
    counts: &PieceCounts,
    options: &TrainOptions,
    superwords: Superwords,
    tuning: Tuning,
    watch: &mut Watch,
) -> Result<TwoStages> {
    let base_ids = options.base_ids()?;
    let superpieces = superwords.superpieces(counts, options)?;
    let mut learned = fast::train::<C>(counts, &superwords.first(options), base_ids, tuning, watch)?;
    let n_steps_first = learned.steps.len();
    let words = replay::replay::<C>(superpieces, &options.unit, &learned, watch)?;
    let n_tokens_between = words.n_tokens();
    let corpus = Corpus::of_words(&words, options.n_ids, watch)?;
    drop(words);
    let tokens = tokens_after(&learned, options, superwords);
    let (steps, stop) = fast::go_on(corpus, tokens, n_tokens_between, options, tuning, watch)?;
    learned.steps.extend(steps);
    learned.stop = stop;
    Ok(TwoStages { learned, n_steps_first, n_tokens_between })
}

/// The vocabulary of stage one, with the rule of stage two.
fn tokens_after<'a>(first: &Learned, options: &'a TrainOptions, superwords: Superwords) -> Tokens<'a> {
    let mut tokens = Tokens::new(options, &first.base_ids).with_max_spaces(superwords.max_spaces);
    for step in &first.steps {
        let result = tokens.push(step.merge.left.0, step.merge.right.0);
        debug_assert_eq!(TokenId(result), step.merge.result);
    }
    tokens
}

#[cfg(test)]
mod tests;
