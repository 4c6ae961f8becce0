//! Regexes written for Oniguruma (Hugging Face's `Split`) that fancy-regex reads alike.
//!
//! Not a translator: what the two engines read otherwise is named and refused.

use crate::{Error, Result};

/// Refuses what Oniguruma, in the Ruby syntax that Hugging Face uses, reads otherwise than fancy-regex.
///
/// # Errors
/// `Unsupported`, with the construct and its byte offset.
pub(super) fn check(regex: &str) -> Result<()> {
    match first_difference(regex.as_bytes()) {
        None => Ok(()),
        Some((at, what)) => Err(Error::unsupported(format!(
            "the pattern's regex cannot be cut as Oniguruma would: {what} at byte {at} of {regex:?}"
        ))
        .hint("rewrite that place so that both engines read it alike, or name the pattern that is meant")),
    }
}

/// The offset of the first construct that is read otherwise, and what it is.
fn first_difference(regex: &[u8]) -> Option<(usize, &'static str)> {
    let (mut at, mut depth) = (0, 0usize);
    while let Some(&byte) = regex.get(at) {
        let rest = &regex[at..];
        let difference = match rest {
            [b'\\', b'<' | b'>', ..] => Some("a word edge (a plain character to Oniguruma)"),
            [b'[', b':', ..] if depth > 0 => Some("a POSIX class (all of Unicode to Oniguruma)"),
            [b'^' | b'$', ..] if depth == 0 => Some("a text anchor (a line anchor to Oniguruma)"),
            [b'}', b'+', ..] if depth == 0 && closes_interval(&regex[..at]) => {
                Some("a possessive interval (a repeated one to Oniguruma)")
            }
            [b'(', b'?', flags @ ..] if depth == 0 && sets_m_or_s(flags) => Some("flag m or s"),
            _ => None,
        };
        if let Some(what) = difference {
            return Some((at, what));
        }
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += if byte == b'\\' { 2 } else { 1 };
    }
    None
}

/// Whether `before` ends in `{`, digits and commas: the `}` after it closes a repeat, not a `\p{..}`.
fn closes_interval(before: &[u8]) -> bool {
    let inner = before.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b',').count();
    inner > 0 && before.len().checked_sub(inner + 1).is_some_and(|at| before[at] == b'{')
}

/// Whether `(?`, before `flags`, sets or clears the flags that Oniguruma names otherwise.
fn sets_m_or_s(flags: &[u8]) -> bool {
    let letters = flags.iter().take_while(|b| b.is_ascii_lowercase() || **b == b'-');
    letters.clone().any(|b| matches!(b, b'm' | b's'))
        && flags.get(letters.count()).is_some_and(|b| matches!(b, b')' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let rows: &[(&str, Option<usize>)] = &[
            (r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s+(?!\S)", None),
            (r"'(?i:[sdmt]|ll)|\p{L}++|[^$^{1}+]?+|\$|\^", None),
            (r"(?<name>a)(?=b)(?<!c)(?>d)", None),
            (r"[\p{L}&&[^a]]$", Some(13)),
            (r"\p{N}{1,3}+", Some(9)),
            (r"a{2}+", Some(3)),
            (r"^a", Some(0)),
            (r"[[:punct:]]", Some(1)),
            (r"\<a\>", Some(0)),
            (r"(?s:.)", Some(0)),
            (r"a(?i-m)b", Some(1)),
        ];
        for (regex, want) in rows {
            assert_eq!(first_difference(regex.as_bytes()).map(|(at, _)| at), *want, "{regex}");
        }
    }
}
