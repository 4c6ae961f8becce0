//! Whole texts: syllables to conjoining jamo, back, and to letters for reading.
//!
//! What Unicode's normal forms do to Hangul, and nothing else: no other character changes, and bytes that are no UTF-8
//! stay where they are. One pass, a few instructions a character.

use super::{FIRST, Jamo, Kind, N_CODAS, compose, decompose, is_syllable, kind};

const ONSET: u32 = 0x1100;
const VOWEL: u32 = 0x1161;
/// One below the first coda: U+11A7 itself is none.
const BEFORE_CODA: u32 = 0x11A7;

const ONSET_LETTERS: [char; 19] =
    ['ㄱ', 'ㄲ', 'ㄴ', 'ㄷ', 'ㄸ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅃ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅉ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ'];
const VOWEL_LETTERS: [char; 21] = [
    'ㅏ', 'ㅐ', 'ㅑ', 'ㅒ', 'ㅓ', 'ㅔ', 'ㅕ', 'ㅖ', 'ㅗ', 'ㅘ', 'ㅙ', 'ㅚ', 'ㅛ', 'ㅜ', 'ㅝ', 'ㅞ', 'ㅟ', 'ㅠ', 'ㅡ',
    'ㅢ', 'ㅣ',
];
const CODA_LETTERS: [char; 27] = [
    'ㄱ', 'ㄲ', 'ㄳ', 'ㄴ', 'ㄵ', 'ㄶ', 'ㄷ', 'ㄹ', 'ㄺ', 'ㄻ', 'ㄼ', 'ㄽ', 'ㄾ', 'ㄿ', 'ㅀ', 'ㅁ', 'ㅂ', 'ㅄ', 'ㅅ',
    'ㅆ', 'ㅇ', 'ㅈ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ',
];

/// The compatibility letter of a modern conjoining jamo: U+1100 and U+11A8 are both ㄱ. `None` for anything else.
///
/// ```
/// use bpe_lab_core::hangul::letter;
/// assert_eq!((letter('\u{1100}'), letter('\u{11A8}'), letter('가')), (Some('ㄱ'), Some('ㄱ'), None));
/// ```
pub fn letter(c: char) -> Option<char> {
    match kind(c) {
        Kind::Onset(n) => ONSET_LETTERS.get(usize::from(n)).copied(),
        Kind::Vowel(n) => VOWEL_LETTERS.get(usize::from(n)).copied(),
        Kind::Coda(n) => coda_letter(n),
        _ => None,
    }
}

/// The number of the coda that a compatibility letter writes, 1 to 27: ㄴ of the morpheme `ㄴ다` is 4, ㄸ is none.
pub fn coda_of_letter(c: char) -> Option<u8> {
    CODA_LETTERS.iter().position(|&l| l == c).map(|n| n as u8 + 1)
}

fn coda_letter(coda: u8) -> Option<char> {
    CODA_LETTERS.get(usize::from(coda).checked_sub(1)?).copied()
}

/// The conjoining jamo of one syllable, two or three of them.
fn conjoining(jamo: Jamo) -> impl Iterator<Item = char> {
    let coda = (jamo.coda > 0).then(|| BEFORE_CODA + u32::from(jamo.coda));
    let both = [ONSET + u32::from(jamo.onset), VOWEL + u32::from(jamo.vowel)];
    both.into_iter().chain(coda).filter_map(char::from_u32)
}

/// `text` with every precomposed syllable as its conjoining jamo: NFD of Hangul.
///
/// ```
/// use bpe_lab_core::hangul::{compose_text, decompose_text};
/// let nfd = decompose_text("값ㅋ a".as_bytes());
/// assert_eq!(nfd, "\u{1100}\u{1161}\u{11B9}ㅋ a".as_bytes());
/// assert_eq!(compose_text(&nfd), "값ㅋ a".as_bytes());
/// ```
pub fn decompose_text(text: &[u8]) -> Vec<u8> {
    each_char(text, 3, |c, out| match decompose(c) {
        Some(jamo) => conjoining(jamo).for_each(|c| push(out, c)),
        None => push(out, c),
    })
}

/// `text` with every precomposed syllable as compatibility letters, for reading: 값 is ㄱㅏㅄ. Not to be undone.
///
/// ```
/// use bpe_lab_core::hangul::letters_text;
/// assert_eq!(letters_text("값은".as_bytes()), "ㄱㅏㅄㅇㅡㄴ".as_bytes());
/// ```
pub fn letters_text(text: &[u8]) -> Vec<u8> {
    each_char(text, 3, |c, out| match decompose(c) {
        Some(jamo) => conjoining(jamo).filter_map(letter).for_each(|c| push(out, c)),
        None => push(out, letter(c).unwrap_or(c)),
    })
}

