//! Pieces seen before and their ids: two tables of fixed-size entries, set-associative, bounded.
//!
//! Knows no merges. An entry is exact: it holds the whole piece, not a hash of it.
//!
//! | pieces | entry | ids |
//! |---|---|---|
//! | up to 15 bytes | 32 bytes: the piece and its length in 16, then the ids | up to 4, or a hint that the other table has them |
//! | 16 to 32 bytes, or up to 15 with 5 to 8 ids | 64 bytes | up to 8 |
//!
//! Both are two-way: two entries lie side by side. A new piece comes second and moves to the front when it is met
//! again, so that pieces met once, two thirds of all in Korean reviews, do not drive out frequent ones. Both tables
//! begin small and double while new pieces come in, so that a short call does not pay for a large allocation, up to
//! [`Cache::MAX_BYTES`] in all. More hits a little more often and costs more in page faults and far memory: Korean
//! reviews, first 5 MB and later ones, MB/s: 12 MiB 100 and 148, 16 MiB 100 and 152, 32 MiB 65 and 154.

use crate::raw::prefetch;

/// Ids are below 2^21; what an entry needs beside its ids lies above.
const ID_BITS: u32 = 21;
const ID_MASK: u32 = (1 << ID_BITS) - 1;

/// A piece of up to 15 bytes: its bytes, zeros, and its length in the last byte. All 0 is no piece.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct ShortKey {
    low: u64,
    high: u64,
}

impl PartialEq for ShortKey {
    /// Without a branch: which half differs cannot be foretold.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        (self.low ^ other.low) | (self.high ^ other.high) == 0
    }
}

/// Keeps the first n of sixteen bytes.
const MASKS: [ShortKey; 16] = {
    let mut masks = [ShortKey { low: 0, high: 0 }; 16];
    let mut n = 1;
    while n < 16 {
        let mask = u128::MAX >> (128 - 8 * n);
        masks[n] = ShortKey { low: mask as u64, high: (mask >> 64) as u64 };
        n += 1;
    }
    masks
};

impl ShortKey {
    /// The most bytes it takes.
    pub(super) const MAX: usize = 15;

    /// The key of `text[begin..][..len]`, `len` at most [`MAX`](Self::MAX).
    #[inline(always)]
    pub(super) fn new(text: &[u8], begin: usize, len: usize) -> Self {
        let bytes = match text.get(begin..).and_then(|rest| rest.first_chunk::<16>()) {
            Some(chunk) => u128::from_le_bytes(*chunk),
            None => last_bytes(&text[begin..begin + len]),
        };
        let mask = MASKS[len & Self::MAX];
        Self { low: bytes as u64 & mask.low, high: (bytes >> 64) as u64 & mask.high | (len as u64) << 56 }
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        hash(self.low, self.high)
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Up to 15 bytes and zeros: for pieces that end within 16 bytes of the text's end.
#[cold]
fn last_bytes(piece: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..piece.len()].copy_from_slice(piece);
    u128::from_le_bytes(bytes)
}

/// A piece of 16 to 32 bytes: its first and its last sixteen, and its length. Or a [`ShortKey`], 0, and its length.
#[derive(Clone, Copy)]
pub(super) struct LongKey {
    first: ShortKey,
    last: ShortKey,
    len: u32,
}

impl PartialEq for LongKey {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        (self.first == other.first) & (self.last == other.last) & (self.len == other.len)
    }
}

impl LongKey {
    /// The most bytes it takes.
    pub(super) const MAX: usize = 32;

    /// The key of a piece of 16 to 32 bytes; `None` for another length.
    #[inline(always)]
    pub(super) fn new(piece: &[u8]) -> Option<Self> {
        let sixteen = |bytes: &[u8; 16]| {
            let bytes = u128::from_le_bytes(*bytes);
            ShortKey { low: bytes as u64, high: (bytes >> 64) as u64 }
        };
        let (first, last) = (piece.first_chunk()?, piece.last_chunk()?);
        let key = Self { first: sixteen(first), last: sixteen(last), len: piece.len() as u32 };
        (piece.len() <= Self::MAX).then_some(key)
    }

    fn of_short(key: ShortKey) -> Self {
        Self { first: key, last: ShortKey::default(), len: (key.high >> 56) as u32 }
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        let first = hash(self.first.low, self.first.high);
        hash(self.last.low ^ first, self.last.high ^ u64::from(self.len))
    }
}

