//! Counts of a text in one pass: code points by kind and by script, syllables, jamo, eojeol.

use super::{Kind, Script, decompose, kind, script};
use std::ops::{AddAssign, Range};

/// What a text holds. Counts of the parts of a text, cut between eojeol, add up to those of the whole.
///
/// ```
/// use bpe_lab_core::hangul::Census;
/// let counts = Census::of("값은 ㅋㅋ".as_bytes());
/// assert_eq!((counts.n_chars, counts.n_syllables, counts.n_jamo, counts.n_eojeol), (5, 2, 6, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// All bytes.
    pub n_bytes: u64,
    /// Code points; a byte that is no UTF-8 counts as one.
    pub n_chars: u64,
    /// Bytes that are no UTF-8.
    pub n_invalid_bytes: u64,
    /// Maximal runs of code points that are not `White_Space`, punctuation included.
    pub n_eojeol: u64,
    /// Precomposed syllables.
    pub n_syllables: u64,
    /// Onsets, vowels and codas of the precomposed syllables.
    pub n_jamo: u64,
    /// Precomposed syllables that have a coda.
    pub n_codas: u64,
    /// Modern conjoining jamo (NFD writes with them).
    pub n_conjoining: u64,
    /// Modern compatibility letters: ㅋ, ㅠ.
    pub n_compatibility: u64,
    /// Other letters of Hangul: old, half-width, fillers.
    pub n_other_hangul: u64,
    /// Code points by script, in the order of [`Script::ALL`].
    pub chars_by_script: [u64; 7],
    /// Bytes by script, in the same order; together all bytes.
    pub bytes_by_script: [u64; 7],
}

impl Census {
    /// The counts of `text`.
    pub fn of(text: &[u8]) -> Self {
        let mut census = Self { n_bytes: text.len() as u64, ..Self::default() };
        let mut in_eojeol = false;
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                census.add_char(c);
                let solid = !c.is_whitespace();
                census.n_eojeol += u64::from(solid && !in_eojeol);
                in_eojeol = solid;
            }
            if !chunk.invalid().is_empty() {
                census.add_invalid(chunk.invalid().len() as u64);
                census.n_eojeol += u64::from(!in_eojeol);
                in_eojeol = true;
            }
        }
        census
    }

    fn add_char(&mut self, c: char) {
        self.n_chars += 1;
        let script = script(c) as usize;
        self.chars_by_script[script] += 1;
        self.bytes_by_script[script] += c.len_utf8() as u64;
        match kind(c) {
            Kind::None => {}
            Kind::Syllable => self.add_syllable(c),
            Kind::Onset(_) | Kind::Vowel(_) | Kind::Coda(_) => self.n_conjoining += 1,
            Kind::Compatibility => self.n_compatibility += 1,
            Kind::Other => self.n_other_hangul += 1,
        }
    }

    fn add_syllable(&mut self, c: char) {
        let coda = u64::from(decompose(c).is_some_and(|jamo| jamo.coda > 0));
        self.n_syllables += 1;
        self.n_codas += coda;
        self.n_jamo += 2 + coda;
    }

    fn add_invalid(&mut self, n: u64) {
        self.n_chars += n;
        self.n_invalid_bytes += n;
        self.chars_by_script[Script::Other as usize] += n;
        self.bytes_by_script[Script::Other as usize] += n;
    }

    /// Names of the ten counts that are no array, in the order of [`Census::values`].
    pub const NAMES: [&str; 10] = [
        "n_bytes",
        "n_chars",
        "n_invalid_bytes",
        "n_eojeol",
        "n_syllables",
        "n_jamo",
        "n_codas",
        "n_conjoining",
        "n_compatibility",
        "n_other_hangul",
    ];

    /// The ten counts that are no array.
    pub fn values(&self) -> [u64; 10] {
        [
            self.n_bytes,
            self.n_chars,
            self.n_invalid_bytes,
            self.n_eojeol,
            self.n_syllables,
            self.n_jamo,
            self.n_codas,
            self.n_conjoining,
            self.n_compatibility,
            self.n_other_hangul,
        ]
    }
}

