//! Private symbols for onset, vowel and coda of precomposed syllables, beside the 256 bytes.
//!
//! | text | symbols |
//! |---|---|
//! | a precomposed syllable without a coda | L V, with `filler` L V F |
//! | a precomposed syllable with a coda | L V T |
//! | with `compat`: one of the 51 letters U+3131..=U+3163 | an atom |
//! | with `nfd-alias`: a run of well-formed conjoining syllables (onset vowel \[coda\], modern) | E, then L V \[T\] or L V F for each; a space right before the run comes after E |
//! | with `nfd-alias`: a precomposed syllable right after such a run | C before its symbols |
//! | every other byte, those of old Hangul and of bad UTF-8 included | itself |
//!
//! **Why nothing is lost.** The three bytes of a syllable begin with a lead byte, so wherever they stand they are that
//! character, and replacing them by symbols of their own is undone by the inverse. Without the filler L V is read as a
//! whole syllable unless T follows; no text gives L V and then T of something else, since T comes only with its own
//! L V. With `nfd-alias` a reader is inside a run from E on until a byte (other than a space right after E), an atom or
//! C. Text gives E exactly before a run, and after a run only a byte, an atom, C (where a syllable follows), or the end.
//! Outside runs jamo symbols are read as above, inside as their conjoining code points: both are inverses of what was
//! written. The space goes behind E so that the tokens of " 한국" stay whole: NFD then costs one token a word more.
//!
//! **Side by side.** Text is cut into pieces and each becomes symbols on its own, so the reader sees their symbols one
//! after another. Without `nfd-alias` that is the same as the symbols of the whole, or decodes alike: a piece begins
//! with L, an atom or a byte, never with V, T or F, so it takes nothing from the piece before, and what a cut inside a
//! character leaves are bytes on both sides. With `nfd-alias` one cut would not do: a piece that ends in a run, then one
//! that begins with a precomposed syllable, which the reader would take for the run's. (A second E inside a run says
//! nothing new, so a run cut in two decodes alike.) Hence [`Unit::needs_runs_whole`](super::Unit::needs_runs_whole),
//! which a tokenizer checks against its pattern.
//!
//! **Total.** Any symbols decode: a jamo that is in no syllable is its conjoining code point, a stray F, E or C nothing.
//!
//! Old Hangul has no symbols: it goes to bytes. So do U+11A7 (no coda) and the half-width letters.

use super::{Written, byte_char, three};
use crate::hangul::{self, FIRST, Jamo as Letters, Kind, N_CODAS, N_ONSETS, N_SYLLABLES, N_VOWELS};
use crate::{Error, Result, Symbol};

const FIRST_ONSET: u32 = 0x1100;
const FIRST_VOWEL: u32 = 0x1161;
/// One before the first coda: coda 0 is none.
const NO_CODA: u32 = 0x11A7;
const FIRST_COMPAT: u32 = 0x3131;
const N_COMPAT: u32 = 51;

/// The options of unit `jamo` and `jamo-char`. See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Jamo {
    /// Tokens are whole characters or the beginning of one.
    char_safe: bool,
    filler: bool,
    compat: bool,
    alias: bool,
}

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Byte(u8),
    /// A compatibility letter.
    Letter(char),
    /// An onset by number from 0.
    L(u8),
    /// A vowel by number from 0.
    V(u8),
    /// A coda by number from 1.
    T(u8),
    /// No coda.
    Filler,
    /// Begins a run of conjoining jamo.
    Escape,
    /// Ends a run where a precomposed syllable follows at once.
    Closer,
}

impl Part {
    /// The conjoining code point of a jamo.
    pub(super) fn conjoining(self) -> Option<char> {
        char::from_u32(match self {
            Self::L(n) => FIRST_ONSET + u32::from(n),
            Self::V(n) => FIRST_VOWEL + u32::from(n),
            Self::T(n) => NO_CODA + u32::from(n),
            _ => return None,
        })
    }
}

