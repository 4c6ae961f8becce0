//! Counted pieces: what a corpus is to the trainer. A sum, so shards add up in any order to the same counts.
//!
//! Knows bytes and weights; no text, no documents, no units.

mod arena;
mod escape;
mod file;
mod key;
mod marks;
mod order;
mod shards;
mod superpieces;
mod table;
#[cfg(test)]
mod tests;
mod text;

use crate::{Error, ErrorKind, Result};
pub(crate) use escape::{escape, excerpt, unescape};
pub use marks::{Marks, Record};
use shards::Shards;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

/// The key of the meta-data that names the pattern: counts of two patterns never add up.
pub const PATTERN: &str = "pattern";
/// The key of the meta-data that names the analyser whose cut marks the counts hold.
pub const MORPHEMES: &str = "morphemes";

/// The key of the meta-data that names the pattern of the superpieces, where there are such.
pub const SUPERWORDS: &str = "superwords";

/// Piece -> weight, and what is known of where they come from.
///
/// Weights are u64. All weights together, and all bytes together (weight x length), stay below 2^64: what would pass
/// that is an error, so that no sum over counts can overflow later.
///
/// A piece may carry cut marks, which no merge may cross. The same bytes with other marks are another record; what counts
/// pieces here counts records.
///
/// Costs per distinct piece: its bytes rounded up to 8 (at least 16), 8 bytes, and 12 to 18 bytes of slots.
///
/// ```
/// use bpe_lab_core::count::PieceCounts;
/// let mut counts = PieceCounts::new();
/// counts.add("한국".as_bytes(), 2)?;
/// counts.add(b"a", 1)?;
/// let mut other = PieceCounts::new();
/// other.add(b"a", 1 << 40)?;
/// counts.absorb(&other)?;
/// assert_eq!(counts.sorted(), [(&b"a"[..], (1 << 40) + 1), ("한국".as_bytes(), 2)]);
/// assert_eq!(counts.total_weight(), (1 << 40) + 3);
///
/// let mut file = Vec::new();
/// counts.write_to(&mut file)?;
/// assert_eq!(PieceCounts::read_from(&mut &file[..])?.sorted(), counts.sorted());
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PieceCounts {
    shards: Shards,
    /// Pieces with cut marks, under the keys of [`marks::pack`].
    marked: Shards,
    /// Sum of the weights.
    total_weight: u64,
    /// Sum of weight x length.
    total_bytes: u64,
    meta: BTreeMap<String, String>,
    /// Superpieces of the same text, where they were counted: without meta-data, and without a second table.
    superpieces: Option<Box<Self>>,
}

impl PieceCounts {
    /// No pieces.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `weight` to `piece`; a weight of 0 adds nothing, not even the piece. 20 to 60 ns.
    ///
    /// # Errors
    /// An empty piece, one of 4 GiB or more, and sums that pass 2^64 - 1. Nothing is added then.
    pub fn add(&mut self, piece: &[u8], weight: u64) -> Result<()> {
        if weight == 0 {
            return Ok(());
        }
        check_length(piece.len())?;
        self.raise_totals(weight, (piece.len() as u64).checked_mul(weight))?;
        self.shards.add(piece, weight)
    }

    /// Adds `weight` to `piece` cut at `marks`: byte offsets strictly inside it, ascending. None are as
    /// [`add`](Self::add).
    ///
    /// # Errors
    /// As [`add`](Self::add), and marks that do not ascend or do not lie inside the piece.
    pub fn add_marked(&mut self, piece: &[u8], marks: &[u32], weight: u64) -> Result<()> {
        if marks.is_empty() || weight == 0 {
            return self.add(piece, weight);
        }
        check_length(piece.len())?;
        check_length(marks::packed_len(piece.len(), marks.len()))?;
        marks::check(piece.len(), marks)?;
        self.raise_totals(weight, (piece.len() as u64).checked_mul(weight))?;
        self.marked.add(&marks::pack(piece, marks), weight)
    }

