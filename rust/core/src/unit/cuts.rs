//! Byte offsets to places among symbols: where a piece's cut marks fall in each unit.
//!
//! The one place that knows which bytes a symbol owns inside a syllable: one each for onset, vowel and coda, and two for
//! the vowel where there is no coda (or one, and one for the filler). It asks the unit for the symbols of parts and
//! knows no unit by name.

use super::Unit;
use crate::{Symbol, hangul};

/// Bytes of a precomposed syllable.
const SYLLABLE_BYTES: usize = 3;

/// Where an offset lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between two characters; a byte that is no UTF-8 counts as one.
    Between,
    /// Inside the precomposed syllable that begins at `start`.
    InSyllable { start: usize },
    /// Inside another character.
    InCharacter,
}

impl Unit {
    /// Appends the symbols of `piece`, and puts into `cuts` the numbers of symbols before each mark.
    ///
    /// `marks` are offsets strictly inside the piece, ascending; so are the cuts. A mark that no symbol ends at is left
    /// out: one inside a character, unless this unit spells it as jamo and the mark lies behind the onset (+1) or
    /// before the coda (+2); and, where the unit joins conjoining jamo (`nfd-alias`), one beside such a letter.
    ///
    /// The symbols are those of the whole piece, so what is encoded between cuts decodes to the piece. Costs twice
    /// [`symbols_into`](Self::symbols_into).
    ///
    /// ```
    /// use bpe_lab_core::unit::Unit;
    /// let (mut symbols, mut cuts) = (Vec::new(), Vec::new());
    /// // 간|다 is a cut between characters; 가|ㄴ (+2 inside 간) is none for bytes.
    /// Unit::Byte.cut_symbols_into("간다".as_bytes(), [2, 3], &mut symbols, &mut cuts);
    /// assert_eq!((symbols.len(), cuts), (6, vec![3]));
    /// ```
    pub fn cut_symbols_into(
        &self,
        piece: &[u8],
        marks: impl IntoIterator<Item = usize>,
        symbols: &mut Vec<Symbol>,
        cuts: &mut Vec<usize>,
    ) {
        cuts.clear();
        self.symbols_into(piece, symbols);
        let joins = self.joins_conjoining_jamo();
        let (mut part, mut n_before, mut done) = (Vec::new(), 0, 0);
        for mark in marks {
            let (boundary, inner) = match place_of(piece, mark) {
                Place::Between => (mark, 0),
                Place::InSyllable { start } => {
                    (start, self.symbols_before(&piece[start..][..SYLLABLE_BYTES], mark - start))
                }
                Place::InCharacter => continue,
            };
            if boundary < mark && inner == 0 || joins && is_beside_conjoining(piece, boundary) {
                continue;
            }
            part.clear();
            self.symbols_into(&piece[done..boundary], &mut part);
            n_before += part.len();
            done = boundary;
            cuts.push(n_before + inner);
        }
    }

    /// How many of a syllable's symbols lie before its byte `at`; 0 where none ends there.
    fn symbols_before(&self, syllable: &[u8], at: usize) -> usize {
        let mut symbols = Vec::with_capacity(SYLLABLE_BYTES);
        self.symbols_into(syllable, &mut symbols);
        let is_bytes = symbols.iter().any(|s| s.0 < 256);
        match symbols.len() {
            3 if !is_bytes => at,
            2 if !is_bytes && at == 1 => 1,
            _ => 0,
        }
    }

    /// Whether the symbols of conjoining jamo depend on their neighbours.
    fn joins_conjoining_jamo(&self) -> bool {
        const HAN: &str = "\u{1112}\u{1161}\u{11AB}";
        let mut symbols = Vec::with_capacity(HAN.len());
        self.symbols_into(HAN.as_bytes(), &mut symbols);
        symbols.len() != HAN.len()
    }
}

fn place_of(piece: &[u8], at: usize) -> Place {
    match char_around(piece, at) {
        None => Place::Between,
        Some((start, c)) if hangul::is_syllable(c) => Place::InSyllable { start },
        Some(_) => Place::InCharacter,
    }
}