impl Jamo {
    /// `options` are what follows the name, in the order `filler`, `compat`, `nfd-alias`.
    pub(super) fn from_options(char_safe: bool, options: &[&str]) -> Result<Self> {
        let known = ["filler", "compat", "nfd-alias"];
        let mut places = options.iter().map(|o| known.iter().position(|k| k == o));
        if !places.all(|place| place.is_some())
            || !options.iter().map(|o| known.iter().position(|k| k == o)).is_sorted()
        {
            return Err(Error::argument(format!("unknown options {:?} of a jamo unit", options.join(":")))
                .hint("filler, compat and nfd-alias, in this order: for example jamo:filler:nfd-alias"));
        }
        if let Some(twice) = options.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::argument(format!("option {:?} of a jamo unit is given twice", twice[0])));
        }
        let has = |option| options.contains(&option);
        Ok(Self { char_safe, filler: has("filler"), compat: has("compat"), alias: has("nfd-alias") })
    }

    pub(super) fn name(self) -> String {
        let mut name = String::from(if self.char_safe { "jamo-char" } else { "jamo" });
        for (has, option) in [(self.filler, ":filler"), (self.compat, ":compat"), (self.alias, ":nfd-alias")] {
            name.push_str(if has { option } else { "" });
        }
        name
    }

    /// The compatibility letters, where they are atoms.
    pub(super) fn atoms(self) -> String {
        let n = if self.compat { N_COMPAT } else { 0 };
        (FIRST_COMPAT..FIRST_COMPAT + n).filter_map(char::from_u32).collect()
    }

    pub(super) fn allows_all(self) -> bool {
        !self.char_safe
    }

    pub(super) fn has_alias(self) -> bool {
        self.alias
    }

    /// The number of the first onset; 19 of them, then 21 vowels, then the tails.
    pub(crate) fn first_onset(self) -> u32 {
        self.onset()
    }

    /// How many symbols may end a syllable: 27 codas, and the filler.
    pub(crate) fn n_tails(self) -> u32 {
        N_CODAS + u32::from(self.filler)
    }

    fn onset(self) -> u32 {
        256 + if self.compat { N_COMPAT } else { 0 }
    }

    fn vowel(self) -> u32 {
        self.onset() + N_ONSETS
    }

    fn coda(self) -> u32 {
        self.vowel() + N_VOWELS
    }

    fn filler(self) -> u32 {
        self.coda() + N_CODAS
    }

    fn escape(self) -> u32 {
        self.filler() + u32::from(self.filler)
    }

    fn closer(self) -> u32 {
        self.escape() + 1
    }

    pub(super) fn n_base(self) -> usize {
        self.escape() as usize + if self.alias { 2 } else { 0 }
    }

    /// What `symbol` is. Numbers beyond the alphabet, which no caller has, count as bytes.
    #[inline]
    pub(super) fn part(self, symbol: Symbol) -> Part {
        let s = symbol.0;
        if s < 256 {
            Part::Byte(s as u8)
        } else if s < self.onset() {
            char::from_u32(FIRST_COMPAT + (s - 256)).map_or(Part::Byte(b'?'), Part::Letter)
        } else if s < self.vowel() {
            Part::L((s - self.onset()) as u8)
        } else if s < self.coda() {
            Part::V((s - self.vowel()) as u8)
        } else if s < self.filler() {
            Part::T((s - self.coda() + 1) as u8)
        } else if s < self.escape() {
            Part::Filler
        } else if self.alias && s == self.escape() {
            Part::Escape
        } else if self.alias && s == self.closer() {
            Part::Closer
        } else {
            Part::Byte(b'?')
        }
    }

    /// The symbol that is `part`; `None` where the options have none.
    pub(super) fn symbol(self, part: Part) -> Option<Symbol> {
        let number = match part {
            Part::Byte(b) => u32::from(b),
            Part::Letter(c) if self.compat => 256 + (c as u32).checked_sub(FIRST_COMPAT).filter(|n| *n < N_COMPAT)?,
            Part::L(n) => self.onset() + u32::from(n),
            Part::V(n) => self.vowel() + u32::from(n),
            Part::T(n) => self.coda() + u32::from(n) - 1,
            Part::Filler if self.filler => self.filler(),
            Part::Escape if self.alias => self.escape(),
            Part::Closer if self.alias => self.closer(),
            _ => return None,
        };
        Some(Symbol(number))
    }

    pub(super) fn symbols_into(self, bytes: &[u8], out: &mut Vec<Symbol>) {
        let (mut at, mut in_run) = (0, false);
        while let Some(&byte) = bytes.get(at) {
            let code = three::code_at(bytes, at).unwrap_or(0);
            let n = code.wrapping_sub(FIRST);
            if n < N_SYLLABLES {
                if std::mem::take(&mut in_run) {
                    out.push(Symbol(self.closer()));
                }
                let per_onset = N_VOWELS * (N_CODAS + 1);
                self.push_syllable(n / per_onset, n % per_onset / (N_CODAS + 1), n % (N_CODAS + 1), out);
                at += 3;
            } else if self.compat && code.wrapping_sub(FIRST_COMPAT) < N_COMPAT {
                out.push(Symbol(256 + code - FIRST_COMPAT));
                in_run = false;
                at += 3;
            } else if let Some((letters, len)) = self.conjoining_at(code, bytes, at) {
                if !std::mem::replace(&mut in_run, true) {
                    let is_spaced = at > 0 && bytes[at - 1] == b' ';
                    let place = out.len() - usize::from(is_spaced);
                    out.insert(place, Symbol(self.escape()));
                }
                self.push_syllable(letters.onset.into(), letters.vowel.into(), letters.coda.into(), out);
                at += len;
            } else {
                out.push(Symbol(byte.into()));
                in_run = false;
                at += 1;
            }
        }
    }

    #[inline(always)]
    fn push_syllable(self, onset: u32, vowel: u32, coda: u32, out: &mut Vec<Symbol>) {
        let (l, v) = (Symbol(self.onset() + onset), Symbol(self.vowel() + vowel));
        match (coda, self.filler) {
            (0, false) => out.extend([l, v]),
            (0, true) => out.extend([l, v, Symbol(self.filler())]),
            (t, _) => out.extend([l, v, Symbol(self.coda() + t - 1)]),
        }
    }

    /// The modern conjoining syllable that begins at `at` with `code`, and its bytes; `None` without `nfd-alias`.
    #[inline]
    fn conjoining_at(self, code: u32, bytes: &[u8], at: usize) -> Option<(Letters, usize)> {
        if !self.alias || code.wrapping_sub(FIRST_ONSET) >= N_ONSETS {
            return None;
        }
        let kind_at = |at| three::code_at(bytes, at).and_then(char::from_u32).map_or(Kind::None, hangul::kind);
        let (onset, Kind::Vowel(vowel)) = ((code - FIRST_ONSET) as u8, kind_at(at + 3)) else { return None };
        Some(match kind_at(at + 6) {
            Kind::Coda(coda) => (Letters { onset, vowel, coda }, 9),
            _ => (Letters { onset, vowel, coda: 0 }, 6),
        })
    }

    /// Whether `symbol` takes nothing from the symbols before it, unless they are a run.
    pub(crate) fn begins_anew(self, symbol: Symbol) -> bool {
        matches!(self.part(symbol), Part::Byte(_) | Part::Letter(_) | Part::L(_))
    }

    /// Appends what `symbol` makes certain; the rest stays in `open`.
    #[inline]
    pub(crate) fn read(self, symbol: Symbol, open: &mut Open, out: &mut Vec<u8>) {
        match (self.part(symbol), *open) {
            (Part::L(n), Open::Nothing | Open::L(_) | Open::Lv(..)) => {
                self.close(open, out);
                *open = Open::L(n);
            }
            (Part::V(vowel), Open::L(onset)) => *open = Open::Lv(onset, vowel),
            (Part::T(coda), Open::Lv(onset, vowel)) => {
                push_syllable(onset, vowel, coda, out);
                *open = Open::Nothing;
            }
            (Part::Filler, Open::Lv(onset, vowel)) => {
                push_syllable(onset, vowel, 0, out);
                *open = Open::Nothing;
            }
            (Part::Escape, _) => {
                self.close(open, out);
                *open = Open::Escaped;
            }
            (Part::Byte(b' '), Open::Escaped) => {
                out.push(b' ');
                *open = Open::Run;
            }
            (part @ (Part::L(_) | Part::V(_) | Part::T(_) | Part::Filler), Open::Escaped | Open::Run) => {
                push(part.conjoining(), out);
                *open = Open::Run;
            }
            (part, _) => {
                self.close(open, out);
                match part {
                    Part::Byte(b) => out.push(b),
                    Part::Letter(c) => push(Some(c), out),
                    other => push(other.conjoining(), out),
                }
            }
        }
    }

    /// Ends what is open: the symbols before stand at the end, or before something that does not go on with them.
    pub(crate) fn close(self, open: &mut Open, out: &mut Vec<u8>) {
        match std::mem::take(open) {
            Open::Nothing | Open::Escaped | Open::Run => {}
            Open::L(onset) => push(Part::L(onset).conjoining(), out),
            Open::Lv(onset, vowel) if self.filler => {
                push(Part::L(onset).conjoining(), out);
                push(Part::V(vowel).conjoining(), out);
            }
            Open::Lv(onset, vowel) => push_syllable(onset, vowel, 0, out),
        }
    }

    /// How many of the decoded bytes belong to `symbol`, with `next` after it. Over all symbols they add up to the bytes.
    ///
    /// One symbol of look-ahead decides (see docs/units.md, "Spans"): L, V and T of a syllable own one byte each, V two
    /// where nothing follows it; F one. In a run a jamo owns its three bytes, of which the first of all lends one to E
    /// (or to the space after E, whose own byte E has), one before C lends it one, and one before F lends it two.
    #[inline]
    pub(crate) fn owned(self, symbol: Symbol, next: Option<Symbol>, spans: &mut Spans) -> usize {
        let next = next.map(|s| self.part(s));
        let part = self.part(symbol);
        let is_jamo = |part: Option<Part>| matches!(part, Some(Part::L(_) | Part::V(_) | Part::T(_)));
        let (n_bytes, state) = match (part, *spans) {
            (Part::Byte(b' '), Spans::Run { lent: Lent::Escape }) if is_jamo(next) => (1, *spans),
            (Part::Byte(b' '), Spans::Run { lent: Lent::Escape }) => (0, Spans::Run { lent: Lent::Nothing }),
            (Part::Byte(_), _) => (1, Spans::Nothing),
            (Part::Letter(_), _) => (3, Spans::Nothing),
            (Part::L(_) | Part::V(_) | Part::T(_), Spans::Run { lent }) => return run_owned(lent, next, spans),
            (Part::L(_), _) if matches!(next, Some(Part::V(_))) => (1, Spans::L),
            (Part::V(_), Spans::L) => match next {
                Some(Part::T(_) | Part::Filler) => (1, Spans::Lv),
                // Without what belongs there both are conjoining code points, of which L took one byte.
                _ if self.filler => (5, Spans::Nothing),
                _ => (2, Spans::Nothing),
            },
            (Part::T(_) | Part::Filler, Spans::Lv) => (1, Spans::Nothing),
            (Part::L(_) | Part::V(_) | Part::T(_), _) => (3, Spans::Nothing),
            (Part::Escape, _) => {
                let lends = is_jamo(next) || next == Some(Part::Byte(b' '));
                (usize::from(lends), Spans::Run { lent: Lent::of(lends, Lent::Escape) })
            }
            (Part::Filler, Spans::Run { lent: Lent::Filler(n) }) => {
                let lends = n > 1 && next == Some(Part::Closer);
                (usize::from(n) - usize::from(lends), Spans::Run { lent: Lent::of(lends, Lent::Closer) })
            }
            (Part::Filler, Spans::Run { .. }) => (0, *spans),
            (Part::Filler, _) => (0, Spans::Nothing),
            (Part::Closer, Spans::Run { lent: Lent::Closer }) => (1, Spans::Nothing),
            (Part::Closer, _) => (0, Spans::Nothing),
        };
        *spans = state;
        n_bytes
    }

    /// See [`Unit::allows`](super::Unit::allows).
    pub(super) fn allows(self, symbols: &[Symbol]) -> bool {
        !self.char_safe || self.is_char_safe(symbols)
    }

    /// Whether `symbols` are whole characters, or the beginning of one. E and C count as whole.
    fn is_char_safe(self, symbols: &[Symbol]) -> bool {
        if symbols.iter().all(|s| s.0 < 256) {
            return byte_char::allows(symbols);
        }
        if let [l, v] = symbols
            && let (Part::L(_), Part::V(_)) = (self.part(*l), self.part(*v))
        {
            return true;
        }
        let mut rest = symbols;
        while let Some(first) = rest.first() {
            let n = match self.part(*first) {
                Part::Byte(_) => {
                    let n = rest.iter().take_while(|s| s.0 < 256).count();
                    if !byte_char::is_whole(&rest[..n]) {
                        return false;
                    }
                    n
                }
                Part::Letter(_) | Part::Escape | Part::Closer => 1,
                Part::L(_) => match self.n_of_syllable(rest) {
                    0 => return false,
                    n => n,
                },
                Part::V(_) | Part::T(_) | Part::Filler => return false,
            };
            rest = &rest[n..];
        }
        true
    }

    /// See [`Unit::n_bytes`](super::Unit::n_bytes).
    pub(super) fn n_bytes(self, symbols: &[Symbol]) -> usize {
        let of = |at: usize| match (self.part(symbols[at]), symbols.get(at + 1).map(|s| self.part(*s))) {
            (Part::Letter(_), _) => 3,
            (Part::V(_), Some(Part::T(_))) => 1,
            (Part::V(_), _) if !self.filler => 2,
            _ => 1,
        };
        (0..symbols.len()).map(of).sum()
    }

    /// See [`Unit::written`](super::Unit::written).
    pub(super) fn written_one<'a>(self, first: Symbol, rest: &[Symbol]) -> (Written<'a>, usize) {
        let n = self.n_of_syllable(rest);
        if n > 0 {
            let mut bytes = Vec::with_capacity(3);
            let mut open = Open::Nothing;
            rest[..n].iter().for_each(|&s| self.read(s, &mut open, &mut bytes));
            self.close(&mut open, &mut bytes);
            if let Some(c) = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()) {
                return (Written::Text(c), n);
            }
        }
        let written = match self.part(first) {
            Part::Letter(c) => Written::Text(c),
            Part::Filler => Written::Named("filler".into()),
            Part::Escape => Written::Named("escape".into()),
            Part::Closer => Written::Named("closer".into()),
            part => part.conjoining().map_or(Written::Number(first), |c| Written::Named(c.to_string().into())),
        };
        (written, 1)
    }

    /// See [`Unit::named`](super::Unit::named).
    pub(super) fn named(self, name: &str) -> Option<Symbol> {
        let mut chars = name.chars();
        self.symbol(match (name, chars.next().map(hangul::kind), chars.next()) {
            ("filler", ..) => Part::Filler,
            ("escape", ..) => Part::Escape,
            ("closer", ..) => Part::Closer,
            (_, Some(Kind::Onset(n)), None) => Part::L(n),
            (_, Some(Kind::Vowel(n)), None) => Part::V(n),
            (_, Some(Kind::Coda(n)), None) => Part::T(n),
            _ => return None,
        })
    }

    /// How many of the first symbols are a whole syllable; 0 where they are none.
    pub(super) fn n_of_syllable(self, symbols: &[Symbol]) -> usize {
        let part = |at: usize| symbols.get(at).map(|s| self.part(*s));
        match (part(0), part(1), part(2)) {
            (Some(Part::L(_)), Some(Part::V(_)), Some(Part::T(_) | Part::Filler)) => 3,
            (Some(Part::L(_)), Some(Part::V(_)), _) if !self.filler => 2,
            _ => 0,
        }
    }
}

