//! The vocabulary as it grows: what each id spells, and whether a pair may merge.
//!
//! A merge always makes a new id, and never one that spells what another spells. Proof: let `ab` be merged, and `cd`
//! spell the same and stand somewhere later. When `ab` was merged, no token had crossed an end of what is now `cd`, or
//! it would still. Up to then the same merges met the same symbols in both places, from left to right, so `a b` stood
//! in both, and was merged in both, unless a merge had crossed an end. So `cd` is nowhere to be merged. (It takes that
//! a merge is refused for its spelling alone, and that every occurrence merges.) So Hugging Face, which would reuse the
//! id, and rustbpe, which would not, agree. Nor does it matter in which text the two places lie, as long as the same merges
//! were made in both: it holds over both stages of [`superwords`](super::superwords).

use super::{Base, TrainOptions};
use crate::{Symbol, TokenId};

/// What each id is made of.
pub(super) struct Tokens<'a> {
    options: &'a TrainOptions,
    /// Most spaces in a token that is made from now on.
    max_spaces: Option<usize>,
    /// Whose ids came first, where there are such.
    base: Option<Base<'a>>,
    parts: Vec<Parts>,
    /// Room for one candidate: what is left to spell out, the last part first, and what is spelled.
    rest: Vec<u32>,
    symbols: Vec<Symbol>,
}

#[derive(Clone, Copy)]
enum Parts {
    Base(Symbol),
    /// Spelled by the vocabulary that grows, or a hole.
    Old,
    Merged(u32, u32),
}

impl<'a> Tokens<'a> {
    pub(super) fn new(options: &'a TrainOptions, base_ids: &[TokenId]) -> Self {
        let mut parts = vec![Parts::Base(Symbol(0)); base_ids.len()];
        for (symbol, id) in base_ids.iter().enumerate() {
            parts[id.0 as usize] = Parts::Base(Symbol(symbol as u32));
        }
        Self { options, max_spaces: None, base: None, parts, rest: Vec::new(), symbols: Vec::new() }
    }

    /// The ids of `base`, and those that it has no use for below the first free one.
    pub(super) fn after(options: &'a TrainOptions, base: Base<'a>) -> Self {
        let parts = vec![Parts::Old; base.first_free];
        Self { options, max_spaces: None, base: Some(base), parts, rest: Vec::new(), symbols: Vec::new() }
    }

    /// The same with a bound for the spaces in a token.
    pub(super) fn with_max_spaces(self, max_spaces: usize) -> Self {
        Self { max_spaces: Some(max_spaces), ..self }
    }

    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Makes the id of a merge.
    pub(super) fn push(&mut self, left: u32, right: u32) -> u32 {
        self.parts.push(Parts::Merged(left, right));
        self.parts.len() as u32 - 1
    }

    /// Whether `left` and `right` may become one token.
    pub(super) fn may_merge(&mut self, left: u32, right: u32) -> bool {
        let options = self.options;
        let all = options.unit.allows_all() && options.max_token_bytes.is_none();
        if all && self.max_spaces.is_none() && self.base.is_none() {
            return true;
        }
        self.spell(left, right);
        options.unit.allows(&self.symbols)
            && self.base.is_none_or(|base| !base.refuses(&self.symbols))
            && self.max_spaces.is_none_or(|max| n_spaces(&self.symbols) <= max)
            && options.max_token_bytes.is_none_or(|max| options.unit.n_bytes(&self.symbols) <= max)
    }

    /// Spells the two tokens out, one after the other.
    fn spell(&mut self, left: u32, right: u32) {
        self.symbols.clear();
        self.rest.clear();
        self.rest.extend([right, left]);
        while let Some(id) = self.rest.pop() {
            match self.parts[id as usize] {
                Parts::Base(symbol) => self.symbols.push(symbol),
                Parts::Old => {
                    let spelling = self.base.and_then(|base| base.vocab.spelling(TokenId(id)));
                    self.symbols.extend_from_slice(spelling.unwrap_or_default());
                }
                Parts::Merged(left, right) => self.rest.extend([right, left]),
            }
        }
    }
}

/// How many of `symbols` are U+0020, which is a byte in every unit.
pub(super) fn n_spaces(symbols: &[Symbol]) -> usize {
    symbols.iter().filter(|symbol| symbol.0 == u32::from(b' ')).count()
}
