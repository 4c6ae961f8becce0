//! Tokenizers as files: native, tiktoken, Hugging Face. Bytes in, bytes out; the caller opens files.

pub mod huggingface;
pub mod native;
pub mod tiktoken;

/// The file formats that can be told apart by looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// bpe-lab's own.
    Native,
    /// A rank file: base64, space, rank, on every line.
    Tiktoken,
    /// `tokenizer.json`.
    HuggingFace,
}

/// Looks at the first bytes of a file.
pub fn detect(_bytes: &[u8]) -> Option<Format> {
    todo!()
}
