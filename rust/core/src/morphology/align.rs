//! Morphemes to the surface of a word: where each edge between them falls, if it falls anywhere.
//!
//! The rule. Write the surface and the morphemes as strings of jamo (a lone ㄴ of a morpheme is the coda ㄴ). Consider
//! every cheapest way to turn one into the other by inserting, deleting and replacing jamo, each at cost 1. An edge is
//! *found* where all of them cross it at one and the same place of the surface, strictly inside the word. Else, or where
//! the edge before it was found at that very place (a morpheme without a surface), it is *lost* to fusion.
//!
//! Cost: the product of both lengths, in time and in memory.

use crate::hangul::{self, Kind, coda_of_letter};
use crate::{Error, Result};

/// The longest word, in jamo, that is aligned.
pub const MAX_LETTERS: usize = 2000;

/// Where the edge between two morphemes falls in the surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Between two characters, at this byte.
    Character(usize),
    /// Inside a syllable, between two of its jamo, at this byte.
    Inside(usize),
    /// Nowhere: the morphemes have fused, or one of them has no surface.
    Lost,
}

/// One place of a word: a jamo, or a character that has none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letter {
    Onset(u8),
    Vowel(u8),
    Coda(u8),
    Other(char),
}

impl Letter {
    /// Whether a letter of a morpheme can stand for one of the surface: the same one, or ㄴ for the coda ㄴ.
    fn stands_for(self, surface: Self) -> bool {
        match (self, surface) {
            (Self::Other(c), Self::Coda(coda)) => coda_of_letter(c) == Some(coda),
            _ => self == surface,
        }
    }
}

/// The letters of `text`, each with the byte where it ends.
fn letters(text: &str) -> Vec<(Letter, usize)> {
    let mut out = Vec::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        match (hangul::decompose(c), hangul::kind(c)) {
            (Some(jamo), _) => {
                out.push((Letter::Onset(jamo.onset), at + 1));
                out.push((Letter::Vowel(jamo.vowel), if jamo.coda > 0 { at + 2 } else { end }));
                out.extend((jamo.coda > 0).then_some((Letter::Coda(jamo.coda), end)));
            }
            (None, Kind::Onset(n)) => out.push((Letter::Onset(n), end)),
            (None, Kind::Vowel(n)) => out.push((Letter::Vowel(n), end)),
            (None, Kind::Coda(n)) => out.push((Letter::Coda(n), end)),
            _ => out.push((Letter::Other(c), end)),
        }
    }
    out
}

/// Least costs to turn prefixes of `from` into prefixes of `to`, row by row: `(from + 1) x (to + 1)`.
struct Costs {
    cells: Vec<u32>,
    width: usize,
}

impl Costs {
    fn new<'a>(
        from: impl ExactSizeIterator<Item = &'a Letter> + Clone,
        to: impl ExactSizeIterator<Item = &'a Letter> + Clone,
        same: impl Fn(Letter, Letter) -> bool,
    ) -> Self {
        let width = to.len() + 1;
        let mut cells: Vec<u32> = (0..width as u32).collect();
        cells.reserve(from.len() * width);
        for (row, &left) in from.enumerate() {
            let mut before = row as u32 + 1;
            cells.push(before);
            for (column, &right) in to.clone().enumerate() {
                let above = cells.len() - width;
                let replaced = cells[above - 1] + u32::from(!same(left, right));
                before = replaced.min(cells[above] + 1).min(before + 1);
                debug_assert_eq!(above % width, column + 1);
                cells.push(before);
            }
        }
        Self { cells, width }
    }

    fn at(&self, row: usize, column: usize) -> u32 {
        self.cells[row * self.width + column]
    }
}

