//! The base alphabet of a tokenizer: bytes of text to symbols and back, and which merges are allowed.
//!
//! A unit is exact for every byte string: `bytes(symbols(x)) == x`. It judges a merge by the string of symbols that
//! the result spells, never by the pair that makes it. It knows nothing of counts, ids or files, and the trainer,
//! the encoder and the formats know nothing of what its symbols mean.
//!
//! | unit | base symbols | merges |
//! |---|---|---|
//! | `byte` | 256 bytes | any |
//! | `byte-char` | 256 bytes | whole characters, or the beginning of one |
//! | `syllable` | 256 bytes and chosen syllables | as `byte-char` |
//! | `jamo` | 256 bytes and 67 jamo, and what the options add | any |
//! | `jamo-char` | as `jamo` | whole characters, or the beginning of one |
//!
//! The obvious twin of everything here is [`naive`].

mod byte_char;
mod cuts;
mod jamo;
mod ksx1001;
pub mod naive;
mod syllable;
#[cfg(test)]
mod tests;
mod three;

use crate::{Error, Result, Symbol};
pub use jamo::Jamo;
pub(crate) use jamo::{Open, Spans};
use std::borrow::Cow;
pub use syllable::Syllables;

/// The units that exist so far.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unit {
    /// 256 bytes, any merge allowed.
    #[default]
    Byte,
    /// 256 bytes; a token is whole characters or the beginning of one character ("char-safe").
    ByteChar,
    /// 256 bytes and precomposed syllables, char-safe.
    Syllable(Syllables),
    /// 256 bytes and private symbols for the jamo of precomposed syllables.
    Jamo(Jamo),
}

