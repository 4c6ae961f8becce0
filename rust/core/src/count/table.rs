//! Piece -> weight: open addressing over an arena of records. Knows no totals, meta-data or files.
//!
//! A slot is 8 bytes, `hash << 32 | location`, so that a probe decides on one cache line and growing never touches the
//! arena. A record is 8 bytes (length, low half of the weight) and the piece, padded to whole words and to at least 16
//! bytes, so that pieces up to 16 bytes (92 % of Korean ones, 99 % of English ones) compare as one `u128` without a
//! loop. Weights from 2^32 on are rare: their high halves lie in a map beside it.
//!
//! The hash is fixed and unkeyed: counts of one corpus are laid out alike on every machine, and whoever crafts
//! colliding pieces can make counting slow (never wrong).

use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// Bytes of an arena chunk, but for a record that is larger than a quarter of it: that one gets a chunk of its own.
/// A chunk is filled and never grown, so that no doubling shows in peak memory.
const CHUNK_BYTES: usize = 1 << 20;
/// Locations count words of 8 bytes: 15 bits of chunk number, 17 bits of place within it.
const WORD: usize = 8;
const PLACE_BITS: u32 = 17;
const MAX_CHUNKS: usize = 1 << (32 - PLACE_BITS);
/// Header and the first 16 bytes of the piece.
const RECORD_MIN: usize = 24;
/// Pieces of a block in [`Table::add_spans`]: enough for the loads of a block to overlap, few enough for L1.
const BLOCK: usize = 32;

/// The longest piece a record can hold.
pub(super) const MAX_PIECE: usize = u32::MAX as usize;

/// A piece as the table looks it up.
#[derive(Clone, Copy)]
struct Key<'a> {
    /// At most [`MAX_PIECE`] bytes.
    piece: &'a [u8],
    /// The first 16 bytes, zeros behind the end, little-endian.
    head: u128,
    hash: u32,
}

impl<'a> Key<'a> {
    const EMPTY: Self = Self { piece: &[], head: 0, hash: 0 };

    #[inline]
    fn new(piece: &'a [u8]) -> Self {
        let mut padded = [0; 16];
        let n = piece.len().min(16);
        padded[..n].copy_from_slice(&piece[..n]);
        Self::with_head(piece, u128::from_le_bytes(padded))
    }

    /// The same for `text[start..end]`, without a branch on the length where 16 bytes can be loaded.
    #[inline]
    fn within(text: &'a [u8], start: usize, end: usize) -> Self {
        let piece = &text[start..end];
        match text[start..].first_chunk::<16>() {
            Some(window) => Self::with_head(piece, u128::from_le_bytes(*window) & HEAD_MASK[piece.len().min(16)]),
            None => Self::new(piece),
        }
    }

    #[inline]
    fn with_head(piece: &'a [u8], head: u128) -> Self {
        Self { piece, head, hash: hash(piece, head) }
    }
}

/// Entry `n` keeps the first `n` bytes of a head.
const HEAD_MASK: [u128; 17] = {
    let mut masks = [u128::MAX; 17];
    let mut n = 0;
    while n < 16 {
        masks[n] = (1 << (8 * n)) - 1;
        n += 1;
    }
    masks
};

const MIX: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93, 0xa076_1d64_78bd_642f];

/// Both halves of the product, folded: the mixing step of wyhash (Wang Yi, <https://github.com/wangyi-fudan/wyhash>).
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[inline]
fn hash(piece: &[u8], head: u128) -> u32 {
    let length = (piece.len() as u64).wrapping_mul(MIX[2]);
    let mut state = fold(head as u64 ^ MIX[0], (head >> 64) as u64 ^ MIX[1] ^ length);
    if piece.len() > 16 {
        state = hash_tail(&piece[16..], state);
    }
    (state.wrapping_mul(MIX[0]) >> 32) as u32
}