/// Where the edges between `morphemes` fall in `surface`: one fewer than there are morphemes, in order.
///
/// ```
/// use bpe_lab_core::morphology::{Edge, align};
/// // 눈물|을; 공정|하|ㄴ: the last edge lies inside 한, after its vowel; 봤다 = 보 + 았 + 다: ㅗ + ㅏ fused to ㅘ.
/// assert_eq!(align("눈물을", &["눈물", "을"])?, [Edge::Character(6)]);
/// assert_eq!(align("공정한", &["공정", "하", "ㄴ"])?, [Edge::Character(6), Edge::Inside(8)]);
/// assert_eq!(align("봤다", &["보", "았", "다"])?, [Edge::Lost, Edge::Character(3)]);
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
///
/// # Errors
/// An argument error where the surface or the morphemes together are longer than [`MAX_LETTERS`] jamo.
pub fn align(surface: &str, morphemes: &[&str]) -> Result<Vec<Edge>> {
    let (surface_letters, ends): (Vec<_>, Vec<_>) = letters(surface).into_iter().unzip();
    let mut wanted: Vec<Letter> = Vec::new();
    let mut rows = Vec::with_capacity(morphemes.len());
    for morpheme in morphemes {
        wanted.extend(letters(morpheme).into_iter().map(|(letter, _)| letter));
        rows.push(wanted.len());
    }
    rows.pop();
    let longest = surface_letters.len().max(wanted.len());
    if longest > MAX_LETTERS {
        return Err(Error::argument(format!("a word of {longest} jamo cannot be aligned, at most {MAX_LETTERS} can"))
            .hint("one line holds one word and its morphemes"));
    }
    let places = crossings(&wanted, &surface_letters, &rows);
    let mut taken = None;
    Ok(places.into_iter().map(|place| edge(surface, &ends, place, &mut taken)).collect())
}

/// For each of `rows`, the one column through which every cheapest path of the alignment passes, if there is one.
fn crossings(wanted: &[Letter], surface: &[Letter], rows: &[usize]) -> Vec<Option<usize>> {
    let forward = Costs::new(wanted.iter(), surface.iter(), Letter::stands_for);
    let backward = Costs::new(wanted.iter().rev(), surface.iter().rev(), Letter::stands_for);
    let (n, m) = (wanted.len(), surface.len());
    let least = forward.at(n, m);
    let through = |row: usize, column: usize| forward.at(row, column) + backward.at(n - row, m - column) == least;
    let only = |row: usize| {
        let mut columns = (0..=m).filter(|&column| through(row, column));
        columns.next().filter(|_| columns.next().is_none())
    };
    rows.iter().map(|&row| only(row)).collect()
}

