//! 64 bytes of text as bit masks, one a class: what the block scanner computes with.
//!
//! Bit i stands for byte i; every byte of a code point carries its class. ASCII, Hangul syllables, compatibility jamo,
//! kana and ideographs come from vector compares, the rest code point by code point. A code point that the masks cannot
//! express ends them early ([`Bits::len`]).

use super::classes::{Class, wide_class_at};
use crate::raw::{BLOCK, Lanes};

/// Class masks of the first `len` bytes of a block; all bits from `len` on are 0. The classes are disjoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    /// Bytes that are expressed, whole code points.
    pub len: u32,
    /// Upper and title case; 0 unless case was asked for.
    pub upper: u64,
    /// Lower case; 0 unless case was asked for.
    pub lower: u64,
    /// Letters without case; all letters unless case was asked for.
    pub caseless: u64,
    /// ASCII digits.
    pub number: u64,
    /// U+0020.
    pub space: u64,
    /// `\r` and `\n`.
    pub line_break: u64,
    /// Other ASCII white space.
    pub blank: u64,
    /// `[^\s\p{L}\p{N}]`.
    pub other: u64,
    /// The bytes of `other` that do not begin a code point.
    pub other_tail: u64,
    /// `'`, a subset of `other`.
    pub apostrophe: u64,
    /// `/`, a subset of `other`; 0 unless case was asked for.
    pub slash: u64,
}

impl Bits {
    /// The masks of the block of `text` that begins at `pos`, where a code point begins. `None` near the end of the text.
    ///
    /// `CASED` (o200k) tells letters by case and stops at marks; without it marks are `other`.
    #[inline(always)]
    pub fn of<L: Lanes, const CASED: bool>(text: &[u8], pos: usize) -> Option<Self> {
        let block = text.get(pos..)?.first_chunk::<BLOCK>()?;
        let raw = Raw::of::<L, CASED>(block);
        let mut bits = raw.ascii::<CASED>();
        bits.caseless |= raw.wide | raw.wide << 1 | raw.wide << 2;
        let rest = raw.non_ascii & !bits.caseless;
        if rest != 0 {
            bits.add_wide::<CASED>(text, pos, rest);
        }
        Some(bits)
    }

    /// Adds the code points whose bytes are `rest`, in order, up to the first that cannot be expressed.
    #[inline(always)]
    fn add_wide<const CASED: bool>(&mut self, text: &[u8], pos: usize, mut rest: u64) {
        while rest != 0 {
            let at = rest.trailing_zeros();
            let (class, len) = wide_class_at(text, pos + at as usize);
            let fits = at as usize + len <= BLOCK;
            let bytes = ((1u64 << len) - 1) << at;
            match class {
                Class::Upper if CASED && fits => self.upper |= bytes,
                Class::Lower if CASED && fits => self.lower |= bytes,
                Class::Upper | Class::Lower | Class::Caseless if fits => self.caseless |= bytes,
                Class::Other if fits => self.add_other(bytes),
                Class::Mark if !CASED && fits => self.add_other(bytes),
                _ => return self.end_at(at),
            }
            rest &= !bytes;
        }
    }

    #[inline(always)]
    fn add_other(&mut self, bytes: u64) {
        self.other |= bytes;
        self.other_tail |= bytes & bytes << 1;
    }

    /// Forgets everything from byte `len` on.
    #[cold]
    fn end_at(&mut self, len: u32) {
        let keep = (1u64 << len) - 1;
        self.len = len;
        for mask in [
            &mut self.upper,
            &mut self.lower,
            &mut self.caseless,
            &mut self.number,
            &mut self.space,
            &mut self.line_break,
            &mut self.blank,
            &mut self.other,
            &mut self.other_tail,
            &mut self.apostrophe,
            &mut self.slash,
        ] {
            *mask &= keep;
        }
    }
}

/// What vector compares tell of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Raw {
    upper: u64,
    lower: u64,
    number: u64,
    space: u64,
    line_break: u64,
    /// Bytes 9 to 13: line breaks and the other white space of ASCII.
    control_white: u64,
    apostrophe: u64,
    slash: u64,
    non_ascii: u64,
    /// Lead bytes of caseless letters of three bytes, all inside the block.
    wide: u64,
}

impl Raw {
    #[inline(always)]
    fn ascii<const CASED: bool>(&self) -> Bits {
        let white = self.space | self.control_white;
        let letters = self.upper | self.lower;
        Bits {
            len: BLOCK as u32,
            upper: if CASED { self.upper } else { 0 },
            lower: if CASED { self.lower } else { 0 },
            caseless: if CASED { 0 } else { letters },
            number: self.number,
            space: self.space,
            line_break: self.line_break,
            blank: self.control_white & !self.line_break,
            other: !(white | letters | self.number | self.non_ascii),
            other_tail: 0,
            apostrophe: self.apostrophe,
            slash: self.slash,
        }
    }

    #[inline(always)]
    fn of<L: Lanes, const CASED: bool>(block: &[u8; BLOCK]) -> Self {
        let block = L::load(block);
        let mut raw = Self {
            number: block.between(b'0', b'9'),
            space: block.equal(b' '),
            line_break: block.equal(b'\n') | block.equal(b'\r'),
            control_white: block.between(9, 13),
            apostrophe: block.equal(b'\''),
            non_ascii: block.non_ascii(),
            ..Self::default()
        };
        if CASED {
            raw.upper = block.between(b'A', b'Z');
            raw.lower = block.between(b'a', b'z');
            raw.slash = block.equal(b'/');
        } else {
            raw.lower = block.letters();
        }
        if raw.non_ascii != 0 {
            raw.wide = wide_caseless(&block);
        }
        raw
    }
}

/// Lead bytes of Hangul syllables, of the ideographs U+4E00 to U+9FFF and of the common part of compatibility jamo and kana.
#[inline(always)]
fn wide_caseless(block: &impl Lanes) -> u64 {
    let continuation = block.between(0x80, 0xBF);
    let whole = continuation >> 1 & continuation >> 2;
    // Second bytes, seen from the lead: U+AC00 is EA B0 80, U+D7A3 is ED 9E A3, U+4E00 is E4 B8 80.
    let mut wide = block.between(0xE5, 0xE9)
        | block.between(0xEB, 0xEC)
        | block.equal(0xEA) & block.between(0xB0, 0xBF) >> 1
        | block.equal(0xE4) & block.between(0xB8, 0xBF) >> 1
        | block.equal(0xED) & !(block.between(0x9E, 0xBF) >> 1);
    let kana = block.equal(0xE3);
    if kana != 0 {
        wide |= kana & jamo_or_kana(block);
    }
    wide & whole
}

/// After a lead E3: U+3131 to U+317F, U+3041 to U+3096, U+30A1 to U+30FF without U+30FB.
#[inline(always)]
fn jamo_or_kana(block: &impl Lanes) -> u64 {
    block.equal(0x85) >> 1
        | block.equal(0x84) >> 1 & block.between(0xB1, 0xBF) >> 2
        | block.equal(0x81) >> 1 & block.between(0x81, 0xBF) >> 2
        | block.equal(0x82) >> 1 & (block.between(0x80, 0x96) | block.between(0xA1, 0xBF)) >> 2
        | block.equal(0x83) >> 1 & !(block.equal(0xBB) >> 2)
}
