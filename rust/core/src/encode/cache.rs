//! Pieces seen before and their ids: two tables of fixed-size entries, set-associative, bounded.
//!
//! Knows no merges. An entry is exact: it holds the whole piece, not a hash of it.
//!
//! | pieces | entry | ids |
//! |---|---|---|
//! | up to 15 bytes | 32 bytes: the piece and its length in 16, then the ids | up to 4, or a hint that the other table has them |
//! | 16 to 32 bytes, or up to 15 with 5 to 8 ids | 64 bytes | up to 8 |
//!
//! Both are two-way: two entries lie side by side, the newer first. Both begin small and double while new pieces come
//! in, so that a short call does not pay for a large allocation, up to [`Cache::MAX_BYTES`] in all.

/// Ids are below 2^21; what an entry needs beside its ids lies above.
const ID_BITS: u32 = 21;
const ID_MASK: u32 = (1 << ID_BITS) - 1;

/// A piece of up to 15 bytes: its bytes, zeros, and its length in the last byte. 0 is no piece.
pub(super) type ShortKey = u128;

/// `LENGTHS[n]` keeps the first n of 16 bytes.
const MASKS: [u128; 16] = {
    let mut masks = [0; 16];
    let mut n = 1;
    while n < 16 {
        masks[n] = masks[n - 1] << 8 | 0xFF;
        n += 1;
    }
    masks
};

/// The key of `text[begin..][..len]`, `len` at most 15.
#[inline(always)]
pub(super) fn short_key(text: &[u8], begin: usize, len: usize) -> ShortKey {
    let bytes = match text.get(begin..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u128::from_le_bytes(*chunk) & MASKS[len],
        None => last_bytes(&text[begin..begin + len]),
    };
    bytes | (len as u128) << 120
}

/// Up to 15 bytes and zeros: for pieces that end within 16 bytes of the text's end.
#[cold]
fn last_bytes(piece: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..piece.len()].copy_from_slice(piece);
    u128::from_le_bytes(bytes)
}

/// A piece of 16 to 32 bytes: its first and its last sixteen, and its length. Or a [`ShortKey`], 0, and its length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct LongKey {
    first: u128,
    last: u128,
    len: u32,
}

impl LongKey {
    /// The key of a piece of 16 to 32 bytes; `None` for another length.
    #[inline(always)]
    pub(super) fn new(piece: &[u8]) -> Option<Self> {
        let (first, last) = (piece.first_chunk()?, piece.last_chunk()?);
        let key =
            Self { first: u128::from_le_bytes(*first), last: u128::from_le_bytes(*last), len: piece.len() as u32 };
        (piece.len() <= 32).then_some(key)
    }

    fn of_short(key: ShortKey) -> Self {
        Self { first: key, last: 0, len: (key >> 120) as u32 }
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        let first = hash(self.first);
        hash(self.last ^ u128::from(first) ^ u128::from(self.len) << 64)
    }
}

