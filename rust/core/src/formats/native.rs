//! bpe-lab's own file: text, small, diffable, with magic, version, provenance and checksum.

use crate::Result;
use crate::tokenizer::Tokenizer;

/// The file's bytes.
pub fn write(_tokenizer: &Tokenizer) -> Vec<u8> {
    todo!()
}

/// Reads a file's bytes.
pub fn read(_bytes: &[u8]) -> Result<Tokenizer> {
    todo!()
}
