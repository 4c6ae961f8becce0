//! Hangul: syllables to jamo and back, what kind of jamo a code point is, and the script of any code point.
//!
//! Arithmetic, tables and counts. Knows no tokens, no symbols and no normal forms beyond Unicode's composition of
//! syllables (The Unicode Standard, section 3.12).

mod census;
mod text;

pub use census::{Census, eojeols};
pub use text::{coda_of_letter, compose_text, decompose_text, letter, letters_text};

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// The first precomposed syllable, 가.
pub const FIRST: u32 = 0xAC00;
/// Onsets (초성): ㄱ to ㅎ.
pub const N_ONSETS: u32 = 19;
/// Vowels (중성): ㅏ to ㅣ.
pub const N_VOWELS: u32 = 21;
/// Codas (종성), without "none".
pub const N_CODAS: u32 = 27;
/// Precomposed syllables: 11,172, U+AC00..=U+D7A3.
pub const N_SYLLABLES: u32 = N_ONSETS * N_VOWELS * (N_CODAS + 1);

/// The jamo of one syllable by number: onset below 19, vowel below 21, coda 0 (none) to 27.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Jamo {
    /// 0 is ㄱ.
    pub onset: u8,
    /// 0 is ㅏ.
    pub vowel: u8,
    /// 0 is none, 1 is ㄱ.
    pub coda: u8,
}

/// Whether `c` is one of the 11,172 precomposed syllables.
#[inline]
pub fn is_syllable(c: char) -> bool {
    (c as u32).wrapping_sub(FIRST) < N_SYLLABLES
}

/// The jamo of a precomposed syllable; `None` for everything else.
///
/// ```
/// use bpe_lab_core::hangul::{Jamo, decompose};
/// assert_eq!(decompose('각'), Some(Jamo { onset: 0, vowel: 0, coda: 1 }));
/// assert_eq!(decompose('ㄱ'), None);
/// ```
#[inline]
pub fn decompose(c: char) -> Option<Jamo> {
    let n = (c as u32).wrapping_sub(FIRST);
    let per_onset = N_VOWELS * (N_CODAS + 1);
    (n < N_SYLLABLES).then(|| Jamo {
        onset: (n / per_onset) as u8,
        vowel: (n % per_onset / (N_CODAS + 1)) as u8,
        coda: (n % (N_CODAS + 1)) as u8,
    })
}

/// The precomposed syllable of `jamo`; `None` where a number is out of range.
///
/// ```
/// use bpe_lab_core::hangul::{Jamo, compose};
/// assert_eq!(compose(Jamo { onset: 18, vowel: 0, coda: 4 }), Some('한'));
/// ```
#[inline]
pub fn compose(jamo: Jamo) -> Option<char> {
    let (onset, vowel, coda) = (u32::from(jamo.onset), u32::from(jamo.vowel), u32::from(jamo.coda));
    let fits = onset < N_ONSETS && vowel < N_VOWELS && coda <= N_CODAS;
    fits.then(|| char::from_u32(FIRST + (onset * N_VOWELS + vowel) * (N_CODAS + 1) + coda))?
}

/// What a code point is to Hangul.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// U+AC00..=U+D7A3.
    Syllable,
    /// A modern conjoining onset, U+1100..=U+1112; its number.
    Onset(u8),
    /// A modern conjoining vowel, U+1161..=U+1175; its number.
    Vowel(u8),
    /// A modern conjoining coda, U+11A8..=U+11C2; its number from 1. U+11A7 is none.
    Coda(u8),
    /// A modern compatibility letter, U+3131..=U+3163 (ㅋ, ㅠ): 51 of them.
    Compatibility,
    /// Any other letter of Hangul: old jamo, fillers, old compatibility letters, half-width letters.
    Other,
    /// No Hangul.
    None,
}

/// What `c` is to Hangul.
///
/// ```
/// use bpe_lab_core::hangul::{Kind, kind};
/// assert_eq!((kind('가'), kind('ㅋ'), kind('\u{1100}'), kind('a')), (Kind::Syllable, Kind::Compatibility, Kind::Onset(0), Kind::None));
/// ```
#[inline]
pub fn kind(c: char) -> Kind {
    match c as u32 {
        0xAC00..=0xD7A3 => Kind::Syllable,
        0..0x1100 => Kind::None,
        n @ 0x1100..=0x1112 => Kind::Onset((n - 0x1100) as u8),
        n @ 0x1161..=0x1175 => Kind::Vowel((n - 0x1161) as u8),
        n @ 0x11A8..=0x11C2 => Kind::Coda((n - 0x11A7) as u8),
        0x3131..=0x3163 => Kind::Compatibility,
        0x1113..=0x11FF | 0x3164..=0x318E | 0xA960..=0xA97C | 0xD7B0..=0xD7FB | 0xFFA0..=0xFFDC => Kind::Other,
        _ => Kind::None,
    }
}

/// A code point's script, as far as the tables tell scripts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Script {
    /// Letters of Hangul: syllables and jamo of every kind.
    Hangul,
    /// Ideographs: Unicode's script Han.
    Hanja,
    /// Unicode's script Latin, full-width letters included.
    Latin,
    /// `\p{Nd}`: decimal digits of any script.
    Digit,
    /// Hiragana and Katakana.
    Kana,
    /// `\p{P}` and `\p{S}`: punctuation and symbols, emoji among them.
    Punctuation,
    /// The rest: white space, other scripts, controls, and each byte that is no UTF-8.
    Other,
}

