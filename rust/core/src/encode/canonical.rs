//! Tiktoken's rule as a list of pairs: for every token the one pair that ever makes it.
//!
//! Definitions. The merge loop of [`Rule::Ranks`](crate::merges::Rule::Ranks) joins the two neighbours whose joint
//! spelling has the lowest rank, the leftmost among equals. The *isolated run* of a string is that loop on the string
//! alone.
//!
//! Corollary. Say that in some text the tokens `l`, `r` stand side by side and together spell the token `t`. Up to
//! then no merge crossed either end of `t`'s span, so the merges inside it came in the order of `t`'s isolated run:
//! the loop's choice among the pairs inside the span does not depend on what stands outside. So `(l, r)` is a state
//! of that run, the last but one, and every `t` has at most one such pair. A token whose isolated run ends in more
//! than one token is never made by merging (it is only met as a whole piece).
//!
//! Algorithm. By length, since the isolated run of a token uses shorter tokens only: run the loop with the pairs found
//! so far; where it ends in two tokens, they are the pair. One short run a token, instead of a lookup for each of its
//! splits, and five times fewer pairs in the table.

use super::atoms::{Atoms, Symbols};
use super::lanes::{Lanes, Ranks};
use super::merge::{Bytes, Ids, Merger, Short, Source};
use super::pairs::PairTable;
use crate::merges::{Merge, RankedToken};
use crate::vocab::Vocab;
use crate::{Error, Result, Symbol, TokenId};
use std::collections::HashMap;
use std::ops::Range;

/// Pairs of a rank list, and what goes with them.
pub(super) struct Canonical {
    /// Every pair that can occur and merge.
    pub(super) pairs: PairTable,
    /// The atoms, if `byte_ids` were given and the pairs allow it.
    pub(super) atoms: Option<Atoms>,
    /// Tokens of two symbols or more that merging never makes: spelling -> (rank, id). Empty for most vocabularies.
    pub(super) unreachable: HashMap<Vec<Symbol>, (u32, u32)>,
}

impl Canonical {
    /// Derives the pairs of `tokens`, listed in rank order. `byte_ids` are the ids of bytes, where symbols are bytes.
    ///
    /// # Errors
    /// A format error where there are too many tokens to number, or one holds a symbol that is no base symbol.
    pub(super) fn derive(
        base_ids: &[TokenId],
        byte_ids: Option<&[TokenId; 256]>,
        tokens: &[RankedToken],
        vocab: &Vocab,
    ) -> Result<Self> {
        let pairs = PairTable::new(tokens.iter().map(|t| t.id.0).collect())?;
        let atoms = byte_ids.map(|_| Atoms::new(vocab));
        let mut derived = Self { pairs, atoms, unreachable: HashMap::new() };
        let mut runs = Runs::default();
        let by_length = ByLength::new(tokens, byte_ids.is_some());
        if by_length.highest as usize >= base_ids.len() {
            let (symbol, n_base) = (by_length.highest, base_ids.len());
            return Err(Error::format(format!("a token holds symbol {symbol}: there are only {n_base} base symbols")));
        }
        let mut last_len = 0;
        for (len, ranks, spellings) in by_length.groups() {
            match byte_ids {
                Some(byte_ids) => {
                    derived.complete_short(byte_ids, last_len..len);
                    runs.of_bytes(&derived, byte_ids, len, spellings);
                }
                None => runs.of_symbols(&derived.pairs, base_ids, ranks.iter().map(|&rank| &tokens[rank as usize])),
            }
            for (&rank, end) in ranks.iter().zip(&runs.ends) {
                derived.take(tokens, rank, end);
            }
            last_len = len;
        }
        if let Some(byte_ids) = byte_ids {
            derived.complete_short(byte_ids, last_len..usize::MAX);
        }
        derived.atoms = derived.atoms.filter(Atoms::may_be_taken);
        derived.atoms.iter_mut().for_each(Atoms::shrink);
        Ok(derived)
    }

    /// The pairs and atoms of listed merges.
    ///
    /// # Errors
    /// A format error where there are too many merges to number.
    pub(super) fn of_merges(byte_ids: Option<&[TokenId; 256]>, list: &[Merge], vocab: &Vocab) -> Result<Self> {
        let pairs = PairTable::new(list.iter().map(|m| m.result.0).collect())?;
        let mut derived = Self { pairs, atoms: byte_ids.map(|_| Atoms::new(vocab)), unreachable: HashMap::new() };
        for (rank, m) in (0..).zip(list) {
            derived.insert(m.left.0, m.right.0, rank);
        }
        if let Some(byte_ids) = byte_ids {
            derived.complete_short(byte_ids, 0..usize::MAX);
        }
        derived.atoms = derived.atoms.filter(Atoms::may_be_taken);
        derived.atoms.iter_mut().for_each(Atoms::shrink);
        Ok(derived)
    }

    fn insert(&mut self, left: u32, right: u32, rank: u32) {
        self.pairs.insert(left, right, rank);
        if let Some(atoms) = &mut self.atoms {
            atoms.note(&self.pairs, left, right, rank);
        }
    }

    /// Takes the pair that makes the token of `rank`.
    fn take(&mut self, tokens: &[RankedToken], rank: u32, end: &End) {
        match (end.n, end.last) {
            // One token: the same spelling was listed before, and the first rank counts.
            (0 | 1, _) => {}
            (2, [left, right]) => self.insert(left, right, rank),
            _ => {
                let token = &tokens[rank as usize];
                self.unreachable.entry(token.spelling.clone()).or_insert((rank, token.id.0));
            }
        }
    }

