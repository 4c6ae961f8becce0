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
    /// Characters of two bytes, then of three, by [`place`].
    plain: Box<[Entry]>,
    /// The same with a space before them.
    spaced: Box<[Entry]>,
    /// Lowest rank of a pair that crosses on the left: by the byte before (256: none), then the lead byte's low six bits.
    left: Crossing,
    /// Lowest rank of a pair that crosses on the right: by the byte after (256: none), then the last byte's low six bits.
    right: Crossing,
}

/// Symbols to begin with, and where in the bytes each begins.
pub(super) struct Symbols {
    pub(super) ids: [u32; Self::MAX],
    pub(super) starts: [u16; Self::MAX],
    pub(super) n: usize,
}

impl Symbols {
    pub(super) const MAX: usize = 256;

    #[inline(always)]
    fn push(&mut self, id: u32, start: usize) {
        self.ids[self.n] = id;
        self.starts[self.n] = start as u16;
        self.n += 1;
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self { ids: [0; Self::MAX], starts: [0; Self::MAX], n: 0 }
    }
}

/// Places of characters of two bytes; those of three come after.
const N_TWO: usize = 32 << 6;
const N_PLACES: usize = N_TWO + (16 << 12);

/// The place of the character that `bytes` begin with, and its length, if it can be an atom. Goes by the shape of the
/// bytes, a lead byte and as many continuation bytes as it asks for; whether they are a code point does not matter.
#[inline(always)]
fn place(bytes: &[u8]) -> Option<(usize, usize)> {
    let low = |b: u8| usize::from(b & 0x3F);
    match *bytes {
        [lead @ 0xE0..0xF0, b, c, ..] if b & 0xC0 == 0x80 && c & 0xC0 == 0x80 => {
            Some((N_TWO + (usize::from(lead & 0xF) << 12 | low(b) << 6 | low(c)), 3))
        }
        [lead @ 0xC2..0xE0, b, ..] if b & 0xC0 == 0x80 => Some((usize::from(lead & 0x1F) << 6 | low(b), 2)),
        _ => None,
    }
}

/// The character at `place`.
fn character(place: usize) -> ([u8; 3], usize) {
    let low = |n: usize| 0x80 | (n & 0x3F) as u8;
    match place.checked_sub(N_TWO) {
        None => ([0xC0 | (place >> 6) as u8, low(place), 0], 2),
        Some(place) => ([0xE0 | (place >> 12) as u8, low(place >> 6), low(place)], 3),
    }
}

impl Atoms {
    /// Derives the atoms; `None` where the list of pairs is not grown.
    pub(super) fn derive(byte_ids: &[TokenId; 256], pairs: &PairTable, vocab: &Vocab) -> Option<Self> {
        if !is_grown(pairs, vocab.n_ids()) {
            return None;
        }
        let (left, right) = crossing(pairs, vocab);
        let isolated = |bytes: &[u8]| Isolated::run(byte_ids, pairs, bytes).entry();
        let plain = (0..N_PLACES).map(|place| {
            let (bytes, n) = character(place);
            isolated(&bytes[..n])
        });
        let spaced = (0..N_PLACES).map(|place| {
            let ([a, b, c], n) = character(place);
            // Without a merge of the space and the lead byte there is little to gain.
            if pairs.rank_of_bytes(b' ', a) == NONE { NO_ATOM } else { isolated(&[b' ', a, b, c][..=n]) }
        });
        Some(Self { plain: plain.collect(), spaced: spaced.collect(), left, right })
    }

    /// Splits `bytes`, at most [`Symbols::MAX`] of them, into atoms and single bytes.
    #[inline]
    pub(super) fn split(&self, bytes: &[u8], byte_ids: &[TokenId; 256], symbols: &mut Symbols) {
        symbols.n = 0;
        let mut at = self.split_spaced(bytes, symbols);
        while at < bytes.len() {
            at += match place(&bytes[at..]) {
                Some((place, n)) if self.push(self.plain[place], bytes, at, n, 1, symbols) => n,
                Some((_, n)) => {
                    (at..at + n).for_each(|i| symbols.push(byte_ids[usize::from(bytes[i])].0, i));
                    n
                }
                None => {
                    symbols.push(byte_ids[usize::from(bytes[at])].0, at);
                    1
                }
            };
        }
    }

    /// Takes a space and a character from the front, if they are an atom; returns how many bytes were taken.
    #[inline(always)]
    fn split_spaced(&self, bytes: &[u8], symbols: &mut Symbols) -> usize {
        let [b' ', rest @ ..] = bytes else { return 0 };
        match place(rest) {
            Some((place, n)) if self.push(self.spaced[place], bytes, 0, n + 1, 2, symbols) => n + 1,
            _ => 0,
        }
    }

