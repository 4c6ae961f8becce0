//! What can be told from the text of a user's regex: whether another engine reads it alike, and whether it can match
//! nothing. Compiles nothing, and errs on the side of "cannot tell".

use crate::{Error, Result};

/// What an element of a regex's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A backslash and what belongs to it: `\s`, `\p{Lu}`, `\x{41}`.
    Escape,
    /// The beginning of a group: `(`, `(?:`, `(?i:`, `(?!`.
    Open,
    /// `)`.
    Close,
    /// A bracketed class, whole.
    Class,
    /// A quantifier with its suffix: `*`, `+?`, `{1,3}+`.
    Quantifier,
    /// Any other character.
    Literal,
}

/// The elements of `regex`, which tile it. `None` where it ends inside one.
fn items(regex: &str) -> Option<Vec<(Kind, &str)>> {
    let (mut items, mut rest) = (Vec::new(), regex);
    while let Some(first) = rest.chars().next() {
        let (kind, len) = match first {
            '\\' => (Kind::Escape, escape_len(rest)?),
            '(' => (Kind::Open, open_len(rest)?),
            ')' => (Kind::Close, 1),
            '[' => (Kind::Class, class_len(rest)?),
            '*' | '+' | '?' | '{' => (Kind::Quantifier, quantifier_len(rest)?),
            c => (Kind::Literal, c.len_utf8()),
        };
        let (text, after) = rest.split_at(len);
        items.push((kind, text));
        rest = after;
    }
    Some(items)
}

fn escape_len(text: &str) -> Option<usize> {
    let letter = text[1..].chars().next()?;
    let after = 1 + letter.len_utf8();
    if matches!(letter, 'p' | 'P' | 'x' | 'u' | 'U' | 'k' | 'g') && text[after..].starts_with('{') {
        return text.find('}').map(|i| i + 1);
    }
    Some(after)
}

fn open_len(text: &str) -> Option<usize> {
    let Some(flags) = text.strip_prefix("(?") else { return Some(1) };
    match flags.chars().next()? {
        '=' | '!' | '>' => Some(3),
        '<' if flags[1..].starts_with(['=', '!']) => Some(4),
        _ => text.find([':', ')', '>']).map(|i| i + 1),
    }
}

fn class_len(text: &str) -> Option<usize> {
    let (mut at, mut depth) = (1, 1);
    if text[at..].starts_with('^') {
        at += 1;
    }
    if text[at..].starts_with(']') {
        at += 1; // a bracket that comes first is itself
    }
    loop {
        match text[at..].chars().next()? {
            '\\' => at += escape_len(&text[at..])? - 1,
            '[' => depth += 1,
            ']' if depth == 1 => return Some(at + 1),
            ']' => depth -= 1,
            c => at += c.len_utf8() - 1,
        }
        at += 1;
    }
}

fn quantifier_len(text: &str) -> Option<usize> {
    let len = if text.starts_with('{') { text.find('}')? + 1 } else { 1 };
    Some(len + usize::from(text[len..].starts_with(['?', '+'])))
}