fn run_owned(lent: Lent, next: Option<Part>, spans: &mut Spans) -> usize {
    let has = 3 - usize::from(lent == Lent::Escape);
    let (owned, lent) = match next {
        Some(Part::Filler) => (1, Lent::Filler(has as u8 - 1)),
        Some(Part::Closer) => (has - 1, Lent::Closer),
        _ => (has, Lent::Nothing),
    };
    *spans = Spans::Run { lent };
    owned
}

fn push(c: Option<char>, out: &mut Vec<u8>) {
    if let Some(c) = c {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[inline]
fn push_syllable(onset: u8, vowel: u8, coda: u8, out: &mut Vec<u8>) {
    let n = (u32::from(onset) * N_VOWELS + u32::from(vowel)) * (N_CODAS + 1) + u32::from(coda);
    let code = FIRST + n;
    out.extend_from_slice(&[0xE0 | (code >> 12) as u8, 0x80 | (code >> 6 & 0x3F) as u8, 0x80 | (code & 0x3F) as u8]);
}

/// What the symbols so far leave open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Open {
    /// Nothing.
    #[default]
    Nothing,
    /// An onset that a vowel may follow.
    L(u8),
    /// An onset and a vowel that a coda may follow.
    Lv(u8, u8),
    /// The beginning of a run; a space may come first.
    Escaped,
    /// A run of conjoining jamo that may go on.
    Run,
}

impl Open {
    /// Whether jamo that come now are conjoining.
    pub(crate) fn is_run(self) -> bool {
        matches!(self, Self::Escaped | Self::Run)
    }
}

/// What the bytes of the symbols so far depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spans {
    /// Nothing.
    #[default]
    Nothing,
    /// An onset of which a vowel follows.
    L,
    /// Onset and vowel of which a coda or filler follows.
    Lv,
    /// A run.
    Run {
        /// Bytes of a jamo that the symbol before or after it owns.
        lent: Lent,
    },
}

/// Who has got bytes of a jamo in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lent {
    /// Nobody.
    #[default]
    Nothing,
    /// The escape before it has one.
    Escape,
    /// The filler after it has so many.
    Filler(u8),
    /// The closer after it has one.
    Closer,
}

impl Lent {
    fn of(lends: bool, to: Self) -> Self {
        if lends { to } else { Self::Nothing }
    }
}
