//! The patterns of cl100k and of Llama 3, one piece at a time. They are one pattern but for white space at the end of
//! a text: cl100k, in newer versions of tiktoken, keeps all of it in one piece, line breaks or not.
//!
//! The obvious scanner: the oracle of the block scanner, and what runs near the end of a text.

use super::classes::{Class, class_at, run_end};
use super::contraction::any_case_contraction;
use super::white::WhiteRun;

/// As tiktoken 0.14 writes it.
pub(super) const TIKTOKEN: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";

/// For Oniguruma, which reads `{1,3}+` as a repeated group; plain quantifiers wherever they match alike.
pub(super) const HF: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]|\s+(?!\S)|\s";

/// As Meta publishes it for Llama 3; also cl100k in older versions of tiktoken and in Hugging Face's conversions.
pub(super) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The end of cl100k's piece that begins at `pos`, which must lie inside `text`.
pub(super) fn piece_end(text: &[u8], pos: usize) -> usize {
    dark_end(text, pos).unwrap_or_else(|| {
        let run = WhiteRun::at(text, pos);
        if run.end == text.len() { run.end } else { white_end(text, pos, &run) }
    })
}

/// The end of Llama 3's piece that begins at `pos`, which must lie inside `text`.
pub(super) fn llama3_piece_end(text: &[u8], pos: usize) -> usize {
    dark_end(text, pos).unwrap_or_else(|| white_end(text, pos, &WhiteRun::at(text, pos)))
}

/// The alternatives that hold something else than white space.
#[inline(always)]
fn dark_end(text: &[u8], pos: usize) -> Option<usize> {
    let contraction = any_case_contraction(text, pos);
    if contraction > 0 {
        return Some(pos + contraction);
    }
    let (class, len) = class_at(text, pos);
    if class.is_letter() {
        return Some(run_end(text, pos + len, Class::is_letter));
    }
    if class == Class::Number {
        return Some(numbers_end(text, pos));
    }
    let after = pos + len;
    let next = (after < text.len()).then(|| class_at(text, after).0);
    if class != Class::Break && next.is_some_and(Class::is_letter) {
        return Some(run_end(text, after, Class::is_letter));
    }
    if class.is_other() || class == Class::Space && next.is_some_and(Class::is_other) {
        let others = run_end(text, after, Class::is_other);
        return Some(run_end(text, others, |c| c == Class::Break));
    }
    None
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+` on a run that begins at `pos`.
#[inline(always)]
pub(super) fn white_end(text: &[u8], pos: usize, run: &WhiteRun) -> usize {
    run.after_break.unwrap_or_else(|| run.end_before_last(text, pos))
}

/// `\p{N}{1,3}` at `pos`, where a number stands.
#[inline(always)]
pub(super) fn numbers_end(text: &[u8], pos: usize) -> usize {
    let mut end = pos;
    for _ in 0..3 {
        match text.get(end).map(|_| class_at(text, end)) {
            Some((Class::Number, len)) => end += len,
            _ => break,
        }
    }
    end
}