/// The fewest bytes that `regex` can match; `None` where it cannot be told.
///
/// Look-arounds match nothing and are left out, atomic groups and possessive quantifiers match no less than plain ones;
/// what is then left is read by `regex-syntax`.
pub(super) fn min_len(regex: &str) -> Option<usize> {
    let (mut plain, mut skipped_depth, mut depth) = (String::new(), None, 0usize);
    for (kind, text) in items(regex)? {
        match kind {
            Kind::Open => {
                depth += 1;
                if matches!(text, "(?=" | "(?!" | "(?<=" | "(?<!") {
                    skipped_depth = skipped_depth.or(Some(depth));
                }
            }
            Kind::Close if skipped_depth == Some(depth) => {
                (skipped_depth, depth) = (None, depth.checked_sub(1)?);
                continue;
            }
            Kind::Close => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if skipped_depth.is_none() {
            plain.push_str(match kind {
                Kind::Open if text == "(?>" => "(?:",
                Kind::Quantifier if text.len() > 1 => text.strip_suffix('+').unwrap_or(text),
                _ => text,
            });
        }
    }
    regex_syntax::parse(&plain).ok()?.properties().minimum_len()
}

/// Fails where a group of `regex` is referred to by number or name, so that the text cannot stand twice in a regex.
pub(super) fn check_no_references(regex: &str) -> Result<()> {
    for (kind, text) in items(regex).ok_or_else(|| unreadable(regex))? {
        let refers = match kind {
            Kind::Escape => text[1..].starts_with(|c: char| c.is_ascii_digit() || matches!(c, 'k' | 'g' | 'K' | 'G')),
            Kind::Open => {
                text.starts_with("(?P") || (text.starts_with("(?<") && text.len() > 4) || text.starts_with("(?(")
            }
            _ => false,
        };
        if refers {
            return Err(Error::unsupported(format!("the regex {regex:?} names or refers to groups")));
        }
    }
    Ok(())
}

fn unreadable(regex: &str) -> Error {
    Error::unsupported(format!("the regex {regex:?} ends inside a group, class or escape"))
}

/// Fails unless `regex` uses only what fancy-regex (ours and tiktoken's) and Oniguruma (Hugging Face's) read alike.
///
/// They differ in more than this list names; what is not known to be alike is refused: anchors (Oniguruma's are those of
/// a line), `\w` and `\b` (other sets of characters), `{1,3}+` (not possessive there), class arithmetic, flags other
/// than a narrow use of `i`.
pub(super) fn check_same_in_oniguruma(regex: &str) -> Result<()> {
    let items = items(regex).ok_or_else(|| unreadable(regex))?;
    for (at, &(kind, text)) in items.iter().enumerate() {
        let is_alike = match kind {
            Kind::Escape => is_plain_escape(text),
            Kind::Open if text == "(?i:" => is_plain_ignore_case(&items[at + 1..]),
            Kind::Open => matches!(text, "(" | "(?:" | "(?=" | "(?!" | "(?<=" | "(?<!" | "(?>"),
            Kind::Close => true,
            Kind::Class => is_plain_class(text),
            Kind::Quantifier => is_plain_quantifier(text),
            Kind::Literal => !matches!(text, "^" | "$"),
        };
        if !is_alike {
            return Err(Error::unsupported(format!(
                "the regex part {text:?} may mean something else to Hugging Face's regex engine"
            ))
            .hint("use a named pattern, or a regex of literals, classes, \\p{..}, \\s, groups, look-around and simple quantifiers"));
        }
    }
    Ok(())
}

fn is_plain_escape(text: &str) -> bool {
    match text[1..].chars().next() {
        Some('s' | 'S' | 'd' | 'D' | 'r' | 'n' | 't') => text.len() == 2,
        Some('p' | 'P') => {
            let name = text[2..].trim_start_matches('{').trim_end_matches('}');
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
        }
        Some(c) => c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '`' | '\''),
        None => false,
    }
}

fn is_plain_class(text: &str) -> bool {
    let inner = &text[1..text.len() - 1];
    let inner = inner.strip_prefix('^').unwrap_or(inner);
    if inner.is_empty() || inner.starts_with(']') {
        return false;
    }
    let (mut rest, mut last) = (inner, ' ');
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '\\' => match escape_len(rest) {
                Some(len) if is_plain_escape(&rest[..len]) => len,
                _ => return false,
            },
            '[' => return false,
            '&' | '-' | '~' if last == c => return false,
            c => c.len_utf8(),
        };
        (rest, last) = (&rest[len..], if c == '\\' { ' ' } else { c });
    }
    true
}

fn is_plain_quantifier(text: &str) -> bool {
    let Some(counts) = text.strip_prefix('{') else { return true };
    let Some(counts) = counts.strip_suffix('}') else { return false }; // `{2}?` and `{2}+` differ
    let mut parts = counts.splitn(2, ',');
    let is_number = |s: &str| !s.is_empty() && s.len() <= 4 && s.bytes().all(|b| b.is_ascii_digit());
    parts.next().is_some_and(is_number) && parts.next().is_none_or(|s| s.is_empty() || is_number(s))
}