fn hash_tail(tail: &[u8], mut state: u64) -> u64 {
    let (words, rest) = tail.as_chunks::<WORD>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MIX[1]);
    }
    let mut last = [0; WORD];
    last[..rest.len()].copy_from_slice(rest);
    fold(state ^ u64::from_le_bytes(last), MIX[2])
}

/// Records one after another in chunks. A location stays valid for the life of the arena.
#[derive(Clone, Debug, Default)]
struct Arena {
    chunks: Vec<Vec<u8>>,
    /// The chunk that small records go to. A chunk of one large record may come after it.
    filling: usize,
}

impl Arena {
    /// Appends a record with `weight` and gives its location, which is never 0; `None` when 32 GiB are full.
    fn push(&mut self, key: &Key, weight: u32) -> Option<u32> {
        let size = (WORD + key.piece.len()).next_multiple_of(WORD).max(RECORD_MIN);
        let chunk = self.chunk_with_room(size)?;
        let bytes = &mut self.chunks[chunk];
        let at = bytes.len();
        bytes.extend_from_slice(&weight.to_le_bytes());
        bytes.extend_from_slice(&(key.piece.len() as u32).to_le_bytes());
        bytes.extend_from_slice(key.piece);
        bytes.resize(at + size, 0);
        Some(((chunk << PLACE_BITS) | (at / WORD)) as u32)
    }

    fn chunk_with_room(&mut self, size: usize) -> Option<usize> {
        let filling = self.chunks.get(self.filling);
        if filling.is_some_and(|c| c.len() + size <= c.capacity().min(CHUNK_BYTES)) {
            return Some(self.filling);
        }
        if self.chunks.len() == MAX_CHUNKS {
            return None;
        }
        let number = self.chunks.len();
        // The first chunks are small so that small tables are; location 0, an empty slot's, is kept free.
        let usual = (1024 << number.min(10)).min(CHUNK_BYTES);
        let reserved = if number == 0 { WORD } else { 0 };
        let mut chunk = Vec::with_capacity(usual.max(size + reserved));
        chunk.resize(reserved, 0);
        self.chunks.push(chunk);
        if size <= CHUNK_BYTES / 4 {
            self.filling = number;
        }
        Some(number)
    }

    /// The bytes from a record on.
    #[inline]
    fn at(&self, location: u32) -> &[u8] {
        &self.chunks[(location >> PLACE_BITS) as usize][place(location)..]
    }

    #[inline]
    fn holds(&self, location: u32, key: &Key) -> bool {
        let Some((fixed, rest)) = self.at(location).split_first_chunk::<RECORD_MIN>() else { return false };
        let (header, head) = fixed.split_at(WORD);
        let n = length_of(header);
        if n != key.piece.len() || *head != key.head.to_le_bytes() {
            return false;
        }
        n <= 16 || rest[..n - 16] == key.piece[16..]
    }

    /// Adds to the low half of the weight and gives what does not fit there.
    #[inline]
    fn bump(&mut self, location: u32, weight: u64) -> u64 {
        let chunk = &mut self.chunks[(location >> PLACE_BITS) as usize];
        let Some(low) = chunk[place(location)..].first_chunk_mut::<4>() else { return 0 };
        let sum = u64::from(u32::from_le_bytes(*low)) + weight;
        *low = (sum as u32).to_le_bytes();
        sum >> 32
    }

    fn piece(&self, location: u32) -> &[u8] {
        let record = self.at(location);
        &record[WORD..WORD + length_of(record)]
    }
}

#[inline]
fn place(location: u32) -> usize {
    (location & ((1 << PLACE_BITS) - 1)) as usize * WORD
}

#[inline]
fn length_of(record: &[u8]) -> usize {
    match record[4..].first_chunk::<4>() {
        Some(n) => u32::from_le_bytes(*n) as usize,
        None => 0,
    }
}

fn low_weight_of(record: &[u8]) -> u64 {
    record.first_chunk::<4>().map_or(0, |n| u64::from(u32::from_le_bytes(*n)))
}

