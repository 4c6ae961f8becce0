//! Piece -> weight in tables by hash: sums run table by table on many threads, and growing copies a sixteenth.

use super::key::Key;
use super::order::{self, Ranked};
use super::table::{BLOCK, Table, add_block};
use crate::Result;
use std::sync::{Mutex, PoisonError};

/// Number of tables.
const N: usize = 1 << Table::SHARD_BITS;

/// The map. The caller sees to it that all weights together fit 64 bits.
#[derive(Clone, Debug)]
pub(super) struct Shards {
    /// A piece is in the table that the highest bits of its hash number.
    tables: Box<[Table; N]>,
}

impl Default for Shards {
    fn default() -> Self {
        Self { tables: Box::new(std::array::from_fn(|_| Table::default())) }
    }
}

#[inline]
fn shard_of(hash: u32) -> usize {
    (hash >> (u32::BITS - Table::SHARD_BITS)) as usize
}

impl Shards {
    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    /// Adds `weight` to `piece`, of at most [`MAX_PIECE`](super::key::MAX_PIECE) bytes.
    ///
    /// # Errors
    /// An arena is full.
    pub(super) fn add(&mut self, piece: &[u8], weight: u64) -> Result<()> {
        let key = Key::new(piece);
        self.tables[shard_of(key.hash)].add(&key, weight)
    }

    /// Adds 1 to each span of `text`: the first begins at `start`, each next one where the last ended.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(super) fn add_spans(&mut self, text: &[u8], mut start: usize, ends: &[usize]) -> Result<()> {
        let mut block = [(Key::EMPTY, 1); BLOCK];
        for ends in ends.chunks(BLOCK) {
            for ((key, _), &end) in block.iter_mut().zip(ends) {
                *key = Key::within(text, start, end);
                start = end;
            }
            add_block(&mut *self.tables, shard_of, &block[..ends.len()])?;
        }
        Ok(())
    }

    /// Pieces and weights in the order they came, table by table.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.tables.iter().flat_map(|table| table.arena().locations().map(|at| table.entry(at)))
    }

    /// Pieces and weights in the order of the pieces' bytes. 16 bytes a piece.
    pub(super) fn iter_sorted(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let mut all = Vec::with_capacity(self.len());
        for (shard, table) in self.tables.iter().enumerate() {
            all.extend(table.arena().locations().map(|location| Ranked::new(shard as u8, location)));
        }
        order::sort(&mut all, &|r| self.tables[usize::from(r.shard)].arena().piece(r.location));
        all.into_iter().map(|r| self.tables[usize::from(r.shard)].entry(r.location))
    }

    /// The sum of all, table by table on at most `n_threads` threads; frees what is added on the way.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(super) fn sum(all: Vec<Self>, n_threads: usize) -> Result<Self> {
        let mut columns: [Vec<Table>; N] = std::array::from_fn(|_| Vec::with_capacity(all.len()));
        for shards in all {
            columns.iter_mut().zip(*shards.tables).for_each(|(column, table)| column.push(table));
        }
        let queue = Mutex::new(columns.iter_mut());
        let work = || -> Result<()> {
            while let Some(column) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() {
                add_up(column)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..n_threads.min(N)).map(|_| scope.spawn(work)).collect();
            let mine = work();
            others.into_iter().fold(mine, |done, other| {
                done.and(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })
        })?;
        Ok(Self { tables: Box::new(columns.map(|mut column| column.pop().unwrap_or_default())) })
    }
}

/// Leaves one table: the largest, with the others added.
fn add_up(column: &mut Vec<Table>) -> Result<()> {
    column.sort_by_key(Table::len);
    let Some(mut sum) = column.pop() else { return Ok(()) };
    column.drain(..).try_for_each(|table| sum.take_in(table))?;
    column.push(sum);
    Ok(())
}
