//! Pieces as tables look them up: a hash, and the first 16 bytes in one number.
//!
//! The hash is fixed and unkeyed: counts of one corpus are laid out alike on every machine, and whoever crafts
//! colliding pieces can make counting slow (never wrong). No file depends on it.

/// The longest piece in bytes: a record has 32 bits for the length.
pub(super) const MAX_PIECE: usize = u32::MAX as usize;

/// A piece with what a lookup compares first.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    /// At most [`MAX_PIECE`] bytes.
    pub(super) piece: &'a [u8],
    /// The first 16 bytes, zeros behind the end, little-endian.
    pub(super) head: u128,
    pub(super) hash: u32,
}

impl<'a> Key<'a> {
    pub(super) const EMPTY: Self = Self { piece: &[], head: 0, hash: 0 };

    #[inline]
    pub(super) fn new(piece: &'a [u8]) -> Self {
        let mut padded = [0; 16];
        let n = piece.len().min(16);
        padded[..n].copy_from_slice(&piece[..n]);
        Self::with_head(piece, u128::from_le_bytes(padded))
    }

    /// The same for `text[start..end]`, without a branch on the length where 16 bytes can be loaded.
    #[inline]
    pub(super) fn within(text: &'a [u8], start: usize, end: usize) -> Self {
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
    let (words, rest) = tail.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MIX[1]);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(state ^ u64::from_le_bytes(last), MIX[2])
}
