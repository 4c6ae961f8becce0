//! Counts to merges. Knows nothing of text, files, threads or patterns.

mod census;
mod corpus;
mod fast;
mod index;
pub mod naive;
mod neighbours;
mod pairs;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;

use crate::count::PieceCounts;
use crate::merges::{ByteOrder, Merge};
use crate::symbol::MAX_IDS;
use crate::unit::Unit;
use crate::{Error, Result, TokenId};
use fast::TUNING;
use watch::Watch;

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
    /// Every rule's name, in the order they are listed to users.
    pub const NAMES: &'static [&'static str] = &["hf", "rustbpe"];

    /// The rule called `name`.
    ///
    /// # Errors
    /// An argument error that lists the names.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "hf" => Ok(Self::Hf),
            "rustbpe" => Ok(Self::RustBpe),
            _ => Err(Error::argument(format!("unknown tie rule {name:?}"))
                .hint(format!("one of: {}", Self::NAMES.join(", ")))),
        }
    }

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

impl TrainOptions {
    /// The id of every base symbol: bytes in the order of the tie rule, atoms by their number.
    ///
    /// # Errors
    /// `n_ids` outside the base alphabet ..= [`MAX_IDS`]; a `min_frequency` or `max_token_bytes` of 0.
    pub fn base_ids(&self) -> Result<Vec<TokenId>> {
        let n_base = self.unit.n_base();
        if self.n_ids < n_base {
            return Err(Error::argument(format!(
                "n_ids must be at least {n_base} (one id per base symbol of unit {}), got {}",
                self.unit.name(),
                self.n_ids
            )));
        }
        if self.n_ids > MAX_IDS {
            return Err(Error::argument(format!("n_ids must be at most {MAX_IDS}, got {}", self.n_ids)));
        }
        if self.min_frequency == 0 {
            return Err(Error::argument("min_frequency must be at least 1, got 0"));
        }
        if self.max_token_bytes == Some(0) {
            return Err(Error::argument("max_token_bytes must be at least 1, got 0"));
        }
        let bytes = self.tie.byte_order().ids();
        Ok((0..n_base).map(|s| bytes.get(s).copied().unwrap_or(TokenId(s as u32))).collect())
    }
}

/// Said where the weighted symbols of a corpus do not fit 64 bits.
const TOO_MANY_TOKENS: &str = "the counts hold more than 18446744073709551615 symbols (sum of weight x symbols)";

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
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Learned {
    /// Ids reached: one more than the highest.
    pub fn n_ids(&self) -> usize {
        let results = self.steps.iter().map(|s| s.merge.result.0 as usize + 1);
        results.max().unwrap_or(0).max(self.base_ids.len())
    }
}

/// Progress, told every few milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Ids so far.
    pub n_ids: usize,
    /// Ids wanted.
    pub n_ids_wanted: usize,
}

/// Learns merges fast. `watch` is called at least every 20 ms of work and ends the training by returning `false`.
///
/// # Errors
/// `n_ids` below the base alphabet or above [`MAX_IDS`]; a `min_frequency` of 0; counts whose weighted symbols do not
/// fit 64 bits; [`Interrupted`](crate::ErrorKind::Interrupted) when `watch` says so.
pub fn train(counts: &PieceCounts, options: &TrainOptions, watch: &mut dyn FnMut(Progress) -> bool) -> Result<Learned> {
    let base_ids = options.base_ids()?;
    let progress = Progress { n_ids: base_ids.len(), n_ids_wanted: options.n_ids };
    let watch = &mut Watch::new(watch, progress);
    if options.n_ids <= usize::from(u16::MAX) {
        fast::train::<u16>(counts, options, base_ids, TUNING, watch)
    } else {
        fast::train::<u32>(counts, options, base_ids, TUNING, watch)
    }
}
