//! English contractions: `'s 't 'd 'm 'll 've 're`.

/// Length in bytes of `'(?:[sdmt]|ll|ve|re)` at `pos`, 0 where it does not match.
#[inline]
pub(super) fn lower_contraction(text: &[u8], pos: usize) -> usize {
    match text.get(pos..).unwrap_or_default() {
        [b'\'', b's' | b'd' | b'm' | b't', ..] => 2,
        [b'\'', b'l', b'l', ..] | [b'\'', b'v' | b'r', b'e', ..] => 3,
        _ => 0,
    }
}

/// Length in bytes of `'(?i:[sdmt]|ll|ve|re)` at `pos`, 0 where it does not match.
///
/// U+017F (long s, bytes C5 BF) folds to `s`; no other letter of the contractions has a fold outside ASCII.
#[inline]
pub(super) fn any_case_contraction(text: &[u8], pos: usize) -> usize {
    match text.get(pos..).unwrap_or_default() {
        [b'\'', b's' | b'd' | b'm' | b't' | b'S' | b'D' | b'M' | b'T', ..] => 2,
        [b'\'', b'l' | b'L', b'l' | b'L', ..] | [b'\'', b'v' | b'r' | b'V' | b'R', b'e' | b'E', ..] => 3,
        [b'\'', 0xC5, 0xBF, ..] => 3,
        _ => 0,
    }
}
