//! Text to pieces: spans that tile a document, inside which BPE merges and across which it never does.
//!
//! Knows no counts, ids or units.
//!
//! The named patterns are hand-written scanners: 1.0 to 1.7 GB/s on one core with AVX2 (`examples/scan_speed.rs`), 20
//! to 60 times the regexes they stand for. Each has that regex as its oracle ([`Pattern::regex_twin`]). A user's regex is
//! run by `fancy-regex`. Scanners and regexes share the tables of [`UNICODE_VERSION`].
//!
//! Text is bytes. Each byte that is not part of a valid UTF-8 sequence is one code point that is neither letter, number
//! nor white space, like U+FFFD.

#[cfg(any(test, target_arch = "x86_64"))]
mod bits;
#[cfg(any(test, target_arch = "x86_64"))]
mod blocks;
mod cl100k;
mod classes;
mod contraction;
mod custom;
mod cut;
mod gpt2;
mod o200k;
mod oniguruma;
mod recognize;
#[cfg(target_arch = "x86_64")]
mod simd;
mod superword;
#[cfg(test)]
mod twin;
mod white;

use crate::{Error, Result};
pub use classes::UNICODE_VERSION;
use custom::Custom;
use std::sync::Arc;

/// How documents are cut into pieces. Cheap to clone; shared by threads.
///
/// ```
/// use bpe_lab_core::pretokenize::Pattern;
/// let pattern = Pattern::from_name("cl100k")?;
/// let mut ends = Vec::new();
/// pattern.split("I'm 12345 사과!\n".as_bytes(), &mut ends)?;
/// assert_eq!(ends, [1, 3, 4, 7, 9, 16, 18]); // I 'm ␣ 123 45 ␣사과 !\n
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Named(Named),
    /// Superpieces of a named pattern other than `none`.
    Superword(Named),
    Custom(Arc<Custom>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Gpt2,
    Cl100k,
    Llama3,
    O200k,
    None,
}

impl Named {
    const ALL: [Self; 5] = [Self::Gpt2, Self::Cl100k, Self::Llama3, Self::O200k, Self::None];

    fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Cl100k => "cl100k",
            Self::Llama3 => "llama3",
            Self::O200k => "o200k",
            Self::None => "none",
        }
    }

    fn tiktoken_regex(self) -> Option<&'static str> {
        match self {
            Self::Gpt2 => Some(gpt2::TIKTOKEN),
            Self::Cl100k => Some(cl100k::TIKTOKEN),
            Self::Llama3 => Some(cl100k::LLAMA3),
            Self::O200k => Some(o200k::TIKTOKEN),
            Self::None => None,
        }
    }

    fn hf_regex(self) -> Option<&'static str> {
        match self {
            Self::Gpt2 => Some(gpt2::HF),
            Self::Cl100k => Some(cl100k::HF),
            Self::Llama3 => Some(cl100k::LLAMA3),
            Self::O200k => Some(o200k::TIKTOKEN),
            Self::None => None,
        }
    }

    /// [`Pattern::scan`] of a named pattern.
    #[cfg(target_arch = "x86_64")]
    fn scan(self, text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
        match self {
            Self::Gpt2 => simd::scan::<blocks::Gpt2>(text, start, limit, ends),
            Self::Cl100k => simd::scan::<blocks::Cl100k<false>>(text, start, limit, ends),
            Self::Llama3 => simd::scan::<blocks::Cl100k<true>>(text, start, limit, ends),
            Self::O200k => simd::scan::<blocks::O200k>(text, start, limit, ends),
            Self::None => self.scan_pieces(text, start, limit, ends),
        }
    }

    /// [`Pattern::scan`] of a named pattern: without vector code, masks cost more than they save.
    #[cfg(not(target_arch = "x86_64"))]
    fn scan(self, text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
        self.scan_pieces(text, start, limit, ends)
    }

    /// The same one piece at a time: the twin of the block scanner.
    fn scan_pieces(self, text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
        match self {
            Self::Gpt2 => scan_with(gpt2::piece_end, text, start, limit, ends),
            Self::Cl100k => scan_with(cl100k::piece_end, text, start, limit, ends),
            Self::Llama3 => scan_with(cl100k::llama3_piece_end, text, start, limit, ends),
            Self::O200k => scan_with(o200k::piece_end, text, start, limit, ends),
            Self::None => scan_with(|text, _| text.len(), text, start, limit, ends),
        }
    }
}

