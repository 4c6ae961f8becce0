//! Counts to merges. Knows nothing of text, files, threads or patterns.

use crate::count::PieceCounts;
use crate::merges::{ByteOrder, Merge};
use crate::unit::Unit;
use crate::{Result, TokenId};

/// Which of several equally frequent pairs merges first, and with it the order of the first 256 ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TieBreak {
    /// Hugging Face: smallest left id, then smallest right id, bytes numbered in GPT-2's order.
    #[default]
    Hf,
    /// rustbpe: the same with bytes numbered by value.
    RustBpe,
}

impl TieBreak {
    /// The byte order that goes with the rule.
    pub fn byte_order(self) -> ByteOrder {
        match self {
            Self::Hf => ByteOrder::Gpt2,
            Self::RustBpe => ByteOrder::Raw,
        }
    }
}

/// What to learn.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Ids to reach, base symbols counted, specials not.
    pub n_ids: usize,
    /// The base alphabet.
    pub unit: Unit,
    /// The rule for ties.
    pub tie: TieBreak,
    /// A pair rarer than this never merges; at least 1.
    pub min_frequency: u64,
    /// No token longer than this many bytes.
    pub max_token_bytes: Option<usize>,
}

/// One merge as it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The merge.
    pub merge: Merge,
    /// How often the pair stood in the corpus, overlaps included.
    pub count: u64,
    /// Tokens in the corpus after it.
    pub n_tokens: u64,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The vocabulary is full.
    Full,
    /// No allowed pair is left.
    NoPairs,
    /// The commonest pair left is rarer than `min_frequency`; its count.
    TooRare(u64),
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Ids of the base symbols.
    pub base_ids: Vec<TokenId>,
    /// The merges in order.
    pub steps: Vec<Step>,
    /// Tokens in the corpus before the first merge.
    pub n_tokens_before: u64,
    /// Why it ended.
    pub stop: Stop,
}

/// Progress, told every few milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Ids so far.
    pub n_ids: usize,
    /// Ids wanted.
    pub n_ids_wanted: usize,
}

/// Learns merges fast. `watch` is called at least every 50 ms and ends the training by returning `false`.
///
/// # Errors
/// `n_ids` below the base alphabet; [`Interrupted`](crate::ErrorKind::Interrupted) when `watch` says so.
pub fn train(
    _counts: &PieceCounts,
    _options: &TrainOptions,
    _watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<Learned> {
    todo!()
}
