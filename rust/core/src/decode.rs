//! Ids to bytes, and to text as it streams. Knows no patterns.

use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Error, Result};

/// Bytes of every id, derived once. Immutable.
///
/// Specials are decoded too: hand them in as pairs of id and bytes.
pub struct Decoder {}

impl Decoder {
    /// Derives the table. `specials` are ids outside `vocab` with the bytes they stand for.
    pub fn new(_unit: &Unit, _vocab: &Vocab, _specials: &[(u32, &[u8])]) -> Result<Self> {
        todo!()
    }

    /// Appends the bytes of `ids` to `out`.
    ///
    /// # Errors
    /// A token error naming the first id that the vocabulary does not hold, its position and the range.
    pub fn decode_into(&self, _ids: &[u32], _out: &mut Vec<u8>) -> Result<()> {
        todo!()
    }

    /// Appends the end of each token's bytes, counted from 0, to `ends`; spans tile the decoded bytes.
    pub fn ends_into(&self, _ids: &[u32], _ends: &mut Vec<u64>) -> Result<()> {
        todo!()
    }
}

/// Turns ids into text as they come, whole characters only.
///
/// Bytes that cannot become a character any more are given as U+FFFD, as `String::from_utf8_lossy` does for the whole.
pub struct StreamDecoder {}

impl StreamDecoder {
    /// Nothing pending.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        todo!()
    }

    /// Takes the next ids and gives the characters that are now whole.
    pub fn push(&mut self, _decoder: &Decoder, _ids: &[u32]) -> Result<String> {
        todo!()
    }

    /// Ends the stream: what is pending comes out as U+FFFD.
    pub fn finish(&mut self) -> String {
        todo!()
    }
}

#[allow(dead_code)]
fn unused() -> Error {
    todo!()
}