    /// Adds 1 to each span of `text` from `start` on: the first begins at `start`, each next one where the last ended.
    ///
    /// What [`add`](Self::add) does piece by piece, at half its price.
    ///
    /// # Errors
    /// As [`add`](Self::add), and ends that do not rise or lie outside `text`.
    pub fn add_spans(&mut self, text: &[u8], start: usize, ends: &[usize]) -> Result<()> {
        let mut last = start;
        for &end in ends {
            if end <= last || end > text.len() {
                return Err(Error::argument(format!("a span ends at {end}: not behind {last}, or not in the text")));
            }
            if end - last > key::MAX_PIECE {
                return check_length(end - last);
            }
            last = end;
        }
        self.raise_totals(ends.len() as u64, Some((last - start) as u64))?;
        self.shards.add_spans(text, start, ends)
    }

    /// Adds all of `other`, its meta-data included: a key that both have keeps the lines of both, sorted.
    ///
    /// # Errors
    /// The patterns differ, one side has superpieces and the other pieces only, or a sum passes 2^64 - 1. Nothing is
    /// added then.
    pub fn absorb(&mut self, other: &Self) -> Result<()> {
        self.join(other)?;
        other.shards.iter().try_for_each(|(piece, weight)| self.shards.add(piece, weight))?;
        other.marked.iter().try_for_each(|(key, weight)| self.marked.add(key, weight))?;
        match (&mut self.superpieces, &other.superpieces) {
            (Some(mine), Some(theirs)) => {
                theirs.shards.iter().try_for_each(|(piece, weight)| mine.shards.add(piece, weight))
            }
            _ => Ok(()),
        }
    }

    /// The sum of all, on at most `n_threads` threads. Frees what is added on the way, so that there are never two
    /// copies of everything.
    ///
    /// # Errors
    /// As [`absorb`](Self::absorb).
    pub fn sum(all: Vec<Self>, n_threads: usize) -> Result<Self> {
        let mut sum = Self::default();
        let (mut shards, mut marked) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
        let mut super_shards = Vec::new();
        for counts in all {
            sum.join(&counts)?;
            shards.push(counts.shards);
            marked.push(counts.marked);
            super_shards.extend(counts.superpieces.map(|table| table.shards));
        }
        sum.shards = Shards::sum(shards, n_threads)?;
        sum.marked = Shards::sum(marked, n_threads)?;
        if let Some(superpieces) = &mut sum.superpieces {
            superpieces.shards = Shards::sum(super_shards, n_threads)?;
        }
        Ok(sum)
    }

    /// Takes over the totals and meta-data of `other`, or fails and changes nothing.
    fn join(&mut self, other: &Self) -> Result<()> {
        if let (Some(a), Some(b)) = (self.meta.get(PATTERN), other.meta.get(PATTERN))
            && a != b
        {
            return Err(Error::argument(format!("counts of pattern {a} and of pattern {b} do not add up"))
                .hint("count both corpora with one --pattern"));
        }
        let superpieces = self.joint_superpieces(other)?;
        self.raise_totals(other.total_weight, Some(other.total_bytes))?;
        if let Some((weight, bytes)) = superpieces {
            let table = self.superpieces.get_or_insert_default();
            (table.total_weight, table.total_bytes) = (weight, bytes);
        }
        for (key, value) in &other.meta {
            let merged = self.meta.get(key).map(|mine| union_of_lines(mine, value));
            self.meta.insert(key.clone(), merged.unwrap_or_else(|| value.clone()));
        }
        Ok(())
    }

    fn raise_totals(&mut self, weight: u64, bytes: Option<u64>) -> Result<()> {
        (self.total_weight, self.total_bytes) = self.raised_totals(weight, bytes)?;
        Ok(())
    }

