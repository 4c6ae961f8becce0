//! Finds special tokens in text. Knows no vocabulary.

use crate::{Error, Result, TokenId};
use aho_corasick::{AhoCorasick, Input, MatchKind};
use std::sync::{Arc, Mutex, PoisonError};

/// A token that stands for itself and is never made from text unless asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// How it is written; never empty.
    pub text: String,
    /// Its id, outside the vocabulary of the merges.
    pub id: TokenId,
}

/// What a call does where a special token's text stands in the input.
///
/// A special named in neither list is plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialRule {
    /// Which specials become their id, by index into [`Tokenizer::specials`](super::Tokenizer::specials).
    pub allowed: Vec<usize>,
    /// Which specials make the call fail.
    pub refused: Vec<usize>,
}

/// A special in the text.
pub(super) struct Found {
    pub start: usize,
    pub end: usize,
    /// Index into the tokenizer's specials.
    pub special: usize,
    pub is_refused: bool,
}

/// An automaton over the specials that a rule names; leftmost, then longest.
pub(super) struct Finder {
    rule: SpecialRule,
    automaton: AhoCorasick,
}

impl Finder {
    fn new(specials: &[Special], rule: &SpecialRule) -> Result<Self> {
        let mut named = vec![false; specials.len()];
        for &index in rule.allowed.iter().chain(&rule.refused) {
            match named.get_mut(index) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => {
                    let text = &specials[index].text;
                    return Err(Error::argument(format!("special token {text:?} is named twice in the rule")));
                }
                None => {
                    let n = specials.len();
                    return Err(Error::argument(format!("there is no special {index}: the tokenizer has {n}")));
                }
            }
        }
        let texts = rule.allowed.iter().chain(&rule.refused).map(|&index| &specials[index].text);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(texts)
            .map_err(|e| Error::argument(format!("the special tokens are too many or too long to search for: {e}")))?;
        Ok(Self { rule: rule.clone(), automaton })
    }

    /// The first special at `from` or later.
    pub fn find(&self, text: &[u8], from: usize) -> Option<Found> {
        let found = self.automaton.find(Input::new(text).range(from..))?;
        let (named, n_allowed) = (found.pattern().as_usize(), self.rule.allowed.len());
        let is_refused = named >= n_allowed;
        let special = if is_refused { self.rule.refused[named - n_allowed] } else { self.rule.allowed[named] };
        Some(Found { start: found.start(), end: found.end(), special, is_refused })
    }
}

/// The finder of the last rule. A program uses one or two rules, and building an automaton costs microseconds to
/// milliseconds, so the last one is kept.
#[derive(Default)]
pub(super) struct FinderCache(Mutex<Option<Arc<Finder>>>);

impl FinderCache {
    /// The finder for `rule`; `None` where the rule names no special.
    pub fn get(&self, specials: &[Special], rule: &SpecialRule) -> Result<Option<Arc<Finder>>> {
        if rule.allowed.is_empty() && rule.refused.is_empty() {
            return Ok(None);
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(finder) = last.as_ref().filter(|f| f.rule == *rule) {
            return Ok(Some(Arc::clone(finder)));
        }
        let finder = Arc::new(Finder::new(specials, rule)?);
        *last = Some(Arc::clone(&finder));
        Ok(Some(finder))
    }
}
