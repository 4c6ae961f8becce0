//! Tokenizers as files: native, tiktoken, Hugging Face. Bytes in, bytes out; the caller opens files.
//!
//! Every format says what it cannot hold: an exchange format is written only where it is proven that its reader gives
//! the same ids, and read only where bpe-lab does. The proofs rest on one lemma, in `alone`; docs/formats.md has the
//! layouts and the proofs in full.

mod alone;
pub mod huggingface;
pub mod native;
mod regex_text;
pub mod tiktoken;

use crate::tokenizer::Tokenizer;
use crate::{Error, Result};

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
///
/// ```
/// use bpe_lab_core::formats::{Format, detect};
/// assert_eq!(detect(b"bpe-lab tokenizer 1\n{"), Some(Format::Native));
/// assert_eq!(detect(b"IQ== 0\nIg== 1\n"), Some(Format::Tiktoken));
/// assert_eq!(detect(b"{\n  \"version\": \"1.0\","), Some(Format::HuggingFace));
/// assert_eq!(detect(b"PK\x03\x04"), None);
/// ```
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let trimmed = bytes.trim_ascii_start();
    if bytes.starts_with(native::MAGIC) {
        Some(Format::Native)
    } else if trimmed.starts_with(b"{") {
        Some(Format::HuggingFace)
    } else if tiktoken::is_rank_line(trimmed.split(|&b| b == b'\n').next().unwrap_or_default()) {
        Some(Format::Tiktoken)
    } else {
        None
    }
}

/// Fails unless the base alphabet is the 256 bytes and nothing but the pattern cuts text, which is all that the exchange
/// formats know.
///
/// No trick gets around it. Both readers begin with bytes and merge them: an atom would need ids for its first two bytes
/// together, which merge elsewhere too, and jamo of one syllable have no bytes to begin with. The byte fallback of
/// `tokenizers` does begin with characters, but its decoder knows single bytes only, not merged ones.
fn check_bytes_only(tokenizer: &Tokenizer, format: &str) -> Result<()> {
    if let Some(analyser) = tokenizer.analyser() {
        let (name, version) = (&analyser.name, &analyser.version);
        return Err(Error::unsupported(format!(
            "the tokenizer cuts text at the morphemes that {name} ({version}) finds; {format} cannot say so and would \
             give other ids"
        ))
        .hint("train with --at train: then encoding needs no analyser, and the tokenizer can be exported"));
    }
    let unit = tokenizer.unit();
    if unit.is_bytewise() && unit.n_base() == 256 {
        return Ok(());
    }
    let message = format!("unit {} has base symbols other than bytes; {format} has none", unit.name());
    Err(Error::unsupported(message)
        .hint("save it as bpe-lab's own file, or train with unit byte or byte-char to exchange it"))
}

/// A token's bytes for messages: as text where they are, the rest escaped; long ones cut.
fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    let head = &bytes[..bytes.len().min(LONGEST)];
    let text = match std::str::from_utf8(head) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => head.escape_ascii().to_string(),
    };
    format!("\"{text}\"{}", if head.len() < bytes.len() { "…" } else { "" })
}

/// A hint with the first few of many names.
fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let more = names.len().saturating_sub(MOST);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", names[..names.len().min(MOST)].join(", "))
}