/// Both halves multiplied, the product folded: the low bits depend on every bit.
#[inline(always)]
fn hash(low: u64, high: u64) -> u64 {
    let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xE703_7ED1_A0B4_28DB);
    product as u64 ^ (product >> 64) as u64
}

/// Two entries in one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct ShortSet([ShortEntry; 2]);

#[derive(Clone, Copy)]
#[repr(C)]
struct ShortEntry {
    key: ShortKey,
    /// Above the first id: how many ids there are, 0 in an empty entry, or [`ELSEWHERE`].
    ids: [u32; 4],
}

/// The count that sends to the other table.
const ELSEWHERE: u32 = 7;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct LongEntry {
    first: ShortKey,
    last: ShortKey,
    /// Above the first id: how many there are. Above the second: the length of the piece.
    ids: [u32; 8],
}

impl LongEntry {
    #[inline(always)]
    fn key(&self) -> LongKey {
        LongKey { first: self.first, last: self.last, len: self.ids[1] >> ID_BITS }
    }
}

/// See the module.
pub(super) struct Cache {
    short: Vec<ShortSet>,
    long: Vec<[LongEntry; 2]>,
    /// New pieces in each table since it has its size.
    n_new_short: usize,
    n_new_long: usize,
    max_bytes: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self::with_max_bytes(Self::MAX_BYTES)
    }
}

impl Cache {
    /// Bytes of both tables together at their largest.
    pub(super) const MAX_BYTES: usize = 16 << 20;
    const FIRST_SHORT_SETS: usize = 1 << 11;
    const FIRST_LONG_SETS: usize = 1 << 7;

    /// An empty cache that grows to at most `max_bytes`, half of them for short pieces; one set each at least.
    pub(super) fn with_max_bytes(max_bytes: usize) -> Self {
        Self { short: Vec::new(), long: Vec::new(), n_new_short: 0, n_new_long: 0, max_bytes }
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::with_max_bytes(self.max_bytes);
    }

    /// Bytes that the tables take now.
    pub(super) fn size_bytes(&self) -> usize {
        size_of_val(self.short.as_slice()) + size_of_val(self.long.as_slice())
    }

    /// Makes room where many new pieces came in. Homes change.
    pub(super) fn grow(&mut self) {
        let max_sets = floor_power_of_two(self.max_bytes / 2 / size_of::<ShortSet>());
        if self.n_new_short >= self.short.len() / 4 && self.short.len() < max_sets {
            self.grow_short(max_sets);
        }
        let max_sets = floor_power_of_two(self.max_bytes / 2 / size_of::<[LongEntry; 2]>());
        if self.n_new_long >= self.long.len() / 4 && self.long.len() < max_sets {
            self.grow_long(max_sets);
        }
    }

    #[cold]
    fn grow_short(&mut self, max_sets: usize) {
        let n = (self.short.len() * 2).max(Self::FIRST_SHORT_SETS).min(max_sets);
        let empty = ShortEntry { key: ShortKey::default(), ids: [0; 4] };
        let old = std::mem::replace(&mut self.short, vec![ShortSet([empty; 2]); n]);
        for &entry in old.iter().flat_map(|set| &set.0).filter(|e| !e.key.is_none()) {
            self.put_short(self.short_home(entry.key), entry);
        }
        self.n_new_short = 0;
    }

    #[cold]
    fn grow_long(&mut self, max_sets: usize) {
        let n = (self.long.len() * 2).max(Self::FIRST_LONG_SETS).min(max_sets);
        let empty = LongEntry { first: ShortKey::default(), last: ShortKey::default(), ids: [0; 8] };
        let old = std::mem::replace(&mut self.long, vec![[empty; 2]; n]);
        for &entry in old.as_flattened().iter().filter(|e| e.ids[0] != 0) {
            self.put_long(self.long_home(entry.key()), entry);
        }
        self.n_new_long = 0;
    }

    /// The set that holds `key` if any does.
    #[inline(always)]
    pub(super) fn short_home(&self, key: ShortKey) -> usize {
        key.hash() as usize & (self.short.len() - 1)
    }

    /// As [`short_home`](Self::short_home).
    #[inline(always)]
    pub(super) fn long_home(&self, key: LongKey) -> usize {
        key.hash() as usize & (self.long.len() - 1)
    }

    /// Asks for the memory of a set.
    #[inline(always)]
    pub(super) fn prefetch_short(&self, home: usize) {
        prefetch(&self.short, home);
    }

