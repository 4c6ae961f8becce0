//! Pairs with their counts: an open-addressing table.
//!
//! Entries are never taken out: a pair that is merged or dies stays with count 0 until the table is made anew.

use crate::{Pair, TokenId};

/// Two ids in one word that orders like the pair.
#[inline]
pub(super) fn key(left: u32, right: u32) -> u64 {
    Pair::new(TokenId(left), TokenId(right)).key()
}

/// The ids of a key.
#[inline]
pub(super) fn ids(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// 64 well-mixed bits: a product of 128 bits, folded (as in wyhash). Tables that are filled from one another need
/// different salts: linear probing is quadratic where keys come in the order of their slots.
#[inline]
pub(super) fn hash(key: u64, salt: u64) -> u64 {
    let product = u128::from(key ^ salt) * 0x9E37_79B9_7F4A_7C15;
    product as u64 ^ (product >> 64) as u64
}

/// No key: ids stay below 2^21.
const FREE: u64 = u64::MAX;

/// A pair.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: u64,
    /// Weighted occurrences, overlaps included.
    pub(super) count: u64,
    /// Where its positions begin, for those who keep positions.
    pub(super) start: usize,
    /// How many positions, stale ones included.
    pub(super) n: u32,
}

/// Key -> [`Entry`], at most two thirds full.
pub(super) struct Table {
    slots: Vec<Entry>,
    len: usize,
    salt: u64,
}

impl Table {
    pub(super) fn new(salt: u64) -> Self {
        Self::with_slots(1 << 10, salt)
    }

    fn with_slots(n_slots: usize, salt: u64) -> Self {
        Self { slots: vec![Entry { key: FREE, count: 0, start: 0, n: 0 }; n_slots], len: 0, salt }
    }

    /// Number of pairs, dead ones included.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot that holds `key` or would.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(key, self.salt) as usize & mask;
        while self.slots[at].key != key && self.slots[at].key != FREE {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<&Entry> {
        let entry = &self.slots[self.slot(key)];
        (entry.key == key).then_some(entry)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut Entry> {
        let slot = self.slot(key);
        let entry = &mut self.slots[slot];
        (entry.key == key).then_some(entry)
    }

    /// The entry of `key`, made with count 0 where there is none.
    #[inline]
    pub(super) fn entry(&mut self, key: u64) -> &mut Entry {
        let mut slot = self.slot(key);
        if self.slots[slot].key == FREE {
            if self.len * 3 >= self.slots.len() * 2 {
                self.grow();
                slot = self.slot(key);
            }
            self.len += 1;
            self.slots[slot] = Entry { key, count: 0, start: 0, n: 0 };
        }
        &mut self.slots[slot]
    }

    fn grow(&mut self) {
        let mut wider = Self::with_slots(self.slots.len() * 2, self.salt);
        for entry in self.iter() {
            let slot = wider.slot(entry.key);
            wider.slots[slot] = *entry;
        }
        wider.len = self.len;
        *self = wider;
    }

    /// Forgets all pairs and keeps the room.
    pub(super) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|entry| entry.key = FREE);
        self.len = 0;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter(|e| e.key != FREE)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.slots.iter_mut().filter(|e| e.key != FREE)
    }
}
