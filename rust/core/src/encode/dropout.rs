//! BPE-dropout: the merge loop with occurrences left out at random, so that one text has many encodings.
//!
//! Not the way to encode for use: it knows no cache, takes twenty times as long as [`encode_pieces`](Encoder::encode_pieces) (7 MB of Korean a second),
//! and gives more tokens. It is for training models on varied segmentations (Provilkov, Emelianenko and Voita 2020,
//! arXiv 1910.13267, algorithm 1).
//!
//! Definition. At each step every occurrence that may merge is dropped with probability `p`, each on its own; of those
//! left the one of lowest rank, leftmost among equals, is merged. The piece is done when none is left. So `p` = 0 is the
//! plain merge loop and `p` = 1 gives base symbols. An occurrence is two neighbours with a rank: listed ones where pairs
//! rule, any two that spell a token where ranks rule. Where ranks rule, that a piece which is a token needs no merging is
//! one occurrence more, drawn first, for the tokens that no merging makes.
//!
//! Only the occurrences up to the first that stays are drawn, in the order of rank and place: the others cannot matter.
//! A heap holds them in that order; those dropped go back into it after the merge. Each merge costs `1 / (1 - p)`
//! draws on average.
//!
//! Chance comes from the seed, the bytes of the document and the place of the piece in it, and from nothing else: the
//! same text, seed and `p` give the same ids, whatever the threads and whatever was encoded before, and two documents
//! that begin alike do not drop alike.

use super::pairs::NONE;
use super::rules::Rules;
use super::{Encoder, Scratch};
use crate::merges::{Merges, Rule};
use crate::vocab::Vocab;
use crate::{Error, Result, Symbol};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How often merges are dropped, and the seed of the chance.
///
/// ```
/// use bpe_lab_core::encode::Dropout;
/// assert!(Dropout::new(0.1, 0).is_ok());
/// let e = Dropout::new(1.5, 0).unwrap_err();
/// assert_eq!(e.to_string(), "dropout must be a probability from 0 to 1, got 1.5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropout {
    /// Of 2^53 equally likely draws, those below this drop.
    threshold: u64,
    seed: u64,
}

/// Equally likely draws: as many as a float has whole numbers in a row.
const DRAWS: u64 = 1 << 53;

impl Dropout {
    /// Drops each occurrence with `probability`, exact to 2^-53.
    ///
    /// # Errors
    /// An argument error unless `probability` is from 0 to 1.
    pub fn new(probability: f64, seed: u64) -> Result<Self> {
        if !(0.0..=1.0).contains(&probability) {
            let message = format!("dropout must be a probability from 0 to 1, got {probability}");
            return Err(Error::argument(message).hint("0.1 is usual; 0 drops nothing"));
        }
        Ok(Self { threshold: (probability * DRAWS as f64) as u64, seed })
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The chance of one document, told from others by a hash of its bytes and the seed. `None` where nothing drops.
    pub fn of_document(&self, hash: u64) -> Option<Drops> {
        (self.threshold > 0).then_some(Drops { threshold: self.threshold, key: hash })
    }
}

/// [`Dropout`] in one document.
#[derive(Clone, Copy, Debug)]
pub struct Drops {
    threshold: u64,
    key: u64,
}

impl Drops {
    /// The draws for the piece that begins at byte `offset` of the document: `true` drops.
    pub(super) fn draws(self, offset: usize) -> impl FnMut() -> bool {
        let mut state = mix(self.key ^ mix(offset as u64));
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            mix(state) >> 11 < self.threshold
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): with the addition above it passes BigCrush.
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// By id the rank of each token, where ranks rule.
pub(super) fn ranks_by_id(merges: &Merges, vocab: &Vocab) -> Option<Box<[u32]>> {
    let Rule::Ranks(tokens) = merges.rule() else { return None };
    let mut ranks = vec![NONE; vocab.n_ids()];
    tokens.iter().zip(0..).for_each(|(token, rank)| ranks[token.id.0 as usize] = rank);
    Some(ranks.into_boxed_slice())
}

impl Encoder {
    /// As [`encode_pieces`](Self::encode_pieces), with merges dropped. `vocab` is the one that the encoder was made
    /// with; `offset` is where in the document `text` begins.
    ///
    /// A piece of more than 2^31 symbols is taken in parts.
    ///
    /// # Panics
    /// Where `ends` do not ascend or pass the end of `text`.
    #[allow(clippy::too_many_arguments)]
    pub fn encode_pieces_dropping(
        &self,
        vocab: &Vocab,
        drops: Drops,
        offset: usize,
        text: &[u8],
        start: usize,
        ends: &[usize],
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) {
        let ranking = Ranking { rules: &self.rules, by_id: self.ranks_by_id.as_deref(), vocab };
        let mut begin = start;
        for &end in ends {
            let mut draw = drops.draws(offset + begin);
            scratch.dropping.encode(&ranking, &text[begin..end], &mut draw, out);
            begin = end;
        }
    }
}

/// Which neighbours merge, and when.
struct Ranking<'a> {
    rules: &'a Rules,
    /// Where ranks rule.
    by_id: Option<&'a [u32]>,
    vocab: &'a Vocab,
}

impl Ranking<'_> {
    /// The rank of two tokens that together spell `spelling`, or [`NONE`].
    fn rank(&self, left: u32, right: u32, spelling: &[Symbol]) -> u32 {
        match self.by_id {
            None => self.rules.pairs.rank(left, right),
            Some(ranks) => self.vocab.id_of(spelling).map_or(NONE, |id| ranks[id.0 as usize]),
        }
    }
}

