//! Hugging Face's `tokenizer.json`.

use crate::Result;
use crate::tokenizer::Tokenizer;

/// The text of `tokenizer.json`.
///
/// # Errors
/// `Unsupported`, with the reason, where `tokenizers` could not give the same ids.
pub fn write(_tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    todo!()
}

/// Reads the text of a `tokenizer.json`.
///
/// # Errors
/// `Unsupported` names the part (normalizer, model type, pre-tokenizer, …) that bpe-lab would not reproduce.
pub fn read(_bytes: &[u8]) -> Result<Tokenizer> {
    todo!()
}
