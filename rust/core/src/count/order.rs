//! Locations of pieces into the order of their bytes. Words of 8 bytes are compared, not pieces: each piece is fetched
//! once a word, where a comparison sort would fetch two at each of its `n log n` comparisons.

const WORD: usize = 8;

/// Depth in bytes from which pieces that still agree are compared whole: it bounds the recursion.
const WHOLE_FROM: usize = 256;

/// A piece on its way into order: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranked {
    /// The 8 bytes of the piece that are compared now, big-endian, zeros behind the end.
    word: u64,
    /// Bytes of the piece from that word on, 9 for any more than 8.
    left: u8,
    /// The table.
    pub(super) shard: u8,
    /// Where in the table's arena.
    pub(super) location: u32,
}

impl Ranked {
    pub(super) fn new(shard: u8, location: u32) -> Self {
        Self { word: 0, left: 0, shard, location }
    }
}

/// Sorts `pieces`, all different, by what `bytes` gives for them.
pub(super) fn sort<'a>(pieces: &mut [Ranked], bytes: &impl Fn(&Ranked) -> &'a [u8]) {
    sort_from(pieces, bytes, 0);
}

/// Sorts pieces that agree in their first `depth` bytes: by the next word, then each run of equals by the one after.
fn sort_from<'a>(pieces: &mut [Ranked], bytes: &impl Fn(&Ranked) -> &'a [u8], depth: usize) {
    if depth >= WHOLE_FROM {
        pieces.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
        return;
    }
    for ranked in pieces.iter_mut() {
        (ranked.word, ranked.left) = word_at(bytes(ranked), depth);
    }
    pieces.sort_unstable_by_key(|r| (r.word, r.left));
    for run in pieces.chunk_by_mut(|a, b| (a.word, a.left) == (b.word, b.left)) {
        if run.len() > 1 {
            sort_from(run, bytes, depth + WORD);
        }
    }
}

/// The word at `depth` and how many bytes there are from it on, 9 for any more than 8.
fn word_at(piece: &[u8], depth: usize) -> (u64, u8) {
    let rest = piece.get(depth..).unwrap_or_default();
    if let Some(word) = rest.first_chunk::<WORD>() {
        return (u64::from_be_bytes(*word), rest.len().min(WORD + 1) as u8);
    }
    let mut word = [0; WORD];
    word[..rest.len()].copy_from_slice(rest);
    (u64::from_be_bytes(word), rest.len() as u8)
}
