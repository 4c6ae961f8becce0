//! Text to pieces: spans that tile a document, inside which BPE merges and across which it never does.
//!
//! Knows no counts, ids or units.

use crate::Result;

/// How documents are cut into pieces.
#[derive(Clone, Debug)]
pub struct Pattern(());

impl Pattern {
    /// The named pattern: `gpt2`, `cl100k`, `o200k` or `none`.
    pub fn from_name(_name: &str) -> Result<Self> {
        todo!()
    }

    /// A user's regular expression. What it does not match becomes pieces of its own: nothing is lost.
    pub fn from_regex(_regex: &str) -> Result<Self> {
        todo!()
    }

    /// The name, for a named pattern.
    pub fn name(&self) -> Option<&'static str> {
        todo!()
    }

    /// The regex text as `tiktoken` (fancy-regex) takes it; `None` for pattern `none`.
    pub fn tiktoken_regex(&self) -> Option<&str> {
        todo!()
    }

    /// The regex text as Hugging Face's `Split` (Oniguruma) takes it so that it cuts alike; `None` for `none`.
    pub fn hf_regex(&self) -> Option<&str> {
        todo!()
    }

    /// Appends the ends of at most `limit` pieces, beginning at byte `start` of `text`, and returns the last end.
    ///
    /// `start` is 0 or an end that an earlier call gave for the same text. The spans tile the text: the first piece
    /// begins at `start`, each next one where the last ended. Returns `start` only when nothing is left.
    ///
    /// # Errors
    /// Only a user's regex can fail (its back-tracking limit).
    pub fn scan(&self, _text: &[u8], _start: usize, _limit: usize, _ends: &mut Vec<usize>) -> Result<usize> {
        todo!()
    }

    /// Appends the ends of all pieces of `text`.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub fn split(&self, text: &[u8], ends: &mut Vec<usize>) -> Result<()> {
        self.scan(text, 0, usize::MAX, ends).map(drop)
    }

    /// The last position in `text` where a piece begins whatever comes before or after the given bytes, so that both
    /// sides can be cut apart there and scanned on their own. `None` where no such place is seen (always for a
    /// user's regex and for `none`).
    pub fn last_safe_cut(&self, _text: &[u8]) -> Option<usize> {
        todo!()
    }
}