/// The edge after `place` letters of the surface; `taken` is the place of the edge found last.
fn edge(surface: &str, ends: &[usize], place: Option<usize>, taken: &mut Option<usize>) -> Edge {
    match place {
        Some(place) if place > 0 && place < ends.len() && Some(place) != *taken => {
            *taken = Some(place);
            let at = ends[place - 1];
            if surface.is_char_boundary(at) { Edge::Character(at) } else { Edge::Inside(at) }
        }
        _ => Edge::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Edge::{Character as C, Inside as I, Lost as L};
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let rows: [(&str, &[&str], &[Edge]); 18] = [
            ("사과", &["사과"], &[]),
            ("'K팝스타3’", &["'", "K", "팝스타", "3", "’"], &[C(1), C(2), C(11), C(12)]),
            // ㅎㅡㄹㄹㅕㅆ: 리 + 었 fused to 렸.
            ("흘렸다.", &["흘리", "었", "다", "."], &[L, C(6), C(9)]),
            // 하 + 였 fused to 했: ㅏ is gone, ㅐ stands for all of it.
            ("인정했다", &["인정", "하", "였", "다"], &[C(6), L, C(9)]),
            // The copula is written into the ending's syllable: 이 | ㅂ니다.
            ("일화들입니다.", &["일화", "들", "이", "ㅂ니다", "."], &[C(6), C(9), I(11), C(18)]),
            // ㄷ becomes ㄹ before a vowel; the edge stays.
            ("들은", &["듣", "은"], &[C(3)]),
            // ㄹ drops before ㄴ; ㅅ drops before a vowel.
            ("사는", &["살", "는"], &[C(3)]),
            ("이어", &["잇", "어"], &[C(3)]),
            // ㅡ drops before a vowel: ㅆ | ㅓ inside 써.
            ("써서", &["쓰", "어서"], &[I(1)]),
            // 지내 + 었: ㅐ | ㅆ.
            ("지냈다", &["지내", "었", "다"], &[I(5), C(6)]),
            // The same vowel twice, one written: either one may be it.
            ("만나", &["만나", "아"], &[L]),
            // 이 has no surface: its edges fall on one place, and the second is lost.
            ("전부다.", &["전부", "이", "다", "."], &[C(6), L, C(9)]),
            // An ending without a surface at the end of the word, and a morpheme list that is another word.
            ("꺼내", &["꺼내", "어"], &[L]),
            ("5", &["5", ".", "0"], &[L, L]),
            // Laughter is letters on both sides; conjoining jamo are jamo.
            ("ㅋㅋ요", &["ㅋㅋ", "요"], &[C(6)]),
            ("본", &["보", "\u{11AB}"], &[I(2)]),
            ("\u{1107}\u{1169}\u{11AB}", &["보", "ㄴ"], &[C(6)]),
            ("", &["가", "나"], &[L]),
        ];
        for (surface, morphemes, want) in rows {
            assert_eq!(align(surface, morphemes).unwrap(), want, "{surface}");
        }
        assert_eq!(align("사과", &[]).unwrap(), []);
        let long = "가".repeat(MAX_LETTERS / 2 + 1);
        let refused = align(&long, &["가"]).unwrap_err().to_string();
        assert_eq!(refused, "a word of 2002 jamo cannot be aligned, at most 2000 can");
    }

    /// The obvious twin: every cheapest alignment written out, each as the column in which it leaves each row.
    fn every_path(wanted: &[Letter], surface: &[Letter]) -> Vec<Vec<Vec<usize>>> {
        fn go(
            a: &[Letter],
            b: &[Letter],
            at: (usize, usize),
            cost: u32,
            path: &mut Vec<(usize, usize)>,
            out: &mut Vec<(u32, Vec<(usize, usize)>)>,
        ) {
            path.push(at);
            let (i, j) = at;
            if i == a.len() && j == b.len() {
                out.push((cost, path.clone()));
            }
            if i < a.len() && j < b.len() {
                go(a, b, (i + 1, j + 1), cost + u32::from(!a[i].stands_for(b[j])), path, out);
            }
            if i < a.len() {
                go(a, b, (i + 1, j), cost + 1, path, out);
            }
            if j < b.len() {
                go(a, b, (i, j + 1), cost + 1, path, out);
            }
            path.pop();
        }
        let mut paths = Vec::new();
        go(wanted, surface, (0, 0), 0, &mut Vec::new(), &mut paths);
        let least = paths.iter().map(|p| p.0).min();
        let cheapest = paths.into_iter().filter(|p| Some(p.0) == least).map(|p| p.1);
        cheapest
            .map(|path| {
                (0..=wanted.len()).map(|row| path.iter().filter(|p| p.0 == row).map(|p| p.1).collect()).collect()
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_writing_out_every_alignment(surface in "[가간나ㄴx]{0,3}", morphemes in "[가간나ㄴx]{0,2}") {
            let only = |text: &str| letters(text).into_iter().map(|(letter, _)| letter).collect::<Vec<_>>();
            let (wanted, surface) = (only(&morphemes), only(&surface));
            let rows: Vec<usize> = (0..=wanted.len()).collect();
            let paths = every_path(&wanted, &surface);
            for (row, found) in crossings(&wanted, &surface, &rows).into_iter().enumerate() {
                let mut columns: Vec<usize> = paths.iter().flat_map(|path| path[row].iter().copied()).collect();
                columns.sort_unstable();
                columns.dedup();
                prop_assert_eq!(found, (columns.len() == 1).then(|| columns[0]));
            }
        }

        /// Where nothing fused, every edge is found where the morphemes end.
        #[test]
        fn plain_concatenation_is_found(morphemes in proptest::collection::vec("[가-힣a-c]{1,3}", 1..5)) {
            let surface = morphemes.concat();
            let parts: Vec<&str> = morphemes.iter().map(String::as_str).collect();
            let mut at = 0;
            let want: Vec<Edge> = parts[..parts.len() - 1].iter().map(|m| { at += m.len(); C(at) }).collect();
            prop_assert_eq!(align(&surface, &parts).unwrap(), want);
        }
    }
}
