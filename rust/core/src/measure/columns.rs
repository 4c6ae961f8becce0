//! The names of the counts of one document. Every count is a sum: those of documents add up.

use super::words::BAND_NAMES;
use crate::hangul::Script;
use std::sync::LazyLock;

/// Counts that stand once. The order is that of the constants below.
const ONCE: [&str; ONCE_LEN] = [
    "bytes",
    "chars",
    "syllables",
    "conjoining",
    "eojeol",
    "tokens",
    "emitted_empty",
    "emitted_fragment",
    "emitted_jamo_fragment",
    "emitted_one_char",
    "emitted_part_word",
    "emitted_whole_word",
    "emitted_several_words",
    "emitted_other",
    "tokens_base",
    "tokens_outside",
    "broken_chars",
    "broken_syllables",
    "broken_conjoining",
    "fallback_chars",
    "fallback_syllables",
    "fallback_eojeol",
    "eojeol_one_token",
    "eojeol_cut",
];
const ONCE_LEN: usize = 24;

pub(super) const BYTES: usize = 0;
pub(super) const CHARS: usize = 1;
pub(super) const SYLLABLES: usize = 2;
pub(super) const CONJOINING: usize = 3;
pub(super) const EOJEOL: usize = 4;
pub(super) const TOKENS: usize = 5;
/// The seven kinds of an emitted token and the empty one follow one another; their sum is `TOKENS`.
pub(super) const TOKENS_EMPTY: usize = 6;
pub(super) const TOKENS_FRAGMENT: usize = 7;
pub(super) const TOKENS_JAMO: usize = 8;
pub(super) const TOKENS_ONE_CHAR: usize = 9;
pub(super) const TOKENS_PART_WORD: usize = 10;
pub(super) const TOKENS_WHOLE_WORD: usize = 11;
pub(super) const TOKENS_SEVERAL_WORDS: usize = 12;
pub(super) const TOKENS_OTHER: usize = 13;
pub(super) const TOKENS_BASE: usize = 14;
pub(super) const TOKENS_OUTSIDE: usize = 15;
pub(super) const BROKEN_CHARS: usize = 16;
pub(super) const BROKEN_SYLLABLES: usize = 17;
pub(super) const BROKEN_CONJOINING: usize = 18;
pub(super) const FALLBACK_CHARS: usize = 19;
pub(super) const FALLBACK_SYLLABLES: usize = 20;
pub(super) const FALLBACK_EOJEOL: usize = 21;
pub(super) const ONE_TOKEN: usize = 22;
pub(super) const CUT: usize = 23;

/// Counts of every script, from `ONCE_LEN` on.
const BY_SCRIPT: [&str; 6] = ["chars", "bytes", "tokens", "broken", "fallback", "base"];
pub(super) const S_CHARS: usize = 0;
pub(super) const S_BYTES: usize = 1;
pub(super) const S_TOKENS: usize = 2;
pub(super) const S_BROKEN: usize = 3;
pub(super) const S_FALLBACK: usize = 4;
pub(super) const S_BASE: usize = 5;

/// Counts of every frequency band, after those of the scripts.
const BY_BAND: [&str; 6] = ["eojeol", "tokens", "one_token", "syllables", "broken_syllables", "fallback"];
pub(super) const B_EOJEOL: usize = 0;
pub(super) const B_TOKENS: usize = 1;
pub(super) const B_ONE_TOKEN: usize = 2;
pub(super) const B_SYLLABLES: usize = 3;
pub(super) const B_BROKEN: usize = 4;
pub(super) const B_FALLBACK: usize = 5;

const FIRST_BAND: usize = ONCE_LEN + Script::ALL.len() * BY_SCRIPT.len();

/// How many counts a document has.
pub const N_COLUMNS: usize = FIRST_BAND + BAND_NAMES.len() * BY_BAND.len();

/// Where count `which` of `script` stands.
#[inline]
pub(super) fn of_script(script: Script, which: usize) -> usize {
    ONCE_LEN + script as usize * BY_SCRIPT.len() + which
}

/// Where count `which` of a band stands.
#[inline]
pub(super) fn of_band(band: u8, which: usize) -> usize {
    FIRST_BAND + band as usize * BY_BAND.len() + which
}

/// The name of every count, in order.
pub static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let scripts = Script::ALL.iter().flat_map(|s| BY_SCRIPT.map(|what| format!("{what}_{}", s.name())));
    let bands = BAND_NAMES.iter().flat_map(|band| BY_BAND.map(|what| format!("{what}_{band}")));
    ONCE.iter().map(ToString::to_string).chain(scripts).chain(bands).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_agree() {
        let rows = [
            (BYTES, "bytes"),
            (TOKENS, "tokens"),
            (TOKENS_OTHER, "emitted_other"),
            (TOKENS_OUTSIDE, "tokens_outside"),
            (BROKEN_CONJOINING, "broken_conjoining"),
            (CUT, "eojeol_cut"),
            (of_script(Script::Hangul, S_CHARS), "chars_hangul"),
            (of_script(Script::Other, S_BASE), "base_other"),
            (of_band(0, B_EOJEOL), "eojeol_top1k"),
            (of_band(4, B_FALLBACK), "fallback_unseen"),
        ];
        for (at, name) in rows {
            assert_eq!(COLUMNS[at], name);
        }
        assert_eq!(COLUMNS.len(), N_COLUMNS);
        assert_eq!(COLUMNS.iter().collect::<std::collections::HashSet<_>>().len(), N_COLUMNS, "no name stands twice");
        assert!(Script::ALL.iter().enumerate().all(|(i, s)| *s as usize == i));
    }
}
