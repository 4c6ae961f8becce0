//! Hugging Face's `tokenizer.json`.
//!
//! "The same ids" means: as `Tokenizer.encode(text, add_special_tokens=False).ids` of `tokenizers`, which makes a special
//! of every special's text it sees, so with all specials allowed here.
//!
//! **Listed pairs** are what Hugging Face merges by; they are written and read one to one. **Ranks** are written as the
//! one pair of parts from which each token is ever made (corollary 1 of the lemma in `formats/alone.rs`), in rank order,
//! with `ignore_merges`, which is tiktoken's short cut under another name. A file with `ignore_merges` is read back as
//! ranks where corollary 2 holds, else refused.

mod byte_level;
mod json;
mod reader;
mod writer;

pub use reader::read;
pub use writer::{tokenizer_config_json, write};

#[cfg(test)]
mod tests;
