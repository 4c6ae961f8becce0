//! Byte ends of tokens to spans of characters.

use crate::{Error, Result};

/// Appends, for every token, the characters it covers: `(first, one past the last)`, counted from 0 in `text`.
///
/// `ends` are byte ends that tile `text` (see [`Decoder::ends_into`](crate::decode::Decoder::ends_into)). A token that
/// holds part of a character covers that character, so neighbours may overlap: Hugging Face's convention. A byte that
/// is no UTF-8 counts as one character. Linear in the text.
///
/// ```
/// let mut spans = Vec::new();
/// bpe_lab_core::tokenizer::char_spans_into("a사b".as_bytes(), &[1, 3, 5], &mut spans)?;
/// assert_eq!(spans, [(0, 1), (1, 2), (1, 3)]);
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
///
/// # Errors
/// An argument error where an end lies before the one before it or outside the text; nothing is appended then.
pub fn char_spans_into(text: &[u8], ends: &[u64], out: &mut Vec<(u64, u64)>) -> Result<()> {
    let mut last = 0;
    for (token, &end) in ends.iter().enumerate() {
        if end < last || end > text.len() as u64 {
            let len = text.len();
            return Err(Error::argument(format!(
                "token {token} ends at byte {end}, outside {last}..={len}: the ends do not tile this text"
            )));
        }
        last = end;
    }
    let (mut starts, mut at, mut n_chars) = (char_starts(text), 0, 0);
    for &end in ends {
        let (before, mut first) = (n_chars, None);
        for is_start in starts.by_ref().take((end - at) as usize) {
            first.get_or_insert_with(|| if is_start { before } else { before - 1 });
            n_chars += u64::from(is_start);
        }
        out.push((first.unwrap_or(before), n_chars));
        at = end;
    }
    Ok(())
}

/// For every byte, whether a character begins there. True for the first byte of any text.
fn char_starts(text: &[u8]) -> impl Iterator<Item = bool> {
    text.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().bytes().map(|b| b & 0xC0 != 0x80);
        valid.chain(std::iter::repeat_n(true, chunk.invalid().len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows() {
        for (text, ends, want) in [
            (b"".as_slice(), vec![], vec![]),
            ("사과".as_bytes(), vec![1, 2, 3, 6], vec![(0, 1), (0, 1), (0, 1), (1, 2)]),
            ("사과".as_bytes(), vec![4, 6], vec![(0, 2), (1, 2)]),
            (b"a\xFF\xE3\x81b", vec![1, 2, 4, 5], vec![(0, 1), (1, 2), (2, 4), (4, 5)]),
            (b"ab", vec![0, 1, 1, 2], vec![(0, 0), (0, 1), (1, 1), (1, 2)]),
        ] {
            let mut out = Vec::new();
            char_spans_into(text, &ends, &mut out).unwrap();
            assert_eq!(out, want, "{text:x?}");
        }
        let mut out = Vec::new();
        for (ends, want) in [
            (&[3][..], "token 0 ends at byte 3, outside 0..=2: the ends do not tile this text"),
            (&[2, 1], "token 1 ends at byte 1, outside 2..=2: the ends do not tile this text"),
        ] {
            assert_eq!(char_spans_into(b"ab", ends, &mut out).unwrap_err().to_string(), want);
        }
        assert!(out.is_empty());
    }

    proptest! {
        /// Against the number of the character at each byte, looked up.
        #[test]
        fn agrees_with_lookup(text: String, cuts in proptest::collection::vec(0usize..64, 0..8)) {
            let char_at: Vec<u64> =
                text.chars().enumerate().flat_map(|(i, c)| std::iter::repeat_n(i as u64, c.len_utf8())).collect();
            let mut ends: Vec<u64> = cuts.into_iter().map(|c| c.min(text.len()) as u64).collect();
            ends.push(text.len() as u64);
            ends.sort_unstable();
            ends.dedup();
            ends.retain(|&e| e > 0);
            let (mut out, mut start) = (Vec::new(), 0);
            char_spans_into(text.as_bytes(), &ends, &mut out).unwrap();
            for (&end, &span) in ends.iter().zip(&out) {
                prop_assert_eq!(span, (char_at[start], char_at[end as usize - 1] + 1));
                start = end as usize;
            }
        }
    }
}
