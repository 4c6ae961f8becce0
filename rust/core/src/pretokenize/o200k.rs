//! o200k's pattern, one piece at a time.
//!
//! The obvious scanner: the oracle of the block scanner, and what runs near the end of a text.

use super::cl100k::{numbers_end, white_end};
use super::classes::{Class, class_at, run_end};
use super::contraction::any_case_contraction;
use super::white::WhiteRun;

/// As tiktoken 0.14 writes it; Oniguruma reads it alike.
pub(super) const TIKTOKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The end of the piece that begins at `pos`, which must lie inside `text`.
pub(super) fn piece_end(text: &[u8], pos: usize) -> usize {
    let (class, len) = class_at(text, pos);
    if let Some(end) = word_end(text, pos, class, pos + len) {
        return end + any_case_contraction(text, end);
    }
    if class == Class::Number {
        return numbers_end(text, pos);
    }
    let next = text.get(pos + len).map(|_| class_at(text, pos + len).0);
    if class.is_other() || class == Class::Space && next.is_some_and(Class::is_other) {
        let others = run_end(text, pos + len, Class::is_other);
        return slashes_and_breaks_end(text, others);
    }
    white_end(text, pos, &WhiteRun::at(text, pos))
}

/// The end of the word that begins at `pos` with a code point of `class` ending at `after`, without its contraction.
///
/// With U for `[Lu Lt]`, C for `[Lm Lo M]`, l for `Ll` the two alternatives are `[UC]*[lC]+` and `[UC]+[lC]*`, each
/// after an optional lead that is no letter, number or line break. The longest run of `[UC]` decides:
/// - an l follows: the first alternative matches, and goes on over `[lC]`;
/// - none follows but the run holds a C: the first alternative gives back what stands after the last C;
/// - the run is all U: only the second alternative matches, and takes the run.
///
/// A mark can be lead and C at once. As lead it is tried first; where the rest then fails the first alternative (all U
/// and no l, or nothing), that alternative is tried without a lead and ends after the mark, before the second one is.
fn word_end(text: &[u8], pos: usize, class: Class, after: usize) -> Option<usize> {
    let first = match class {
        Class::Number | Class::Break => return None,
        Class::Upper | Class::Lower | Class::Caseless => pos,
        Class::Other | Class::Mark | Class::Space | Class::Blank => after,
    };
    let run = CapitalRun::at(text, first);
    if run.before_lower {
        return Some(run_end(text, run.end, |c| matches!(c, Class::Lower | Class::Caseless | Class::Mark)));
    }
    let fallback = if class == Class::Mark { Some(after) } else { (run.end > first).then_some(run.end) };
    run.after_caseless.or(fallback)
}

/// A maximal run of `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`.
struct CapitalRun {
    end: usize,
    /// The end of its last code point that is not upper or title case.
    after_caseless: Option<usize>,
    /// Whether a lower-case letter follows.
    before_lower: bool,
}

impl CapitalRun {
    #[inline(always)]
    fn at(text: &[u8], pos: usize) -> Self {
        let mut run = Self { end: pos, after_caseless: None, before_lower: false };
        while run.end < text.len() {
            let (class, len) = class_at(text, run.end);
            match class {
                Class::Upper => run.end += len,
                Class::Caseless | Class::Mark => {
                    run.end += len;
                    run.after_caseless = Some(run.end);
                }
                _ => {
                    run.before_lower = class == Class::Lower;
                    break;
                }
            }
        }
        run
    }
}

/// `[\r\n/]*` from `pos` on.
fn slashes_and_breaks_end(text: &[u8], pos: usize) -> usize {
    let rest = text.get(pos..).unwrap_or_default();
    pos + rest.iter().take_while(|b| matches!(b, b'\r' | b'\n' | b'/')).count()
}
