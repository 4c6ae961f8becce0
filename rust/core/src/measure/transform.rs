//! Texts as people write them: decomposed, without spaces, with typing errors, with longer ㅋㅋ and ㅠㅠ.
//!
//! Bytes that are no UTF-8 pass through. Nothing here normalises in general: only Hangul is touched.

use crate::hangul::{Jamo, compose, decompose};

/// Precomposed syllables become conjoining jamo, as NFD writes them; all else stays.
///
/// Equal to Unicode's NFD on texts in which nothing else decomposes (no é, no CJK compatibility ideographs).
///
/// ```
/// assert_eq!(bpe_lab_core::measure::hangul_to_nfd("각a".as_bytes()), "\u{1100}\u{1161}\u{11A8}a".as_bytes());
/// ```
pub fn hangul_to_nfd(text: &[u8]) -> Vec<u8> {
    map_chars(text, |c, out| match decompose(c) {
        Some(Jamo { onset, vowel, coda }) => {
            let coda = (coda > 0).then_some(0x11A7 + u32::from(coda));
            let points = [Some(0x1100 + u32::from(onset)), Some(0x1161 + u32::from(vowel)), coda];
            points.into_iter().flatten().filter_map(char::from_u32).for_each(|c| push(c, out));
        }
        None => push(c, out),
    })
}

/// Every U+0020 goes; other white space stays.
///
/// ```
/// assert_eq!(bpe_lab_core::measure::without_spaces("할 수 있다\n".as_bytes()), "할수있다\n".as_bytes());
/// ```
pub fn without_spaces(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|&b| b != b' ').collect()
}

/// Every run of two or more of the same letter out of ㅋ, ㅎ, ㅠ and ㅜ becomes 2n + 1 long.
///
/// ```
/// assert_eq!(bpe_lab_core::measure::lengthen_runs("ㅋㅋ ㅎ".as_bytes()), "ㅋㅋㅋㅋㅋ ㅎ".as_bytes());
/// ```
pub fn lengthen_runs(text: &[u8]) -> Vec<u8> {
    let (mut run, mut n) = ('\0', 0);
    let mut out = map_chars(text, |c, out| {
        if c != run {
            lengthen(run, n, out);
            (run, n) = (c, 0);
        }
        n += 1;
        push(c, out);
    });
    lengthen(run, n, &mut out);
    out
}

/// Makes a run of `n`, which stands at the end of `out`, 2n + 1 long.
fn lengthen(c: char, n: usize, out: &mut Vec<u8>) {
    if n >= 2 && matches!(c, 'ㅋ' | 'ㅎ' | 'ㅠ' | 'ㅜ') {
        (0..=n).for_each(|_| push(c, out));
    }
}

/// The rows of the Korean two-set keyboard, unshifted: a finger slips to the left or to the right.
///
/// Consonants and vowels have rows of their own, so a slip keeps a syllable a syllable.
pub const JAMO_NEIGHBOURS: [&str; 6] = ["ㅂㅈㄷㄱㅅ", "ㅁㄴㅇㄹㅎ", "ㅋㅌㅊㅍ", "ㅛㅕㅑㅐㅔ", "ㅗㅓㅏㅣ", "ㅠㅜㅡ"];

