//! Superpieces: pieces of a named pattern joined up to the end of the sentence or of the line.
//!
//! What the second stage of superword training learns from, and what its tokenizers cut text into: inside a superpiece
//! tokens may hold several words. Not a sentence splitter: a wall too many or too few costs a token, no more.
//!
//! Definition. A *wall* is a place where the named pattern ends a piece and
//!
//! | before | after | |
//! |---|---|---|
//! | `\n` | anything | the line ends |
//! | `\r` | anything but `\n` | |
//! | `.` `!` `?` `…` `。` `！` `？` | white space | the sentence ends |
//!
//! Superpieces are what lies between walls. So every superpiece is whole pieces, and whether a place is a wall is told by
//! the pieces and by one code point on each side: cutting goes on anywhere as it began, like that of the pattern itself.
//!
//! As a regex, with P the pattern's and W a wall: `(?>P)(?:(?!W)(?>P))*+`. The atomic group takes a piece as P takes it
//! alone, so that the repeat adds pieces one by one and never moves an end.

use super::classes::class_at;
use super::{Named, cut};
use std::sync::LazyLock;

/// A wall, where a piece ends.
const WALL: &str = r"(?<=\n)|(?<=\r)(?!\n)|(?<=[.!?…。！？])(?=\s)";

/// Patterns that have superpieces, and the names of their superword variants.
pub(super) const ALL: [(Named, &str); 4] = [
    (Named::Gpt2, "gpt2+superword"),
    (Named::Cl100k, "cl100k+superword"),
    (Named::Llama3, "llama3+superword"),
    (Named::O200k, "o200k+superword"),
];

/// The name of the superword variant; `None` for a pattern that has none.
pub(super) fn name(base: Named) -> Option<&'static str> {
    ALL.iter().find(|(named, _)| *named == base).map(|&(_, name)| name)
}

/// The pattern whose superword variant is called `name`.
pub(super) fn base_of(name: &str) -> Option<Named> {
    ALL.iter().find(|(_, known)| *known == name).map(|&(named, _)| named)
}

/// Regexes of one superword variant.
struct Texts {
    tiktoken: String,
    hf: String,
}

/// In the order of [`ALL`].
static TEXTS: LazyLock<[Texts; 4]> = LazyLock::new(|| {
    let text = |piece: Option<&str>| piece.map(|p| format!("(?>{p})(?:(?!{WALL})(?>{p}))*+")).unwrap_or_default();
    ALL.map(|(named, _)| Texts { tiktoken: text(named.tiktoken_regex()), hf: text(named.hf_regex()) })
});

fn texts(base: Named) -> Option<&'static Texts> {
    ALL.iter().zip(TEXTS.iter()).find(|((named, _), _)| *named == base).map(|(_, texts)| texts)
}

/// The regex as tiktoken (fancy-regex) takes it.
pub(super) fn tiktoken_regex(base: Named) -> Option<&'static str> {
    texts(base).map(|texts| texts.tiktoken.as_str())
}

/// The regex as Hugging Face (Oniguruma) takes it.
pub(super) fn hf_regex(base: Named) -> Option<&'static str> {
    texts(base).map(|texts| texts.hf.as_str())
}

/// The pattern whose superpieces `regex` cuts, as fancy-regex reads it.
pub(super) fn recognize(regex: &str) -> Option<Named> {
    let cuts = |texts: &Texts| texts.tiktoken == regex || texts.hf == regex;
    ALL.iter().zip(TEXTS.iter()).find(|(_, texts)| cuts(texts)).map(|((named, _), _)| *named)
}

/// The pattern whose superpieces `regex` cuts, as Oniguruma reads it.
pub(super) fn recognize_hf(regex: &str) -> Option<Named> {
    ALL.iter().zip(TEXTS.iter()).find(|(_, texts)| texts.hf == regex).map(|((named, _), _)| *named)
}

/// Pieces that are cut at a time.
const CHUNK: usize = 256;

/// [`Pattern::scan`](super::Pattern::scan) of a superword variant.
pub(super) fn scan(base: Named, text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
    let (first, mut last, mut pos) = (ends.len(), start, start);
    while pos < text.len() && ends.len() - first < limit {
        let from = ends.len();
        pos = base.scan(text, pos, CHUNK, ends);
        let mut kept = from;
        for at in from..ends.len() {
            let end = ends[at];
            if end == text.len() || is_wall(text, end) {
                ends[kept] = end;
                kept += 1;
            }
        }
        ends.truncate(kept.min(first.saturating_add(limit)));
        last = ends[first..].last().copied().unwrap_or(last);
    }
    last
}

/// Whether superpieces end at `pos`, where a piece ends and which lies inside `text`.
fn is_wall(text: &[u8], pos: usize) -> bool {
    match &text[..pos] {
        [.., b'\n'] => true,
        [.., b'\r'] => text[pos] != b'\n',
        [.., b'.' | b'!' | b'?'] => is_white_at(text, pos),
        [.., 0xE2, 0x80, 0xA6] | [.., 0xE3, 0x80, 0x82] | [.., 0xEF, 0xBC, 0x81 | 0x9F] => is_white_at(text, pos),
        _ => false,
    }
}

fn is_white_at(text: &[u8], pos: usize) -> bool {
    class_at(text, pos).0.is_white()
}

/// [`Pattern::last_safe_cut`](super::Pattern::last_safe_cut) of a superword variant: a place where the pattern surely ends
/// a piece, and which is a wall by the code points that made it sure.
///
/// Scanned on its own, the right side asks what stands before a place only for places behind its own first code point, and
/// the left side what stands behind a place only for places before its last one.
pub(super) fn last_safe_cut(text: &[u8]) -> Option<usize> {
    cut::last_safe_cut_where(text, |pos| is_wall(text, pos))
}

#[cfg(test)]
mod tests;
