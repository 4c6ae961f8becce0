//! Where two tokenizers cut the same eojeol otherwise. Only the byte ends of tokens are compared, never ids.

use super::Tokens;
use super::chars::{each_eojeol, with_space};
use crate::Result;
use std::collections::HashMap;

/// How alike two tokenizers cut a text.
#[derive(Clone, Debug, Default)]
pub struct Alike {
    /// For every document: its eojeol, and those that both cut in the same places.
    pub documents: Vec<[u64; 2]>,
    /// Word types that are cut otherwise somewhere, the most often first; ties by their bytes.
    pub different: Vec<Different>,
}

/// A word type that two tokenizers cut in different places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Different {
    /// The eojeol, without its space.
    pub word: Vec<u8>,
    /// How often it occurs.
    pub count: u64,
    /// How often it is cut otherwise.
    pub n_different: u64,
    /// Where tokens end inside it at the first such place, in bytes from its first byte; 0 where one ends between its space
    /// and it.
    pub cuts: [Vec<u64>; 2],
}

/// Compares the cuts of `a` and `b` inside every eojeol with its one preceding U+0020; keeps the `top` word types that most
/// often differ.
///
/// # Errors
/// An argument error where tokens do not tile the documents.
pub fn cut_alike(documents: &[&[u8]], a: Tokens<'_>, b: Tokens<'_>, top: usize) -> Result<Alike> {
    a.check(documents)?;
    b.check(documents)?;
    let mut types: HashMap<&[u8], Different> = HashMap::new();
    let mut counts = Vec::with_capacity(documents.len());
    for (i, &text) in documents.iter().enumerate() {
        let (mut ends_a, mut ends_b) = (a.of(i).1, b.of(i).1);
        let mut row = [0; 2];
        each_eojeol(text, |start, end| {
            let word = &text[start..end];
            let from = with_space(text, start);
            let cuts = [cuts_inside(&mut ends_a, from, end), cuts_inside(&mut ends_b, from, end)];
            let is_alike = distinct(cuts[0]).eq(distinct(cuts[1]));
            row[0] += 1;
            row[1] += u64::from(is_alike);
            let found = types.entry(word).or_insert_with(|| Different::of(word));
            found.count += 1;
            found.n_different += u64::from(!is_alike);
            if !is_alike && found.n_different == 1 {
                found.cuts = cuts.map(|cuts| distinct(cuts).map(|end| end - start as u64).collect());
            }
        });
        counts.push(row);
    }
    let mut different: Vec<Different> = types.into_values().filter(|d| d.n_different > 0).collect();
    different.sort_unstable_by(|x, y| y.n_different.cmp(&x.n_different).then_with(|| x.word.cmp(&y.word)));
    different.truncate(top);
    Ok(Alike { documents: counts, different })
}

impl Different {
    fn of(word: &[u8]) -> Self {
        Self { word: word.to_vec(), count: 0, n_different: 0, cuts: [Vec::new(), Vec::new()] }
    }
}

/// The ends strictly inside `start..end`; `rest` moves on to those from `end` on.
fn cuts_inside<'a>(rest: &mut &'a [u64], start: usize, end: usize) -> &'a [u64] {
    let before = rest.iter().take_while(|&&e| e <= start as u64).count();
    let inside = rest[before..].iter().take_while(|&&e| e < end as u64).count();
    let (cuts, later) = rest[before..].split_at(inside);
    *rest = later;
    cuts
}

/// Without the repetitions that empty tokens make.
fn distinct(ends: &[u64]) -> impl Iterator<Item = u64> + '_ {
    ends.iter().enumerate().filter(|&(i, end)| i == 0 || ends[i - 1] != *end).map(|(_, &end)| end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens<'a>(ends: &'a [u64], offsets: &'a [u64]) -> Tokens<'a> {
        Tokens { ids: &[], ends, offsets }
    }

    /// "그는 학교에": 그는 bytes 0..6, space 6, 학교에 7..16. `a` cuts 그는| 학교|에, `b` cuts 그는| |학교에; so 그는 is
    /// alike and 학교에 is not: `a` ends a token 6 bytes in, `b` one before it.
    #[test]
    fn by_hand() {
        let text = "그는 학교에".as_bytes();
        let (a, b) = (&[6, 13, 16][..], &[6, 6, 7, 16][..]);
        let got = cut_alike(&[text], tokens(a, &[0, 3]), tokens(b, &[0, 4]), 10).unwrap();
        assert_eq!(got.documents, [[2, 1]]);
        let want = Different { word: "학교에".into(), count: 1, n_different: 1, cuts: [vec![6], vec![0]] };
        assert_eq!(got.different, [want]);
        let same = cut_alike(&[text, b""], tokens(a, &[0, 3, 3]), tokens(a, &[0, 3, 3]), 10).unwrap();
        assert_eq!((same.documents, same.different.len()), (vec![[2, 2], [0, 0]], 0));
    }

    #[test]
    fn the_offsets_must_fit() {
        let e = cut_alike(&[b"ab"], tokens(&[2], &[0, 1]), tokens(&[1], &[0, 1]), 1).unwrap_err();
        assert_eq!(e.to_string(), "the tokens of document 0 do not tile it: 2 bytes, last end 1");
    }
}
