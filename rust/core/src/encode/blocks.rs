//! Pieces through the cache, a block at a time.
//!
//! First the keys of all pieces of the block, and a request for the memory of their sets; then the ids, piece by piece:
//! in the common case, a short piece that is first in its set, a handful of instructions.

use super::Sink;
use super::ahead::Ahead;
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
    work: Work,
    /// Of pieces of up to 15 bytes.
    keys: [ShortKey; BLOCK],
    /// Of pieces of up to 15 bytes; [`NO_HOME`] for others.
    homes: [u32; BLOCK],
    /// Ids of the block that are not handed on yet.
    buffer: Vec<u32>,
    /// Ids of one piece.
    single: Vec<u32>,
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
            single: Vec::new(),
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

    /// Hands the ids of all pieces to `sink`.
    fn write(&mut self, rules: &Rules, text: &[u8], block_begin: usize, ends: &[usize], sink: &mut impl Sink) {
        let (mut k, mut filled, mut is_ahead) = (0, 0, false);
        loop {
            let (keys, homes) = (&self.keys[k..ends.len()], &self.homes[k..ends.len()]);
            let (n_pieces, n_ids) = self.cache.copy_short(keys, homes, &mut self.buffer[filled..]);
            k += n_pieces;
            filled += n_ids;
            let Some(&end) = ends.get(k) else { break };
            let begin = if k == 0 { block_begin } else { ends[k - 1] };
            filled += match self.get(k, &text[begin..end], filled) {
                Some(n) => n,
                None => {
                    if !is_ahead {
                        self.merge_ahead(rules, text, block_begin, ends, k);
                        is_ahead = true;
                    }
                    self.write_new(rules, &text[begin..end], k, &mut filled, sink)
                }
            };
            k += 1;
        }
        sink.take(&self.buffer[..filled]);
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

    /// Merges those of the pieces from number `k` on that are new.
    #[inline(never)]
    fn merge_ahead(&mut self, rules: &Rules, text: &[u8], block_begin: usize, ends: &[usize], k: usize) {
        let mut begin = if k == 0 { block_begin } else { ends[k - 1] };
        let Self { cache, ahead, keys, homes, .. } = self;
        ahead.clear();
        for (k, &end) in ends.iter().enumerate().skip(k) {
            let len = end - begin;
            let is_new = if len <= ShortKey::MAX {
                !cache.has_short(homes[k] as usize, keys[k])
            } else {
                match LongKey::new(&text[begin..end]) {
                    Some(key) => !cache.has_long(cache.long_home(key), key),
                    None => len <= Ahead::MAX_BYTES,
                }
            };
            ahead.push_if(is_new, k);
            begin = end;
        }
        ahead.run(rules, text, block_begin, ends);
    }

    /// Writes piece `k`, which is new, to the buffer or straight to `sink`, and keeps it in the cache; returns how many
    /// ids went to the buffer.
    #[inline(never)]
    fn write_new(&mut self, rules: &Rules, piece: &[u8], k: usize, filled: &mut usize, sink: &mut impl Sink) -> usize {
        let Self { cache, ahead, work, keys, homes, buffer, single } = self;
        let mut is_single = false;
        let (n, ids) = match ahead.take(k) {
            Some((n, ids)) => {
                copy(n, ids, &mut buffer[*filled..]);
                (n, ids)
            }
            None => {
                is_single = true;
                sink.take(&buffer[..*filled]);
                *filled = 0;
                single.clear();
                rules.encode(piece, work, single);
                sink.take(single);
                (single.len(), single.as_slice())
            }
        };
        if piece.len() <= ShortKey::MAX {
            cache.insert_short(homes[k] as usize, keys[k], &ids[..n]);
        } else if let Some(key) = LongKey::new(piece) {
            cache.insert_long(cache.long_home(key), key, &ids[..n]);
        }
        if is_single { 0 } else { n }
    }
}

/// Copies `n` words, and up to eight where both sides have them: that is no loop.
#[inline(always)]
fn copy(n: usize, from: &[u32], to: &mut [u32]) {
    match (from.first_chunk::<8>(), to.first_chunk_mut::<8>()) {
        (Some(from), Some(to)) if n <= 8 => *to = *from,
        _ => to[..n].copy_from_slice(&from[..n]),
    }
}
