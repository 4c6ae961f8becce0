//! Pieces to ids. The [`Encoder`] is immutable and shared by threads; each caller owns a [`Scratch`].
//!
//! Knows no patterns and no specials.
//!
//! Most pieces of a text were met before: a hit in the piece cache (module `cache`) costs a few nanoseconds. Pieces are
//! taken in blocks; the keys of a whole block are hashed and their cache lines read ahead before the first is looked
//! up. A piece that is new runs the merge loop (module `merge`), with one probe for each question "do these two merge,
//! and when" (module `pairs`). Tiktoken's rule is turned into the same list of pairs (module `canonical`). Pieces of
//! more than 256 symbols are cut into overlapping windows, exactly (module `long`).
//!
//! The obvious twin is [`naive`]; every path here gives its ids.

mod atoms;
mod cache;
mod canonical;
mod long;
mod merge;
pub mod naive;
mod pairs;
#[cfg(test)]
mod tests;

use crate::merges::{Merges, Rule};
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Result, Symbol, TokenId};
use atoms::Atoms;
use cache::{Cache, LongKey, ShortKey, short_key};
use canonical::Canonical;
use long::Long;
use merge::{Bytes, Ids, Merger, Short};
use pairs::{NONE, PairTable};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pieces whose cache lines are read ahead together.
const BLOCK: usize = 128;
/// Ids that a block can make from the caches and the short loop; longer pieces go around the buffer.
const BUFFER: usize = BLOCK * Short::MAX + 8;

/// Tables derived from the merges. Immutable.
pub struct Encoder {
    /// Told from every other encoder of this process, so that a [`Scratch`] notices.
    number: u64,
    unit: Unit,
    /// By symbol.
    base_ids: Vec<TokenId>,
    /// The ids of the 256 bytes, where every symbol is a byte.
    byte_ids: Option<Box<[TokenId; 256]>>,
    pairs: PairTable,
    /// Whole characters as first symbols, where every symbol is a byte and the pairs allow it.
    atoms: Option<Atoms>,
    /// Tokens that only a whole piece makes: spelling -> (rank, id).
    unreachable: HashMap<Vec<Symbol>, (u32, u32)>,
}

/// Buffers and the piece cache of one caller. Bounded; never shared.
///
/// The cache begins with 160 KB and grows to at most 48 MiB while new pieces come in.
#[derive(Default)]
pub struct Scratch {
    /// The encoder whose ids the cache holds; 0 before the first.
    owner: u64,
    cache: Cache,
    work: Work,
    block: Block,
    /// Ids of the block so far.
    buffer: Vec<u32>,
}

/// Buffers of the merge loops.
#[derive(Default)]
struct Work {
    merger: Merger,
    long: Long,
    symbols: Vec<Symbol>,
    ids: Vec<u32>,
    out: Vec<u32>,
}

/// What is known of a block's pieces before they are looked up.
struct Block {
    keys: [ShortKey; BLOCK],
    homes: [u32; BLOCK],
}

impl Default for Block {
    fn default() -> Self {
        Self { keys: [0; BLOCK], homes: [0; BLOCK] }
    }
}

impl Scratch {
    /// A scratch whose cache takes at most `max_bytes`. [`Scratch::default`] takes up to 48 MiB.
    pub fn with_cache_bytes(max_bytes: usize) -> Self {
        Self { cache: Cache::with_max_bytes(max_bytes), ..Self::default() }
    }

    /// Bytes that the cache takes now.
    pub fn cache_bytes(&self) -> usize {
        self.cache.size_bytes()
    }

    fn serve(&mut self, encoder: &Encoder) {
        if self.owner != encoder.number {
            self.owner = encoder.number;
            self.cache.clear();
        }
        self.buffer.resize(BUFFER, 0);
    }
}

/// Where ids go: into a vector, or into a count.
trait Sink {
    fn take(&mut self, ids: &[u32]);
}