    fn raised_totals(&self, weight: u64, bytes: Option<u64>) -> Result<(u64, u64)> {
        let total_weight = self.total_weight.checked_add(weight);
        let total_bytes = bytes.and_then(|b| self.total_bytes.checked_add(b));
        let (Some(total_weight), Some(total_bytes)) = (total_weight, total_bytes) else {
            let message = format!(
                "the weights, or weights times lengths, add up to more than {} (2^64 - 1), the bound of counts",
                u64::MAX
            );
            return Err(Error::new(ErrorKind::Unsupported, message).hint("divide all weights by a common factor"));
        };
        Ok((total_weight, total_bytes))
    }

    /// Number of distinct pieces; one with other marks is another.
    pub fn len(&self) -> usize {
        self.shards.len() + self.marked.len()
    }

    /// Whether any piece has cut marks.
    pub fn has_marks(&self) -> bool {
        self.marked.len() > 0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total_weight == 0
    }

    /// Sum of the weights: pieces in the corpus.
    pub fn total_weight(&self) -> u64 {
        self.total_weight
    }

    /// Sum of weight x length: bytes in the corpus.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// What is known of the counts: pattern, documents, sample, provenance, by key. A value is lines of text.
    pub fn meta(&self) -> &BTreeMap<String, String> {
        &self.meta
    }

    /// Notes `value` under `key` in place of what stood there.
    pub fn set_meta(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.meta.insert(key.into(), value.into());
    }

    /// Pieces, marks and weights in no particular order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.shards.iter().map(Record::plain).chain(marks::iter(&self.marked))
    }

    /// The same in canonical order: by bytes, then by marks, which come after none. 16 bytes a piece, and 40 one with
    /// marks.
    pub fn records_sorted(&self) -> impl Iterator<Item = Record<'_>> {
        marks::iter_sorted(self.shards.iter_sorted(), &self.marked)
    }

    /// Pieces and weights in no particular order; a piece comes once for each set of its marks.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.records().map(|r| (r.piece, r.weight))
    }

    /// Pieces and weights in canonical order. 24 bytes a piece; 40 while it sorts.
    pub fn sorted(&self) -> Vec<(&[u8], u64)> {
        self.iter_sorted().collect()
    }

    /// The same one by one. 16 bytes a piece.
    pub fn iter_sorted(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.records_sorted().map(|r| (r.piece, r.weight))
    }

    /// Writes bpe-lab's count file (docs/formats.md): canonical, so equal counts give equal files.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<()> {
        file::write(self, out)
    }

    /// Writes `piece<TAB>count` lines in canonical order, pieces escaped to printable UTF-8. Loses the meta-data and the
    /// superpieces.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_tsv(&self, out: &mut dyn Write) -> Result<()> {
        text::write(self, out)
    }

    /// Reads bpe-lab's count file, or a two-column `piece<TAB>count` text file (told apart by the magic).
    ///
    /// # Errors
    /// [`Format`](ErrorKind::Format) for what is truncated, corrupt or newer than this program, and for a text line
    /// that is not a piece, a TAB and a positive number; those of `input`.
    pub fn read_from(input: &mut dyn Read) -> Result<Self> {
        let mut front = Vec::with_capacity(file::MAGIC.len());
        input.take(file::MAGIC.len() as u64).read_to_end(&mut front)?;
        match &front[..] {
            [] => Err(Error::format("the count file is empty: it has neither a magic nor a line")),
            magic if *magic == file::MAGIC => file::read(input),
            start if file::MAGIC.starts_with(start) => Err(file::ends_early(start.len() as u64)),
            _ => text::read(&mut front.chain(input)),
        }
    }
}

fn check_length(n: usize) -> Result<()> {
    if (1..=key::MAX_PIECE).contains(&n) {
        return Ok(());
    }
    Err(Error::argument(format!("a piece has 1 to {} bytes, got {n}", key::MAX_PIECE)))
}

/// The lines of both, each once, sorted: commutative, associative, and equal values stay as they are.
fn union_of_lines(a: &str, b: &str) -> String {
    if a == b {
        return a.to_owned();
    }
    let lines: BTreeSet<&str> = a.lines().chain(b.lines()).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}