    /// Fills the tables of tokens of up to 2, and up to 4 bytes, when those are in: `between` begins with the last length
    /// that is and ends with the next.
    fn complete_short(&mut self, byte_ids: &[TokenId; 256], between: Range<usize>) {
        if between.contains(&2) {
            self.pairs.fill_bytes(byte_ids);
        }
        if let Some(atoms) = self.atoms.as_mut().filter(|_| between.contains(&4)) {
            atoms.complete(byte_ids, &self.pairs);
        }
    }
}

/// Isolated runs of the tokens of one length, which do not need each other.
#[derive(Default)]
struct Runs {
    lanes: Lanes,
    merger: Merger,
    symbols: Symbols,
    /// What each run ends in.
    ends: Vec<End>,
}

impl Runs {
    fn of_bytes(&mut self, derived: &Canonical, byte_ids: &[TokenId; 256], len: usize, spellings: &[u8]) {
        let Self { lanes, merger, symbols, ends } = self;
        let atoms = derived.atoms.as_ref().filter(|atoms| atoms.may_be_taken());
        let source = |n: usize| Bytes { bytes: &spellings[n * len..][..len], byte_ids, atoms };
        ends.clear();
        ends.resize(spellings.len() / len, End::default());
        if len > Short::MAX {
            for (n, end) in ends.iter_mut().enumerate() {
                merger.run(&derived.pairs, &source(n), |_, id| end.push(id));
            }
            return;
        }
        let load = |n: usize, short: &mut Short| {
            if source(n).split(symbols) {
                short.load_symbols(symbols);
                return Ranks::Open;
            }
            short.load(&source(n));
            short.rank(&derived.pairs, &source(n));
            Ranks::Known
        };
        lanes.run(&derived.pairs, ends.len(), load, |n, short| short.emit(|_, id| ends[n].push(id)));
    }

    fn of_symbols<'t>(
        &mut self,
        pairs: &PairTable,
        base_ids: &[TokenId],
        tokens: impl Iterator<Item = &'t RankedToken>,
    ) {
        self.ends.clear();
        for token in tokens {
            let ids: Vec<u32> = token.spelling.iter().filter_map(|s| Some(base_ids.get(s.0 as usize)?.0)).collect();
            let mut end = End::default();
            self.merger.run(pairs, &Ids(&ids), |_, id| end.push(id));
            self.ends.push(end);
        }
    }
}

/// What an isolated run ends in: how many tokens, and the last two of them.
#[derive(Clone, Copy, Default)]
struct End {
    n: u32,
    last: [u32; 2],
}

impl End {
    fn push(&mut self, id: u32) {
        self.n += 1;
        self.last = [self.last[1], id];
    }
}

/// All tokens of two symbols and more, by length, then by rank.
struct ByLength {
    /// Each length that occurs, and how many tokens have it; ascending.
    lengths: Vec<(usize, usize)>,
    ranks: Vec<u32>,
    /// Where symbols are bytes, the spellings, one after the other.
    bytes: Vec<u8>,
    /// The highest symbol.
    highest: u32,
}

impl ByLength {
    /// Sorts by counting: everything is allocated once, and read in the order in which it lies.
    fn new(tokens: &[RankedToken], is_bytewise: bool) -> Self {
        let spellings = || (0u32..).zip(tokens).map(|(rank, t)| (rank, &t.spelling)).filter(|(_, s)| s.len() > 1);
        let mut counts = vec![0; spellings().map(|(_, s)| s.len() + 1).max().unwrap_or(0)];
        spellings().for_each(|(_, s)| counts[s.len()] += 1);
        let (mut n_tokens, mut n_bytes) = (0, 0);
        let place = |(len, &n): (usize, &usize)| {
            let place = (n_tokens, n_bytes);
            n_tokens += n;
            n_bytes += n * len;
            place
        };
        let mut places: Vec<(usize, usize)> = counts.iter().enumerate().map(place).collect();
        let (mut ranks, mut bytes) = (vec![0; n_tokens], vec![0; if is_bytewise { n_bytes } else { 0 }]);
        let mut highest = 0;
        for (rank, spelling) in spellings() {
            highest = spelling.iter().map(|s| s.0).fold(highest, u32::max);
            let (token, byte) = &mut places[spelling.len()];
            ranks[*token] = rank;
            bytes.iter_mut().skip(*byte).zip(spelling).for_each(|(b, s)| *b = s.0 as u8);
            *token += 1;
            *byte += spelling.len();
        }
        let lengths = counts.into_iter().enumerate().filter(|&(_, n)| n > 0).collect();
        Self { lengths, ranks, bytes, highest }
    }

    /// Length, ranks and spellings (where symbols are bytes) of the tokens of each length.
    fn groups(&self) -> impl Iterator<Item = (usize, &[u32], &[u8])> {
        let (mut ranks, mut bytes) = (self.ranks.as_slice(), self.bytes.as_slice());
        self.lengths.iter().map(move |&(len, n)| {
            let (group, rest) = ranks.split_at(n);
            let (spellings, rest_bytes) = bytes.split_at((n * len).min(bytes.len()));
            (ranks, bytes) = (rest, rest_bytes);
            (len, group, spellings)
        })
    }
}
