//! tiktoken's rank files.

use crate::Result;
use crate::pretokenize::Pattern;
use crate::tokenizer::{Special, Tokenizer};

/// The rank file's bytes.
///
/// # Errors
/// `Unsupported`, with the reason, unless it is proven that ranks give the same ids as this tokenizer's rule.
pub fn write(_tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    todo!()
}

/// Reads a rank file's bytes.
pub fn read(_bytes: &[u8], _pattern: Pattern, _specials: Vec<Special>) -> Result<Tokenizer> {
    todo!()
}