/// Steps from piece to piece by `piece_end`.
#[inline(always)]
fn scan_with(
    piece_end: impl Fn(&[u8], usize) -> usize,
    text: &[u8],
    start: usize,
    limit: usize,
    ends: &mut Vec<usize>,
) -> usize {
    let mut pos = start;
    for _ in 0..limit {
        if pos >= text.len() {
            break;
        }
        pos = piece_end(text, pos);
        ends.push(pos);
    }
    pos
}

impl Pattern {
    /// Every named pattern, in the order they are listed to users.
    pub const NAMES: &'static [&'static str] = &["gpt2", "cl100k", "llama3", "o200k", "none"];

    /// Every superword variant, in the same order: see [`superword`](Self::superword).
    pub const SUPERWORD_NAMES: &'static [&'static str] =
        &["gpt2+superword", "cl100k+superword", "llama3+superword", "o200k+superword"];

    /// The named pattern: `gpt2` (also r50k, p50k), `cl100k` and `o200k` as tiktoken 0.14 cuts, `llama3` (also cl100k in
    /// Hugging Face's conversions: it differs from `cl100k` only in white space at the end of a text), or `none` (a
    /// document is one piece). With `+superword` behind it, its [superword variant](Self::superword).
    ///
    /// # Errors
    /// An argument error that lists the names.
    pub fn from_name(name: &str) -> Result<Self> {
        if let Some(base) = superword::base_of(name) {
            return Ok(Self(Kind::Superword(base)));
        }
        match Named::ALL.into_iter().find(|named| named.name() == name) {
            Some(named) => Ok(Self(Kind::Named(named))),
            None => Err(Error::argument(format!("unknown pattern {name:?}"))
                .hint(format!("one of: {}; or give a regular expression", Self::NAMES.join(", ")))),
        }
    }

    /// The pattern whose pieces are this one's joined up to the end of the sentence or the line: *superpieces*, in which a
    /// tokenizer of superwords merges. Itself, where it is one.
    ///
    /// ```
    /// use bpe_lab_core::pretokenize::Pattern;
    /// let pattern = Pattern::from_name("o200k")?.superword()?;
    /// assert_eq!(pattern.name(), Some("o200k+superword"));
    /// let mut ends = Vec::new();
    /// pattern.split(b"It rains. So\nwe stay.", &mut ends)?;
    /// assert_eq!(ends, [9, 13, 21]); // It␣rains. ␣So\n we␣stay.
    /// # Ok::<(), bpe_lab_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Unsupported` for `none`, whose pieces have no walls to take down, and for a user's regex.
    pub fn superword(&self) -> Result<Self> {
        match self.0 {
            Kind::Named(base) if superword::name(base).is_some() => Ok(Self(Kind::Superword(base))),
            Kind::Superword(_) => Ok(self.clone()),
            Kind::Named(_) => {
                Err(Error::unsupported("pattern none has no superpieces: its pieces are whole documents already")
                    .hint("superwords need a pattern with walls, such as o200k"))
            }
            Kind::Custom(_) => Err(Error::unsupported("a regex of one's own has no superpieces")
                .hint(format!("superwords go with the named patterns: {}", Self::NAMES[..4].join(", ")))),
        }
    }

    /// A user's regular expression, in [fancy-regex's syntax](https://docs.rs/fancy-regex). What it does not match
    /// becomes pieces of its own, matches of no length are ignored: nothing is lost.
    ///
    /// A text that [`recognize`](Self::recognize) knows gives the named pattern, which cuts alike and is faster.
    ///
    /// # Errors
    /// An argument error where the regex does not compile.
    pub fn from_regex(regex: &str) -> Result<Self> {
        match Self::recognize(regex) {
            Some(named) => Ok(named),
            None => Ok(Self(Kind::Custom(Arc::new(Custom::new(regex)?)))),
        }
    }

    /// The regex of a `Split` in a `tokenizer.json`, which Hugging Face runs by Oniguruma.
    ///
    /// Known texts give their named pattern, as in [`recognize`](Self::recognize). Others are a user's regex where both
    /// engines read them alike; Oniguruma's tables may be of another Unicode version.
    ///
    /// # Errors
    /// `Unsupported` where Oniguruma reads the text otherwise: tiktoken's `\p{N}{1,3}+`, a repeated group there, takes
    /// any number of digits. An argument error where the regex does not compile.
    pub fn from_hf_regex(regex: &str) -> Result<Self> {
        let superwords = superword::recognize_hf(regex).map(Kind::Superword);
        match recognize::recognize(regex).map(Kind::Named).or(superwords) {
            Some(kind) if regex != cl100k::TIKTOKEN => Ok(Self(kind)),
            _ => {
                oniguruma::check(regex)?;
                Self::from_regex(regex)
            }
        }
    }

    /// The named pattern that cuts every text as `regex` does, where `regex` is a published text known to be so:
    /// tiktoken's current and older ones, GPT-2's, Llama 3's, Hugging Face's.
    ///
    /// Texts are read as fancy-regex reads them; for those of a `tokenizer.json` see
    /// [`from_hf_regex`](Self::from_hf_regex).
    pub fn recognize(regex: &str) -> Option<Self> {
        let named = recognize::recognize(regex).map(Kind::Named);
        named.or_else(|| superword::recognize(regex).map(Kind::Superword)).map(Self)
    }

    /// The same pattern run by the regex engine: the slow, obvious twin of a named pattern. `None` for `none` and for a
    /// user's regex, which is its own twin.
    ///
    /// # Errors
    /// None in practice: the texts are tested to compile.
    pub fn regex_twin(&self) -> Result<Option<Self>> {
        if matches!(self.0, Kind::Custom(_)) {
            return Ok(None);
        }
        let Some(regex) = self.tiktoken_regex() else { return Ok(None) };
        Ok(Some(Self(Kind::Custom(Arc::new(Custom::new(regex)?)))))
    }

    /// The name, for a named pattern.
    pub fn name(&self) -> Option<&'static str> {
        match &self.0 {
            Kind::Named(named) => Some(named.name()),
            Kind::Superword(base) => superword::name(*base),
            Kind::Custom(_) => None,
        }
    }

    /// The regex text as `tiktoken` (fancy-regex) takes it; `None` for pattern `none`.
    pub fn tiktoken_regex(&self) -> Option<&str> {
        match &self.0 {
            Kind::Named(named) => named.tiktoken_regex(),
            Kind::Superword(base) => superword::tiktoken_regex(*base),
            Kind::Custom(custom) => Some(custom.text()),
        }
    }

    /// The regex text as Hugging Face's `Split` (Oniguruma) takes it so that it cuts alike; `None` for `none`.
    ///
    /// A user's regex is given as it stands: whether Oniguruma reads it alike is for the user to know.
    pub fn hf_regex(&self) -> Option<&str> {
        match &self.0 {
            Kind::Named(named) => named.hf_regex(),
            Kind::Superword(base) => superword::hf_regex(*base),
            Kind::Custom(custom) => Some(custom.text()),
        }
    }

    /// Appends the ends of at most `limit` pieces, beginning at byte `start` of `text`, and returns the last end.
    ///
    /// `start` is 0 or an end that an earlier call gave for the same text. The spans tile the text: the first piece
    /// begins at `start`, each next one where the last ended. Returns `start` only when nothing is left (or `limit` is 0).
    ///
    /// A user's regex does not keep to `limit`: it appends all that is left, since beginning anew costs it time in
    /// proportion to the whole text. Named patterns take time in proportion to what they append.
    ///
    /// # Errors
    /// Only a user's regex can fail (its back-tracking limit); `ends` then holds the pieces before that place.
    pub fn scan(&self, text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> Result<usize> {
        if start >= text.len() || limit == 0 {
            return Ok(start);
        }
        match &self.0 {
            Kind::Named(named) => Ok(named.scan(text, start, limit, ends)),
            Kind::Superword(base) => Ok(superword::scan(*base, text, start, limit, ends)),
            Kind::Custom(custom) => custom.split(text, start, ends).map(|()| text.len()),
        }
    }

    /// Appends the ends of all pieces of `text`.
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    pub fn split(&self, text: &[u8], ends: &mut Vec<usize>) -> Result<()> {
        self.scan(text, 0, usize::MAX, ends).map(drop)
    }

    /// The last position in `text` where a piece begins whatever comes before or after the given bytes, so that both
    /// sides can be cut apart there and scanned on their own. `None` where no such place is seen (always for a
    /// user's regex and for `none`).
    ///
    /// Looks from the end backwards and stops at the first place found: a few bytes in most text, all of `text` where
    /// there is none. A caller that grows a buffer should pass only what is new.
    pub fn last_safe_cut(&self, text: &[u8]) -> Option<usize> {
        match &self.0 {
            Kind::Named(Named::None) | Kind::Custom(_) => None,
            Kind::Named(_) => cut::last_safe_cut(text),
            Kind::Superword(_) => superword::last_safe_cut(text),
        }
    }
}
