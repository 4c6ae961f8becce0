//! Code points by what the patterns ask of them: case of letters, marks, numbers, white space, the rest.
//!
//! Not a general Unicode library: nine classes, read from regex-syntax's tables so that scanners and regexes agree by
//! construction. Bytes that are no UTF-8 have a class too ([`Class::Other`], one byte each).

use regex_syntax::hir::{Class as HirClass, HirKind};
use std::sync::LazyLock;

/// The version of Unicode behind `\p{..}` and `\s` in every named pattern and every user's regex: that of the
/// `regex-syntax` crate.
///
/// Others may carry another version and then cut code points otherwise that were assigned in between. Seen with o200k over
/// all code points: Oniguruma in `tokenizers` 0.23.3, none; Python's `regex` 2026.11.15, 17,559, all unassigned in 16.0.
pub const UNICODE_VERSION: &str = "16.0.0";

/// What a code point is to the patterns. Every code point has exactly one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// None of the below: punctuation, symbols, controls, unassigned, private use, and each byte that is no UTF-8.
    Other,
    /// `\p{Lu}` or `\p{Lt}`.
    Upper,
    /// `\p{Ll}`.
    Lower,
    /// `\p{Lm}` or `\p{Lo}`: Hangul, ideographs, kana, Arabic, ...
    Caseless,
    /// `\p{M}`.
    Mark,
    /// `\p{N}`.
    Number,
    /// U+0020.
    Space,
    /// `\r` or `\n`.
    Break,
    /// Any other `\s`.
    Blank,
}

impl Class {
    /// `\p{L}`.
    #[inline(always)]
    pub fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower | Self::Caseless)
    }

    /// `\s`.
    #[inline(always)]
    pub fn is_white(self) -> bool {
        matches!(self, Self::Space | Self::Break | Self::Blank)
    }

    /// `[^\s\p{L}\p{N}]`.
    #[inline(always)]
    pub fn is_other(self) -> bool {
        matches!(self, Self::Other | Self::Mark)
    }
}

/// Classes of ASCII, by byte.
const ASCII: [Class; 128] = {
    let mut table = [Class::Other; 128];
    let mut i = 0;
    while i < 128 {
        table[i] = match i as u8 {
            b'A'..=b'Z' => Class::Upper,
            b'a'..=b'z' => Class::Lower,
            b'0'..=b'9' => Class::Number,
            b' ' => Class::Space,
            b'\r' | b'\n' => Class::Break,
            b'\t' | 0x0B | 0x0C => Class::Blank,
            _ => Class::Other,
        };
        i += 1;
    }
    table
};

const BLOCK: usize = 256;

/// Class by code point in two stages; neighbouring blocks that are alike are stored once.
struct Table {
    /// Index into `blocks` by code point / 256.
    stage: Vec<u16>,
    blocks: Vec<[Class; BLOCK]>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

impl Table {
    /// Under a millisecond in a release build; about 90 KB.
    fn build() -> Self {
        let flat = flat_classes();
        let mut table = Self { stage: Vec::with_capacity(flat.len() / BLOCK), blocks: Vec::new() };
        for block in flat.as_chunks::<BLOCK>().0 {
            if table.blocks.last() != Some(block) {
                table.blocks.push(*block);
            }
            table.stage.push(table.blocks.len() as u16 - 1);
        }
        table
    }

