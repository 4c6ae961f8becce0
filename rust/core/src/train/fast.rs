//! The merge loop over [`Corpus`] and [`Index`]. Its obvious twin is [`naive`](super::naive).

use super::census::{Census, Limits};
use super::corpus::{Cell, Corpus};
use super::index::Index;
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

/// The count from which on a pair is held, given the tokens in the corpus, the steps so far and how many more are
/// wanted.
pub(super) type Bar = fn(u64, &[Step], usize) -> u64;

/// What decides about speed and memory and never about the result.
#[derive(Clone, Copy)]
pub(super) struct Tuning {
    pub(super) bar: Bar,
    /// Besides, twice as many pairs are held as merges are wanted: few pairs win that are not among them.
    pub(super) limits: Limits,
}

pub(super) const TUNING: Tuning = Tuning { bar, limits: Limits { n_counted: 1 << 14, n_kept: 1 << 14 } };

/// The first bar is the number of tokens divided by this. A lower bar holds too many pairs, whose positions nobody
/// reads; a higher one has the corpus counted once more.
const FIRST_BAR: u64 = 8192;

/// Half the count that the last of `n_more` merges will have, if counts go on falling with rank as they did since the
/// middle of `steps`.
fn bar(n_tokens: u64, steps: &[Step], n_more: usize) -> u64 {
    let (Some(last), Some(middle)) = (steps.last(), steps.get(steps.len() / 2)) else { return n_tokens / FIRST_BAR };
    let exponent = (middle.count as f64 / last.count as f64).log2();
    let growth = 1.0 + n_more as f64 / steps.len() as f64;
    (last.count as f64 * growth.powf(-exponent) / 2.0) as u64
}

/// Positions whose cells are looked at together before any is merged, so that their cache misses overlap.
const GROUP: usize = 64;

/// Learns with cells of width `C`, which must hold `n_ids` itself.
pub(super) fn train<C: Cell>(
    counts: &PieceCounts,
    options: &TrainOptions,
    base_ids: Vec<TokenId>,
    tuning: Tuning,
    watch: &mut Watch,
) -> Result<Learned> {
    let (corpus, n_tokens_before) = Corpus::<C>::new(counts, &options.unit, &base_ids, options.n_ids, watch)?;
    let tokens = Tokens::new(options, &base_ids);
    let (steps, stop) = go_on(corpus, tokens, n_tokens_before, options, tuning, watch)?;
    Ok(Learned { base_ids, steps, n_tokens_before, stop })
}

/// Learns more on a corpus of `n_tokens` whose tokens are `tokens`; every token must own one cell.
pub(super) fn go_on<C: Cell>(
    corpus: Corpus<C>,
    tokens: Tokens,
    n_tokens: u64,
    options: &TrainOptions,
    tuning: Tuning,
    watch: &mut Watch,
) -> Result<(Vec<Step>, Stop)> {
    let (left, right) = (Side::new(corpus.edge()), Side::new(corpus.edge()));
    let mut steps = Vec::with_capacity(options.n_ids.saturating_sub(tokens.len()));
    let mut trainer = Trainer { corpus, tokens, left, right, beside: Vec::new(), n_tokens };
    let stop = trainer.run(options, tuning, &mut steps, watch)?;
    Ok((steps, stop))
}

struct Trainer<'a, C> {
    corpus: Corpus<C>,
    tokens: Tokens<'a>,
    /// Neighbours of the pair being merged.
    left: Side,
    right: Side,
    /// What stood on the left and on the right of each occurrence when it was merged: on the left it may be the result
    /// of this very merge, on the right not yet.
    beside: Vec<(C, C)>,
    n_tokens: u64,
}

