//! Pieces to ids. The [`Encoder`] is immutable and shared by threads; each caller owns a [`Scratch`].
//!
//! Knows no patterns and no specials.

use crate::merges::Merges;
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Result, TokenId};

/// Tables derived from the merges. Immutable.
pub struct Encoder {}

/// Buffers and the piece cache of one caller. Bounded; never shared.
#[derive(Default)]
pub struct Scratch {}

impl Encoder {
    /// Derives the tables.
    pub fn new(_unit: &Unit, _merges: &Merges, _vocab: &Vocab) -> Result<Self> {
        todo!()
    }

    /// Appends the ids of the pieces of `text` that begin at `start` and end at each of `ends`.
    pub fn encode_pieces(
        &self,
        _text: &[u8],
        _start: usize,
        _ends: &[usize],
        _scratch: &mut Scratch,
        _out: &mut Vec<u32>,
    ) {
        todo!()
    }

    /// Every state of one piece while it merges: the ids before the first merge, then after each, with its rank.
    pub fn steps(&self, _piece: &[u8]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        todo!()
    }
}
