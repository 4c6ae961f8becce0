//! The whole tokenizer: pattern, unit, merges and specials behind one door. Knows no files.

use crate::decode::Decoder;
use crate::encode::{Encoder, Scratch};
use crate::merges::Merges;
use crate::pretokenize::Pattern;
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Result, TokenId};

/// A token that stands for itself and is never made from text unless asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// How it is written; never empty.
    pub text: String,
    /// Its id, outside the vocabulary of the merges.
    pub id: TokenId,
}

/// What a call does where a special token's text stands in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialRule {
    /// Which specials become their id, by index into [`Tokenizer::specials`].
    pub allowed: Vec<usize>,
    /// Which specials make the call fail.
    pub refused: Vec<usize>,
}

/// Pattern, unit, merges, specials, and everything derived from them. Immutable; share it.
pub struct Tokenizer {}

impl Tokenizer {
    /// Puts a tokenizer together and derives its tables. `provenance` is a JSON object (or empty) kept as it is.
    pub fn new(
        _unit: Unit,
        _pattern: Pattern,
        _merges: Merges,
        _specials: Vec<Special>,
        _provenance: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self> {
        todo!()
    }

    /// The base alphabet.
    pub fn unit(&self) -> &Unit {
        todo!()
    }
    /// How text is cut.
    pub fn pattern(&self) -> &Pattern {
        todo!()
    }
    /// The merges.
    pub fn merges(&self) -> &Merges {
        todo!()
    }
    /// Spellings by id, without the specials.
    pub fn vocab(&self) -> &Vocab {
        todo!()
    }
    /// Specials, by id.
    pub fn specials(&self) -> &[Special] {
        todo!()
    }
    /// Where it came from.
    pub fn provenance(&self) -> &serde_json::Map<String, serde_json::Value> {
        todo!()
    }
    /// One more than the highest id, specials counted.
    pub fn n_ids(&self) -> usize {
        todo!()
    }
    /// Tokens with a spelling, and specials.
    pub fn n_tokens(&self) -> usize {
        todo!()
    }
    /// The bytes of one id (bytewise units and specials).
    pub fn token_bytes(&self, _id: u32) -> Result<Vec<u8>> {
        todo!()
    }
    /// The id whose bytes are `bytes`, or of the special written so.
    pub fn token_id(&self, _bytes: &[u8]) -> Option<u32> {
        todo!()
    }
    /// The encoder's tables.
    pub fn encoder(&self) -> &Encoder {
        todo!()
    }
    /// The decoder's table.
    pub fn decoder(&self) -> &Decoder {
        todo!()
    }

    /// Appends the ids of one document.
    ///
    /// # Errors
    /// A refused special in the text (kind `Text`), or a user's regex that hits its limit.
    pub fn encode_into(
        &self,
        _text: &[u8],
        _rule: &SpecialRule,
        _scratch: &mut Scratch,
        _out: &mut Vec<u32>,
    ) -> Result<()> {
        todo!()
    }

    /// Encodes documents on `scratches.len()` threads (at least one). Document `i` has
    /// `ids[offsets[i]..offsets[i + 1]]`. Large documents are cut at safe places, so one document uses all threads too.
    pub fn encode_batch(
        &self,
        _documents: &[&[u8]],
        _rule: &SpecialRule,
        _scratches: &mut [Scratch],
    ) -> Result<(Vec<u32>, Vec<u64>)> {
        todo!()
    }

    /// Appends the bytes of `ids`.
    pub fn decode_into(&self, _ids: &[u32], _out: &mut Vec<u8>) -> Result<()> {
        todo!()
    }
}
