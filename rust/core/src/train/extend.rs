//! Learning goes on where another vocabulary ended: pieces begin as the tokens they are to it, and what is learned comes
//! behind its merges, with ids behind its last.
//!
//! The merges so far are not looked at: whoever has an encoder says what each piece is, so a base need not have been
//! learned here, nor have merges in a list. What has to hold of it stands at [`Base`].
//!
//! **An encoder of the longer list makes what was counted.** Old merges come first in it, and no old merge takes a token
//! that a new one made, so all old ones are made before the first new one, as here. A pair whose joint spelling has an
//! id already is refused, so old ids keep their spelling and no two ids spell the same: two places with the same spelling
//! have had the same merges (the proof in `tokens` speaks of any merges that depend on nothing outside).

use super::corpus::{Cell, Corpus, TokenWords};
use super::fast::{self, TUNING, Tuning};
use super::tokens::Tokens;
use super::watch::Watch;
use super::{Learned, Progress, TOO_MANY_TOKENS, TrainOptions};
use crate::count::PieceCounts;
use crate::vocab::Vocab;
use crate::{Error, Result, Symbol, TokenId};
use std::collections::HashSet;

/// The vocabulary that is to grow.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// Ids of the base symbols.
    pub base_ids: &'a [TokenId],
    /// What its ids spell.
    pub vocab: &'a Vocab,
    /// The first id that is free: behind all of the vocabulary and whatever else has ids, as special tokens do.
    pub first_free: usize,
    /// Spellings, beside those of the vocabulary, that no new token may have.
    pub refused: &'a HashSet<Vec<Symbol>>,
}

impl Base<'_> {
    /// Whether a new token may not be spelled so.
    pub(super) fn refuses(&self, spelling: &[Symbol]) -> bool {
        self.vocab.id_of(spelling).is_some() || self.refused.contains(spelling)
    }

    pub(super) fn check(&self, counts: &PieceCounts, options: &TrainOptions) -> Result<()> {
        options.base_ids()?;
        if options.n_ids <= self.first_free {
            return Err(Error::argument(format!(
                "n_ids must be above {} (the ids there are), got {}",
                self.first_free, options.n_ids
            )));
        }
        if counts.records().any(|record| !record.marks.is_empty()) {
            return Err(Error::argument("a vocabulary cannot grow on pieces cut at morphemes")
                .hint("count the text again without morphemes"));
        }
        Ok(())
    }
}

/// What a piece is to the base: appends its ids.
pub type TokensOf<'a> = dyn FnMut(&[u8], &mut Vec<u32>) + 'a;

/// Learns merges that go behind those of `base`, up to `options.n_ids` ids in all. `watch` as in [`train`](super::train).
///
/// `options.tie` has no say: bytes have ids already. Counts and numbers of tokens begin with those of the base's tokens.
/// Cost: a call of `tokens_of` a distinct piece, then that of `train` on a shorter corpus.
///
/// ```
/// use bpe_lab_core::count::PieceCounts;
/// use bpe_lab_core::merges::{ByteOrder, Merge, Merges, Rule};
/// use bpe_lab_core::train::{Base, TieBreak, TrainOptions, extend};
/// use bpe_lab_core::{TokenId, unit::Unit, vocab::Vocab};
///
/// let [o, n] = [b'o', b'n'].map(|b| TokenId(b.into()));
/// let merges = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![Merge { left: o, right: n, result: TokenId(256) }]))?;
/// let vocab = Vocab::derive(&merges)?;
/// // Id 257 is taken by a special token.
/// let base = Base { base_ids: merges.base_ids(), vocab: &vocab, first_free: 258, refused: &Default::default() };
/// let mut counts = PieceCounts::new();
/// counts.add(b"son", 3)?;
/// let options = TrainOptions { n_ids: 259, unit: Unit::Byte, tie: TieBreak::RustBpe, min_frequency: 1, max_token_bytes: None };
/// let mut tokens_of = |piece: &[u8], ids: &mut Vec<u32>| ids.extend([u32::from(piece[0]), 256]);
/// let learned = extend(&counts, base, &options, &mut tokens_of, &mut |_| true)?;
/// assert_eq!(learned.steps[0].merge, Merge { left: TokenId(b's'.into()), right: TokenId(256), result: TokenId(258) });
/// assert_eq!((learned.n_tokens_before, learned.steps[0].n_tokens), (6, 3));
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
///
/// # Errors
/// As [`train`](super::train); `n_ids` that leave no room for a new id; pieces with cut marks.
pub fn extend(
    counts: &PieceCounts,
    base: Base<'_>,
    options: &TrainOptions,
    tokens_of: &mut TokensOf<'_>,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<Learned> {
    base.check(counts, options)?;
    let watch = &mut Watch::new(watch, Progress { n_ids: base.first_free, n_ids_wanted: options.n_ids });
    if options.n_ids <= usize::from(u16::MAX) {
        go_on::<u16>(counts, base, options, tokens_of, TUNING, watch)
    } else {
        go_on::<u32>(counts, base, options, tokens_of, TUNING, watch)
    }
}

/// As [`extend`], with cells of width `C`, which must hold `n_ids` itself.
pub(super) fn go_on<C: Cell>(
    counts: &PieceCounts,
    base: Base<'_>,
    options: &TrainOptions,
    tokens_of: &mut TokensOf<'_>,
    tuning: Tuning,
    watch: &mut Watch,
) -> Result<Learned> {
    let words = words::<C>(counts, tokens_of, watch)?;
    let n_tokens_before = words.n_tokens();
    let corpus = Corpus::of_words(&words, options.n_ids, watch)?;
    drop(words);
    let tokens = Tokens::after(options, base);
    let (steps, stop) = fast::go_on(corpus, tokens, n_tokens_before, options, tuning, watch)?;
    Ok(Learned { base_ids: base.base_ids.to_vec(), steps, n_tokens_before, stop })
}

fn words<C: Cell>(counts: &PieceCounts, tokens_of: &mut TokensOf<'_>, watch: &mut Watch) -> Result<TokenWords<C>> {
    let (mut words, mut ids) = (TokenWords::default(), Vec::new());
    for (piece, weight) in counts.iter() {
        ids.clear();
        tokens_of(piece, &mut ids);
        ids.iter().for_each(|&id| words.push_token(C::of(id)));
        words.end_word(weight).ok_or_else(|| Error::argument(TOO_MANY_TOKENS))?;
        watch.spend(piece.len())?;
    }
    Ok(words)
}