    /// As [`prefetch_short`](Self::prefetch_short).
    #[inline(always)]
    pub(super) fn prefetch_long(&self, home: usize) {
        prefetch(self.long.as_flattened(), 2 * home);
        prefetch(self.long.as_flattened(), 2 * home + 1);
    }

    /// Writes the ids of pieces to the front of `out` as long as each is the first of its set, and returns how many
    /// pieces and how many ids that was. A home that is none ends it. Takes 4 words of `out` for each piece.
    #[inline(always)]
    pub(super) fn copy_short(&self, keys: &[ShortKey], homes: &[u32], out: &mut [u32]) -> (usize, usize) {
        let (mut n_pieces, mut n_ids) = (0, 0);
        for (key, &home) in keys.iter().zip(homes) {
            let Some(ShortSet([entry, _])) = self.short.get(home as usize) else { break };
            let Some(front) = out.get_mut(n_ids..n_ids + 4) else { break };
            let n = (entry.ids[0] >> ID_BITS) as usize;
            if entry.key != *key || n > 4 {
                break;
            }
            front.copy_from_slice(&entry.ids.map(|id| id & ID_MASK));
            n_pieces += 1;
            n_ids += n;
        }
        (n_pieces, n_ids)
    }

    /// Writes the ids of `key` to the front of `out`, 8 words of it, and returns how many there are; `None` if the
    /// piece is not here.
    #[inline]
    pub(super) fn get_short(&mut self, home: usize, key: ShortKey, out: &mut [u32]) -> Option<usize> {
        let set = &mut self.short[home].0;
        if set[1].key == key {
            set.swap(0, 1);
        }
        let entry = set.first().filter(|e| e.key == key)?;
        let n = entry.ids[0] >> ID_BITS;
        if n == ELSEWHERE {
            let key = LongKey::of_short(key);
            return self.get_long(self.long_home(key), key, out);
        }
        out[..4].copy_from_slice(&entry.ids.map(|id| id & ID_MASK));
        Some(n as usize)
    }

    /// As [`get_short`](Self::get_short).
    #[inline(always)]
    pub(super) fn get_long(&mut self, home: usize, key: LongKey, out: &mut [u32]) -> Option<usize> {
        let set = &mut self.long[home];
        if set[1].key() == key {
            set.swap(0, 1);
        }
        let entry = set.first().filter(|e| e.key() == key)?;
        out[..8].copy_from_slice(&entry.ids.map(|id| id & ID_MASK));
        Some((entry.ids[0] >> ID_BITS) as usize)
    }

    /// Keeps the ids of `key`; more than 8 are not kept.
    pub(super) fn insert_short(&mut self, home: usize, key: ShortKey, ids: &[u32]) {
        let mut entry = ShortEntry { key, ids: [0; 4] };
        match entry.ids.get_mut(..ids.len()) {
            Some(front) => {
                front.copy_from_slice(ids);
                entry.ids[0] |= (ids.len() as u32) << ID_BITS;
            }
            None => {
                let key = LongKey::of_short(key);
                if !self.insert_long(self.long_home(key), key, ids) {
                    return;
                }
                entry.ids[0] = ELSEWHERE << ID_BITS;
            }
        }
        self.n_new_short += 1;
        self.put_short(home, entry);
    }

    /// As [`insert_short`](Self::insert_short); says whether the ids were kept.
    pub(super) fn insert_long(&mut self, home: usize, key: LongKey, ids: &[u32]) -> bool {
        let mut entry = LongEntry { first: key.first, last: key.last, ids: [0; 8] };
        let Some(front) = entry.ids.get_mut(..ids.len()) else { return false };
        front.copy_from_slice(ids);
        entry.ids[0] |= (ids.len() as u32) << ID_BITS;
        entry.ids[1] |= key.len << ID_BITS;
        self.n_new_long += 1;
        self.put_long(home, entry);
        true
    }

    #[inline]
    fn put_short(&mut self, home: usize, entry: ShortEntry) {
        let set = &mut self.short[home].0;
        let way = usize::from(!set[0].key.is_none() && set[0].key != entry.key);
        set[way] = entry;
    }

    #[inline]
    fn put_long(&mut self, home: usize, entry: LongEntry) {
        let set = &mut self.long[home];
        let way = usize::from(set[0].ids[0] != 0 && set[0].key() != entry.key());
        set[way] = entry;
    }
}

/// The highest power of two up to `n`; at least 1, and low enough for homes of 32 bits.
fn floor_power_of_two(n: usize) -> usize {
    (n / 2 + 1).next_power_of_two().min(1 << 30)
}
