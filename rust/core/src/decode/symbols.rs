//! Tokens whose bytes depend on their neighbours: symbols read one after another. Knows no text.

use super::{end_of, n_ids};
use crate::unit::{Jamo, Open, Spans};
use crate::vocab::Vocab;
use crate::{Result, Symbol, TokenId};

/// The symbols of every token of a jamo unit, and the bytes of those that can be copied.
pub(super) struct Spelled {
    jamo: Jamo,
    /// All tokens' symbols, by id. A special is spelled by its bytes, which end whatever was open before.
    symbols: Vec<Symbol>,
    /// What each token's symbols make certain where they begin anew, by id.
    bytes: Vec<u8>,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Default)]
struct Token {
    /// Its symbols are `symbols[start..end]`; none for a hole.
    start: u32,
    end: u32,
    /// Its bytes are `bytes[first_byte..last_byte]`, less what it leaves open.
    first_byte: u32,
    last_byte: u32,
    /// What it leaves open.
    open: Open,
    /// Begins with a symbol that ends what was open: an onset, a letter, a byte.
    begins_anew: bool,
}

/// How far a reader of symbols is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    open: Open,
}

impl Spelled {
    /// `specials` are sorted by id.
    pub(super) fn new(jamo: Jamo, vocab: &Vocab, specials: &[(u32, &[u8])]) -> Result<Self> {
        let n_ids = n_ids(vocab, specials);
        let mut spelled = Self { jamo, symbols: Vec::new(), bytes: Vec::new(), tokens: Vec::with_capacity(n_ids) };
        let mut specials = specials.iter().peekable();
        for id in 0..n_ids as u32 {
            let start = spelled.symbols.len();
            if let Some((_, bytes)) = specials.next_if(|s| s.0 == id) {
                spelled.symbols.extend(bytes.iter().map(|&b| Symbol(b.into())));
            } else if let Some(spelling) = vocab.spelling(TokenId(id)) {
                spelled.symbols.extend_from_slice(spelling);
            }
            spelled.push_token(start)?;
        }
        Ok(spelled)
    }

    /// Takes the token whose symbols begin at `start`.
    fn push_token(&mut self, start: usize) -> Result<()> {
        let Self { jamo, symbols, bytes, tokens } = self;
        let first_byte = end_of(bytes.len())?;
        let mut open = Open::default();
        symbols[start..].iter().for_each(|&s| jamo.read(s, &mut open, bytes));
        let begins_anew = symbols.get(start).is_some_and(|&s| jamo.begins_anew(s));
        let (start, end, last_byte) = (end_of(start)?, end_of(symbols.len())?, end_of(bytes.len())?);
        tokens.push(Token { start, end, first_byte, last_byte, open, begins_anew });
        Ok(())
    }

    pub(super) fn n_ids(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn has(&self, id: u32) -> bool {
        self.tokens.get(id as usize).is_some_and(|t| t.start < t.end)
    }

    fn symbols(&self, id: u32) -> &[Symbol] {
        let token = self.tokens.get(id as usize).copied().unwrap_or_default();
        &self.symbols[token.start as usize..token.end as usize]
    }

    /// Appends what `ids`, which are all known, make certain.
    pub(super) fn read_into(&self, ids: &[u32], reading: &mut Reading, out: &mut Vec<u8>) {
        for &id in ids {
            let token = self.tokens[id as usize];
            if token.begins_anew && !reading.open.is_run() {
                self.jamo.close(&mut reading.open, out);
                out.extend_from_slice(&self.bytes[token.first_byte as usize..token.last_byte as usize]);
                reading.open = token.open;
            } else {
                self.symbols(id).iter().for_each(|&s| self.jamo.read(s, &mut reading.open, out));
            }
        }
    }

    /// Appends what is open.
    pub(super) fn close(&self, reading: &mut Reading, out: &mut Vec<u8>) {
        self.jamo.close(&mut reading.open, out);
    }

    /// How many bytes `ids`, which are all known, stand for.
    pub(super) fn n_bytes(&self, ids: &[u32]) -> usize {
        let mut ends = Vec::new();
        self.ends_into(ids, &mut ends);
        ends.last().map_or(0, |&end| end as usize)
    }

    /// Appends where the bytes of each of `ids`, which are all known, end.
    pub(super) fn ends_into(&self, ids: &[u32], ends: &mut Vec<u64>) {
        ends.reserve(ids.len());
        let (mut spans, mut end) = (Spans::default(), 0);
        for (at, &id) in ids.iter().enumerate() {
            let symbols = self.symbols(id);
            let after = ids.get(at + 1).and_then(|&next| self.symbols(next).first().copied());
            for (i, &symbol) in symbols.iter().enumerate() {
                let next = symbols.get(i + 1).copied().or(after);
                end += self.jamo.owned(symbol, next, &mut spans) as u64;
            }
            ends.push(end);
        }
    }
}