    #[inline]
    fn get(&self, code_point: u32) -> Class {
        let (block, at) = (code_point as usize / BLOCK, code_point as usize % BLOCK);
        self.stage.get(block).map_or(Class::Other, |&b| self.blocks[b as usize][at])
    }
}

/// One class per code point, 0 to 0x10FFFF.
fn flat_classes() -> Vec<Class> {
    let mut flat = vec![Class::Other; 0x11_0000];
    for (regex, class) in [
        (r"\p{Lu}", Class::Upper),
        (r"\p{Lt}", Class::Upper),
        (r"\p{Ll}", Class::Lower),
        (r"\p{Lm}", Class::Caseless),
        (r"\p{Lo}", Class::Caseless),
        (r"\p{M}", Class::Mark),
        (r"\p{N}", Class::Number),
        (r"\s", Class::Blank),
    ] {
        for (first, last) in ranges(regex) {
            flat[first as usize..=last as usize].fill(class);
        }
    }
    flat[..128].copy_from_slice(&ASCII);
    flat
}

/// The code points that a class of one regex item holds, as closed ranges.
fn ranges(regex: &str) -> Vec<(u32, u32)> {
    let hir = regex_syntax::parse(regex).expect("the class names above are part of regex-syntax's grammar");
    let HirKind::Class(HirClass::Unicode(class)) = hir.into_kind() else {
        unreachable!("{regex} is a class of more than one code point")
    };
    class.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()
}

/// Class and length in bytes of the code point that begins at `pos`.
///
/// A byte that does not begin a whole valid UTF-8 sequence is `Other` and one byte long. `pos` must lie inside `text`.
#[inline(always)]
pub(super) fn class_at(text: &[u8], pos: usize) -> (Class, usize) {
    let byte = text[pos];
    if byte < 0x80 { (ASCII[byte as usize], 1) } else { wide_class_at(text, pos) }
}

/// [`class_at`] for a byte that is not ASCII.
pub(super) fn wide_class_at(text: &[u8], pos: usize) -> (Class, usize) {
    match code_point_at(text, pos) {
        // Hangul syllables and the ideographs of the first block need no table.
        Some((0xAC00..=0xD7A3 | 0x4E00..=0x9FFF, _)) => (Class::Caseless, 3),
        Some((code_point, len)) => (TABLE.get(code_point), len),
        None => (Class::Other, 1),
    }
}

/// The code point of the valid UTF-8 sequence that begins at `pos`, and its length in bytes.
#[inline]
pub(super) fn code_point_at(text: &[u8], pos: usize) -> Option<(u32, usize)> {
    let lead = u32::from(*text.get(pos)?);
    let next = |i: usize| text.get(pos + i).filter(|&&b| b & 0xC0 == 0x80).map(|&b| u32::from(b & 0x3F));
    match lead {
        0..0x80 => Some((lead, 1)),
        0xC2..0xE0 => Some(((lead & 0x1F) << 6 | next(1)?, 2)),
        0xE0..0xF0 => {
            let code_point = (lead & 0x0F) << 12 | next(1)? << 6 | next(2)?;
            (code_point >= 0x800 && !(0xD800..0xE000).contains(&code_point)).then_some((code_point, 3))
        }
        0xF0..0xF5 => {
            let code_point = (lead & 0x07) << 18 | next(1)? << 12 | next(2)? << 6 | next(3)?;
            (0x1_0000..0x11_0000).contains(&code_point).then_some((code_point, 4))
        }
        _ => None,
    }
}

/// Class and first byte of the code point that ends right before `pos`, if those bytes are a whole valid sequence.
pub(super) fn class_before(text: &[u8], pos: usize) -> Option<(Class, usize)> {
    (1..=4.min(pos)).find_map(|len| {
        let first = pos - len;
        let (_, found) = code_point_at(text, first)?;
        (found == len).then(|| (class_at(text, first).0, first))
    })
}

/// The end of the longest run of code points from `pos` on whose class passes `keep`.
#[inline(always)]
pub(super) fn run_end(text: &[u8], mut pos: usize, keep: impl Fn(Class) -> bool) -> usize {
    while pos < text.len() {
        let (class, len) = class_at(text, pos);
        if !keep(class) {
            break;
        }
        pos += len;
    }
    pos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unicode_version_is_that_of_the_tables() {
        let age = |version: &str| regex_syntax::parse(&format!(r"\p{{age={version}}}")).is_ok();
        let (major, _) = UNICODE_VERSION.split_once('.').unwrap();
        let next: u32 = major.parse::<u32>().unwrap() + 1;
        assert!(age(&format!("{major}.0")));
        assert!(!age(&format!("{next}.0")), "regex-syntax has newer tables: raise UNICODE_VERSION");
        assert!(!age(&format!("{major}.1")), "regex-syntax has newer tables: raise UNICODE_VERSION");
    }

    #[test]
    fn rows() {
        let rows: &[(&[u8], Class, usize)] = &[
            (b"a", Class::Lower, 1),
            (b"Z", Class::Upper, 1),
            ("ǅ".as_bytes(), Class::Upper, 2),
            ("ʰ".as_bytes(), Class::Caseless, 2),
            ("가".as_bytes(), Class::Caseless, 3),
            ("힣".as_bytes(), Class::Caseless, 3),
            ("\u{D7A4}".as_bytes(), Class::Other, 3),
            ("一".as_bytes(), Class::Caseless, 3),
            ("\u{301}".as_bytes(), Class::Mark, 2),
            ("²".as_bytes(), Class::Number, 2),
            ("Ⅷ".as_bytes(), Class::Number, 3),
            ("٣".as_bytes(), Class::Number, 2),
            ("\u{85}".as_bytes(), Class::Blank, 2),
            ("\u{3000}".as_bytes(), Class::Blank, 3),
            ("\u{200B}".as_bytes(), Class::Other, 3),
            (b"\x1C", Class::Other, 1),
            ("🍎".as_bytes(), Class::Other, 4),
            ("\u{10FFFF}".as_bytes(), Class::Other, 4),
            (b"\x80", Class::Other, 1),
            (b"\xC0\x80", Class::Other, 1),
            (b"\xE3\x81", Class::Other, 1),
            (b"\xED\xA0\x80", Class::Other, 1),
            (b"\xF4\x90\x80\x80", Class::Other, 1),
            (b"\xF5\x80\x80\x80", Class::Other, 1),
            (b"\xFF", Class::Other, 1),
        ];
        for (bytes, class, len) in rows {
            assert_eq!(class_at(bytes, 0), (*class, *len), "{bytes:x?}");
        }
    }

    #[test]
    fn decoding_is_what_std_decodes() {
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            assert_eq!(code_point_at(bytes, 0), Some((u32::from(c), bytes.len())));
            assert_eq!(code_point_at(&bytes[..bytes.len() - 1], 0), None);
        }
    }

    #[test]
    fn every_code_point_has_the_class_of_the_tables() {
        let flat = flat_classes();
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            assert_eq!(class_at(bytes, 0), (flat[c as usize], bytes.len()), "{c:?}");
            assert_eq!(class_before(bytes, bytes.len()), Some((flat[c as usize], 0)), "{c:?}");
        }
    }
}