/// Whether the group that begins here has nothing but ASCII letters, apostrophes, plain classes of letters and `|`, and
/// none of the letter pairs for which Unicode has one character (Oniguruma folds `ss` and ß together, ours does not).
fn is_plain_ignore_case(items: &[(Kind, &str)]) -> bool {
    let mut letters = String::new();
    for (kind, text) in items {
        match kind {
            Kind::Close => break,
            Kind::Literal => letters.push_str(text),
            Kind::Class => letters.push_str(&text[1..text.len() - 1]),
            Kind::Quantifier if *text == "?" => {}
            _ => return false,
        }
    }
    let letters = letters.to_ascii_lowercase();
    letters.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'\'' | b'|'))
        && !["ss", "ff", "fi", "fl", "st"].iter().any(|two| letters.contains(two))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_match() {
        let rows: &[(&str, Option<usize>)] = &[
            (r"\p{L}+|\s", Some(1)),
            (r"ab*+c?", Some(1)),
            (r"x*", Some(0)),
            (r"(?=x)", Some(0)),
            (r"\s+(?!\S)|\s+", Some(1)),
            (r"(?<![a\])(])b(?>cd|e)++", Some(2)),
            (r"a(?=b)+", Some(1)),
            (r"\p{N}{1,3}+", Some(1)),
            (r"[^\r\n\p{L}\p{N}]?+\p{L}++", Some(1)),
            (r"사과", Some(6)),
            (r"(a", None),
            (r"a)", None),
            (r"[a", None),
            (r"a\", None),
            (r"\1(a)", None),
            (r"", Some(0)),
        ];
        for (regex, want) in rows {
            assert_eq!(min_len(regex), *want, "{regex}");
        }
    }

    #[test]
    fn same_in_oniguruma() {
        for regex in [
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"'(?i:[sdmt]|ll|ve|re)| ?\p{L}++",
            r"[가-힣]+|\p{Han}|[\[\]\-]|\.",
        ] {
            check_same_in_oniguruma(regex).unwrap();
        }
        for (regex, part) in [
            (r"\s++$|x", "$"),
            (r"^x", "^"),
            (r"\w+", r"\w"),
            (r"a\b", r"\b"),
            (r"\p{N}{1,3}+", "{1,3}+"),
            (r"x{,3}", "{,3}"),
            (r"[a&&b]", "[a&&b]"),
            (r"[a[b]]", "[a[b]]"),
            (r"[[:alpha:]]", "[[:alpha:]]"),
            (r"(?i:straße)", "(?i:"),
            (r"(?i:'st)", "(?i:"),
            (r"(?s:.)", "(?s:"),
            (r"(?i)x", "(?i)"),
            (r"(?P<a>x)", "(?P<a>"),
            (r"\x41", r"\x"),
            (r"\h", r"\h"),
            (r"(a)\1", r"\1"),
            (r"\p{^L}", r"\p{^L}"),
        ] {
            let e = check_same_in_oniguruma(regex).unwrap_err();
            let want = format!("the regex part {part:?} may mean something else to Hugging Face's regex engine");
            assert_eq!(e.to_string(), want);
        }
    }

    #[test]
    fn references() {
        check_no_references(r"(?:a|(b))(?<!x)(?<=y)\p{L}").unwrap();
        for regex in [r"(a)\1", r"(?<n>a)", r"(?P<n>a)", r"\k<n>", r"\Kx", "(?(1)a|b)"] {
            check_no_references(regex).unwrap_err();
        }
    }

    proptest::proptest! {
        /// Total, and the parts tile the text.
        #[test]
        fn any_text(regex in r"[a\[\]()?:!<=>{},*+^$|\\pL1가 -]{0,24}") {
            let _ = (min_len(&regex), check_no_references(&regex).is_ok(), check_same_in_oniguruma(&regex).is_ok());
            if let (Some(n), Ok(compiled)) = (min_len(&regex), fancy_regex::Regex::new(&regex)) {
                for text in ["", "a", "aa가L", "L1 -"] {
                    if let Ok(Some(found)) = compiled.find(text) {
                        proptest::prop_assert!(found.as_str().len() >= n);
                    }
                }
            }
        }
    }
}
