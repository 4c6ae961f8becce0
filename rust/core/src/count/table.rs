//! Piece -> weight: open addressing over an [`Arena`]. Knows no totals, meta-data or files.
//!
//! A slot is 8 bytes, `hash << 32 | location`, so that a probe decides on one cache line and growing never touches the
//! arena. Weights from 2^32 on are rare: their high halves lie in a map beside it.

use super::arena::Arena;
use super::key::Key;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// The pieces of one range of hashes. The caller sees to it that all weights together fit 64 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// `hash << 32 | location`, or 0; at most two thirds are taken. Slots lie in the order of their hashes but for
    /// what linear probing has moved.
    slots: Vec<u64>,
    arena: Arena,
    n: usize,
    /// High halves of the weights that have one, by location.
    high: BTreeMap<u32, u32>,
}

impl Table {
    /// Bits of the hash that tell tables apart, the highest ones; the others find the slot.
    pub(super) const SHARD_BITS: u32 = 4;

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Adds `weight` to a piece.
    ///
    /// # Errors
    /// The arena is full.
    pub(super) fn add(&mut self, key: &Key, weight: u64) -> Result<()> {
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
            i = self.after(i);
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

    /// The location in the home slot of `hash`, if that slot is of this hash; else 0.
    #[inline]
    fn at_home(&self, hash: u32) -> u32 {
        match self.slots.get(self.home(hash)) {
            Some(&slot) if (slot >> 32) as u32 == hash => slot as u32,
            _ => 0,
        }
    }

    #[inline]
    fn bump(&mut self, location: u32, weight: u64) {
        let high = self.arena.bump(location, weight);
        if high != 0 {
            *self.high.entry(location).or_default() += high as u32;
        }
    }

    /// Where the records lie.
    pub(super) fn arena(&self) -> &Arena {
        &self.arena
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash << Self::SHARD_BITS) * self.slots.len() as u64) >> 32) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    /// By half, or fourfold while small. Slots keep their order, so this reads and writes from front to back.
    fn grow(&mut self) {
        let n = self.slots.len();
        let larger = if n < 1 << 10 { (n * 4).max(16) } else { n + n / 2 };
        let old = std::mem::replace(&mut self.slots, vec![0; larger]);
        for slot in old.into_iter().filter(|&s| s != 0) {
            let mut i = self.home((slot >> 32) as u32);
            while self.slots[i] != 0 {
                i = self.after(i);
            }
            self.slots[i] = slot;
        }
    }

    /// The piece and weight of a record.
    pub(super) fn entry(&self, location: u32) -> (&[u8], u64) {
        (self.arena.piece(location), high_of(&self.high, location) | self.arena.low_weight(location))
    }

    /// Adds all of `other` and frees it on the way.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(super) fn take_in(&mut self, other: Self) -> Result<()> {
        drop(other.slots);
        other.arena.drain(|records| {
            let weight = |location, low| high_of(&other.high, location) | low;
            let mut keys = records.map(|(location, piece, low)| (Key::new(piece), weight(location, low)));
            let mut block = Vec::with_capacity(BLOCK);
            loop {
                block.clear();
                block.extend(keys.by_ref().take(BLOCK));
                if block.is_empty() {
                    return Ok(());
                }
                add_block(std::slice::from_mut(self), |_| 0, &block)?;
            }
        })
    }
}

/// Pieces that are added in one go: enough for their loads to overlap, few enough for L1.
pub(super) const BLOCK: usize = 32;

/// Adds at most [`BLOCK`] pieces, each to the table that `table_of` gives for its hash.
///
/// A step at a time: home slots, then records, then sums. The loads of a step do not depend on each other and so
/// overlap, where piece by piece each would wait for memory. Korean reviews again: 43 ns a piece; 58 with hashes and
/// slots in one step, records and sums in another.
///
/// # Errors
/// As [`Table::add`].
#[inline]
pub(super) fn add_block(tables: &mut [Table], table_of: impl Fn(u32) -> usize, block: &[(Key<'_>, u64)]) -> Result<()> {
    let mut likely = [0; BLOCK];
    for (location, (key, _)) in likely.iter_mut().zip(block) {
        *location = tables[table_of(key.hash)].at_home(key.hash);
    }
    for (location, (key, _)) in likely.iter_mut().zip(block) {
        let arena = &tables[table_of(key.hash)].arena;
        if *location != 0 && arena.length(*location) != key.piece.len() {
            *location = 0;
        }
    }
    for ((key, weight), &location) in block.iter().zip(&likely) {
        let table = &mut tables[table_of(key.hash)];
        if location != 0 && table.arena.holds(location, key) {
            table.bump(location, *weight);
        } else {
            table.add(key, *weight)?;
        }
    }
    Ok(())
}

fn high_of(high: &BTreeMap<u32, u32>, location: u32) -> u64 {
    if high.is_empty() { 0 } else { high.get(&location).map_or(0, |&h| u64::from(h) << 32) }
}

fn full() -> Error {
    Error::new(ErrorKind::Unsupported, "distinct pieces take more than 512 GiB, the bound of counts")
        .hint("take a sample, or a pattern that makes shorter pieces")
}
