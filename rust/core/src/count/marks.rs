//! Pieces with cut marks: places inside a piece that no merge may cross.
//!
//! A marked piece is kept in tables of its own under a key that packs piece and marks, so pieces without marks cost what
//! they cost before. Knows nothing of morphemes, units or symbols.

use super::shards::Shards;
use crate::{Error, Result};

/// Bytes of a mark, and of the number of marks, in a packed key.
const WORD: usize = 4;

/// The cut marks of a piece: byte offsets strictly inside it, ascending.
///
/// ```
/// use bpe_lab_core::count::PieceCounts;
/// let mut counts = PieceCounts::new();
/// counts.add_marked("학교에".as_bytes(), &[6], 2)?;
/// let record = counts.records().next().unwrap();
/// assert_eq!(record.marks.iter().collect::<Vec<_>>(), [6]);
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marks<'a> {
    /// Big-endian, so that slices of them compare like the numbers.
    words: &'a [[u8; WORD]],
}

impl<'a> Marks<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The offsets, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = usize> + use<'a> {
        self.words.iter().map(|word| u32::from_be_bytes(*word) as usize)
    }
}

/// A piece, its cut marks, and how often it stands in the corpus with exactly these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The bytes.
    pub piece: &'a [u8],
    /// Where it is cut.
    pub marks: Marks<'a>,
    /// How often.
    pub weight: u64,
}

impl<'a> Record<'a> {
    /// A record without marks.
    #[inline]
    pub(super) fn plain((piece, weight): (&'a [u8], u64)) -> Self {
        Self { piece, marks: Marks::default(), weight }
    }

    /// A record of a packed key.
    fn packed((key, weight): (&'a [u8], u64)) -> Self {
        let (piece, marks) = unpack(key);
        Self { piece, marks, weight }
    }
}

/// Fails unless `marks` ascend and lie strictly inside a piece of `n` bytes.
pub(super) fn check(n: usize, marks: &[u32]) -> Result<()> {
    let mut last = 0;
    for &mark in marks {
        if mark <= last || mark as usize >= n {
            return Err(Error::argument(format!(
                "a cut mark lies at byte {mark}: not behind byte {last}, or not inside a piece of {n} bytes"
            )));
        }
        last = mark;
    }
    Ok(())
}

/// The key of a marked piece: its bytes, the marks, and how many. It says where the piece ends, so no two are equal.
pub(super) fn pack(piece: &[u8], marks: &[u32]) -> Vec<u8> {
    let mut key = Vec::with_capacity(packed_len(piece.len(), marks.len()));
    key.extend_from_slice(piece);
    for n in marks.iter().copied().chain([marks.len() as u32]) {
        key.extend_from_slice(&n.to_be_bytes());
    }
    key
}

/// The length of a key.
pub(super) fn packed_len(piece: usize, n_marks: usize) -> usize {
    piece.saturating_add(n_marks.saturating_add(1).saturating_mul(WORD))
}

fn unpack(key: &[u8]) -> (&[u8], Marks<'_>) {
    let (rest, n) = key.split_last_chunk::<WORD>().unwrap_or((key, &[0; WORD]));
    let n_bytes = u32::from_be_bytes(*n) as usize * WORD;
    let (piece, marks) = rest.split_at(rest.len().saturating_sub(n_bytes));
    (piece, Marks { words: marks.as_chunks().0 })
}

/// The records of marked pieces, in no particular order.
pub(super) fn iter(marked: &Shards) -> impl Iterator<Item = Record<'_>> {
    marked.iter().map(Record::packed)
}

/// All records in canonical order: by bytes, then by marks, which come after none. `plain` is sorted.
pub(super) fn iter_sorted<'a>(
    plain: impl Iterator<Item = (&'a [u8], u64)>,
    marked: &'a Shards,
) -> impl Iterator<Item = Record<'a>> {
    let mut marked: Vec<Record<'a>> = iter(marked).collect();
    marked.sort_unstable_by_key(|r| (r.piece, r.marks));
    let (mut plain, mut marked) = (plain.map(Record::plain).peekable(), marked.into_iter().peekable());
    std::iter::from_fn(move || match (plain.peek(), marked.peek()) {
        (Some(a), Some(b)) if a.piece > b.piece => marked.next(),
        (Some(_), _) => plain.next(),
        (None, _) => marked.next(),
    })
}
