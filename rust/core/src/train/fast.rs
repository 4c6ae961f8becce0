//! The merge loop over [`Corpus`] and [`Index`]. Its obvious twin is [`naive`](super::naive).

use super::corpus::{Cell, Corpus};
use super::index::{Built, Index};
use super::neighbours::Side;
use super::pairs::{Entry, ids, key};
use super::tokens::Tokens;
use super::watch::Watch;
use super::{Learned, Step, Stop, TrainOptions};
use crate::count::PieceCounts;
use crate::merges::Merge;
use crate::{Result, TokenId};

/// Occurrences between two looks at the watch.
const BLOCK: usize = 1 << 14;

/// Learns with cells of width `C`, which must hold `n_ids` itself.
pub(super) fn train<C: Cell>(
    counts: &PieceCounts,
    options: &TrainOptions,
    base_ids: Vec<TokenId>,
    watch: &mut Watch,
) -> Result<Learned> {
    let (corpus, n_tokens_before) = Corpus::<C>::new(counts, &options.unit, &base_ids, options.n_ids, watch)?;
    let tokens = Tokens::new(options, &base_ids);
    let (left, right) = (Side::new(corpus.edge()), Side::new(corpus.edge()));
    let n_tokens = n_tokens_before;
    let mut trainer = Trainer { corpus, tokens, left, right, found: Vec::new(), n_tokens };
    let mut steps = Vec::with_capacity(options.n_ids - base_ids.len());
    let stop = trainer.run(options, &mut steps, watch)?;
    Ok(Learned { base_ids, steps, n_tokens_before, stop })
}

struct Trainer<'a, C> {
    corpus: Corpus<C>,
    tokens: Tokens<'a>,
    /// Neighbours of the pair being merged.
    left: Side,
    right: Side,
    /// Occurrences of the pair being merged.
    found: Vec<Found>,
    n_tokens: u64,
}

/// An occurrence merged.
struct Found {
    at: u32,
    /// Its neighbours at that moment: the one on the left may be the result of this merge, the one on the right not
    /// yet.
    left: u32,
    right: u32,
}

/// Half the count that the last of `n_more` merges will have, if counts go on falling with rank as they did since the
/// middle of `steps`. A guess: it decides how often the corpus is counted, not what is learned.
fn next_bar(steps: &[Step], n_more: usize) -> u64 {
    let (Some(last), Some(middle)) = (steps.last(), steps.get(steps.len() / 2)) else { return 1 };
    let exponent = (middle.count as f64 / last.count as f64).log2();
    let growth = 1.0 + n_more as f64 / steps.len() as f64;
    (last.count as f64 * growth.powf(-exponent) / 2.0) as u64
}

impl<C: Cell> Trainer<'_, C> {
    fn run(&mut self, options: &TrainOptions, steps: &mut Vec<Step>, watch: &mut Watch) -> Result<Stop> {
        let mut bar = None;
        loop {
            if self.tokens.len() >= options.n_ids {
                return Ok(Stop::Full);
            }
            let mut index = match Index::build(&self.corpus, &mut self.tokens, bar, options.min_frequency, watch)? {
                Built::Index(index) => index,
                Built::TooRare(0) => return Ok(Stop::NoPairs),
                Built::TooRare(count) => return Ok(Stop::TooRare(count)),
            };
            while self.tokens.len() < options.n_ids
                && let Some(entry) = index.pop()
            {
                steps.push(self.merge(&mut index, &entry, watch)?);
                watch.reached(self.tokens.len());
            }
            bar = Some(next_bar(steps, options.n_ids - self.tokens.len()));
        }
    }

    fn merge(&mut self, index: &mut Index, entry: &Entry, watch: &mut Watch) -> Result<Step> {
        let (left, right) = ids(entry.key);
        let (result, is_new) = self.tokens.merge(left, right);
        self.corpus.set_len(result, self.corpus.len(left) + self.corpus.len(right));
        self.join(index.positions(entry), left, right, result, watch)?;
        self.subtract(index, left, right, result);
        index.retire(entry.key);
        self.add_after(index, result, is_new);
        self.add_before(index, result, is_new);
        // Where results stand side by side, the left one met the right one's left token before that was merged.
        index.subtract(key(result, left), self.left.sum(result).weight);
        index.sort_grown();
        self.left.clear();
        self.right.clear();
        self.found.clear();
        let merge = Merge { left: TokenId(left), right: TokenId(right), result: TokenId(result) };
        Ok(Step { merge, count: entry.count, n_tokens: self.n_tokens })
    }

    /// Joins the pair wherever it stands, from left to right, and sums up its neighbours.
    #[inline(never)]
    fn join(&mut self, positions: &[u32], left: u32, right: u32, result: u32, watch: &mut Watch) -> Result<()> {
        let (n_left, n_right) = (self.corpus.len(left), self.corpus.len(right));
        for block in positions.chunks(BLOCK) {
            for &at in block {
                let middle = at + n_left;
                if self.corpus.at(at) != left || self.corpus.at(middle) != right {
                    continue;
                }
                let end = middle + n_right;
                let found = Found { at, left: self.corpus.before(at), right: self.corpus.at(end) };
                let weight = self.corpus.weight(at);
                self.corpus.join(at, middle, end, result);
                self.left.add(found.left, weight);
                self.right.add(found.right, weight);
                self.found.push(found);
                self.n_tokens -= weight;
            }
            watch.spend(block.len())?;
        }
        Ok(())
    }

    /// Takes off the counts what the merge has broken up.
    #[inline(never)]
    fn subtract(&mut self, index: &mut Index, left: u32, right: u32, result: u32) {
        for (before, sum) in self.left.iter().filter(|(before, _)| *before != result) {
            index.subtract(key(before, left), sum.weight);
        }
        for (after, sum) in self.right.iter() {
            index.subtract(key(right, after), sum.weight);
        }
    }

    /// Adds the pairs of the result and what stands after it, with their positions.
    #[inline(never)]
    fn add_after(&mut self, index: &mut Index, result: u32, is_new: bool) {
        let base = index.n_positions();
        self.right.place(|after, sum| {
            let start = index.add(&mut self.tokens, key(result, after), sum, is_new);
            start.map(|start| start - base)
        });
        for found in &self.found {
            if let Some(i) = self.right.take_next(found.right) {
                index.set_position(base + i, found.at);
            }
        }
    }

    /// Adds the pairs of what stands before the result and the result, with their positions.
    #[inline(never)]
    fn add_before(&mut self, index: &mut Index, result: u32, is_new: bool) {
        let base = index.n_positions();
        self.left.place(|before, sum| {
            let start = index.add(&mut self.tokens, key(before, result), sum, is_new);
            start.map(|start| start - base)
        });
        for found in &self.found {
            if let Some(i) = self.left.take_next(found.left) {
                index.set_position(base + i, found.at - self.corpus.len(found.left));
            }
        }
    }
}
