//! The base alphabet of a tokenizer: bytes of text to symbols and back, and which merges are allowed.
//!
//! A unit is exact for every byte string: `bytes(symbols(x)) == x`. It judges a merge by the string of symbols that
//! the result spells, never by the pair that makes it. It knows nothing of counts, ids or files, and the trainer,
//! the encoder and the formats know nothing of what its symbols mean.

mod byte_char;

use crate::{Error, Result, Symbol};

/// The units that exist so far.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unit {
    /// 256 bytes, any merge allowed.
    #[default]
    Byte,
    /// 256 bytes; a token is whole characters or the beginning of one character ("char-safe").
    ByteChar,
}

impl Unit {
    /// Every unit's name, in the order they are listed to users.
    pub const NAMES: &'static [&'static str] = &["byte", "byte-char"];

    /// The unit called `name`.
    ///
    /// # Errors
    /// An argument error that lists the names.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "byte" => Ok(Self::Byte),
            "byte-char" => Ok(Self::ByteChar),
            _ => {
                Err(Error::argument(format!("unknown unit {name:?}"))
                    .hint(format!("one of: {}", Self::NAMES.join(", "))))
            }
        }
    }

    /// The name under which files and the command line know this unit.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Byte => "byte",
            Self::ByteChar => "byte-char",
        }
    }

    /// How many base symbols there are; symbols are `0..n_base`.
    pub fn n_base(&self) -> usize {
        match self {
            Self::Byte | Self::ByteChar => 256,
        }
    }

    /// Whether every symbol is one byte, so that a token has bytes of its own outside any context.
    pub fn is_bytewise(&self) -> bool {
        match self {
            Self::Byte | Self::ByteChar => true,
        }
    }

    /// Appends the symbols of `bytes` to `out`. Total: any bytes will do.
    #[inline]
    pub fn symbols_into(&self, bytes: &[u8], out: &mut Vec<Symbol>) {
        match self {
            Self::Byte | Self::ByteChar => out.extend(bytes.iter().map(|&b| Symbol(u32::from(b)))),
        }
    }

    /// Appends the bytes that `symbols` spell to `out`. Total on symbols below [`n_base`](Self::n_base).
    #[inline]
    pub fn bytes_into(&self, symbols: &[Symbol], out: &mut Vec<u8>) {
        match self {
            Self::Byte | Self::ByteChar => out.extend(symbols.iter().map(|s| s.0 as u8)),
        }
    }

    /// Whether a merge whose result spells `symbols` is allowed.
    pub fn allows(&self, symbols: &[Symbol]) -> bool {
        match self {
            Self::Byte => true,
            Self::ByteChar => byte_char::allows(symbols),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in Unit::NAMES {
            assert_eq!(Unit::from_name(name).unwrap().name(), *name);
        }
        let e = Unit::from_name("bytes").unwrap_err();
        assert_eq!(e.next_step(), Some("one of: byte, byte-char"));
    }

    proptest::proptest! {
        #[test]
        fn every_unit_is_exact(bytes: Vec<u8>) {
            for name in Unit::NAMES {
                let unit = Unit::from_name(name).unwrap();
                let (mut symbols, mut back) = (Vec::new(), Vec::new());
                unit.symbols_into(&bytes, &mut symbols);
                proptest::prop_assert!(symbols.iter().all(|s| (s.0 as usize) < unit.n_base()));
                unit.bytes_into(&symbols, &mut back);
                proptest::prop_assert_eq!(&back, &bytes);
            }
        }
    }
}
