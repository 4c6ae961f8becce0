//! Pieces through the cache, a block at a time.
//!
//! First the keys of all pieces of the block, and a request for the memory of their sets; then the ids, piece by piece:
//! in the common case, a short piece that is first in its set, a handful of instructions.

use super::Sink;
use super::ahead::{Ahead, New};
use super::cache::{Cache, LongKey, ShortKey};
use super::merge::Short;
use super::rules::{Rules, Work};

/// Pieces whose memory is asked for together.
pub(super) const BLOCK: usize = 128;
/// Ids that the caches and the short loop can make of a block; others go around the buffer.
const BUFFER: usize = BLOCK * Short::MAX + 8;

/// Buffers and the cache.
pub(super) struct Blocks {
    pub(super) cache: Cache,
    ahead: Ahead,
    pub(super) work: Work,
    /// Of pieces of up to 15 bytes.
    keys: [ShortKey; BLOCK],
    /// Of pieces of up to 15 bytes; [`NO_HOME`] for others.
    homes: [u32; BLOCK],
    /// Ids of the block that are not handed on yet.
    buffer: Vec<u32>,
    /// The same with the gaps filled.
    filled: Vec<u32>,
    /// Ids of one piece.
    single: Vec<u32>,
    /// Pieces that were not in the cache.
    pub(super) n_new: u64,
}

/// Where pieces of 16 bytes and more are found in the table of short ones.
const NO_HOME: u32 = u32::MAX;

impl Default for Blocks {
    fn default() -> Self {
        Self {
            cache: Cache::default(),
            ahead: Ahead::default(),
            work: Work::default(),
            keys: [ShortKey::default(); BLOCK],
            homes: [NO_HOME; BLOCK],
            buffer: Vec::new(),
            filled: Vec::new(),
            single: Vec::new(),
            n_new: 0,
        }
    }
}

impl Blocks {
    /// See [`Encoder::encode_pieces`](super::Encoder::encode_pieces).
    pub(super) fn run(&mut self, rules: &Rules, text: &[u8], start: usize, ends: &[usize], sink: &mut impl Sink) {
        self.buffer.resize(BUFFER, 0);
        let mut begin = start;
        for ends in ends.chunks(BLOCK) {
            self.cache.grow();
            self.look_ahead(text, begin, ends);
            self.write(rules, text, begin, ends, sink);
            begin = ends.last().copied().unwrap_or(begin);
        }
    }

    /// Finds key and home of each piece, and asks for the memory.
    fn look_ahead(&mut self, text: &[u8], mut begin: usize, ends: &[usize]) {
        let Self { cache, keys, homes, .. } = self;
        for ((&end, key), home) in ends.iter().zip(keys).zip(homes) {
            let len = end - begin;
            if len <= ShortKey::MAX {
                *key = ShortKey::new(text, begin, len);
                let at = cache.short_home(*key);
                *home = at as u32;
                cache.prefetch_short(at);
            } else {
                *home = NO_HOME;
                if let Some(key) = LongKey::new(&text[begin..end]) {
                    cache.prefetch_long(cache.long_home(key));
                }
            }
            begin = end;
        }
    }

    /// Hands the ids of all pieces to `sink`: those in the cache go to the buffer, gaps are left for the new ones.
    fn write(&mut self, rules: &Rules, text: &[u8], block_begin: usize, ends: &[usize], sink: &mut impl Sink) {
        let (mut k, mut filled) = (0, 0);
        self.ahead.clear();
        loop {
            let (keys, homes) = (&self.keys[k..ends.len()], &self.homes[k..ends.len()]);
            let (n_pieces, n_ids) = self.cache.copy_short(keys, homes, &mut self.buffer[filled..]);
            k += n_pieces;
            filled += n_ids;
            let Some(&end) = ends.get(k) else { break };
            let begin = if k == 0 { block_begin } else { ends[k - 1] };
            match self.get(k, &text[begin..end], filled) {
                Some(n) => filled += n,
                None => self.ahead.push(New { piece: k, begin, end, gap: filled }),
            }
            k += 1;
        }
        let last_gap = if self.ahead.is_empty() { 0 } else { self.fill_gaps(rules, text, sink) };
        sink.take(&self.buffer[last_gap..filled]);
    }

    /// Writes piece `k` to the buffer from the cache.
    #[inline(always)]
    fn get(&mut self, k: usize, piece: &[u8], filled: usize) -> Option<usize> {
        let out = &mut self.buffer[filled..];
        if piece.len() <= ShortKey::MAX {
            return self.cache.get_short(self.homes[k] as usize, self.keys[k], out);
        }
        let key = LongKey::new(piece)?;
        self.cache.get_long(self.cache.long_home(key), key, out)
    }

    /// Merges the new pieces, hands the ids up to the last of them to `sink` and returns where in the buffer that is.
    #[inline(never)]
    fn fill_gaps(&mut self, rules: &Rules, text: &[u8], sink: &mut impl Sink) -> usize {
        let Self { cache, ahead, work, keys, homes, buffer, filled, single, n_new } = self;
        *n_new += ahead.run(rules, text) as u64;
        filled.resize(2 * BUFFER, 0);
        let (mut n_filled, mut last_gap) = (0, 0);
        for (new, n, ids) in ahead.iter() {
            let piece = &text[new.begin..new.end];
            n_filled += copy_eights(&buffer[last_gap..], new.gap - last_gap, &mut filled[n_filled..]);
            last_gap = new.gap;
            let ids = if n == 0 {
                sink.take(&filled[..n_filled]);
                n_filled = 0;
                single.clear();
                rules.encode(piece, work, single);
                sink.take(single);
                single.as_slice()
            } else {
                n_filled += copy_eights(ids, n, &mut filled[n_filled..]);
                &ids[..n]
            };
            if piece.len() <= ShortKey::MAX {
                cache.insert_short(homes[new.piece] as usize, keys[new.piece], ids);
            } else if let Some(key) = LongKey::new(piece) {
                cache.insert_long(cache.long_home(key), key, ids);
            }
        }
        sink.take(&filled[..n_filled]);
        last_gap
    }
}

/// Copies `n` words from the front of `from` to the front of `to`, eight at a time: both are seven words longer than
/// what counts. Most copies are of eight words or less, for which a loop over words or a call of `memcpy` is slow.
#[inline(always)]
fn copy_eights(from: &[u32], n: usize, to: &mut [u32]) -> usize {
    let eights = from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut::<8>().0);
    eights.take(n.div_ceil(8)).for_each(|(from, to)| *to = *from);
    n
}