impl<C: Cell> Trainer<'_, C> {
    fn run(
        &mut self,
        options: &TrainOptions,
        tuning: Tuning,
        steps: &mut Vec<Step>,
        watch: &mut Watch,
    ) -> Result<Stop> {
        let mut n_more = options.n_ids - self.tokens.len();
        while n_more > 0 {
            let bar = (tuning.bar)(self.n_tokens, steps, n_more).max(options.min_frequency);
            let limits = Limits { n_kept: tuning.limits.n_kept + 2 * n_more, ..tuning.limits };
            let census = Census::take(&self.corpus, &mut self.tokens, bar, limits, watch)?;
            let Some(mut index) = Index::build(&self.corpus, census, watch)? else { return Ok(Stop::NoPairs) };
            if index.bar() < options.min_frequency {
                return Ok(Stop::TooRare(index.bar()));
            }
            while n_more > 0
                && let Some(entry) = index.pop()
            {
                steps.push(self.merge(&mut index, &entry, watch)?);
                watch.reached(self.tokens.len());
                n_more -= 1;
            }
            drop(index);
            self.corpus.pack(watch)?;
        }
        Ok(Stop::Full)
    }

    fn merge(&mut self, index: &mut Index, entry: &Entry, watch: &mut Watch) -> Result<Step> {
        let (left, right) = ids(entry.key);
        let result = self.tokens.push(left, right);
        self.corpus.set_len(result, self.corpus.len(left) + self.corpus.len(right));
        self.join(index.positions_mut(entry), left, right, result, watch)?;
        self.subtract(index, left, right, result);
        index.retire(entry.key);
        self.insert_after(index, entry.start, result, watch)?;
        self.insert_before(index, entry.start, result, watch)?;
        // Where results stand side by side, the left one met the right one's left token before that was merged.
        index.subtract(key(result, left), self.left.sum(result).weight);
        self.left.clear();
        self.right.clear();
        self.beside.clear();
        let merge = Merge { left: TokenId(left), right: TokenId(right), result: TokenId(result) };
        Ok(Step { merge, count: entry.count, n_tokens: self.n_tokens })
    }

    /// Joins the pair wherever it stands, from left to right, and sums up its neighbours. Moves the positions where it
    /// did stand to the front; there are as many as `beside` then has.
    fn join(&mut self, positions: &mut [u32], left: u32, right: u32, result: u32, watch: &mut Watch) -> Result<()> {
        let (n_left, n_right) = (self.corpus.len(left), self.corpus.len(right));
        let mut heads = [0; GROUP];
        for start in (0..positions.len()).step_by(GROUP) {
            let end = positions.len().min(start + GROUP);
            for (head, &at) in heads.iter_mut().zip(&positions[start..end]) {
                *head = self.corpus.at(at);
            }
            for i in start..end {
                let at = positions[i];
                let middle = at + n_left;
                if heads[i - start] != left || self.corpus.at(at) != left || self.corpus.at(middle) != right {
                    continue;
                }
                let (before, after) = (self.corpus.before(at), self.corpus.at(middle + n_right));
                let weight = self.corpus.weight(at);
                self.corpus.join(at, middle, middle + n_right, result);
                self.left.add(before, weight);
                self.right.add(after, weight);
                positions[self.beside.len()] = at;
                self.beside.push((C::of(before), C::of(after)));
                self.n_tokens -= weight;
            }
            watch.spend(end - start)?;
        }
        Ok(())
    }

    /// Takes off the counts what the merge has broken up.
    fn subtract(&mut self, index: &mut Index, left: u32, right: u32, result: u32) {
        for (before, sum) in self.left.iter().filter(|(before, _)| *before != result) {
            index.subtract(key(before, left), sum.weight);
        }
        for (after, sum) in self.right.iter() {
            index.subtract(key(right, after), sum.weight);
        }
    }

    /// Takes in the pairs of the result and what stands after it. The merged positions begin at `from`.
    fn insert_after(&mut self, index: &mut Index, from: usize, result: u32, watch: &mut Watch) -> Result<()> {
        let base = index.n_positions();
        self.right.place(|after, sum| Some(index.insert(&mut self.tokens, key(result, after), sum)? - base));
        for (block, beside) in self.beside.chunks(BLOCK).enumerate() {
            for (i, (_, after)) in beside.iter().enumerate() {
                if let Some(to) = self.right.take_next(after.id()) {
                    index.copy_position(from + block * BLOCK + i, 0, base + to);
                }
            }
            watch.spend(beside.len() / 4)?;
        }
        Ok(())
    }

    /// Takes in the pairs of what stands before the result and the result. The merged positions begin at `from`.
    fn insert_before(&mut self, index: &mut Index, from: usize, result: u32, watch: &mut Watch) -> Result<()> {
        let base = index.n_positions();
        self.left.place(|before, sum| Some(index.insert(&mut self.tokens, key(before, result), sum)? - base));
        for (block, beside) in self.beside.chunks(BLOCK).enumerate() {
            for (i, (before, _)) in beside.iter().enumerate() {
                if let Some(to) = self.left.take_next(before.id()) {
                    index.copy_position(from + block * BLOCK + i, self.corpus.len(before.id()), base + to);
                }
            }
            watch.spend(beside.len() / 4)?;
        }
        Ok(())
    }
}
