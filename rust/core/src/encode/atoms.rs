//! Characters as first symbols instead of bytes, where that is proven to change nothing.
//!
//! A Korean piece of 16 bytes has 16 first symbols and about ten merges, most of them inside characters and the same
//! each time. Begun with what its characters merge into, it has five or six symbols and two or three merges.
//!
//! Definitions. An *atom* is a character of two or three bytes, or a space and such a character at the beginning. Its
//! *isolated run* is the merge loop on its bytes alone; `R` is the highest rank of a merge in it. A pair `(l, r)`
//! *crosses* into the atom where `l` ends with the byte before it and `r` is a proper prefix of it, or `l` is a proper
//! suffix of it and `r` begins with the byte after. A list of pairs is *grown* if the rank of every pair is above the
//! ranks of all pairs that make its sides (every trained list is; so are the published vocabularies).
//!
//! Corollary 1. If all pairs that cross into an atom have ranks above `R`, then in that text the merges of its isolated
//! run all come before any merge across its ends. For while one of them is still to come, a pair of rank `R` or lower
//! stands inside, and the loop takes no higher one; and a merge across an end that is made before the inside is done
//! has a proper prefix or suffix of the atom on one side.
//!
//! Corollary 2. If the list is grown as well, then making those merges first gives the same tokens. For every other
//! merge of the loop happens between tokens that exist with or without the insides done, and the pairs that stand there
//! too early have a token of the inside as a side, hence a higher rank than a merge that is still to come inside: none
//! of them is ever the lowest.
//!
//! What is precomputed: for each character the one or two tokens that it becomes and its `R`; for each (byte before,
//! lead byte) and (last byte, byte after) the lowest rank of a pair that may cross there, over all characters with these
//! bytes. An atom is taken where both are above its `R`, else its bytes are. With o200k that is 99.5 % of the Korean,
//! Japanese and Chinese characters of running text, which then have 1.05 symbols each instead of 3.

use super::pairs::{NONE, PairTable};
use crate::vocab::Vocab;
use crate::{Symbol, TokenId};

/// What an atom becomes: `first << 43 | second << 22 | longer << 21 | R`.
///
/// `second` is [`NONE`] for an atom that is one token. `longer`: the first of two tokens has two bytes, or three where
/// the atom begins with a space, instead of one, or two. `R` is [`NONE`] for a character that is no atom.
type Entry = u64;

/// See the module.
pub(super) struct Atoms {
    /// Characters of two bytes: by the low bits of their bytes.
    two: Box<[Entry; 1 << 11]>,
    /// Characters of three bytes.
    three: Box<[Entry; 1 << 16]>,
    /// The same with a space before them.
    space_two: Box<[Entry; 1 << 11]>,
    space_three: Box<[Entry; 1 << 16]>,
    /// Lowest rank of a pair that crosses on the left: by the byte before, then the lead byte.
    left: Crossing,
    /// Lowest rank of a pair that crosses on the right: by the byte after, then the last byte.
    right: Crossing,
    /// By id.
    tokens: Vec<Token>,
    /// Whether every pair so far has a higher rank than all pairs that make its sides.
    is_grown: bool,
    is_complete: bool,
}

/// Lowest ranks by neighbouring byte ([`NOTHING`] at the end of the piece) and the low six bits of the atom's byte there.
type Crossing = Box<[[u32; 64]; 257]>;

/// The neighbour at the end of a piece.
const NOTHING: usize = 256;

/// Symbols to begin with, and where in the bytes each begins.
pub(super) struct Symbols {
    /// The first [`n`](Self::n) count.
    pub(super) ids: [u32; Self::MAX + 2],
    pub(super) starts: [u16; Self::MAX + 2],
    pub(super) n: usize,
}

impl Symbols {
    pub(super) const MAX: usize = 256;

    /// Takes `ids`, at most [`MAX`](Self::MAX) of them, one symbol each.
    pub(super) fn fill(&mut self, ids: impl Iterator<Item = u32>) {
        self.n = 0;
        ids.take(Self::MAX).enumerate().for_each(|(start, id)| self.push(id, start));
    }