impl Sink for Vec<u32> {
    #[inline]
    fn take(&mut self, ids: &[u32]) {
        self.extend_from_slice(ids);
    }
}

/// Counts and drops.
struct Count(u64);

impl Sink for Count {
    fn take(&mut self, ids: &[u32]) {
        self.0 += ids.len() as u64;
    }
}

impl Encoder {
    /// Derives the tables.
    ///
    /// # Errors
    /// A format error where there are 2^21 - 1 merges or more.
    pub fn new(unit: &Unit, merges: &Merges, vocab: &Vocab) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let base_ids = merges.base_ids().to_vec();
        let Canonical { mut pairs, unreachable } = match merges.rule() {
            Rule::Pairs(list) => Canonical { pairs: PairTable::of_merges(list)?, unreachable: HashMap::new() },
            Rule::Ranks(tokens) => Canonical::derive(&base_ids, tokens)?,
        };
        let byte_ids = if unit.is_bytewise() { <Box<[TokenId; 256]>>::try_from(base_ids.clone()).ok() } else { None };
        if let Some(ids) = &byte_ids {
            pairs.fill_bytes(&ids[..]);
        }
        let atoms = byte_ids.as_ref().and_then(|ids| Atoms::derive(ids, &pairs, vocab));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Self { number, unit: unit.clone(), base_ids, byte_ids, pairs, atoms, unreachable })
    }

    /// Appends the ids of the pieces of `text` that begin at `start` and end at each of `ends`.
    ///
    /// The pieces tile: each begins where the one before ends, and `ends` ascend to at most `text.len()`.
    ///
    /// # Panics
    /// Where `ends` do not ascend or pass the end of `text`.
    pub fn encode_pieces(&self, text: &[u8], start: usize, ends: &[usize], scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.run(text, start, ends, scratch, out);
    }

    /// How many ids [`encode_pieces`](Self::encode_pieces) would append.
    ///
    /// # Panics
    /// As there.
    pub fn count_pieces(&self, text: &[u8], start: usize, ends: &[usize], scratch: &mut Scratch) -> u64 {
        let mut count = Count(0);
        self.run(text, start, ends, scratch, &mut count);
        count.0
    }

    /// Every state of one piece while it merges: the ids before the first merge, then after each, with its rank.
    ///
    /// Where a piece is a token that merging never makes, the last state is that token. Costs time and memory in
    /// proportion to the square of the piece.
    pub fn steps(&self, piece: &[u8]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        let (mut symbols, mut ids) = (Vec::new(), Vec::new());
        self.unit.symbols_into(piece, &mut symbols);
        self.ids_into(&symbols, &mut ids);
        let mut states = vec![(None, ids.iter().copied().map(TokenId).collect())];
        let lowest = |ids: &[u32]| (0..).zip(ids.windows(2)).map(|(at, p)| (self.pairs.rank(p[0], p[1]), at)).min();
        while let Some((rank, at)) = lowest(&ids).filter(|&(rank, _)| rank != NONE) {
            ids.splice(at..at + 2, [self.pairs.result(rank)]);
            states.push((Some(rank), ids.iter().copied().map(TokenId).collect()));
        }
        if let Some(&(rank, id)) = self.unreachable.get(&symbols) {
            states.push((Some(rank), vec![TokenId(id)]));
        }
        states
    }

    fn ids_into(&self, symbols: &[Symbol], ids: &mut Vec<u32>) {
        ids.extend(symbols.iter().filter_map(|s| self.base_ids.get(s.0 as usize)).map(|id| id.0));
    }

    fn run(&self, text: &[u8], start: usize, ends: &[usize], scratch: &mut Scratch, sink: &mut impl Sink) {
        scratch.serve(self);
        let mut begin = start;
        for ends in ends.chunks(BLOCK) {
            scratch.cache.grow();
            self.look_ahead(text, begin, ends, scratch);
            begin = self.run_block(text, begin, ends, scratch, sink);
        }
    }

    /// Finds key and set of each piece of a block, and reads ahead where it will be looked for.
    fn look_ahead(&self, text: &[u8], mut begin: usize, ends: &[usize], scratch: &mut Scratch) {
        let (block, cache) = (&mut scratch.block, &scratch.cache);
        let mut touched = 0;
        for ((&end, key), home) in ends.iter().zip(&mut block.keys).zip(&mut block.homes) {
            let len = end - begin;
            if len < 16 {
                *key = short_key(text, begin, len);
                let at = cache.short_home(*key);
                *home = at as u32;
                touched ^= cache.touch_short(at);
            } else if let Some(long) = LongKey::new(&text[begin..end]) {
                let at = cache.long_home(long);
                *home = at as u32;
                touched ^= cache.touch_long(at);
            }
            begin = end;
        }
        std::hint::black_box(touched);
    }

    fn run_block(
        &self,
        text: &[u8],
        mut begin: usize,
        ends: &[usize],
        scratch: &mut Scratch,
        sink: &mut impl Sink,
    ) -> usize {
        let Scratch { cache, work, block, buffer, .. } = scratch;
        let buffer = buffer.as_mut_slice();
        let mut filled = 0;
        for ((&end, &key), &home) in ends.iter().zip(&block.keys).zip(&block.homes) {
            let out = &mut buffer[filled..];
            if end - begin < 16 {
                filled += match cache.get_short(home as usize, key, out) {
                    Some(n) => n,
                    None => {
                        let n = self.merge(&text[begin..end], work, out);
                        cache.insert_short(home as usize, key, &out[..n]);
                        n
                    }
                };
            } else if let Some(key) = LongKey::new(&text[begin..end]) {
                filled += match cache.get_long(home as usize, key, out) {
                    Some(n) => n,
                    None => {
                        let n = self.merge(&text[begin..end], work, out);
                        cache.insert_long(home as usize, key, &out[..n]);
                        n
                    }
                };
            } else {
                sink.take(&buffer[..filled]);
                filled = 0;
                work.out.clear();
                self.merge_long(&text[begin..end], work);
                sink.take(&work.out);
            }
            begin = end;
        }
        sink.take(&buffer[..filled]);
        begin
    }

    /// Merges a piece of at most 32 bytes into the front of `out` and returns how many ids there are.
    #[inline(never)]
    fn merge(&self, piece: &[u8], work: &mut Work, out: &mut [u32]) -> usize {
        match &self.byte_ids {
            Some(byte_ids) if self.unreachable.is_empty() => {
                let (mut n, source) = (0, Bytes { bytes: piece, byte_ids, atoms: self.atoms.as_ref() });
                work.merger.run(&self.pairs, &source, |_, id| {
                    out[n] = id;
                    n += 1;
                });
                n
            }
            _ => {
                work.out.clear();
                self.merge_long(piece, work);
                out[..work.out.len()].copy_from_slice(&work.out);
                work.out.len()
            }
        }
    }

    /// Merges a piece of any unit and length into `work.out`.
    fn merge_long(&self, piece: &[u8], work: &mut Work) {
        let Work { merger, long, symbols, ids, out } = work;
        if !self.unreachable.is_empty() {
            symbols.clear();
            self.unit.symbols_into(piece, symbols);
            if let Some(&(_, id)) = self.unreachable.get(symbols.as_slice()) {
                return out.push(id);
            }
        }
        match &self.byte_ids {
            Some(byte_ids) => {
                let source = Bytes { bytes: piece, byte_ids, atoms: self.atoms.as_ref() };
                long.run(&self.pairs, merger, &source, out);
            }
            None => {
                symbols.clear();
                self.unit.symbols_into(piece, symbols);
                ids.clear();
                self.ids_into(symbols, ids);
                long.run(&self.pairs, merger, &Ids(ids), out);
            }
        }
    }
}