/// Most symbols that are merged together, so that places fit 32 bits.
const MOST_SYMBOLS: usize = 1 << 31;
/// Symbols beyond which buffers are not kept for the next piece.
const KEPT: usize = 1 << 17;

/// Buffers: 32 bytes a symbol.
#[derive(Default)]
pub(super) struct Dropping {
    symbols: Vec<Symbol>,
    ids: Vec<u32>,
    /// The rank of the pair that begins at a place; [`NONE`] where none merges or the token is gone.
    ranks: Vec<u32>,
    /// Where the next token begins; the number of symbols after the last.
    next: Vec<u32>,
    /// Where the token before begins; at place 0 nothing reads it.
    previous: Vec<u32>,
    /// Occurrences by rank and place; stale where the rank is no longer that of the place.
    waiting: BinaryHeap<Reverse<(u32, u32)>>,
    /// Those dropped in this step.
    dropped: Vec<Reverse<(u32, u32)>>,
}

impl Dropping {
    fn encode(&mut self, ranking: &Ranking<'_>, piece: &[u8], draw: &mut dyn FnMut() -> bool, out: &mut Vec<u32>) {
        let mut symbols = std::mem::take(&mut self.symbols);
        ranking.rules.symbols_into(piece, &mut symbols);
        match ranking.rules.whole(&symbols) {
            Some(id) if !draw() => out.push(id),
            _ => symbols.chunks(MOST_SYMBOLS).for_each(|part| self.merge(ranking, part, draw, out)),
        }
        self.symbols = symbols;
        if self.symbols.len() > KEPT {
            *self = Self::default();
        }
    }

    fn merge(&mut self, ranking: &Ranking<'_>, symbols: &[Symbol], draw: &mut dyn FnMut() -> bool, out: &mut Vec<u32>) {
        self.fill(ranking, symbols);
        while let Some((rank, at)) = self.first_kept(draw) {
            self.waiting.extend(self.dropped.drain(..));
            self.join(ranking, symbols, rank, at);
        }
        self.dropped.clear();
        let mut at = 0;
        while let Some(&id) = self.ids.get(at) {
            out.push(id);
            at = self.next[at] as usize;
        }
    }

    fn fill(&mut self, ranking: &Ranking<'_>, symbols: &[Symbol]) {
        let n = symbols.len();
        self.ids.clear();
        ranking.rules.ids_into(symbols, &mut self.ids);
        self.next.clear();
        self.next.extend((1..=n).map(|at| at as u32));
        self.previous.clear();
        self.previous.extend((0..n).map(|at| at.saturating_sub(1) as u32));
        self.ranks.clear();
        self.ranks.resize(n, NONE);
        self.waiting.clear();
        (0..n).for_each(|at| self.note(ranking, symbols, at));
    }

    /// Draws until one stays; `None` where all are dropped, or none is left.
    fn first_kept(&mut self, draw: &mut dyn FnMut() -> bool) -> Option<(u32, usize)> {
        while let Some(occurrence) = self.waiting.pop() {
            let Reverse((rank, at)) = occurrence;
            if self.ranks[at as usize] != rank {
                continue;
            }
            if !draw() {
                return Some((rank, at as usize));
            }
            self.dropped.push(occurrence);
        }
        None
    }

    fn join(&mut self, ranking: &Ranking<'_>, symbols: &[Symbol], rank: u32, at: usize) {
        let gone = self.next[at] as usize;
        self.ids[at] = ranking.rules.pairs.result(rank);
        self.next[at] = self.next[gone];
        self.ranks[gone] = NONE;
        if let Some(previous) = self.previous.get_mut(self.next[at] as usize) {
            *previous = at as u32;
        }
        self.note(ranking, symbols, at);
        if at > 0 {
            self.note(ranking, symbols, self.previous[at] as usize);
        }
    }

    /// Finds the rank of the pair that begins at `at` and has it wait.
    fn note(&mut self, ranking: &Ranking<'_>, symbols: &[Symbol], at: usize) {
        let right = self.next[at] as usize;
        self.ranks[at] = match self.ids.get(right) {
            Some(&id) => ranking.rank(self.ids[at], id, &symbols[at..self.next[right] as usize]),
            None => NONE,
        };
        if self.ranks[at] != NONE {
            self.waiting.push(Reverse((self.ranks[at], at as u32)));
        }
    }
}

#[cfg(test)]
mod tests;
