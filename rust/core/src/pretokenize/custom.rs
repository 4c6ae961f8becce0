//! A user's regular expression, run by fancy-regex: linear where it needs no look-around or back-reference,
//! back-tracking under a limit elsewhere.
//!
//! What the regex does not match becomes pieces of its own and matches of no length are ignored, so the pieces tile
//! the text. Each byte that is no UTF-8 is shown to the regex as U+FFFD.

use crate::{Error, Result};
use fancy_regex::{Regex, RegexBuilder, RegexInput, RuntimeError};

/// Steps back that one match may take before it is given up: a fraction of a second.
const BACKTRACK_LIMIT: usize = 10_000_000;

const REPLACEMENT: &str = "\u{FFFD}";

/// A compiled regex and its text.
#[derive(Debug)]
pub(super) struct Custom {
    regex: Regex,
}

impl Custom {
    /// Compiles `regex`.
    ///
    /// # Errors
    /// An argument error where it is empty or does not compile.
    pub fn new(regex: &str) -> Result<Self> {
        if regex.is_empty() {
            return Err(Error::argument("the pattern's regex is empty").hint("pattern `none` leaves documents uncut"));
        }
        let built = RegexBuilder::new(regex).backtrack_limit(BACKTRACK_LIMIT).build();
        let regex = built.map_err(|e| {
            Error::argument(format!("the pattern's regex {regex:?} does not compile: {e}"))
                .hint("syntax: https://docs.rs/fancy-regex; named patterns need no regex")
        })?;
        Ok(Self { regex })
    }

    /// The regex as it was given.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// Appends the ends of all pieces from `start` on. O(text) to begin with, so that calling it piece by piece would be
    /// quadratic: it takes no limit.
    pub fn split(&self, text: &[u8], start: usize, ends: &mut Vec<usize>) -> Result<()> {
        match std::str::from_utf8(text) {
            Ok(text) => self.split_str(text, start, |end| ends.push(end)),
            Err(_) => {
                let shown = Shown::of(text);
                let mut bad = shown.bad_before(start);
                self.split_str(&shown.text, start + 2 * bad, |end| {
                    while shown.bad.get(bad).is_some_and(|&at| at < end) {
                        bad += 1;
                    }
                    ends.push(end - 2 * bad);
                })
            }
        }
    }

    fn split_str(&self, text: &str, start: usize, mut push: impl FnMut(usize)) -> Result<()> {
        let mut last = start;
        for found in self.regex.find_iter_input(RegexInput::new(text).from_pos(start)) {
            let found = found.map_err(|e| stopped(&e, last))?;
            if found.start() == found.end() {
                continue;
            }
            if found.start() > last {
                push(found.start());
            }
            push(found.end());
            last = found.end();
        }
        if last < text.len() {
            push(text.len());
        }
        Ok(())
    }
}

/// The regex gave up on the text after byte `pos`.
fn stopped(e: &fancy_regex::Error, pos: usize) -> Error {
    let what = match e {
        fancy_regex::Error::RuntimeError(RuntimeError::BacktrackLimitExceeded) => {
            format!("went past its back-tracking limit of {BACKTRACK_LIMIT} steps for one match")
        }
        fancy_regex::Error::RuntimeError(RuntimeError::StackOverflow) => {
            "went past its back-tracking stack of 1000000 places for one match".to_owned()
        }
        e => format!("failed: {e}"),
    };
    Error::new(crate::ErrorKind::Text, format!("the pattern's regex {what}, after byte {pos} of the text"))
        .hint("use a named pattern, make repeats possessive (`++`) or bounded (`{1,64}`), or cut long runs beforehand")
}

/// Text with U+FFFD, three bytes, for each byte that is no UTF-8.
struct Shown {
    text: String,
    /// Where the replacements stand in `text`, ascending.
    bad: Vec<usize>,
}

impl Shown {
    fn of(bytes: &[u8]) -> Self {
        let mut shown = Self { text: String::with_capacity(bytes.len() + 16), bad: Vec::new() };
        for chunk in bytes.utf8_chunks() {
            shown.text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                shown.bad.push(shown.text.len());
                shown.text.push_str(REPLACEMENT);
            }
        }
        shown
    }

    /// How many bad bytes stand before byte `pos` of the original.
    fn bad_before(&self, pos: usize) -> usize {
        // The i-th bad byte stands at bad[i] - 2 * i of the original, which grows with i.
        let (mut low, mut high) = (0, self.bad.len());
        while low < high {
            let mid = low + (high - low) / 2;
            if self.bad[mid] - 2 * mid < pos { low = mid + 1 } else { high = mid }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn split(regex: &str, text: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        Custom::new(regex).unwrap().split(text, 0, &mut ends).unwrap();
        ends
    }

    #[test]
    fn rows() {
        let rows: &[(&str, &[u8], &[usize])] = &[
            ("[a-z]+", b"", &[]),
            ("[a-z]+", b"12", &[2]),
            ("[a-z]+", b"12ab3cd", &[2, 4, 5, 7]),
            ("[a-z]+|", b"12ab", &[2, 4]),
            ("[a-z]*", b"1ab", &[1, 3]),
            ("(?=a)", b"aa", &[2]),
            (r"(?<=a)b", b"abb", &[1, 2, 3]),
            (r"\G\d", b"12a3", &[1, 2, 4]),
            ("\u{FFFD}+", b"a\xFF\xC0b\x80", &[1, 3, 4, 5]),
            ("(?s).", "가\u{301}".as_bytes(), &[3, 5]),
            ("(?s).", b"\xE3\x81a", &[1, 2, 3]),
        ];
        for (regex, text, want) in rows {
            assert_eq!(split(regex, text), *want, "{regex} on {text:x?}");
        }
    }

    #[test]
    fn going_on_from_an_end_gives_the_same_ends() {
        let custom = Custom::new(r"(?<=\W)[a-z]+|\w").unwrap();
        for text in ["ab cd, ef 12".as_bytes(), b"ab \xFF\xE3\x81cd \x80 ef", "가 나\u{3000}다".as_bytes()] {
            let mut all = Vec::new();
            custom.split(text, 0, &mut all).unwrap();
            for (i, &end) in all.iter().enumerate() {
                let mut rest = Vec::new();
                custom.split(text, end, &mut rest).unwrap();
                assert_eq!(rest, all[i + 1..], "{text:x?} from {end}");
            }
        }
    }

    #[test]
    fn wrong_regexes_are_argument_errors() {
        for regex in ["", "(", r"\p{Nope}", "[z-a]", "*", r"(?<n>a)\k<m>"] {
            let e = Custom::new(regex).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Argument, "{regex}: {e}");
            assert!(e.next_step().is_some());
        }
    }

    #[test]
    fn the_limit_is_an_error_that_names_it() {
        let custom = Custom::new(r"(?:(?=a)a|(?=aa)aa)+b|c").unwrap();
        let text = "cc".to_owned() + &"a".repeat(60);
        let e = custom.split(text.as_bytes(), 0, &mut Vec::new()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Text);
        assert_eq!(
            e.to_string(),
            "the pattern's regex went past its back-tracking limit of 10000000 steps for one match, after byte 2 of the text"
        );
        assert!(e.next_step().is_some());
    }
}
