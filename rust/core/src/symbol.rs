//! The three words everything else speaks: symbol, token id, pair.

/// A base symbol of a [`Unit`](crate::unit::Unit): what text is made of before any merge.
///
/// Symbols 0..=255 are bytes in every unit; a unit may add atoms from 256 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Symbol(pub u32);

/// The number of a token in a tokenizer's vocabulary. Always below [`MAX_IDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct TokenId(pub u32);

/// Ids stay below this, so that left, right and rank of a merge fit one 64-bit word.
pub const MAX_IDS: usize = 1 << 21;

/// Two neighbouring tokens. Ordered by left, then right: the order that breaks ties in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The token on the left.
    pub left: TokenId,
    /// The token on the right.
    pub right: TokenId,
}

impl Pair {
    /// The pair `(left, right)`.
    #[inline]
    pub fn new(left: TokenId, right: TokenId) -> Self {
        Self { left, right }
    }

    /// One word that orders like the pair.
    #[inline]
    pub fn key(self) -> u64 {
        u64::from(self.left.0) << 32 | u64::from(self.right.0)
    }
}
