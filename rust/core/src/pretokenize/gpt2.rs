//! GPT-2's pattern (also r50k and p50k), one piece at a time.
//!
//! The obvious scanner: the oracle of the block scanner, and what runs near the end of a text.

use super::classes::{Class, class_at, run_end};
use super::contraction::lower_contraction;
use super::white::WhiteRun;

/// As tiktoken 0.14 writes it (`r50k_pat_str`).
pub(super) const TIKTOKEN: &str = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s";

/// As GPT-2 published it; plain quantifiers only.
pub(super) const HF: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// The end of the piece that begins at `pos`, which must lie inside `text`.
pub(super) fn piece_end(text: &[u8], pos: usize) -> usize {
    let contraction = lower_contraction(text, pos);
    if contraction > 0 {
        return pos + contraction;
    }
    let (mut class, mut at) = (class_at(text, pos).0, pos);
    if class == Class::Space && pos + 1 < text.len() {
        at = pos + 1;
        class = class_at(text, at).0;
    }
    if class.is_letter() {
        run_end(text, at, Class::is_letter)
    } else if class == Class::Number {
        run_end(text, at, |c| c == Class::Number)
    } else if class.is_other() {
        run_end(text, at, Class::is_other)
    } else {
        WhiteRun::at(text, pos).end_before_last(text, pos)
    }
}