impl AddAssign for Census {
    fn add_assign(&mut self, other: Self) {
        self.n_bytes += other.n_bytes;
        self.n_chars += other.n_chars;
        self.n_invalid_bytes += other.n_invalid_bytes;
        self.n_eojeol += other.n_eojeol;
        self.n_syllables += other.n_syllables;
        self.n_jamo += other.n_jamo;
        self.n_codas += other.n_codas;
        self.n_conjoining += other.n_conjoining;
        self.n_compatibility += other.n_compatibility;
        self.n_other_hangul += other.n_other_hangul;
        for script in 0..Script::ALL.len() {
            self.chars_by_script[script] += other.chars_by_script[script];
            self.bytes_by_script[script] += other.bytes_by_script[script];
        }
    }
}

/// The eojeol of `text` as byte ranges, in order: maximal runs of what is not `White_Space`. Bad bytes belong to them.
///
/// ```
/// use bpe_lab_core::hangul::eojeols;
/// let found: Vec<_> = eojeols(" 값은,  5천".as_bytes()).collect();
/// assert_eq!(found, [1..8, 10..14]);
/// ```
pub fn eojeols(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut solids = solid_runs(text).peekable();
    std::iter::from_fn(move || {
        let mut run = solids.next()?;
        while let Some(next) = solids.next_if(|next| next.start == run.end) {
            run.end = next.end;
        }
        Some(run)
    })
}

/// Runs without white space, cut also where UTF-8 breaks off.
fn solid_runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.utf8_chunks().flat_map(move |chunk| {
        let (start, valid) = (at, chunk.valid());
        at += valid.len() + chunk.invalid().len();
        let words = valid.split(char::is_whitespace).filter(|word| !word.is_empty());
        let within = move |word: &str| word.as_ptr() as usize - valid.as_ptr() as usize;
        let words = words.map(move |word| start + within(word)..start + within(word) + word.len());
        let bad = start + valid.len()..at;
        words.chain((!bad.is_empty()).then_some(bad))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 값 ㄱㅏㅄ, 은 ㅇㅡㄴ: 6 jamo, 2 codas. ㅋ, a conjoining onset, an old onset, 字, a bad byte; NBSP parts eojeol.
    #[test]
    fn by_hand() {
        let text = ["값은 ㅋ\u{1100}\u{1113}字".as_bytes(), b"\xFF", "\u{A0}a1!".as_bytes()].concat();
        let got = Census::of(&text);
        assert_eq!(got.values(), [3 * 6 + 1 + 1 + 2 + 3, 12, 1, 3, 2, 6, 2, 1, 1, 1]);
        // Hangul, hanja, latin, digits, kana, punctuation, other (space, bad byte, NBSP).
        assert_eq!(got.chars_by_script, [5, 1, 1, 1, 0, 1, 3]);
        assert_eq!(got.bytes_by_script, [15, 3, 1, 1, 0, 1, 4]);
        let mut twice = got;
        twice += got;
        assert_eq!(twice.values().map(|n| n / 2), got.values());
        assert_eq!(twice.bytes_by_script[0], 30);
    }

    #[test]
    fn bad_bytes_belong_to_eojeol() {
        let found: Vec<_> = eojeols(b"\xFFa\xE3\x81 b\xFF").collect();
        assert_eq!(found, [0..4, 5..7]);
        assert_eq!(eojeols(b" \n").count() + eojeols(b"").count(), 0);
    }

    proptest! {
        #[test]
        fn parts_add_up(text in proptest::collection::vec(prop_oneof![Just(b' '), Just(0xEA), Just(0xB0), Just(0x80), any::<u8>()], 0..40)) {
            let whole = Census::of(&text);
            prop_assert_eq!(whole.bytes_by_script.iter().sum::<u64>(), whole.n_bytes);
            prop_assert_eq!(whole.chars_by_script.iter().sum::<u64>(), whole.n_chars);
            prop_assert_eq!(whole.n_eojeol, eojeols(&text).count() as u64);
            let mut sum = Census::default();
            let mut at = 0;
            for word in eojeols(&text) {
                sum += Census::of(&text[at..word.end]);
                at = word.end;
            }
            sum += Census::of(&text[at..]);
            prop_assert_eq!(sum, whole);
        }

        /// The slow twin: the words that the standard library finds, where the text is UTF-8.
        #[test]
        fn eojeols_are_words(text: String) {
            let found: Vec<_> = eojeols(text.as_bytes()).map(|r| text[r].to_string()).collect();
            prop_assert_eq!(found, text.split_whitespace().map(String::from).collect::<Vec<_>>());
        }
    }
}
