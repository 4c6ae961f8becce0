//! Applies learned merges to counts: what the tokens of each piece are once all are made.
//!
//! Not an encoder: it takes the merges of one training, each of which makes a token of its own out of tokens that earlier
//! ones made. So ranks are worked off once, in order, and every place of a rank is known when its turn comes.
//!
//! Pieces are laid side by side in chunks, as cells in which tokens grow in place (as in `corpus`), with a list of places
//! for each rank. Memory beside the result is bounded by the chunk, or by the longest piece.

use super::corpus::{Cell, TokenWords};
use super::pairs::key;
use super::watch::Watch;
use super::{Learned, TOO_MANY_TOKENS};
use crate::count::PieceCounts;
use crate::merges::Merge;
use crate::seeded::Seed;
use crate::unit::Unit;
use crate::{Error, Result, Symbol, TokenId};
use std::collections::HashMap;

/// Cells after which a chunk is worked off: with their places they stay in a core's cache. 2^20 take twice the time.
const CHUNK_CELLS: usize = 1 << 16;

/// What stands between pieces: no id.
const EDGE: u32 = u32::MAX;

/// The tokens of all pieces of `counts`, with their weights.
pub(super) fn replay<C: Cell>(
    counts: &PieceCounts,
    unit: &Unit,
    learned: &Learned,
    watch: &mut Watch,
) -> Result<TokenWords<C>> {
    let mut words = TokenWords::default();
    let mut chunk = Chunk::new(learned);
    let mut symbols = Vec::new();
    for (piece, weight) in counts.iter() {
        symbols.clear();
        unit.symbols_into(piece, &mut symbols);
        chunk.push(&symbols, &learned.base_ids, weight);
        if chunk.cells.len() >= CHUNK_CELLS {
            chunk.work_off(&mut words, watch)?;
        }
    }
    chunk.work_off(&mut words, watch)?;
    Ok(words)
}

struct Chunk {
    /// In order.
    merges: Vec<Merge>,
    /// By key of the pair.
    ranks: HashMap<u64, u32, Seed>,
    /// By id, the symbols that a token has.
    lens: Vec<u32>,
    /// An edge, then each piece with an edge after it. A token's id stands in its first and its last cell.
    cells: Vec<u32>,
    /// The weights of the pieces.
    weights: Vec<u64>,
    /// By rank, where its pair stands or stood.
    places: Vec<Vec<u32>>,
}

impl Chunk {
    fn new(learned: &Learned) -> Self {
        let merges: Vec<Merge> = learned.steps.iter().map(|step| step.merge).collect();
        let ranks = merges.iter().zip(0..).map(|(m, rank)| (key(m.left.0, m.right.0), rank)).collect();
        let mut lens = vec![1; learned.n_ids()];
        for m in &merges {
            lens[m.result.0 as usize] = lens[m.left.0 as usize] + lens[m.right.0 as usize];
        }
        let places = vec![Vec::new(); merges.len()];
        Self { merges, ranks, lens, cells: vec![EDGE], weights: Vec::new(), places }
    }

    fn push(&mut self, symbols: &[Symbol], base_ids: &[TokenId], weight: u64) {
        if weight > 0 && !symbols.is_empty() {
            self.cells.extend(symbols.iter().map(|s| base_ids[s.0 as usize].0));
            self.cells.push(EDGE);
            self.weights.push(weight);
        }
    }

    /// Makes all merges, hands the tokens on and begins anew.
    fn work_off<C: Cell>(&mut self, words: &mut TokenWords<C>, watch: &mut Watch) -> Result<()> {
        if u32::try_from(self.cells.len()).is_err() {
            return Err(super::corpus::too_many_cells());
        }
        for at in 1..self.cells.len() {
            self.note(at as u32 - 1, self.cells[at - 1], self.cells[at]);
        }
        watch.spend(self.cells.len())?;
        for rank in 0..self.merges.len() {
            let mut places = std::mem::take(&mut self.places[rank]);
            self.merge(self.merges[rank], &mut places);
            watch.spend(places.len())?;
            places.clear();
            self.places[rank] = places;
        }
        self.hand_on(words)?;
        self.cells.truncate(1);
        self.weights.clear();
        Ok(())
    }

    /// Merges a pair wherever it stands, from left to right.
    fn merge(&mut self, Merge { left, right, result }: Merge, places: &mut [u32]) {
        // Only where both sides are one token can an occurrence stand in another's way.
        if left == right && !places.is_sorted() {
            places.sort_unstable();
        }
        let (n_left, n_right) = (self.lens[left.0 as usize], self.lens[right.0 as usize]);
        for &at in &*places {
            let (middle, end) = (at + n_left, at + n_left + n_right);
            // A place where a token began that has gone since holds an edge or a longer token.
            if self.cells[at as usize] != left.0 || self.cells[middle as usize] != right.0 {
                continue;
            }
            self.cells[middle as usize] = EDGE;
            self.cells[end as usize - 1] = result.0;
            self.cells[at as usize] = result.0;
            let (before, after) = (self.cells[at as usize - 1], self.cells[end as usize]);
            if before != EDGE {
                self.note(at - self.lens[before as usize], before, result.0);
            }
            self.note(at, result.0, after);
        }
    }

    /// Notes that this pair stands at `at`, if it merges.
    fn note(&mut self, at: u32, left: u32, right: u32) {
        if left != EDGE
            && right != EDGE
            && let Some(&rank) = self.ranks.get(&key(left, right))
        {
            self.places[rank as usize].push(at);
        }
    }

    fn hand_on<C: Cell>(&self, words: &mut TokenWords<C>) -> Result<()> {
        let mut at = 1;
        for &weight in &self.weights {
            while self.cells[at] != EDGE {
                words.push_token(C::of(self.cells[at]));
                at += self.lens[self.cells[at] as usize] as usize;
            }
            at += 1;
            words.end_word(weight).ok_or_else(|| Error::argument(TOO_MANY_TOKENS))?;
        }
        Ok(())
    }
}
