//! Counts to merges. Knows nothing of text, files, threads or patterns.
//!
//! Byte pair encoding as Sennrich, Haddow and Birch (2016, arXiv 1508.07909) give it: merge the commonest pair of
//! neighbours wherever it stands, and again. [`train`] does it incrementally:
//!
//! - `words`: pieces to words, cut at their marks;
//! - `corpus`: words as cells in one row, in which tokens grow in place;
//! - `census`: counts all pairs and keeps the commonest;
//! - `index`: the pairs kept, with their positions, and which is next;
//! - `neighbours`: what a merge does to the counts, summed before the table is touched;
//! - `tokens`: what ids spell and which pairs may merge;
//! - `fast`: the loop over these; [`naive`]: its obvious twin;
//! - `superwords`: a second stage across the walls between pieces; `replay`: the merges of the first on other counts;
//! - `extend`: learning goes on behind another vocabulary.
//!
//! Cost: each cell is walked a few times and each occurrence of a merged pair is visited once, whatever the length of
//! its word. 12.8 MB of distinct Korean pieces (824 k) become 32,000 ids in about 0.9 s of one core and 80 MB; 2 to 8
//! bytes a cell, of which there are as many as symbols in distinct pieces, plus one a piece.

mod census;
mod corpus;
mod extend;
mod fast;
mod index;
pub mod naive;
mod neighbours;
mod pairs;
mod replay;
mod superwords;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;
mod words;

use crate::count::PieceCounts;
use crate::merges::{ByteOrder, Merge};
use crate::symbol::MAX_IDS;
use crate::unit::Unit;
use crate::{Error, Result, TokenId};
pub use extend::{Base, TokensOf, extend};
use fast::TUNING;
pub use superwords::{Superwords, TwoStages, train_superwords};
use watch::Watch;

/// Which of several equally frequent pairs merges first, and with it the order of the first 256 ids.
///
/// Both rules take the smallest left id, then the smallest right id. The merges equal those of the library on the same
/// pieces (compared on three corpora of 29 to 41 MB at 32,000 ids: tokenizers 0.23.3, rustbpe 0.1.0). The two libraries
/// differ in what they do where a merge spells what an id spells already; that never happens, as `tokens` proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TieBreak {
    /// Hugging Face: bytes are numbered in GPT-2's order.
    #[default]
    Hf,
    /// rustbpe: bytes are numbered by value.
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
    /// Ids to reach, base symbols counted, specials not: from the unit's base symbols to [`MAX_IDS`].
    pub n_ids: usize,
    /// The base alphabet.
    pub unit: Unit,
    /// The rule for ties.
    pub tie: TieBreak,
    /// A pair rarer than this never merges; at least 1.
    pub min_frequency: u64,
    /// No token longer than this many bytes; base symbols are there in any case.
    pub max_token_bytes: Option<usize>,
}

impl TrainOptions {
    /// The id of every base symbol: bytes in the order of the tie rule, atoms by their number.
    ///
    /// # Errors
    /// `n_ids` outside the base alphabet ..= [`MAX_IDS`]; a `min_frequency` or `max_token_bytes` of 0.
    pub fn base_ids(&self) -> Result<Vec<TokenId>> {
        let n_base = self.unit.n_base();
        if !self.unit.is_resolved() {
            return Err(Error::argument(format!("unit {} has to see the counts first", self.unit.name()))
                .hint("hand in Unit::resolve of them"));
        }
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
    /// How often the pair stood in the corpus just before, weighted, overlaps included (`aaa` holds `aa` twice).
    pub count: u64,
    /// Tokens in the corpus after it, weighted, one-token pieces included.
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
    /// Tokens in the corpus before the first merge: its symbols, weighted.
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

/// Learns merges fast. `watch` is called about every 20 ms of work or sooner and ends the training by returning
/// `false`.
///
/// A pair whose result the unit refuses, or which would be longer than `max_token_bytes`, never merges, nor does one
/// across a cut mark. Pieces of weight 0 count as absent. The order of pieces in `counts` does not show in the result.
///
/// ```
/// use bpe_lab_core::count::PieceCounts;
/// use bpe_lab_core::train::{Stop, TieBreak, TrainOptions, train};
/// use bpe_lab_core::unit::Unit;
///
/// let mut counts = PieceCounts::new();
/// counts.add("사과".as_bytes(), 5);
/// counts.add("사람".as_bytes(), 3);
/// let options = TrainOptions {
///     n_ids: 258,
///     unit: Unit::Byte,
///     tie: TieBreak::Hf,
///     min_frequency: 1,
///     max_token_bytes: None,
/// };
/// let learned = train(&counts, &options, &mut |_| true)?;
/// // 사 is EC 82 AC: first its bytes EC and 82 join, then EC82 and AC, 8 times each; 48 bytes become 32 tokens.
/// assert_eq!(learned.steps.iter().map(|step| step.count).collect::<Vec<_>>(), [8, 8]);
/// assert_eq!((learned.n_tokens_before, learned.steps[1].n_tokens), (48, 32));
/// assert_eq!(learned.stop, Stop::Full);
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
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
