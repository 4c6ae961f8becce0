//! Places where every named pattern begins a piece whatever stands around them.
//!
//! A place counts only by the two or three code points at it, all of them whole and valid, so that nothing before or
//! after the bytes at hand can change it:
//!
//! | before | after | why a piece begins there |
//! |---|---|---|
//! | not white | white, no line break | such white space is the first code point of its piece or follows white space |
//! | letter or number | line break | only white space and, in cl100k and o200k, others take a line break after them |
//! | letter | number | no alternative holds both |
//! | number | letter | the same; a number is no word's lead |
//! | not white, one line break | not white, not `/` | a line break leads no word; only o200k's `[\r\n/]*` goes on over `/` |
//!
//! The left side scanned on its own sees the end of the text where the right side stood. `\s+(?!\S)` and `\s++$` ask for
//! that end, and take a run of white space of more than one code point otherwise there: hence a single line break in
//! the last row, and no white space before the cut elsewhere. No other alternative looks ahead.

use super::classes::{Class, class_at, class_before, code_point_at};

/// See [`Pattern::last_safe_cut`](super::Pattern::last_safe_cut).
pub(super) fn last_safe_cut(text: &[u8]) -> Option<usize> {
    last_safe_cut_where(text, |_| true)
}

/// The same among the places that `wanted` takes.
pub(super) fn last_safe_cut_where(text: &[u8], wanted: impl Fn(usize) -> bool) -> Option<usize> {
    (1..text.len()).rev().find(|&pos| wanted(pos) && is_safe(text, pos))
}

fn is_safe(text: &[u8], pos: usize) -> bool {
    let Some(after) = valid_class_at(text, pos) else { return false };
    let Some((before, first)) = class_before(text, pos) else { return false };
    match (before, after) {
        (_, Class::Space | Class::Blank) => !before.is_white(),
        (_, Class::Break) => before.is_letter() || before == Class::Number,
        (Class::Number, _) if after.is_letter() => true,
        (_, Class::Number) if before.is_letter() => true,
        (Class::Break, _) => text[pos] != b'/' && class_before(text, first).is_some_and(|(c, _)| !c.is_white()),
        _ => false,
    }
}

fn valid_class_at(text: &[u8], pos: usize) -> Option<Class> {
    code_point_at(text, pos).map(|_| class_at(text, pos).0)
}
