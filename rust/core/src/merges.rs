//! The learned merges, in order: the single truth of a tokenizer. Vocabulary, pair tables and caches are derived.
//!
//! Knows ids and symbols, not text.

use crate::symbol::MAX_IDS;
use crate::{Error, Result, Symbol, TokenId};

/// One merge: wherever `left` stands before `right`, `result` takes their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The token on the left.
    pub left: TokenId,
    /// The token on the right.
    pub right: TokenId,
    /// What they become. Not always a new id: a merge whose result already has one reuses it.
    pub result: TokenId,
}

/// How an encoder decides what may merge. Recorded in every file and never guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Only listed pairs merge, the first listed first (Hugging Face's way).
    Pairs(Vec<Merge>),
    /// Any two neighbours merge whose joint spelling is a token, the lowest rank first (tiktoken's way). A piece that
    /// is a token as a whole is that token without any merging. The tokens are given in rank order; base symbols are
    /// among them.
    Ranks(Vec<RankedToken>),
}

/// An id and what it spells: a token of a rank file, or one that no merge makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedToken {
    /// Its id (in a rank file this is its rank).
    pub id: TokenId,
    /// What it spells; never empty.
    pub spelling: Vec<Symbol>,
}

/// Base ids and rule together: everything that turns symbols into ids.
///
/// Invariants, checked by [`Merges::new`]: every base symbol has an id of its own; every id is below [`MAX_IDS`];
/// both sides of a merge exist before it; a result's id is new or already spells the same; no two ids spell the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merges {
    base_ids: Vec<TokenId>,
    rule: Rule,
    /// Tokens that exist, decode and keep their id, but are no result of a listed merge.
    unmade: Vec<RankedToken>,
}

impl Merges {
    /// As [`new`](Self::new), for callers that derive the vocabulary anyway and so check there: spelling the tokens out is
    /// what checks them, and it stands a floor above.
    pub(crate) fn unchecked(base_ids: Vec<TokenId>, rule: Rule) -> Self {
        Self { base_ids, rule, unmade: Vec::new() }
    }

    /// As [`with_unmade`](Self::with_unmade), for callers that derive the vocabulary anyway.
    pub(crate) fn with_unmade_unchecked(mut self, tokens: Vec<RankedToken>) -> Self {
        self.unmade = tokens;
        self
    }

    /// Tokens that no listed merge makes, in the order given.
    pub fn unmade(&self) -> &[RankedToken] {
        &self.unmade
    }

    /// The id of each base symbol.
    pub fn base_ids(&self) -> &[TokenId] {
        &self.base_ids
    }

    /// The rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The listed merges; empty where ranks rule.
    pub fn pairs(&self) -> &[Merge] {
        match &self.rule {
            Rule::Pairs(list) => list,
            Rule::Ranks(_) => &[],
        }
    }
}

/// In which order the 256 bytes get the first 256 ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// GPT-2's table: printable bytes first (`!`..`~`, `¡`..`¬`, `®`..`ÿ`), then the others. What Hugging Face uses.
    #[default]
    Gpt2,
    /// Byte b has id b. What rustbpe and minbpe use.
    Raw,
}

impl ByteOrder {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Raw => "raw",
        }
    }

    /// `ids[b]` is the id of byte b.
    ///
    /// ```
    /// use bpe_lab_core::merges::ByteOrder;
    /// assert_eq!(ByteOrder::Gpt2.ids()[b'!' as usize].0, 0);
    /// assert_eq!(ByteOrder::Gpt2.ids()[0].0, 188);
    /// assert_eq!(ByteOrder::Raw.ids()[b'!' as usize].0, 33);
    /// ```
    pub fn ids(self) -> [TokenId; 256] {
        let mut ids = [TokenId(0); 256];
        match self {
            Self::Raw => (0..256).for_each(|b| ids[b] = TokenId(b as u32)),
            Self::Gpt2 => {
                let (printable, rest): (Vec<u8>, Vec<u8>) = (0..=255u8).partition(|b| is_printable(*b));
                for (id, b) in printable.into_iter().chain(rest).enumerate() {
                    ids[usize::from(b)] = TokenId(id as u32);
                }
            }
        }
        ids
    }
}

/// Whether GPT-2's byte table writes this byte as itself.
pub fn is_printable(b: u8) -> bool {
    matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// Fails unless `id` is below [`MAX_IDS`].
pub(crate) fn check_id(id: u64) -> Result<TokenId> {
    if id < MAX_IDS as u64 {
        Ok(TokenId(id as u32))
    } else {
        Err(Error::format(format!("token id {id} is too large: ids must stay below {MAX_IDS}")))
    }
}