/// The character that begins before `at` and ends behind it, and where it begins.
fn char_around(piece: &[u8], at: usize) -> Option<(usize, char)> {
    let start = (at.saturating_sub(3)..at).rev().find(|&i| piece[i] & 0xC0 != 0x80)?;
    let c = first_char(&piece[start..])?;
    (start + c.len_utf8() > at).then_some((start, c))
}

/// The character at the front, if the bytes are one.
fn first_char(bytes: &[u8]) -> Option<char> {
    let head = &bytes[..bytes.len().min(4)];
    head.utf8_chunks().next()?.valid().chars().next()
}

/// Whether a conjoining jamo (U+1100..=U+11FF) ends or begins at `at`.
fn is_beside_conjoining(piece: &[u8], at: usize) -> bool {
    let is = |bytes: &[u8]| first_char(bytes).is_some_and(|c| matches!(c, '\u{1100}'..='\u{11FF}'));
    is(&piece[at..]) || at >= 3 && is(&piece[at - 3..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cuts(unit: &Unit, piece: &[u8], marks: &[usize]) -> Vec<usize> {
        let (mut symbols, mut whole, mut cuts) = (Vec::new(), Vec::new(), Vec::new());
        unit.cut_symbols_into(piece, marks.iter().copied(), &mut symbols, &mut cuts);
        unit.symbols_into(piece, &mut whole);
        assert_eq!(symbols, whole);
        cuts
    }

    /// 가 is EA B0 80, 간 EA B0 84, é C3 A9; FF is no UTF-8.
    #[test]
    fn bytes_are_cut_between_characters_only() {
        let text = "a간é\u{1F34E}다".as_bytes();
        let all: Vec<usize> = (1..text.len()).collect();
        for unit in [Unit::Byte, Unit::ByteChar] {
            assert_eq!(cuts(&unit, text, &all), [1, 4, 6, 10]);
            assert_eq!(cuts(&unit, b"\xEA\xB0\xFF\x80\x80a", &[1, 2, 3, 4, 5]), [1, 2, 3, 4, 5]);
        }
    }

    /// Units of jamo and syllables, where the names are known: a syllable with a coda can be cut behind L and V, one
    /// without behind L alone, an atom nowhere.
    #[test]
    fn syllables_are_cut_as_their_symbols_are() {
        for (name, closed, open) in [("jamo", vec![1, 2, 3], vec![1, 2]), ("syllable:all", vec![1], vec![1])] {
            let Ok(unit) = Unit::from_name(name) else { continue };
            assert_eq!(cuts(&unit, "간a".as_bytes(), &[1, 2, 3]), closed, "{name}");
            assert_eq!(cuts(&unit, "가a".as_bytes(), &[1, 2, 3]), open, "{name}");
        }
    }

    proptest! {
        /// Cuts ascend, lie inside, and at a cut between characters the parts' symbols are the whole's.
        #[test]
        fn cuts_fall_where_parts_meet(text in "[가-힣a-z \u{1100}-\u{11ff}ㅋ漢\u{1F34E}]{0,12}", seed: u64) {
            let bytes = text.as_bytes();
            let marks: Vec<usize> = (1..bytes.len()).filter(|at| seed >> (at % 64) & 1 == 1).collect();
            for name in Unit::NAMES {
                let unit = Unit::from_name(name).unwrap();
                let cuts = cuts(&unit, bytes, &marks);
                let mut symbols = Vec::new();
                unit.symbols_into(bytes, &mut symbols);
                prop_assert!(cuts.windows(2).all(|w| w[0] < w[1]));
                prop_assert!(cuts.iter().all(|&c| 0 < c && c < symbols.len()));
                if !unit.joins_conjoining_jamo() {
                    for &mark in marks.iter().filter(|&&m| text.is_char_boundary(m)) {
                        let mut front = Vec::new();
                        unit.symbols_into(&bytes[..mark], &mut front);
                        prop_assert!(cuts.contains(&front.len()));
                    }
                }
            }
        }
    }
}