/// Compatibility letters by number of onset, vowel and coda.
const ONSETS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const VOWELS: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
const CODAS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// In a share of `rate` of the syllables one jamo slips to a neighbouring key. `seed` and the number of the document decide
/// which, so documents may be changed in any order.
///
/// For every precomposed syllable splitmix64 is drawn once; its upper half below `rate` times 2^32 means a slip. Then one
/// draw chooses among all slips of the syllable: onset, vowel, coda, and for each the key to the left before that to the
/// right. Doubled and compound letters never slip, and a coda never becomes ㄸ, ㅃ or ㅉ since those are no neighbours.
pub fn with_typos(text: &[u8], rate: f64, seed: u64, document: u64) -> Vec<u8> {
    let below = (rate.clamp(0.0, 1.0) * 4_294_967_296.0) as u64;
    let slips = Slips::new();
    let mut random = SplitMix(seed ^ document.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    map_chars(text, |c, out| match decompose(c) {
        Some(jamo) if random.next() >> 32 < below => push(slips.one_of(jamo, random.next()).unwrap_or(c), out),
        _ => push(c, out),
    })
}

/// For every jamo the numbers of its neighbours.
struct Slips {
    onsets: Vec<Vec<u8>>,
    vowels: Vec<Vec<u8>>,
    /// By number of the coda less one.
    codas: Vec<Vec<u8>>,
}

impl Slips {
    fn new() -> Self {
        Self { onsets: neighbours(ONSETS, 0), vowels: neighbours(VOWELS, 0), codas: neighbours(CODAS, 1) }
    }

    /// The syllable after the slip that `random` chooses; `None` where nothing can slip.
    fn one_of(&self, jamo: Jamo, random: u64) -> Option<char> {
        let onsets = self.onsets[jamo.onset as usize].iter().map(|&onset| Jamo { onset, ..jamo });
        let vowels = self.vowels[jamo.vowel as usize].iter().map(|&vowel| Jamo { vowel, ..jamo });
        let codas = usize::from(jamo.coda).checked_sub(1).map_or(&[][..], |n| &self.codas[n]);
        let all: Vec<Jamo> = onsets.chain(vowels).chain(codas.iter().map(|&coda| Jamo { coda, ..jamo })).collect();
        let chosen = random.checked_rem(all.len() as u64)?;
        compose(all[chosen as usize])
    }
}

/// For every letter of `letters` the numbers, from `first` on, of those beside it on the keyboard.
fn neighbours(letters: &str, first: u8) -> Vec<Vec<u8>> {
    let number = |c: &char| letters.chars().position(|l| l == *c).map(|n| n as u8 + first);
    let beside = |c: char| {
        let row: Vec<char> = JAMO_NEIGHBOURS.iter().find(|row| row.contains(c)).map_or(vec![], |r| r.chars().collect());
        let at = row.iter().position(|&l| l == c);
        let sides = at.into_iter().flat_map(|at| [at.wrapping_sub(1), at + 1]);
        sides.filter_map(|side| row.get(side).and_then(number)).collect()
    };
    letters.chars().map(beside).collect()
}

/// Steele et al. 2014; the numbers are those of every language's splitmix64.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

/// Hands every character to `each`; bytes that are no UTF-8 are kept. A bad byte ends a run as any character would.
fn map_chars(text: &[u8], mut each: impl FnMut(char, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| each(c, &mut out));
        out.extend_from_slice(chunk.invalid());
    }
    out
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_by_hand() {
        // At rate 1 every syllable slips. 가: onset ㄱ has ㄷ and ㅅ beside it, vowel ㅏ has ㅓ and ㅣ.
        for document in 0..50 {
            let slipped = with_typos("가".as_bytes(), 1.0, 7, document);
            assert!(["다", "사", "거", "기"].contains(&std::str::from_utf8(&slipped).unwrap()));
        }
        // 꽈 is a doubled onset and a compound vowel: nothing can slip.
        assert_eq!(with_typos("꽈".as_bytes(), 1.0, 7, 0), "꽈".as_bytes());
        assert_eq!(with_typos("사과나무".as_bytes(), 0.0, 7, 0), "사과나무".as_bytes());
        assert_eq!(with_typos("ㅋa漢\u{1100}".as_bytes(), 1.0, 7, 0), "ㅋa漢\u{1100}".as_bytes());
    }

    #[test]
    fn a_share_of_the_syllables_slips() {
        let text = "한국어 문장을 읽고 씁니다. ".repeat(1000);
        let slipped = with_typos(text.as_bytes(), 0.1, 0, 0);
        let slipped = std::str::from_utf8(&slipped).unwrap();
        let n = text.chars().zip(slipped.chars()).filter(|(a, b)| a != b).count();
        let n_syllables = text.chars().filter(|&c| crate::hangul::is_syllable(c)).count();
        // 11,000 syllables at 0.1: 1,100, standard deviation 31.
        assert!((n as f64 - 0.1 * n_syllables as f64).abs() < 160.0, "{n} of {n_syllables}");
    }

    #[test]
    fn runs_by_hand() {
        for (text, want) in [
            ("ㅋㅋㅋ", "ㅋㅋㅋㅋㅋㅋㅋ"),
            ("ㅠㅠㅋ", "ㅠㅠㅠㅠㅠㅋ"),
            ("ㄱㄱ 하하", "ㄱㄱ 하하"),
            ("ㅎㅎ", "ㅎㅎㅎㅎㅎ"),
            ("", ""),
        ] {
            assert_eq!(lengthen_runs(text.as_bytes()), want.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_no_utf8_passes() {
        let text = b"\xFF\xEA\xB0 \xED\xA0\x80a";
        assert_eq!(hangul_to_nfd(text), text);
        assert_eq!(lengthen_runs(text), text);
        assert_eq!(with_typos(text, 1.0, 0, 0), text);
        assert_eq!(without_spaces(text), b"\xFF\xEA\xB0\xED\xA0\x80a");
    }
}