/// The records of chunk `number` as (location, piece, low half of the weight), in the order they came.
fn records(number: usize, chunk: &[u8]) -> impl Iterator<Item = (u32, &[u8], u64)> {
    let mut at = if number == 0 { WORD } else { 0 };
    std::iter::from_fn(move || {
        let record = chunk.get(at..).filter(|r| !r.is_empty())?;
        let n = length_of(record);
        let location = ((number << PLACE_BITS) | (at / WORD)) as u32;
        at += (WORD + n).next_multiple_of(WORD).max(RECORD_MIN);
        Some((location, &record[WORD..WORD + n], low_weight_of(record)))
    })
}

/// The map. The caller sees to it that all weights together fit 64 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// `hash << 32 | location` or 0; a hash's home is `hash * len >> 32`, so that growing keeps the order of slots.
    /// At most two thirds are taken.
    slots: Vec<u64>,
    arena: Arena,
    n: usize,
    /// High halves of the weights that have one, by location.
    high: BTreeMap<u32, u32>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Adds `weight` to `piece`, which holds at most [`MAX_PIECE`] bytes.
    ///
    /// # Errors
    /// The arena is full.
    pub(super) fn add(&mut self, piece: &[u8], weight: u64) -> Result<()> {
        self.add_key(&Key::new(piece), weight)
    }

    /// Adds 1 to each span of `text`: the first begins at `start`, each next one where the last ended.
    ///
    /// In blocks: first all hashes and home slots, which are independent loads that overlap, then the records.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(super) fn add_spans(&mut self, text: &[u8], mut start: usize, ends: &[usize]) -> Result<()> {
        let mut keys = [Key::EMPTY; BLOCK];
        let mut locations = [0; BLOCK];
        for block in ends.chunks(BLOCK) {
            for ((&end, key), location) in block.iter().zip(&mut keys).zip(&mut locations) {
                *key = Key::within(text, start, end);
                *location = self.at_home(key.hash);
                start = end;
            }
            for (key, &location) in keys.iter().zip(&locations).take(block.len()) {
                if location != 0 && self.arena.holds(location, key) {
                    self.bump(location, 1);
                } else {
                    self.add_key(key, 1)?;
                }
            }
        }
        Ok(())
    }

    /// The location in the home slot of `hash`, if that slot is of this hash; else 0.
    #[inline]
    fn at_home(&self, hash: u32) -> u32 {
        match self.slots.get(self.home(hash)) {
            Some(&slot) if (slot >> 32) as u32 == hash => slot as u32,
            _ => 0,
        }
    }

    fn add_key(&mut self, key: &Key, weight: u64) -> Result<()> {
        if (self.n + 1) * 3 > self.slots.len() * 2 {
            self.grow();
        }
        let mut i = self.home(key.hash);
        while self.slots[i] != 0 {
            let slot = self.slots[i];
            if (slot >> 32) as u32 == key.hash && self.arena.holds(slot as u32, key) {
                self.bump(slot as u32, weight);
                return Ok(());
            }
            i = if i + 1 == self.slots.len() { 0 } else { i + 1 };
        }
        self.insert(i, key, weight)
    }

    fn insert(&mut self, slot: usize, key: &Key, weight: u64) -> Result<()> {
        let location = self.arena.push(key, weight as u32).ok_or_else(full)?;
        if weight >> 32 != 0 {
            self.high.insert(location, (weight >> 32) as u32);
        }
        self.slots[slot] = u64::from(key.hash) << 32 | u64::from(location);
        self.n += 1;
        Ok(())
    }

    #[inline]
    fn bump(&mut self, location: u32, weight: u64) {
        let high = self.arena.bump(location, weight);
        if high != 0 {
            *self.high.entry(location).or_default() += high as u32;
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }

    /// By half, or fourfold while small. Slots keep their order, so this reads and writes from front to back.
    fn grow(&mut self) {
        let n = self.slots.len();
        let larger = if n < 1 << 14 { (n * 4).max(64) } else { n + n / 2 };
        let old = std::mem::replace(&mut self.slots, vec![0; larger]);
        for slot in old.into_iter().filter(|&s| s != 0) {
            let mut i = self.home((slot >> 32) as u32);
            while self.slots[i] != 0 {
                i = if i + 1 == larger { 0 } else { i + 1 };
            }
            self.slots[i] = slot;
        }
    }

    /// Pieces and weights in the order they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.arena.chunks.iter().enumerate().flat_map(|(i, chunk)| {
            records(i, chunk).map(|(location, piece, low)| (piece, high_of(&self.high, location) | low))
        })
    }

    /// Locations in the order of their pieces' bytes. 16 bytes a piece.
    pub(super) fn sorted(&self) -> Vec<Ranked> {
        let mut all = Vec::with_capacity(self.n);
        for (i, chunk) in self.arena.chunks.iter().enumerate() {
            all.extend(records(i, chunk).map(|(location, ..)| Ranked { word: 0, left: 0, location }));
        }
        sort_from(&self.arena, &mut all, 0);
        all
    }

    /// The piece and weight that `ranked` stands for.
    pub(super) fn entry(&self, ranked: &Ranked) -> (&[u8], u64) {
        let location = ranked.location;
        (self.arena.piece(location), high_of(&self.high, location) | low_weight_of(self.arena.at(location)))
    }

    /// Hands each piece to `take` and frees the arena on the way.
    ///
    /// # Errors
    /// Those of `take`.
    pub(super) fn drain(self, mut take: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        drop(self.slots);
        for (i, chunk) in self.arena.chunks.into_iter().enumerate() {
            for (location, piece, low) in records(i, &chunk) {
                take(piece, high_of(&self.high, location) | low)?;
            }
        }
        Ok(())
    }
}