/// `text` with onset + vowel (+ coda), and open syllable + coda, as precomposed syllables: NFC of Hangul.
///
/// The inverse of [`decompose_text`] on every text that holds no two neighbours which compose. Letters that do not
/// compose (a lone onset, old jamo, compatibility letters, U+11A7) stay as they are.
pub fn compose_text(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        let mut held: Option<char> = None;
        for c in chunk.valid().chars() {
            held = match held.map(|before| (before, join(before, c))) {
                Some((_, Some(joined))) => Some(joined),
                Some((before, None)) => {
                    push(&mut out, before);
                    Some(c)
                }
                None => Some(c),
            };
        }
        held.into_iter().for_each(|c| push(&mut out, c));
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// What two neighbours compose to, if they do: onset + vowel, or a syllable without coda + coda.
fn join(before: char, c: char) -> Option<char> {
    match (kind(before), kind(c)) {
        (Kind::Onset(onset), Kind::Vowel(vowel)) => compose(Jamo { onset, vowel, coda: 0 }),
        (Kind::Syllable, Kind::Coda(coda)) if is_open(before) => char::from_u32(before as u32 + u32::from(coda)),
        _ => None,
    }
}

/// Whether a precomposed syllable has no coda.
fn is_open(syllable: char) -> bool {
    is_syllable(syllable) && (syllable as u32 - FIRST).is_multiple_of(N_CODAS + 1)
}

/// A new text, made character by character; what is no UTF-8 is copied. `grows` is a guess of out over in.
fn each_char(text: &[u8], grows: usize, mut write: impl FnMut(char, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len().saturating_mul(grows));
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| write(c, &mut out));
        out.extend_from_slice(chunk.invalid());
    }
    out
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hangul::{FIRST, N_SYLLABLES};
    use proptest::prelude::*;

    #[test]
    fn rows() {
        let rows: [(&[u8], &[u8]); 8] = [
            ("\u{1112}\u{1161}\u{11AB}".as_bytes(), "한".as_bytes()),
            ("하\u{11AB}".as_bytes(), "한".as_bytes()),
            ("한\u{11AB}".as_bytes(), "한\u{11AB}".as_bytes()),
            ("하\u{11A7}".as_bytes(), "하\u{11A7}".as_bytes()),
            ("ㄱㅏ\u{1100} \u{1161}".as_bytes(), "ㄱㅏ\u{1100} \u{1161}".as_bytes()),
            ("\u{1100}\u{1100}\u{1161}\u{1161}".as_bytes(), "\u{1100}가\u{1161}".as_bytes()),
            (b"\xE1\x84\x80\xE1\x85\xA1\xFF\xEA\xB0", b"\xEA\xB0\x80\xFF\xEA\xB0"),
            (b"\xE1\x84\x80\xFF\xE1\x85\xA1", b"\xE1\x84\x80\xFF\xE1\x85\xA1"),
        ];
        for (text, want) in rows {
            assert_eq!(compose_text(text), want, "{text:x?}");
        }
    }

    #[test]
    fn every_syllable_and_its_letters() {
        let all: String = (0..N_SYLLABLES).filter_map(|n| char::from_u32(FIRST + n)).collect();
        let nfd = decompose_text(all.as_bytes());
        assert_eq!(compose_text(&nfd), all.as_bytes());
        assert_eq!(letters_text(&nfd), letters_text(all.as_bytes()));
        assert_eq!((letter('\u{1112}'), letter('\u{1175}'), letter('\u{11C2}')), (Some('ㅎ'), Some('ㅣ'), Some('ㅎ')));
        assert_eq!((coda_of_letter('ㄱ'), coda_of_letter('ㅎ'), coda_of_letter('ㄸ')), (Some(1), Some(27), None));
    }

    proptest! {
        /// Composing what was decomposed gives the composed text, also where syllables and jamo stand side by side.
        #[test]
        fn composing_undoes(text in "[가각\u{1100}\u{1112}\u{1161}\u{11A7}\u{11A8}ㄱa]{0,24}") {
            let composed = compose_text(text.as_bytes());
            prop_assert_eq!(compose_text(&decompose_text(text.as_bytes())), composed.clone());
            prop_assert_eq!(compose_text(&composed), composed);
        }
    }
}
