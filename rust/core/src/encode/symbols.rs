//! Strings of symbols to ids, without a cache: for pieces that are cut inside a character, where bytes cannot say it.

use super::{Encoder, Scratch};
use crate::{Symbol, TokenId};

impl Encoder {
    /// Appends the ids of one string of symbols, merged alone.
    ///
    /// Gives what [`encode_pieces`](Self::encode_pieces) gives for the bytes that the symbols spell, where they are the
    /// unit's symbols of these bytes. Some 10 times slower than a piece that is in the cache.
    pub fn encode_symbols(&self, symbols: &[Symbol], scratch: &mut Scratch, out: &mut Vec<u32>) {
        self.rules.encode_symbols(symbols, &mut scratch.serve(self).work, out);
    }

    /// Every state of a string of symbols while it merges; see [`steps`](Self::steps).
    pub fn steps_of_symbols(&self, symbols: &[Symbol]) -> Vec<(Option<u32>, Vec<TokenId>)> {
        self.rules.steps_of_symbols(symbols)
    }
}
