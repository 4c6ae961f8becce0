//! What a token is by its spelling alone, and what a vocabulary is made of.
//!
//! Not what a token is where it stands in a text: `walk` sees that. A spelling that begins with U+0020 *can* be a whole word;
//! whether it is one, only text can tell.

use super::chars::{Char, each_char};
use crate::hangul::Script;
use crate::unit::Unit;
use crate::{Error, ErrorKind, Result, Symbol};
use std::collections::HashSet;

/// What a token is by its spelling. The numbers are those that Python sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// No token, or a special one.
    Hole = 0,
    /// One byte that is less than a character.
    Byte = 1,
    /// Several bytes that are no UTF-8: part of a character, or parts mixed with whole ones.
    Fragment = 2,
    /// Jamo that are no whole syllables, perhaps beside whole ones.
    JamoFragment = 3,
    /// Exactly one character beside white space, neither punctuation nor a symbol.
    OneChar = 4,
    /// Two characters or more, no white space between them, no U+0020 before: part of a word.
    PartWord = 5,
    /// The same with U+0020 before it: can be a whole word.
    WholeWord = 6,
    /// White space between other characters.
    SeveralWords = 7,
    /// Nothing but white space, punctuation and symbols.
    Other = 8,
    /// One jamo of a syllable (or a filler or escape), a base symbol.
    Jamo = 9,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Hole,
        Self::Byte,
        Self::Fragment,
        Self::JamoFragment,
        Self::OneChar,
        Self::PartWord,
        Self::WholeWord,
        Self::SeveralWords,
        Self::Other,
        Self::Jamo,
    ];

    /// The kind of a number.
    ///
    /// # Errors
    /// An argument error where there is none.
    pub fn from_number(number: u8) -> Result<Self> {
        Self::ALL.get(number as usize).copied().ok_or_else(|| {
            Error::argument(format!("{number} is no kind of token: they go from 0 to {}", Self::ALL.len() - 1))
        })
    }

    /// One base symbol that is less than a character: a byte, or a jamo of a syllable.
    #[inline]
    pub(super) fn is_base(self) -> bool {
        matches!(self, Self::Byte | Self::Jamo)
    }
}

/// What a token that spells `bytes` is.
///
/// ```
/// use bpe_lab_core::measure::{Kind, kind_of_bytes};
/// let rows = [(" 사과", Kind::WholeWord), ("사과", Kind::PartWord), (" 사", Kind::OneChar), (" .\n", Kind::Other)];
/// assert!(rows.iter().all(|(token, kind)| kind_of_bytes(token.as_bytes()) == *kind));
/// assert_eq!(kind_of_bytes(b"\xEA\xB0"), Kind::Fragment);
/// ```
pub fn kind_of_bytes(bytes: &[u8]) -> Kind {
    let (mut n_dark, mut n_words, mut strength, mut after_white, mut is_bad) = (0, 0, 0, true, false);
    each_char(bytes, |c| {
        is_bad |= c.is_bad;
        n_dark += usize::from(!c.is_white);
        n_words += usize::from(!c.is_white && after_white);
        strength = strength.max(c.strength());
        after_white = c.is_white;
    });
    match (bytes.len(), strength, n_dark, n_words) {
        (1, ..) if is_bad => Kind::Byte,
        _ if is_bad => Kind::Fragment,
        (_, 0 | 1, ..) => Kind::Other,
        (.., 1, _) => Kind::OneChar,
        (.., 1) if bytes[0] == b' ' => Kind::WholeWord,
        (.., 1) => Kind::PartWord,
        _ => Kind::SeveralWords,
    }
}

/// One kind an id for tokens given by their bytes; ids without any are holes.
///
/// # Errors
/// A token error for an id beyond `n_ids`.
pub fn kinds_of_bytes<'a>(n_ids: usize, tokens: impl Iterator<Item = (usize, &'a [u8])>) -> Result<Vec<Kind>> {
    let mut kinds = vec![Kind::Hole; n_ids];
    for (id, bytes) in tokens {
        let Some(kind) = kinds.get_mut(id) else {
            return Err(Error::new(
                ErrorKind::Token,
                format!("the vocabulary holds id {id}, but there are {n_ids} ids"),
            ));
        };
        *kind = kind_of_bytes(bytes);
    }
    Ok(kinds)
}

/// One kind an id for a tokenizer of `unit`; ids without a spelling are holes.
///
/// A unit whose symbols are no bytes tells fragments by going there and back: what a spelling decodes to alone is spelled
/// alike only where it is made of whole characters, since a stray jamo decodes to its conjoining code point.
pub fn kinds_of_spellings<'a>(
    unit: &Unit,
    n_ids: usize,
    spellings: impl Iterator<Item = (usize, &'a [Symbol])>,
) -> Vec<Kind> {
    let mut kinds = vec![Kind::Hole; n_ids];
    let (mut bytes, mut back) = (Vec::new(), Vec::new());
    for (id, spelling) in spellings {
        bytes.clear();
        back.clear();
        unit.bytes_into(spelling, &mut bytes);
        unit.symbols_into(&bytes, &mut back);
        kinds[id] = match spelling {
            _ if back == spelling => kind_of_bytes(&bytes),
            [_] => Kind::Jamo,
            _ => Kind::JamoFragment,
        };
    }
    kinds
}

