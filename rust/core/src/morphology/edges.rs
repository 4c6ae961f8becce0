//! Token edges against gold edges, inside words.

use crate::hangul::{decompose, eojeols};
use std::ops::Range;

/// Counts of one text; those of several add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeCounts {
    /// Eojeol of the text.
    pub n_eojeol: u64,
    /// Gold edges between characters.
    pub n_gold_character: u64,
    /// Gold edges inside a syllable.
    pub n_gold_inside: u64,
    /// Places inside eojeol where a token ends, broken ones included.
    pub n_predicted: u64,
    /// Those inside a syllable, between two of its jamo. None for byte-wise units.
    pub n_predicted_inside: u64,
    /// Those that are no edge between characters or jamo: a token ends at a byte that means nothing. Never right.
    pub n_predicted_broken: u64,
    /// Predicted edges that are gold.
    pub n_right: u64,
    /// Those inside a syllable.
    pub n_right_inside: u64,
}

/// What a predicted edge is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Character,
    Inside,
    Broken,
}

impl EdgeCounts {
    /// Names of the counts, in the order of [`EdgeCounts::values`].
    pub const NAMES: [&str; 8] = [
        "n_eojeol",
        "n_gold_character",
        "n_gold_inside",
        "n_predicted",
        "n_predicted_inside",
        "n_predicted_broken",
        "n_right",
        "n_right_inside",
    ];

    /// The counts of one text whose tokens end at `ends`, with `gold` edges: both byte offsets, in order.
    ///
    /// `is_jamo`: an end inside a syllable is an edge between jamo, else it is broken. A filler owns nothing: an end
    /// between vowel and filler is the syllable's end.
    ///
    /// ```
    /// use bpe_lab_core::morphology::EdgeCounts;
    /// // 공정|하|ㄴ 수사|에, cut as 공정|한 수|사에: of two predicted edges inside words one is gold.
    /// let text = "공정한 수사에".as_bytes();
    /// let counts = EdgeCounts::of(text, &[6, 8, 16], &[6, 13, 19], false);
    /// assert_eq!((counts.n_gold_character, counts.n_gold_inside), (2, 1));
    /// assert_eq!((counts.n_predicted, counts.n_right), (2, 1));
    /// ```
    pub fn of(text: &[u8], gold: &[u64], ends: &[u64], is_jamo: bool) -> Self {
        let mut counts = Self::default();
        let mut predicted: Vec<usize> = ends.iter().map(|&end| mended(text, end as usize, is_jamo)).collect();
        predicted.dedup();
        let (mut gold, mut predicted) = (gold, predicted.as_slice());
        for word in eojeols(text) {
            counts.n_eojeol += 1;
            let gold_here: Vec<usize> = take_inside(&mut gold, &word, |&edge| edge as usize);
            let predicted_here = take_inside(&mut predicted, &word, |&edge| edge);
            counts.add_word(text, &gold_here, &predicted_here, is_jamo);
        }
        counts
    }

    fn add_word(&mut self, text: &[u8], gold: &[usize], predicted: &[usize], is_jamo: bool) {
        for &edge in gold {
            let inside = place(text, edge, true) == Place::Inside;
            self.n_gold_character += u64::from(!inside);
            self.n_gold_inside += u64::from(inside);
        }
        for &edge in predicted {
            let place = place(text, edge, is_jamo);
            let right = place != Place::Broken && gold.binary_search(&edge).is_ok();
            self.n_predicted += 1;
            self.n_predicted_inside += u64::from(place == Place::Inside);
            self.n_predicted_broken += u64::from(place == Place::Broken);
            self.n_right += u64::from(right);
            self.n_right_inside += u64::from(right && place == Place::Inside);
        }
    }

    /// The counts as numbers.
    pub fn values(&self) -> [u64; 8] {
        [
            self.n_eojeol,
            self.n_gold_character,
            self.n_gold_inside,
            self.n_predicted,
            self.n_predicted_inside,
            self.n_predicted_broken,
            self.n_right,
            self.n_right_inside,
        ]
    }
}

/// Takes the edges strictly inside `word` from the front of `edges`, and drops those before it.
fn take_inside<T>(edges: &mut &[T], word: &Range<usize>, at: impl Fn(&T) -> usize) -> Vec<usize> {
    let from = edges.partition_point(|edge| at(edge) <= word.start);
    let to = edges.partition_point(|edge| at(edge) < word.end);
    let inside = edges.get(from..to).unwrap_or_default().iter().map(&at).collect();
    *edges = edges.get(to..).unwrap_or_default();
    inside
}

/// What the edge at byte `at` lies between; `jamo` tells whether a syllable has edges inside.
fn place(text: &[u8], at: usize, jamo: bool) -> Place {
    match character_around(text, at) {
        None => Place::Character,
        Some((start, c)) => match decompose(c) {
            Some(found) if jamo && (at == start + 1 || found.coda > 0) => Place::Inside,
            _ => Place::Broken,
        },
    }
}

