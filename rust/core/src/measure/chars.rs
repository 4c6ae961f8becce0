//! Text as characters with what the counts ask of each. A byte that is no UTF-8 is one character of script "other".

use crate::hangul::{self, Script};

/// One character of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Char {
    pub start: usize,
    pub end: usize,
    pub script: Script,
    /// `White_Space`: ends an eojeol.
    pub is_white: bool,
    /// A precomposed syllable.
    pub is_syllable: bool,
    /// A byte that is no UTF-8.
    pub is_bad: bool,
    pub conjoining: Option<Conjoining>,
}

impl Char {
    /// 0 for white space, 1 for punctuation and symbols, 2 for the rest: what decides a token's script.
    #[inline]
    pub fn strength(&self) -> u8 {
        match self.script {
            _ if self.is_white => 0,
            Script::Punctuation => 1,
            _ => 2,
        }
    }
}

/// The place of a conjoining jamo in its syllable, modern or old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conjoining {
    Onset,
    Vowel,
    Coda,
}

/// The place in the syllable of a conjoining jamo; blocks U+1100, U+A960 and U+D7B0, fillers included.
#[inline]
fn conjoining(c: char) -> Option<Conjoining> {
    match c as u32 {
        0..0x1100 | 0x1200..0xA960 | 0xAC00..0xD7B0 => None,
        0x1100..=0x115F | 0xA960..=0xA97C => Some(Conjoining::Onset),
        0x1160..=0x11A7 | 0xD7B0..=0xD7C6 => Some(Conjoining::Vowel),
        0x11A8..=0x11FF | 0xD7CB..=0xD7FB => Some(Conjoining::Coda),
        _ => None,
    }
}

/// Calls `each` for every character of `text`.
#[inline]
pub(super) fn each_char(text: &[u8], mut each: impl FnMut(Char)) {
    let mut at = 0;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let end = at + c.len_utf8();
            each(Char {
                start: at,
                end,
                script: hangul::script(c),
                is_white: c.is_whitespace(),
                is_syllable: hangul::is_syllable(c),
                is_bad: false,
                conjoining: conjoining(c),
            });
            at = end;
        }
        for _ in chunk.invalid() {
            let bad = Char {
                start: at,
                end: at + 1,
                script: Script::Other,
                is_white: false,
                is_syllable: false,
                is_bad: true,
                conjoining: None,
            };
            each(bad);
            at += 1;
        }
    }
}

/// Whether white space, or the end of the text, stands at `at`, which is where a character begins.
#[inline]
pub(super) fn is_white_or_end(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        None => true,
        Some(0..=0x7F) => text[at].is_ascii_whitespace() || text[at] == 0x0B,
        // White space beyond ASCII begins with these lead bytes: U+0085, U+00A0, U+1680, U+2000 to U+205F, U+3000.
        Some(0xC2 | 0xE1..=0xE3) => {
            let next = &text[at..text.len().min(at + 3)];
            let first = next.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
            first.is_some_and(char::is_whitespace)
        }
        Some(_) => false,
    }
}

/// Calls `each` with the byte range of every eojeol of `text`.
pub(super) fn each_eojeol(text: &[u8], mut each: impl FnMut(usize, usize)) {
    let mut start = None;
    each_char(text, |c| match (c.is_white, start) {
        (false, None) => start = Some(c.start),
        (true, Some(from)) => {
            each(from, c.start);
            start = None;
        }
        _ => {}
    });
    if let Some(from) = start {
        each(from, text.len());
    }
}

/// Where an eojeol that begins at `start` is measured from: the U+0020 before it, where there is one.
#[inline]
pub(super) fn with_space(text: &[u8], start: usize) -> usize {
    start - usize::from(start > 0 && text[start - 1] == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code point is white space to both, or to neither.
    #[test]
    fn the_short_test_for_white_space_is_the_long_one() {
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            assert_eq!(is_white_or_end(bytes, 0), c.is_whitespace(), "{c:?}");
        }
        assert!(is_white_or_end(b"a", 1) && !is_white_or_end(b"\xE3\x80", 0) && !is_white_or_end(b"\xC2", 0));
    }

    #[test]
    fn eojeol() {
        let text = "  그는\u{3000}학교에,\n갔다".as_bytes();
        let mut found = Vec::new();
        each_eojeol(text, |start, end| found.push((&text[start..end], with_space(text, start) < start)));
        let want = [("그는", true), ("학교에,", false), ("갔다", false)];
        assert_eq!(found, want.map(|(word, space)| (word.as_bytes(), space)));
    }
}