/// What a vocabulary is made of, in tokens. Specials and holes are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anatomy {
    /// All of them.
    pub tokens: u64,
    /// Valid UTF-8 with a precomposed syllable at least.
    pub with_hangul: u64,
    /// Of these: one syllable, nothing else.
    pub one_syllable: u64,
    /// Of these: U+0020 and one syllable.
    pub space_syllable: u64,
    /// Of these: two syllables or more, whatever stands beside them.
    pub several_syllables: u64,
    /// Of these: one syllable with something else than one U+0020 before it.
    pub hangul_mixed: u64,
    /// Valid UTF-8 with a letter of Hangul that is no precomposed syllable: ㅋ, conjoining and half-width jamo, old letters.
    pub jamo_bearing: u64,
    /// Bytes that are no UTF-8, single ones among them.
    pub code_point_fragments: u64,
    /// Jamo that are no whole syllables, single ones among them.
    pub jamo_fragments: u64,
    /// Precomposed syllables that are a token, alone, without a space; of 11,172.
    pub atomic_syllables: u64,
    /// Of these: those of KS X 1001, of 2,350.
    pub atomic_ksx1001: u64,
    /// Characters of script Han that are a token, alone, without a space.
    pub atomic_ideographs: u64,
    /// Tokens by kind, by the number of the kind.
    pub kinds: [u64; 10],
    /// Tokens of whole characters by the script of their strongest character, in the order of `Script::ALL`.
    pub scripts: [u64; 7],
}

/// What a vocabulary is made of. `tokens` gives each id's kind and bytes; for a jamo fragment those it decodes to alone.
pub fn anatomy<'a>(tokens: impl Iterator<Item = (Kind, &'a [u8])>, ksx1001: &HashSet<char>) -> Anatomy {
    let mut sum = Anatomy::default();
    for (kind, bytes) in tokens {
        if kind == Kind::Hole {
            continue;
        }
        sum.tokens += 1;
        sum.kinds[kind as usize] += 1;
        match kind {
            Kind::Byte | Kind::Fragment => sum.code_point_fragments += 1,
            _ => sum.whole(kind, bytes, ksx1001),
        }
    }
    sum
}

impl Anatomy {
    /// Every count with its name.
    pub fn named(&self) -> Vec<(String, u64)> {
        let once = [
            ("tokens", self.tokens),
            ("with_hangul", self.with_hangul),
            ("one_syllable", self.one_syllable),
            ("space_syllable", self.space_syllable),
            ("several_syllables", self.several_syllables),
            ("hangul_mixed", self.hangul_mixed),
            ("jamo_bearing", self.jamo_bearing),
            ("code_point_fragments", self.code_point_fragments),
            ("jamo_fragments", self.jamo_fragments),
            ("atomic_syllables", self.atomic_syllables),
            ("atomic_ksx1001", self.atomic_ksx1001),
            ("atomic_ideographs", self.atomic_ideographs),
        ];
        let of_kind = |kinds: &[Kind]| kinds.iter().map(|&kind| self.kinds[kind as usize]).sum();
        let kinds = [
            ("kind_fragment", of_kind(&[Kind::Byte, Kind::Fragment])),
            ("kind_jamo_fragment", of_kind(&[Kind::Jamo, Kind::JamoFragment])),
            ("kind_one_char", of_kind(&[Kind::OneChar])),
            ("kind_part_word", of_kind(&[Kind::PartWord])),
            ("kind_whole_word", of_kind(&[Kind::WholeWord])),
            ("kind_several_words", of_kind(&[Kind::SeveralWords])),
            ("kind_other", of_kind(&[Kind::Other])),
            ("kind_base", of_kind(&[Kind::Byte, Kind::Jamo])),
        ];
        let scripts = Script::ALL.iter().zip(self.scripts).map(|(s, n)| (format!("script_{}", s.name()), n));
        once.into_iter().chain(kinds).map(|(name, n)| (name.to_string(), n)).chain(scripts).collect()
    }

    /// Adds a token that is valid UTF-8.
    fn whole(&mut self, kind: Kind, bytes: &[u8], ksx1001: &HashSet<char>) {
        let is_jamo = matches!(kind, Kind::Jamo | Kind::JamoFragment);
        self.jamo_fragments += u64::from(is_jamo);
        let token = Spelled::of(bytes);
        self.scripts[token.script as usize] += 1;
        self.jamo_bearing += u64::from(token.has_letters && !is_jamo);
        if token.n_syllables > 0 {
            self.with_hangul += 1;
            match (token.n_syllables, token.n_chars, bytes[0] == b' ') {
                (1, 1, _) => self.one_syllable += 1,
                (1, 2, true) => self.space_syllable += 1,
                (1, ..) => self.hangul_mixed += 1,
                _ => self.several_syllables += 1,
            }
        }
        if token.n_chars == 1 && !is_jamo {
            let c = std::str::from_utf8(bytes).ok().and_then(|s| s.chars().next());
            self.atomic_syllables += u64::from(token.n_syllables == 1);
            self.atomic_ksx1001 += u64::from(c.is_some_and(|c| ksx1001.contains(&c)));
            self.atomic_ideographs += u64::from(token.script == Script::Hanja);
        }
    }
}

/// A token's characters, summed up.
struct Spelled {
    n_chars: usize,
    n_syllables: usize,
    /// Letters of Hangul that are no precomposed syllables.
    has_letters: bool,
    script: Script,
}

impl Spelled {
    fn of(bytes: &[u8]) -> Self {
        let (mut token, mut strength) =
            (Self { n_chars: 0, n_syllables: 0, has_letters: false, script: Script::Other }, 0);
        each_char(bytes, |c: Char| {
            token.n_chars += 1;
            token.n_syllables += usize::from(c.is_syllable);
            token.has_letters |= c.script == Script::Hangul && !c.is_syllable;
            if c.strength() > strength {
                (strength, token.script) = (c.strength(), c.script);
            }
        });
        token
    }
}