    #[inline(always)]
    pub(super) fn push(&mut self, id: u32, start: usize) {
        self.ids[self.n] = id;
        self.starts[self.n] = start as u16;
        self.n += 1;
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self { ids: [0; Self::MAX + 2], starts: [0; Self::MAX + 2], n: 0 }
    }
}

/// A character that can be an atom, by the shape of its bytes: a lead byte and as many continuation bytes as it asks
/// for. Whether they are a code point does not matter.
enum Shape {
    /// Two bytes; the low bits of both.
    Two(usize),
    /// Three bytes; the low bits of all.
    Three(usize),
    /// Something else.
    Other,
}

impl Shape {
    /// Of the character that begins with the lowest byte of `four`.
    #[inline(always)]
    fn of(four: u32) -> Self {
        let low = four as usize;
        if four & 0x00C0_C0F0 == 0x0080_80E0 {
            Self::Three((low & 0xF) << 12 | low >> 2 & 0xFC0 | low >> 16 & 0x3F)
        } else if four & 0xC0E0 == 0x80C0 && low & 0x1F >= 2 {
            Self::Two((low & 0x1F) << 6 | low >> 8 & 0x3F)
        } else {
            Self::Other
        }
    }
}

impl Atoms {
    /// No atoms yet.
    pub(super) fn new(vocab: &Vocab) -> Self {
        Self {
            two: boxed(|_| NO_ATOM),
            three: boxed(|_| NO_ATOM),
            space_two: boxed(|_| NO_ATOM),
            space_three: boxed(|_| NO_ATOM),
            left: Box::new([[NONE; 64]; 257]),
            right: Box::new([[NONE; 64]; 257]),
            tokens: Token::of_all(vocab),
            is_grown: true,
            is_complete: false,
        }
    }

    /// Takes note of a pair.
    pub(super) fn note(&mut self, pairs: &PairTable, left: u32, right: u32, rank: u32) {
        let [left, right, result] = [left, right, pairs.result(rank)].map(|id| id as usize);
        self.tokens[left].use_below = rank.min(self.tokens[left].use_below);
        self.tokens[right].use_below = rank.min(self.tokens[right].use_below);
        self.tokens[result].made_below = (rank + 1).max(self.tokens[result].made_below);
        self.is_grown &= [left, right, result].iter().all(|&id| self.tokens[id].is_grown());
        let (l, r) = (self.tokens[left], self.tokens[right]);
        if r.is_prefix {
            let lowest = &mut self.left[usize::from(l.last)][usize::from(r.first & 0x3F)];
            *lowest = rank.min(*lowest);
        }
        if l.is_suffix {
            let lowest = &mut self.right[usize::from(r.first)][usize::from(l.last & 0x3F)];
            *lowest = rank.min(*lowest);
        }
    }

    /// Finds out what each character becomes. To be called when all pairs are in that make up to four bytes.
    pub(super) fn complete(&mut self, byte_ids: &[TokenId; 256], pairs: &PairTable) {
        let run = |bytes: &[u8]| Isolated::run(byte_ids, pairs, bytes).entry();
        let low = |n: usize| 0x80 | (n & 0x3F) as u8;
        let two = |n: usize| [0xC0 | (n >> 6) as u8, low(n)];
        let three = |n: usize| [0xE0 | (n >> 12) as u8, low(n >> 6), low(n)];
        let has_merge = |bytes: &[u8]| bytes.windows(2).any(|p| pairs.rank_of_bytes(p[0], p[1]) != NONE);
        // Without a merge of the space and the lead byte there is little to gain from the space.
        let merges_with_space = |lead: u8| pairs.rank_of_bytes(b' ', lead) != NONE;
        let spaced_two = |[a, b]: [u8; 2]| if merges_with_space(a) { run(&[b' ', a, b]) } else { NO_ATOM };
        let spaced_three = |[a, b, c]: [u8; 3]| if merges_with_space(a) { run(&[b' ', a, b, c]) } else { NO_ATOM };
        self.two = boxed(|n| if has_merge(&two(n)) { run(&two(n)) } else { NO_ATOM });
        self.three = boxed(|n| if has_merge(&three(n)) { run(&three(n)) } else { NO_ATOM });
        self.space_two = boxed(|n| spaced_two(two(n)));
        self.space_three = boxed(|n| spaced_three(three(n)));
        self.is_complete = true;
    }