impl Script {
    /// Every script, in the order of tables.
    pub const ALL: [Self; 7] =
        [Self::Hangul, Self::Hanja, Self::Latin, Self::Digit, Self::Kana, Self::Punctuation, Self::Other];

    /// The name under which tables know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangul => "hangul",
            Self::Hanja => "hanja",
            Self::Latin => "latin",
            Self::Digit => "digits",
            Self::Kana => "kana",
            Self::Punctuation => "punctuation",
            Self::Other => "other",
        }
    }
}

/// The classes that make the table, weakest first: a later one overwrites.
const SCRIPTS: [(Script, &str); 6] = [
    (Script::Punctuation, r"[\p{P}\p{S}]"),
    (Script::Latin, r"\p{Latin}"),
    (Script::Kana, r"[\p{Hiragana}\p{Katakana}\u{30FC}]"),
    (Script::Hanja, r"\p{Han}"),
    (Script::Digit, r"\p{Nd}"),
    (Script::Hangul, r"[\p{Hangul}--[\p{P}\p{S}]]"),
];

/// Code points from here on are [`Script::Other`]: no script of the table has any.
const TABLED: usize = 0x33480;

static TABLE: LazyLock<Vec<Script>> = LazyLock::new(|| {
    let mut table = vec![Script::Other; TABLED];
    for (script, class) in SCRIPTS {
        for (first, last) in ranges(class) {
            let last = (last as usize).min(TABLED - 1);
            for cell in table.get_mut(first as usize..=last).into_iter().flatten() {
                *cell = script;
            }
        }
    }
    table
});

/// The ranges of one class of the table above; none where it were no class, which the tests exclude.
fn ranges(class: &str) -> Vec<(u32, u32)> {
    match regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.ranges().iter().map(|r| (r.start() as u32, r.end() as u32)).collect()
        }
        _ => Vec::new(),
    }
}

/// The script of `c`. One look into a table of 210 KB, made at first use.
///
/// ```
/// use bpe_lab_core::hangul::{Script, script};
/// assert_eq!((script('글'), script('字'), script('ㅋ'), script('7')), (Script::Hangul, Script::Hanja, Script::Hangul, Script::Digit));
/// ```
#[inline]
pub fn script(c: char) -> Script {
    TABLE.get(c as usize).copied().unwrap_or(Script::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syllable_comes_back() {
        for n in 0..N_SYLLABLES {
            let c = char::from_u32(FIRST + n).unwrap();
            assert_eq!(decompose(c).and_then(compose), Some(c));
            assert_eq!(kind(c), Kind::Syllable);
        }
        assert_eq!((decompose('\u{ABFF}'), decompose('\u{D7A4}')), (None, None));
        for jamo in [(19, 0, 0), (0, 21, 0), (0, 0, 28)] {
            assert_eq!(compose(Jamo { onset: jamo.0, vowel: jamo.1, coda: jamo.2 }), None);
        }
    }

    #[test]
    fn kinds() {
        let rows = [
            ('\u{1112}', Kind::Onset(18)),
            ('\u{1113}', Kind::Other),
            ('\u{1175}', Kind::Vowel(20)),
            ('\u{11A7}', Kind::Other),
            ('\u{11A8}', Kind::Coda(1)),
            ('\u{11C2}', Kind::Coda(27)),
            ('ㄱ', Kind::Compatibility),
            ('ㅣ', Kind::Compatibility),
            ('\u{3164}', Kind::Other),
            ('\u{FFA1}', Kind::Other),
            ('漢', Kind::None),
        ];
        for (c, want) in rows {
            assert_eq!(kind(c), want, "{c:?}");
        }
    }

    #[test]
    fn scripts() {
        let rows = [
            ("각ㅋ\u{1100}\u{D7FB}\u{FFA1}\u{A960}", Script::Hangul),
            ("漢字々〇\u{20000}\u{31350}", Script::Hanja),
            ("aÉﬁＡ", Script::Latin),
            ("0９٣", Script::Digit),
            ("あアーｱ", Script::Kana),
            (".!·「」+€😀㉠", Script::Punctuation),
            (" \n\u{0}Яא\u{3164}ไ\u{10FFFF}", Script::Other),
        ];
        for (text, want) in rows {
            for c in text.chars() {
                let got = script(c);
                if c == '\u{3164}' {
                    assert_eq!(got, Script::Hangul, "the filler is a letter of Hangul");
                } else {
                    assert_eq!(got, want, "{c:?} U+{:04X}", c as u32);
                }
            }
        }
        assert!(SCRIPTS.iter().all(|(_, class)| !ranges(class).is_empty()));
    }

    /// Nothing of the six classes lies beyond the table.
    #[test]
    fn the_table_is_long_enough() {
        for (script, class) in SCRIPTS {
            if !matches!(script, Script::Punctuation) {
                let last = ranges(class).iter().map(|r| r.1).max();
                assert!(last < Some(TABLED as u32), "{script:?} {last:x?}");
            }
        }
    }
}