/// Both halves multiplied, the product folded: the low bits depend on every bit.
#[inline(always)]
fn hash(key: u128) -> u64 {
    let product =
        u128::from(key as u64 ^ 0x9E37_79B9_7F4A_7C15) * u128::from((key >> 64) as u64 ^ 0xE703_7ED1_A0B4_28DB);
    product as u64 ^ (product >> 64) as u64
}

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
    first: u128,
    last: u128,
    /// Above the first id: how many there are. Above the second: the length of the piece.
    ids: [u32; 8],
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
    pub(super) const MAX_BYTES: usize = 48 << 20;
    const FIRST_SHORT_SETS: usize = 1 << 11;
    const FIRST_LONG_SETS: usize = 1 << 7;

    /// An empty cache that grows to at most `max_bytes`, two thirds of them for short pieces; one set each at least.
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

    /// Makes room where many new pieces came in. Sets move: not between [`short_home`](Self::short_home) and its use.
    pub(super) fn grow(&mut self) {
        let max_sets = floor_power_of_two(self.max_bytes / 3 * 2 / size_of::<ShortSet>());
        if self.short.is_empty() || (self.n_new_short > self.short.len() && self.short.len() < max_sets) {
            self.grow_short(max_sets);
        }
        let max_sets = floor_power_of_two(self.max_bytes / 3 / size_of::<[LongEntry; 2]>());
        if self.long.is_empty() || (self.n_new_long > self.long.len() && self.long.len() < max_sets) {
            self.grow_long(max_sets);
        }
    }

    #[cold]
    fn grow_short(&mut self, max_sets: usize) {
        let n = (self.short.len() * 2).max(Self::FIRST_SHORT_SETS).min(max_sets);
        let empty = ShortEntry { key: 0, ids: [0; 4] };
        let old = std::mem::replace(&mut self.short, vec![ShortSet([empty; 2]); n]);
        for entry in old.iter().flat_map(|set| [set.0[1], set.0[0]]).filter(|e| e.key != 0) {
            let home = self.short_home(entry.key);
            self.put_short(home, entry);
        }
        self.n_new_short = 0;
    }

    #[cold]
    fn grow_long(&mut self, max_sets: usize) {
        let n = (self.long.len() * 2).max(Self::FIRST_LONG_SETS).min(max_sets);
        let empty = LongEntry { first: 0, last: 0, ids: [0; 8] };
        let old = std::mem::replace(&mut self.long, vec![[empty; 2]; n]);
        for entry in old.iter().flat_map(|set| [set[1], set[0]]).filter(|e| e.ids[0] != 0) {
            let key = LongKey { first: entry.first, last: entry.last, len: entry.ids[1] >> ID_BITS };
            self.put_long(self.long_home(key), entry);
        }
        self.n_new_long = 0;
    }

    /// The set that holds `key` if any does.
    #[inline(always)]
    pub(super) fn short_home(&self, key: ShortKey) -> usize {
        hash(key) as usize & (self.short.len() - 1)
    }

    /// The set that holds `key` if any does.
    #[inline(always)]
    pub(super) fn long_home(&self, key: LongKey) -> usize {
        key.hash() as usize & (self.long.len() - 1)
    }

    /// Reads something of the set, so that it is near when it is looked at. What is returned means nothing.
    #[inline(always)]
    pub(super) fn touch_short(&self, home: usize) -> u32 {
        self.short[home].0[0].ids[0]
    }

    /// As [`touch_short`](Self::touch_short).
    #[inline(always)]
    pub(super) fn touch_long(&self, home: usize) -> u32 {
        self.long[home][0].ids[0]
    }

    /// Writes the ids of `key` to the front of `out` and returns how many there are; `None` if it is not here.
    #[inline(always)]
    pub(super) fn get_short(&self, home: usize, key: ShortKey, out: &mut [u32]) -> Option<usize> {
        let set = &self.short[home].0;
        let entry = if set[0].key == key {
            &set[0]
        } else if set[1].key == key {
            &set[1]
        } else {
            return None;
        };
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
    pub(super) fn get_long(&self, home: usize, key: LongKey, out: &mut [u32]) -> Option<usize> {
        let entry = self.long[home]
            .iter()
            .find(|e| e.first == key.first && e.last == key.last && e.ids[1] >> ID_BITS == key.len)?;
        out[..8].copy_from_slice(&entry.ids.map(|id| id & ID_MASK));
        Some((entry.ids[0] >> ID_BITS) as usize)
    }

    /// Keeps the ids of `key`, which is not here; more than 8 are not kept.
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

    #[inline(always)]
    fn put_short(&mut self, home: usize, entry: ShortEntry) {
        let set = &mut self.short[home].0;
        if set[0].key != entry.key {
            set[1] = set[0];
        }
        set[0] = entry;
    }

    #[inline(always)]
    fn put_long(&mut self, home: usize, entry: LongEntry) {
        let set = &mut self.long[home];
        set[1] = set[0];
        set[0] = entry;
    }
}

fn floor_power_of_two(n: usize) -> usize {
    (n / 2 + 1).next_power_of_two()
}