    /// Whether atoms may be taken, with the pairs so far.
    pub(super) fn may_be_taken(&self) -> bool {
        self.is_grown && self.is_complete
    }

    /// Gives back the memory that only [`note`](Self::note) needs.
    pub(super) fn shrink(&mut self) {
        self.tokens = Vec::new();
    }

    /// Splits `bytes`, at most [`Symbols::MAX`] of them, into atoms and single bytes.
    #[inline]
    pub(super) fn split(&self, bytes: &[u8], byte_ids: &[TokenId; 256], symbols: &mut Symbols) {
        symbols.n = 0;
        let mut at = self.split_spaced(bytes, symbols);
        let mut before = if at == 0 { NOTHING } else { usize::from(bytes[at - 1]) };
        while at < bytes.len() {
            let four = four(bytes, at);
            let (entry, n) = match Shape::of(four) {
                Shape::Three(place) => (self.three[place], 3),
                Shape::Two(place) => (self.two[place], 2),
                Shape::Other => (NO_ATOM, 1),
            };
            let last = usize::from(bytes[at + n - 1]);
            let after = bytes.get(at + n).map_or(NOTHING, |&b| usize::from(b));
            let crossing = self.left[before][four as usize & 0x3F].min(self.right[after][last & 0x3F]);
            if entry as u32 & NONE < crossing {
                push_atom(entry, at, 1, symbols);
            } else {
                bytes[at..at + n].iter().zip(at..).for_each(|(&b, i)| symbols.push(byte_ids[usize::from(b)].0, i));
            }
            before = last;
            at += n;
        }
    }

    /// Takes a space and a character from the front, if they are an atom; returns how many bytes were taken.
    #[inline(always)]
    fn split_spaced(&self, bytes: &[u8], symbols: &mut Symbols) -> usize {
        if bytes.first() != Some(&b' ') || bytes.len() < 2 {
            return 0;
        }
        let (entry, n) = match Shape::of(four(bytes, 1)) {
            Shape::Three(place) => (self.space_three[place], 4),
            Shape::Two(place) => (self.space_two[place], 3),
            Shape::Other => return 0,
        };
        let after = bytes.get(n).map_or(NOTHING, |&b| usize::from(b));
        if entry as u32 & NONE < self.right[after][usize::from(bytes[n - 1] & 0x3F)] {
            push_atom(entry, 0, 2, symbols);
            n
        } else {
            0
        }
    }
}

/// Up to four bytes from `at` on, and zeros.
#[inline(always)]
fn four(bytes: &[u8], at: usize) -> u32 {
    match bytes[at..].first_chunk() {
        Some(four) => u32::from_le_bytes(*four),
        None => bytes[at..].iter().rev().fold(0, |four, &b| four << 8 | u32::from(b)),
    }
}

/// Pushes the one or two tokens of an atom.
#[inline(always)]
fn push_atom(entry: Entry, at: usize, shortest: usize, symbols: &mut Symbols) {
    symbols.push((entry >> 43) as u32, at);
    let second = (entry >> 22) as u32 & NONE;
    // Written in any case, and kept if it is one.
    symbols.push(second, at + shortest + (entry >> 21 & 1) as usize);
    symbols.n -= usize::from(second == NONE);
}

/// A table of `f(n)`.
fn boxed<const N: usize>(f: impl Fn(usize) -> Entry) -> Box<[Entry; N]> {
    let table: Vec<Entry> = (0..N).map(f).collect();
    table.try_into().unwrap_or_else(|_| Box::new([NO_ATOM; N]))
}

/// The entry of a character that is no atom.
const NO_ATOM: Entry = NONE as u64;

/// What of a token matters here.
#[derive(Clone, Copy)]
struct Token {
    /// Above the ranks of all pairs that make it, 0 if there is none.
    made_below: u32,
    /// The lowest rank of a pair that has it as a side.
    use_below: u32,
    /// Its first and last byte.
    first: u8,
    last: u8,
    /// The beginning of a character and not all of it.
    is_prefix: bool,
    /// The end of a character and not all of it: one or two continuation bytes.
    is_suffix: bool,
}

