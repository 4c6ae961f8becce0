//! Precomposed syllables as single symbols beside the 256 bytes. Knows no jamo.
//!
//! A syllable that is an atom is its symbol; every other byte is itself. Atoms are numbered by code point from 256 on.
//!
//! Exact for every byte string and every cut into pieces: a symbol stands for the same bytes wherever it is, so the
//! bytes of symbols put side by side are their bytes put side by side.

use super::{byte_char, ksx1001, three};
use crate::hangul::{FIRST, N_SYLLABLES};
use crate::{Error, Result, Symbol};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

/// The first symbol that is no byte.
const FIRST_ATOM: u32 = 256;

/// Which syllables are atoms, and under which name.
#[derive(Clone, Debug)]
pub struct Syllables {
    choice: Choice,
    /// None where the choice needs counts that it has not seen.
    table: Option<Arc<Table>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    KsX1001,
    All,
    /// Those that stand so often in the counts, or more often.
    Seen(u64),
}

#[derive(Debug)]
struct Table {
    /// By code point.
    atoms: Vec<char>,
    /// By syllable: its symbol, 0 where it is none.
    symbols: Box<[u16]>,
}

impl Table {
    /// `atoms` are syllables, each once, by code point.
    fn new(atoms: Vec<char>) -> Self {
        let mut symbols = vec![0; N_SYLLABLES as usize].into_boxed_slice();
        for (symbol, &atom) in (FIRST_ATOM as u16..).zip(&atoms) {
            symbols[(atom as u32 - FIRST) as usize] = symbol;
        }
        Self { atoms, symbols }
    }
}

static KS_X_1001: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(Table::new(ksx1001::SYLLABLES.chars().collect())));
static ALL: LazyLock<Arc<Table>> =
    LazyLock::new(|| Arc::new(Table::new((FIRST..FIRST + N_SYLLABLES).filter_map(char::from_u32).collect())));

impl PartialEq for Syllables {
    fn eq(&self, other: &Self) -> bool {
        self.choice == other.choice && self.atoms() == other.atoms() && self.is_resolved() == other.is_resolved()
    }
}

impl Eq for Syllables {}

impl Default for Syllables {
    fn default() -> Self {
        Self { choice: Choice::KsX1001, table: Some(Arc::clone(&KS_X_1001)) }
    }
}

impl Syllables {
    /// What follows `syllable` in the name of a unit: nothing, `:ksx1001`, `:all` or `:seen=K`.
    pub(super) fn from_options(options: &[&str]) -> Result<Self> {
        match options {
            [] | ["ksx1001"] => Ok(Self::default()),
            ["all"] => Ok(Self { choice: Choice::All, table: Some(Arc::clone(&ALL)) }),
            [seen] if seen.starts_with("seen=") => match seen["seen=".len()..].parse() {
                Ok(least) if least > 0 => Ok(Self { choice: Choice::Seen(least), table: None }),
                _ => Err(Error::argument(format!("seen must be a count of at least 1, got {seen:?}"))
                    .hint("for example syllable:seen=5")),
            },
            _ => Err(Error::argument(format!("unknown options {:?} of unit syllable", options.join(":")))
                .hint("syllable (the 2,350 of KS X 1001), syllable:all or syllable:seen=K")),
        }
    }

    pub(super) fn name(&self) -> String {
        match self.choice {
            Choice::KsX1001 => "syllable".to_owned(),
            Choice::All => "syllable:all".to_owned(),
            Choice::Seen(least) => format!("syllable:seen={least}"),
        }
    }

    /// Whether it is known which syllables are atoms.
    pub(super) fn is_resolved(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the atoms are a choice of their own and not given by the name.
    pub(super) fn is_listed(&self) -> bool {
        matches!(self.choice, Choice::Seen(_))
    }

    /// The same with the atoms that stand in `pieces` often enough; itself where no counts are needed.
    pub(super) fn resolve<'a>(&self, pieces: impl Iterator<Item = (&'a [u8], u64)>) -> Self {
        match self.choice {
            Choice::Seen(least) if !self.is_resolved() => {
                let counts = count(pieces);
                let often = (FIRST..).zip(counts).filter(|&(_, n)| n >= least);
                self.with_table(often.filter_map(|(code, _)| char::from_u32(code)).collect())
            }
            _ => self.clone(),
        }
    }

    /// The same with these atoms, as a file lists them.
    pub(super) fn with_atoms(&self, atoms: &str) -> Result<Self> {
        let sorted: BTreeSet<char> = atoms.chars().collect();
        if let Some(other) = sorted.iter().find(|c| !crate::hangul::is_syllable(**c)) {
            return Err(Error::format(format!("atom {other:?} is no precomposed syllable")));
        }
        if !sorted.iter().copied().eq(atoms.chars()) {
            return Err(Error::format("the atoms are not in the order of their code points, each once"));
        }
        Ok(self.with_table(atoms.chars().collect()))
    }

    fn with_table(&self, atoms: Vec<char>) -> Self {
        Self { choice: self.choice, table: Some(Arc::new(Table::new(atoms))) }
    }

    /// The atoms by code point; none while they are not known.
    pub(super) fn atoms(&self) -> &[char] {
        self.table.as_ref().map_or(&[], |table| &table.atoms)
    }

    pub(super) fn n_base(&self) -> usize {
        FIRST_ATOM as usize + self.atoms().len()
    }

    pub(super) fn symbols_into(&self, bytes: &[u8], out: &mut Vec<Symbol>) {
        let Some(table) = &self.table else { return out.extend(bytes.iter().map(|&b| Symbol(b.into()))) };
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let n = three::code_at(bytes, at).map_or(u32::MAX, |code| code.wrapping_sub(FIRST));
            match table.symbols.get(n as usize) {
                Some(&symbol) if symbol != 0 => {
                    out.push(Symbol(symbol.into()));
                    at += 3;
                }
                _ => {
                    out.push(Symbol(byte.into()));
                    at += 1;
                }
            }
        }
    }

    pub(super) fn bytes_into(&self, symbols: &[Symbol], out: &mut Vec<u8>) {
        for symbol in symbols {
            match self.atom(*symbol) {
                Some(atom) => out.extend_from_slice(atom.encode_utf8(&mut [0; 4]).as_bytes()),
                None => out.push(symbol.0 as u8),
            }
        }
    }

    /// The syllable that `symbol` is.
    pub(super) fn atom(&self, symbol: Symbol) -> Option<char> {
        self.atoms().get(symbol.0.checked_sub(FIRST_ATOM)? as usize).copied()
    }

    /// Atoms are whole characters; the bytes between them follow the char-safe rule.
    pub(super) fn allows(&self, symbols: &[Symbol]) -> bool {
        let is_atom = |s: &Symbol| s.0 >= FIRST_ATOM;
        match symbols.iter().any(is_atom) {
            false => byte_char::allows(symbols),
            true => symbols.split(is_atom).all(byte_char::is_whole),
        }
    }
}

/// How often each syllable stands in the pieces, by number; no count passes 2^64 - 1.
fn count<'a>(pieces: impl Iterator<Item = (&'a [u8], u64)>) -> Vec<u64> {
    let mut counts = vec![0u64; N_SYLLABLES as usize];
    for (piece, weight) in pieces {
        for at in 0..piece.len().saturating_sub(2) {
            let n = three::code_at(piece, at).map_or(u32::MAX, |code| code.wrapping_sub(FIRST));
            if let Some(count) = counts.get_mut(n as usize) {
                *count = count.saturating_add(weight);
            }
        }
    }
    counts
}