fn high_of(high: &BTreeMap<u32, u32>, location: u32) -> u64 {
    if high.is_empty() { 0 } else { high.get(&location).map_or(0, |&h| u64::from(h) << 32) }
}

fn full() -> Error {
    Error::new(ErrorKind::Unsupported, "distinct pieces take more than 32 GiB, the bound of one table")
        .hint("take a sample, or a pattern that makes shorter pieces")
}

/// A piece on its way into order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranked {
    /// The 8 bytes of the piece that are compared now, big-endian, zeros behind the end.
    word: u64,
    /// Bytes of the piece from that word on, 9 for any more than 8.
    left: u8,
    location: u32,
}

/// Depth in bytes from which pieces that still agree are compared whole: it bounds the recursion.
const WHOLE_FROM: usize = 256;

/// Sorts pieces that agree in their first `depth` bytes: by the next word, then each run of equals by the one after.
fn sort_from(arena: &Arena, pieces: &mut [Ranked], depth: usize) {
    if depth >= WHOLE_FROM {
        pieces.sort_unstable_by(|a, b| arena.piece(a.location).cmp(arena.piece(b.location)));
        return;
    }
    for ranked in pieces.iter_mut() {
        (ranked.word, ranked.left) = word_at(arena.piece(ranked.location), depth);
    }
    pieces.sort_unstable_by_key(|r| (r.word, r.left));
    for run in pieces.chunk_by_mut(|a, b| (a.word, a.left) == (b.word, b.left)) {
        if run.len() > 1 {
            sort_from(arena, run, depth + WORD);
        }
    }
}

fn word_at(piece: &[u8], depth: usize) -> (u64, u8) {
    let rest = piece.get(depth..).unwrap_or_default();
    if let Some(word) = rest.first_chunk::<WORD>() {
        return (u64::from_be_bytes(*word), rest.len().min(9) as u8);
    }
    let mut word = [0; WORD];
    word[..rest.len()].copy_from_slice(rest);
    (u64::from_be_bytes(word), rest.len() as u8)
}