impl Token {
    fn of_all(vocab: &Vocab) -> Vec<Self> {
        let mut all = vec![Self::of(&[]); vocab.n_ids()];
        for (id, spelling) in vocab.iter() {
            all[id.0 as usize] = Self::of(spelling);
        }
        all
    }

    fn of(spelling: &[Symbol]) -> Self {
        let continues = |s: &Symbol| matches!(s.0, 0x80..0xC0);
        let byte = |s: Option<&Symbol>| s.map_or(0, |s| s.0 as u8);
        Self {
            made_below: 0,
            use_below: NONE,
            first: byte(spelling.first()),
            last: byte(spelling.last()),
            is_prefix: match spelling {
                [Symbol(0xC2..0xF0)] => true,
                [Symbol(0xE0..0xF0), second] => continues(second),
                _ => false,
            },
            is_suffix: matches!(spelling.len(), 1 | 2) && spelling.iter().all(continues),
        }
    }

    fn is_grown(&self) -> bool {
        self.made_below <= self.use_below
    }
}

/// The merge loop on the bytes of one atom.
struct Isolated {
    /// Tokens, the first [`n`](Self::n) count.
    ids: [u32; 4],
    /// Where each token begins.
    starts: [usize; 4],
    /// The rank of each with the next; [`NONE`] at the last.
    ranks: [u32; 4],
    n: usize,
    /// The highest rank of a merge; [`NONE`] if there was none.
    highest: u32,
    /// With a space in front: the character was made without it, so that there is a third way to cross.
    is_apart: bool,
    /// Bytes of the first of two tokens, at least.
    shortest: usize,
}

impl Isolated {
    #[inline(always)]
    fn run(byte_ids: &[TokenId; 256], pairs: &PairTable, bytes: &[u8]) -> Self {
        let is_spaced = bytes[0] == b' ';
        let (shortest, n) = (1 + usize::from(is_spaced), bytes.len());
        let mut run =
            Self { ids: [0; 4], starts: [0, 1, 2, 3], ranks: [NONE; 4], n, highest: NONE, is_apart: false, shortest };
        for (id, &b) in run.ids.iter_mut().zip(bytes) {
            *id = byte_ids[usize::from(b)].0;
        }
        for (rank, pair) in run.ranks.iter_mut().zip(bytes.windows(2)) {
            *rank = pairs.rank_of_bytes(pair[0], pair[1]);
        }
        while let Some((rank, at)) = run.ranks.into_iter().zip(0..).min().filter(|&(rank, _)| rank != NONE) {
            run.join(pairs, rank, at);
            run.is_apart |= is_spaced && run.n == 2 && run.starts[1] == 1;
        }
        run
    }

    fn join(&mut self, pairs: &PairTable, rank: u32, at: usize) {
        self.highest = if self.highest == NONE { rank } else { rank.max(self.highest) };
        self.ids.copy_within(at + 1.., at);
        self.starts.copy_within((at + 2).min(4).., (at + 1).min(3));
        self.ranks.copy_within(at + 1.., at);
        self.ranks[3] = NONE;
        self.ids[at] = pairs.result(rank);
        self.n -= 1;
        if at + 1 < self.n {
            self.ranks[at] = pairs.rank(self.ids[at], self.ids[at + 1]);
        }
        if at > 0 {
            self.ranks[at - 1] = pairs.rank(self.ids[at - 1], self.ids[at]);
        }
    }

    fn entry(&self) -> Entry {
        let pack = |first: u32, second: u32, longer: usize| {
            u64::from(first) << 43 | u64::from(second) << 22 | (longer as u64) << 21 | u64::from(self.highest)
        };
        match self.ids[..self.n] {
            _ if self.is_apart => NO_ATOM,
            [only] => pack(only, NONE, 0),
            [first, second] if second != NONE => pack(first, second, self.starts[1] - self.shortest),
            _ => NO_ATOM,
        }
    }
}
