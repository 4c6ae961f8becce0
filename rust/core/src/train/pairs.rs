//! Pairs with their counts and the places where they stand: an open-addressing table and one pool of positions.
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

/// No key: ids stay below 2^21.
const FREE: u64 = u64::MAX;

/// A pair.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) key: u64,
    /// Weighted occurrences, overlaps included.
    pub(super) count: u64,
    /// Where its positions lie in the pool.
    pub(super) start: usize,
    /// How many positions, stale ones included.
    pub(super) n: u32,
}

/// Key -> [`Entry`], at most two thirds full.
pub(super) struct Table {
    slots: Vec<Entry>,
    n: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self::with_slots(1 << 10)
    }

    fn with_slots(n_slots: usize) -> Self {
        Self { slots: vec![Entry { key: FREE, count: 0, start: 0, n: 0 }; n_slots], n: 0 }
    }

    /// The slot that holds `key` or would.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
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
            if self.n * 3 >= self.slots.len() * 2 {
                self.grow();
                slot = self.slot(key);
            }
            self.n += 1;
            self.slots[slot] = Entry { key, count: 0, start: 0, n: 0 };
        }
        &mut self.slots[slot]
    }

    fn grow(&mut self) {
        let mut wider = Self::with_slots(self.slots.len() * 2);
        for entry in self.iter() {
            let slot = wider.slot(entry.key);
            wider.slots[slot] = *entry;
        }
        wider.n = self.n;
        *self = wider;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter(|e| e.key != FREE)
    }
}