impl Unit {
    /// Every unit's name without options, in the order they are listed to users.
    pub const NAMES: &'static [&'static str] = &["byte", "byte-char", "syllable", "jamo", "jamo-char"];

    /// Each way to write a unit, for help texts.
    pub const FORMS: &'static str =
        "byte, byte-char, syllable[:all|:seen=K], jamo[:filler][:compat][:nfd-alias], jamo-char[…]";

    /// The unit called `name`, options included.
    ///
    /// ```
    /// use bpe_lab_core::unit::Unit;
    /// assert_eq!(Unit::from_name("jamo:filler")?.n_base(), 324);
    /// assert_eq!(Unit::from_name("syllable:ksx1001")?.name(), "syllable");
    /// # Ok::<(), bpe_lab_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// An argument error that lists the names, or the options of a unit.
    pub fn from_name(name: &str) -> Result<Self> {
        let mut parts = name.split(':');
        let (base, options) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
        match base {
            "byte" | "byte-char" if !options.is_empty() => {
                Err(Error::argument(format!("unit {base} has no options, got {:?}", options.join(":"))))
            }
            "byte" => Ok(Self::Byte),
            "byte-char" => Ok(Self::ByteChar),
            "syllable" => Syllables::from_options(&options).map(Self::Syllable),
            "jamo" | "jamo-char" => Jamo::from_options(base == "jamo-char", &options).map(Self::Jamo),
            _ => Err(Error::argument(format!("unknown unit {name:?}")).hint(format!("one of: {}", Self::FORMS))),
        }
    }

    /// The name under which files and the command line know this unit, options in their order: one text for each unit.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Byte => "byte".into(),
            Self::ByteChar => "byte-char".into(),
            Self::Syllable(syllables) => syllables.name().into(),
            Self::Jamo(jamo) => jamo.name().into(),
        }
    }

    /// How many base symbols there are; symbols are `0..n_base`.
    pub fn n_base(&self) -> usize {
        match self {
            Self::Byte | Self::ByteChar => 256,
            Self::Syllable(syllables) => syllables.n_base(),
            Self::Jamo(jamo) => jamo.n_base(),
        }
    }

    /// Whether every symbol is one byte.
    pub fn is_bytewise(&self) -> bool {
        matches!(self, Self::Byte | Self::ByteChar)
    }

    /// Whether a symbol stands for the same bytes wherever it is, so that a token has bytes of its own.
    pub fn has_own_bytes(&self) -> bool {
        !matches!(self, Self::Jamo(_))
    }

    /// Whether all merges are allowed.
    pub fn allows_all(&self) -> bool {
        match self {
            Self::Byte => true,
            Self::ByteChar | Self::Syllable(_) => false,
            Self::Jamo(jamo) => jamo.allows_all(),
        }
    }

    /// Whether it is known which symbols there are; `syllable:seen=K` has to see counts first.
    pub fn is_resolved(&self) -> bool {
        !matches!(self, Self::Syllable(syllables) if !syllables.is_resolved())
    }

    /// The same unit with all its symbols known: `syllable:seen=K` takes the precomposed syllables that stand at least K
    /// times in the pieces, each given with its weight. Other units are given back as they are.
    ///
    /// ```
    /// use bpe_lab_core::unit::Unit;
    /// let pieces = [("사과".as_bytes(), 3), ("사람".as_bytes(), 2)];
    /// let unit = Unit::from_name("syllable:seen=3")?.resolve(pieces.into_iter());
    /// assert_eq!((unit.atoms(), unit.n_base()), ("과사".to_owned(), 258));
    /// # Ok::<(), bpe_lab_core::Error>(())
    /// ```
    pub fn resolve<'a>(&self, pieces: impl Iterator<Item = (&'a [u8], u64)>) -> Self {
        match self {
            Self::Syllable(syllables) => Self::Syllable(syllables.resolve(pieces)),
            other => other.clone(),
        }
    }

    /// The characters that are symbols, by code point: chosen syllables, or compatibility letters.
    pub fn atoms(&self) -> String {
        match self {
            Self::Byte | Self::ByteChar => String::new(),
            Self::Syllable(syllables) => syllables.atoms().iter().collect(),
            Self::Jamo(jamo) => jamo.atoms(),
        }
    }

    /// The atoms where the name does not give them, so that a file has to.
    pub fn listed_atoms(&self) -> Option<String> {
        matches!(self, Self::Syllable(syllables) if syllables.is_listed()).then(|| self.atoms())
    }

    /// The same unit with the atoms that a file lists.
    ///
    /// # Errors
    /// A format error where the unit lists none, or the characters are no syllables by code point, each once.
    pub fn with_atoms(&self, atoms: &str) -> Result<Self> {
        match self {
            Self::Syllable(syllables) if syllables.is_listed() => syllables.with_atoms(atoms).map(Self::Syllable),
            _ => Err(Error::format(format!("unit {} lists no atoms of its own", self.name()))),
        }
    }

    /// Whether texts may not be cut between a run of conjoining jamo and a precomposed syllable (see the module `jamo`).
    pub fn needs_runs_whole(&self) -> bool {
        matches!(self, Self::Jamo(jamo) if jamo.has_alias())
    }

    /// Appends the symbols of `bytes` to `out`, at most as many as bytes. Total: any bytes will do.
    #[inline]
    pub fn symbols_into(&self, bytes: &[u8], out: &mut Vec<Symbol>) {
        match self {
            Self::Byte | Self::ByteChar => out.extend(bytes.iter().map(|&b| Symbol(u32::from(b)))),
            Self::Syllable(syllables) => syllables.symbols_into(bytes, out),
            Self::Jamo(jamo) => jamo.symbols_into(bytes, out),
        }
    }

    /// Appends the bytes that `symbols` spell, standing alone, to `out`. Total on symbols below
    /// [`n_base`](Self::n_base): a jamo that is in no syllable is its conjoining code point.
    ///
    /// ```
    /// use bpe_lab_core::unit::Unit;
    /// let unit = Unit::from_name("jamo")?;
    /// let (mut symbols, mut bytes) = (Vec::new(), Vec::new());
    /// unit.symbols_into("각".as_bytes(), &mut symbols);
    /// assert_eq!(symbols.len(), 3);
    /// unit.bytes_into(&symbols[..2], &mut bytes);
    /// assert_eq!(bytes, "가".as_bytes());
    /// # Ok::<(), bpe_lab_core::Error>(())
    /// ```
    #[inline]
    pub fn bytes_into(&self, symbols: &[Symbol], out: &mut Vec<u8>) {
        match self {
            Self::Byte | Self::ByteChar => out.extend(symbols.iter().map(|s| s.0 as u8)),
            Self::Syllable(syllables) => syllables.bytes_into(symbols, out),
            Self::Jamo(jamo) => {
                let mut open = Open::Nothing;
                symbols.iter().for_each(|&s| jamo.read(s, &mut open, out));
                jamo.close(&mut open, out);
            }
        }
    }

    /// How many bytes of text `symbols` have where a text spells them: a syllable's jamo have its three bytes together.
    pub fn n_bytes(&self, symbols: &[Symbol]) -> usize {
        match self {
            Self::Byte | Self::ByteChar => symbols.len(),
            Self::Syllable(syllables) => symbols.iter().map(|&s| syllables.atom(s).map_or(1, char::len_utf8)).sum(),
            Self::Jamo(jamo) => jamo.n_bytes(symbols),
        }
    }

    /// Whether a merge whose result spells `symbols` is allowed.
    pub fn allows(&self, symbols: &[Symbol]) -> bool {
        match self {
            Self::Byte => true,
            Self::ByteChar => byte_char::allows(symbols),
            Self::Syllable(syllables) => syllables.allows(symbols),
            Self::Jamo(jamo) => jamo.allows(symbols),
        }
    }

    /// Cuts `symbols` into parts to write down, one after another: see [`Written`].
    pub fn written<'a>(&self, symbols: &'a [Symbol]) -> impl Iterator<Item = Written<'a>> {
        let (mut rest, unit) = (symbols, self.clone());
        std::iter::from_fn(move || {
            let n = rest.iter().take_while(|s| s.0 < 256).count();
            let (written, n) = match rest.first()? {
                _ if n > 0 => (Written::Bytes(&rest[..n]), n),
                first => unit.written_one(*first, rest),
            };
            rest = &rest[n..];
            Some(written)
        })
    }

    /// The first symbol of `rest`, which is no byte, or as many as are one character.
    fn written_one<'a>(&self, first: Symbol, rest: &'a [Symbol]) -> (Written<'a>, usize) {
        match self {
            Self::Syllable(syllables) => (syllables.atom(first).map_or(Written::Number(first), Written::Text), 1),
            Self::Jamo(jamo) => jamo.written_one(first, rest),
            _ => (Written::Number(first), 1),
        }
    }

    /// The symbol that [`Written::Named`] calls `name`.
    pub fn named(&self, name: &str) -> Option<Symbol> {
        match self {
            Self::Jamo(jamo) => jamo.named(name),
            _ => None,
        }
    }
}

/// Symbols as a person reads them. All parts of a string together give it back, whatever stands side by side:
/// [`Bytes`](Self::Bytes) and [`Text`](Self::Text) by [`Unit::symbols_into`], unless the bytes alone would give others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written<'a> {
    /// Symbols that are bytes.
    Bytes(&'a [Symbol]),
    /// A character that [`Unit::symbols_into`] turns into exactly these symbols.
    Text(char),
    /// A symbol with a name: a conjoining jamo, `filler`, `escape`, `closer`.
    Named(Cow<'static, str>),
    /// Any other.
    Number(Symbol),
}