/// An end between vowel and filler, moved behind the filler; any other end as it is.
fn mended(text: &[u8], end: usize, is_jamo: bool) -> usize {
    match character_around(text, end) {
        Some((start, c)) if is_jamo && end == start + 2 && decompose(c).is_some_and(|jamo| jamo.coda == 0) => start + 3,
        _ => end,
    }
}

/// The whole character that byte offset `at` lies strictly inside, and where it begins.
fn character_around(text: &[u8], at: usize) -> Option<(usize, char)> {
    if at >= text.len() || text[at] & 0xC0 != 0x80 {
        return None;
    }
    let start = (at.saturating_sub(3)..at).rev().find(|&i| text[i] & 0xC0 != 0x80)?;
    let c = text.get(start..text.len().min(start + 4))?.utf8_chunks().next()?.valid().chars().next()?;
    (at < start + c.len_utf8()).then_some((start, c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 갔다 가 (갔 = 가 + ㅆ, gold after the vowel of 갔 at 2 and before 다 at 3), bytes 갔 0-3, 다 3-6, space, 가 7-10.
    #[test]
    fn by_hand() {
        let text = "갔다 가".as_bytes();
        let gold = [2, 3];
        // (ends, jamo, [eojeol, gold character, gold inside, predicted, inside, broken, right, right inside])
        let rows: [(&[u64], bool, [u64; 8]); 8] = [
            (&[10], false, [2, 1, 1, 0, 0, 0, 0, 0]),
            (&[3, 6, 7, 10], false, [2, 1, 1, 1, 0, 0, 1, 0]),
            // A byte tokenizer that ends at byte 2 breaks the syllable: predicted, never right.
            (&[2, 3, 8, 10], false, [2, 1, 1, 3, 0, 2, 1, 0]),
            // A jamo tokenizer that ends there is right; 1 and 8 are edges between jamo, and wrong.
            (&[1, 2, 3, 8, 10], true, [2, 1, 1, 4, 3, 0, 2, 1]),
            // With a filler an end at 9 (가 has no coda) is the end of the word: no edge inside; at 5, that of 다.
            (&[5, 6, 9, 10], true, [2, 1, 1, 0, 0, 0, 0, 0]),
            (&[9, 10], false, [2, 1, 1, 1, 0, 1, 0, 0]),
            // Empty tokens and repeated ends count once.
            (&[3, 3, 3, 10], true, [2, 1, 1, 1, 0, 0, 1, 0]),
            (&[], true, [2, 1, 1, 0, 0, 0, 0, 0]),
        ];
        for (ends, is_jamo, want) in rows {
            assert_eq!(EdgeCounts::of(text, &gold, ends, is_jamo).values(), want, "{ends:?} {is_jamo}");
        }
    }

    #[test]
    fn other_characters_have_no_edges_inside() {
        let text = "漢é😀".as_bytes();
        let every: Vec<u64> = (1..=9).collect();
        assert_eq!(EdgeCounts::of(text, &[], &every, true).values(), [1, 0, 0, 8, 0, 6, 0, 0]);
        // Bad bytes are characters of their own: an edge between two of them is one between characters.
        assert_eq!(EdgeCounts::of(b"\xEA\xB0\xFF\x80", &[], &[1, 2, 3, 4], true).n_predicted_broken, 0);
    }

    /// The obvious twin: every offset of the text looked at alone.
    fn naive(text: &str, gold: &[u64], ends: &[u64]) -> [u64; 8] {
        let inner = |at: usize| {
            let white = |c: Option<char>| c.is_none_or(char::is_whitespace);
            !(text.is_char_boundary(at) && (white(text[..at].chars().next_back()) || white(text[at..].chars().next())))
        };
        let mut n = [0; 8];
        n[0] = text.split_whitespace().count() as u64;
        for at in 1..text.len() {
            let (is_gold, is_end) = (gold.contains(&(at as u64)), ends.contains(&(at as u64)));
            let boundary = text.is_char_boundary(at);
            if inner(at) {
                n[1] += u64::from(is_gold && boundary);
                n[2] += u64::from(is_gold && !boundary);
                n[3] += u64::from(is_end);
                n[5] += u64::from(is_end && !boundary);
                n[6] += u64::from(is_end && boundary && is_gold);
            }
        }
        n
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_every_offset(text in "[가각 a]{0,8}", cuts in any::<u32>(), marks in any::<u32>()) {
            let chosen = |bits: u32| (1..=text.len() as u64).filter(|i| bits >> (i % 32) & 1 == 1).collect::<Vec<_>>();
            let gold: Vec<u64> = chosen(marks).into_iter().filter(|&i| {
                let (i, b) = (i as usize, text.as_bytes());
                text.is_char_boundary(i) || place(b, i, true) == Place::Inside
            }).collect();
            let ends = chosen(cuts);
            prop_assert_eq!(EdgeCounts::of(text.as_bytes(), &gold, &ends, false).values(), naive(&text, &gold, &ends));
        }
    }
}