    /// Pushes the tokens of an atom, unless a pair may cross into it before it is done.
    #[inline(always)]
    fn push(&self, entry: Entry, bytes: &[u8], at: usize, n: usize, shortest: usize, symbols: &mut Symbols) -> bool {
        let rank = entry as u32 & NONE;
        let before = if at == 0 { 256 } else { usize::from(bytes[at - 1]) };
        let after = bytes.get(at + n).map_or(256, |&b| usize::from(b));
        let left = self.left[before][usize::from(bytes[at] & 0x3F)];
        let right = self.right[after][usize::from(bytes[at + n - 1] & 0x3F)];
        if rank >= left.min(right) {
            return false;
        }
        symbols.push((entry >> 43) as u32, at);
        let second = (entry >> 22) as u32 & NONE;
        if second != NONE {
            symbols.push(second, at + shortest + (entry >> 21 & 1) as usize);
        }
        true
    }
}

/// The entry of a character that is no atom.
const NO_ATOM: Entry = NONE as u64;

/// Whether every pair has a higher rank than all pairs that make its sides.
fn is_grown(pairs: &PairTable, n_ids: usize) -> bool {
    let mut made = vec![None; n_ids];
    for (_, _, rank) in pairs.iter() {
        let made = &mut made[pairs.result(rank) as usize];
        *made = (*made).max(Some(rank));
    }
    pairs.iter().all(|(left, right, rank)| made[left as usize].max(made[right as usize]) < Some(rank))
}

/// Lowest ranks by neighbouring byte (256: none) and the low six bits of the atom's byte at that end.
type Crossing = Box<[[u32; 64]; 257]>;

/// The lowest ranks at which a pair crosses into a character from the left, and from the right.
fn crossing(pairs: &PairTable, vocab: &Vocab) -> (Crossing, Crossing) {
    let (mut into_left, mut into_right) = (Box::new([[NONE; 64]; 257]), Box::new([[NONE; 64]; 257]));
    let ends = Ends::of_all(vocab);
    for (left, right, rank) in pairs.iter() {
        let (l, r) = (ends[left as usize], ends[right as usize]);
        if r.is_prefix {
            let lowest = &mut into_left[usize::from(l.last)][usize::from(r.first & 0x3F)];
            *lowest = rank.min(*lowest);
        }
        if l.is_suffix {
            let lowest = &mut into_right[usize::from(r.first)][usize::from(l.last & 0x3F)];
            *lowest = rank.min(*lowest);
        }
    }
    (into_left, into_right)
}

/// What of a token's bytes matters here.
#[derive(Clone, Copy, Default)]
struct Ends {
    first: u8,
    last: u8,
    /// The beginning of a character and not all of it.
    is_prefix: bool,
    /// The end of a character and not all of it: one or two continuation bytes.
    is_suffix: bool,
}

impl Ends {
    fn of_all(vocab: &Vocab) -> Vec<Self> {
        let mut all = vec![Self::default(); vocab.n_ids()];
        for (id, spelling) in vocab.iter() {
            all[id.0 as usize] = Self::of(spelling);
        }
        all
    }

    fn of(spelling: &[Symbol]) -> Self {
        let continues = |s: &Symbol| matches!(s.0, 0x80..0xC0);
        let byte = |s: Option<&Symbol>| s.map_or(0, |s| s.0 as u8);
        Self {
            first: byte(spelling.first()),
            last: byte(spelling.last()),
            is_prefix: match spelling {
                [Symbol(0xC2..0xF0)] => true,
                [Symbol(0xE0..0xF0), second] => continues(second),
                _ => false,
            },
            is_suffix: spelling.len() <= 2 && spelling.iter().all(continues),
        }
    }
}

/// The merge loop on the bytes of one atom.
struct Isolated {
    /// Tokens, and where each begins.
    tokens: Vec<(u32, usize)>,
    /// The highest rank of a merge; [`NONE`] if there was none.
    highest: u32,
    /// With a space in front: the character was made without it, so that there is a third way to cross.
    is_apart: bool,
    /// Bytes of the first of two tokens, at least.
    shortest: usize,
}

impl Isolated {
    fn run(byte_ids: &[TokenId; 256], pairs: &PairTable, bytes: &[u8]) -> Self {
        let mut tokens: Vec<(u32, usize)> = bytes.iter().map(|&b| byte_ids[usize::from(b)].0).zip(0..).collect();
        let (mut highest, mut is_apart) = (None, false);
        let lowest = |tokens: &[(u32, usize)]| {
            tokens.windows(2).zip(0..).map(|(pair, at)| (pairs.rank(pair[0].0, pair[1].0), at)).min()
        };
        while let Some((rank, at)) = lowest(&tokens).filter(|&(rank, _)| rank != NONE) {
            tokens[at].0 = pairs.result(rank);
            tokens.remove(at + 1);
            highest = highest.max(Some(rank));
            is_apart |= bytes[0] == b' ' && tokens.len() == 2 && tokens[1].1 == 1;
        }
        Self { tokens, highest: highest.unwrap_or(NONE), is_apart, shortest: 1 + usize::from(bytes[0] == b' ') }
    }

    fn entry(&self) -> Entry {
        let pack = |first: u32, second: u32, longer: usize| {
            u64::from(first) << 43 | u64::from(second) << 22 | (longer as u64) << 21 | u64::from(self.highest)
        };
        match *self.tokens {
            _ if self.is_apart => NO_ATOM,
            [(only, _)] => pack(only, NONE, 0),
            [(first, _), (second, at)] if second != NONE => pack(first, second, at - self.shortest),
            _ => NO_ATOM,
        }
    }
}
