//! Syllables as first symbols instead of jamo, where that is proven to change nothing.
//!
//! What [`atoms`](super::atoms) does for characters of bytes, for units whose symbols are onset, vowel and coda; the
//! definitions and both corollaries are there, with "symbol" for "byte". An *atom* here is L V \[T\] (or L V F), or L V
//! before its T, or a space and these at the beginning of a piece. A new piece of Korean reviews has
//! 13 symbols; with atoms it begins with a little more than half as many.
//!
//! A pair crosses into an atom on the left where its left side ends with the symbol before, and its right side is a
//! proper prefix: \[L\], or \[L V\] of an atom with a coda. On the right where its right side begins with the symbol after,
//! and its left side is a proper suffix: \[V\] of L V, \[T\] or \[V T\] of L V T. (A whole syllable is a suffix of one with
//! a space; such an atom is only taken where its isolated run never has the two apart.) The lowest rank of each kind is kept by the
//! neighbour and that prefix or suffix.

use super::atoms::Symbols;
use super::pairs::{NONE, PairTable};
use crate::merges::{Merge, Merges, Rule};
use crate::unit::{Jamo, Unit};
use crate::vocab::Vocab;
use crate::{Symbol, TokenId};

const SPACE: u32 = b' ' as u32;
const N_L: usize = 19;
const N_V: usize = 21;
/// Codas and the filler.
const N_T: usize = 28;

/// See the module.
pub(super) struct Syllables {
    /// The number of the first onset, vowel and coda; the filler comes after the last coda.
    onset: u32,
    vowel: u32,
    coda: u32,
    n_codas: u32,
    /// By L and V: what L V merges into.
    open: Box<[Atom]>,
    /// By L, V and T.
    closed: Box<[Atom]>,
    /// The same with a space before them.
    spaced_open: Box<[Atom]>,
    spaced_closed: Box<[Atom]>,
    /// Lowest ranks of pairs that cross on the left, by the symbol before.
    left_l: Crossing,
    left_lv: Crossing,
    /// Lowest ranks of pairs that cross on the right, by the symbol after.
    right_v: Crossing,
    right_t: Crossing,
    right_vt: Crossing,
}

/// What an atom becomes.
#[derive(Clone, Copy)]
struct Atom {
    first: u32,
    /// [`NONE`] where it is one token.
    second: u32,
    /// The highest rank of a merge inside; [`NONE`] where there is none, so that it is no atom.
    highest: u32,
}

/// Lowest ranks by neighbour and something else.
struct Crossing {
    /// By symbol, and last for none: the row that it has, 0 for those that nothing crosses to.
    rows: Vec<u16>,
    n_columns: usize,
    ranks: Vec<u32>,
}

impl Crossing {
    fn new(n_base: usize, n_columns: usize) -> Self {
        Self { rows: vec![0; n_base + 1], n_columns, ranks: vec![NONE; n_columns] }
    }

    fn note(&mut self, neighbour: Symbol, column: usize, rank: u32) {
        let row = &mut self.rows[neighbour.0 as usize];
        if *row == 0 {
            *row = (self.ranks.len() / self.n_columns) as u16;
            self.ranks.resize(self.ranks.len() + self.n_columns, NONE);
        }
        let lowest = &mut self.ranks[usize::from(*row) * self.n_columns + column];
        *lowest = rank.min(*lowest);
    }

    #[inline(always)]
    fn lowest(&self, neighbour: usize, column: usize) -> u32 {
        self.ranks[usize::from(self.rows[neighbour]) * self.n_columns + column]
    }
}

impl Syllables {
    /// The atoms of listed merges over jamo; `None` for other units and rules, and where the list is not grown.
    pub(super) fn derive(
        unit: &Unit,
        base_ids: &[TokenId],
        merges: &Merges,
        vocab: &Vocab,
        pairs: &PairTable,
    ) -> Option<Self> {
        let (Unit::Jamo(jamo), Rule::Pairs(list)) = (unit, merges.rule()) else { return None };
        if !is_grown(list, vocab.n_ids()) {
            return None;
        }
        let mut syllables = Self::new(*jamo, base_ids.len());
        for (rank, merge) in (0..).zip(list) {
            if let (Some(left), Some(right)) = (vocab.spelling(merge.left), vocab.spelling(merge.right)) {
                syllables.note(left, right, rank);
            }
        }
        syllables.complete(base_ids, pairs);
        Some(syllables)
    }

    fn new(jamo: Jamo, n_base: usize) -> Self {
        let (onset, n_codas) = (jamo.first_onset(), jamo.n_tails());
        Self {
            onset,
            vowel: onset + N_L as u32,
            coda: onset + (N_L + N_V) as u32,
            n_codas,
            open: Box::default(),
            closed: Box::default(),
            spaced_open: Box::default(),
            spaced_closed: Box::default(),
            left_l: Crossing::new(n_base, N_L),
            left_lv: Crossing::new(n_base, N_L * N_V),
            right_v: Crossing::new(n_base, N_V),
            right_t: Crossing::new(n_base, N_T),
            right_vt: Crossing::new(n_base, N_V * N_T),
        }
    }

    fn l(&self, symbol: Symbol) -> Option<usize> {
        within(symbol, self.onset, N_L as u32)
    }

    fn v(&self, symbol: Symbol) -> Option<usize> {
        within(symbol, self.vowel, N_V as u32)
    }

    fn t(&self, symbol: Symbol) -> Option<usize> {
        within(symbol, self.coda, self.n_codas)
    }

    /// Takes note of a pair by what its sides spell.
    fn note(&mut self, left: &[Symbol], right: &[Symbol], rank: u32) {
        let (Some(&before), Some(&after)) = (left.last(), right.first()) else { return };
        match right {
            [l] if let Some(l) = self.l(*l) => self.left_l.note(before, l, rank),
            [l, v] if let (Some(l), Some(v)) = (self.l(*l), self.v(*v)) => {
                self.left_lv.note(before, l * N_V + v, rank);
            }
            _ => {}
        }
        match left {
            [one] if let Some(v) = self.v(*one) => self.right_v.note(after, v, rank),
            [one] if let Some(t) = self.t(*one) => self.right_t.note(after, t, rank),
            [v, t] if let (Some(v), Some(t)) = (self.v(*v), self.t(*t)) => {
                self.right_vt.note(after, v * N_T + t, rank);
            }
            _ => {}
        }
    }

    /// Finds out what each syllable becomes.
    fn complete(&mut self, base_ids: &[TokenId], pairs: &PairTable) {
        let id = |symbol: u32, n: usize| base_ids[symbol as usize + n].0;
        let (space, n_codas) = (id(u32::from(b' '), 0), self.n_codas as usize);
        let open = |n: usize| [space, id(self.onset, n / N_V), id(self.vowel, n % N_V)];
        let closed = |n: usize| {
            let [space, l, v] = open(n / N_T);
            (n % N_T < n_codas).then(|| [space, l, v, id(self.coda, n % N_T)])
        };
        let (all_open, all_closed) = (0..N_L * N_V, 0..N_L * N_V * N_T);
        let alone = |ids: Option<&[u32]>| ids.map_or(NO_ATOM, |ids| isolated(pairs, &ids[1..]));
        let spaced = |ids: Option<&[u32]>| ids.map_or(NO_ATOM, |ids| isolated_spaced(pairs, ids));
        let tables = (
            all_open.clone().map(|n| alone(Some(&open(n)))).collect(),
            all_closed.clone().map(|n| alone(closed(n).as_ref().map(<[u32; 4]>::as_slice))).collect(),
            all_open.map(|n| spaced(Some(&open(n)))).collect(),
            all_closed.map(|n| spaced(closed(n).as_ref().map(<[u32; 4]>::as_slice))).collect(),
        );
        (self.open, self.closed, self.spaced_open, self.spaced_closed) = tables;
    }

    /// Splits `text`, the symbols of a piece and at most [`Symbols::MAX`] of them, into atoms and single symbols.
    pub(super) fn split(&self, text: &[Symbol], base_ids: &[TokenId], symbols: &mut Symbols) {
        symbols.n = 0;
        let nothing = base_ids.len();
        let mut at = match text {
            [Symbol(SPACE), rest @ ..] => {
                self.take(rest, [&self.spaced_open, &self.spaced_closed], 0, nothing, symbols)
            }
            _ => 0,
        };
        // With the space, where there was one.
        at += usize::from(at > 0);
        while let Some(&first) = text.get(at) {
            let before = if at == 0 { nothing } else { text[at - 1].0 as usize };
            let left = |l: usize, v: usize| {
                let of_l = self.left_l.lowest(before, l);
                [of_l, of_l.min(self.left_lv.lowest(before, l * N_V + v))]
            };
            let n = self.take_between(&text[at..], [&self.open, &self.closed], left, at, nothing, symbols);
            if n == 0 {
                symbols.push(base_ids[first.0 as usize].0, at);
            }
            at += n.max(1);
        }
    }

    /// As [`take_between`](Self::take_between), where nothing stands before.
    fn take(&self, text: &[Symbol], tables: [&[Atom]; 2], at: usize, nothing: usize, symbols: &mut Symbols) -> usize {
        self.take_between(text, tables, |_, _| [NONE; 2], at, nothing, symbols)
    }

    /// Pushes the atom of one of `tables` (open and closed) that `text` begins with; returns how many symbols it has
    /// there, 0 where there is none. `left` are the lowest ranks that cross on the left into L V and into L V T.
    #[inline(always)]
    fn take_between(
        &self,
        text: &[Symbol],
        [open, closed]: [&[Atom]; 2],
        left: impl Fn(usize, usize) -> [u32; 2],
        at: usize,
        nothing: usize,
        symbols: &mut Symbols,
    ) -> usize {
        let [l, v, ..] = *text else { return 0 };
        let (Some(l), Some(v)) = (self.l(l), self.v(v)) else { return 0 };
        let neighbour = |n: usize| text.get(n).map_or(nothing, |s| s.0 as usize);
        let [left_open, left_closed] = left(l, v);
        if let Some(t) = text.get(2).and_then(|&s| self.t(s)) {
            let (atom, after) = (closed[(l * N_V + v) * N_T + t], neighbour(3));
            let right = self.right_t.lowest(after, t).min(self.right_vt.lowest(after, v * N_T + t));
            if atom.highest < left_closed.min(right) {
                atom.push(at, symbols);
                return 3;
            }
        }
        let atom = open[l * N_V + v];
        if atom.highest < left_open.min(self.right_v.lowest(neighbour(2), v)) {
            atom.push(at, symbols);
            return 2;
        }
        0
    }
}

#[inline(always)]
fn within(symbol: Symbol, first: u32, n: u32) -> Option<usize> {
    let number = symbol.0.wrapping_sub(first);
    (number < n).then_some(number as usize)
}

/// Whether the rank of every pair is above the ranks of all pairs that make its sides.
fn is_grown(list: &[Merge], n_ids: usize) -> bool {
    let mut made_below = vec![0; n_ids];
    let mut use_below = vec![NONE; n_ids];
    for (rank, merge) in (0u32..).zip(list) {
        made_below[merge.result.0 as usize] = rank + 1;
        for side in [merge.left, merge.right] {
            let lowest = &mut use_below[side.0 as usize];
            *lowest = rank.min(*lowest);
        }
    }
    made_below.iter().zip(&use_below).all(|(made, used)| made <= used)
}

const NO_ATOM: Atom = Atom { first: NONE, second: NONE, highest: NONE };

impl Atom {
    #[inline(always)]
    fn push(self, at: usize, symbols: &mut Symbols) {
        symbols.push(self.first, at);
        if self.second != NONE {
            symbols.push(self.second, at + 1);
        }
    }
}

/// The merge loop on two or three symbols alone.
fn isolated(pairs: &PairTable, ids: &[u32]) -> Atom {
    run(pairs, ids, |_| true)
}

/// The merge loop on a space and a syllable alone; no atom where the syllable is made before the space joins it.
fn isolated_spaced(pairs: &PairTable, ids: &[u32]) -> Atom {
    run(pairs, ids, |now| now.len() != 2 || now[0] != ids[0])
}

/// The merge loop on `ids` alone; no atom where a state on the way is not fit for one.
fn run(pairs: &PairTable, ids: &[u32], is_fit: impl Fn(&[u32]) -> bool) -> Atom {
    let mut ids = ids.to_vec();
    let mut highest = None;
    let lowest = |ids: &[u32]| (0..).zip(ids.windows(2)).map(|(at, p)| (pairs.rank(p[0], p[1]), at)).min();
    while let Some((rank, at)) = lowest(&ids).filter(|&(rank, _)| rank != NONE) {
        ids.splice(at..at + 2, [pairs.result(rank)]);
        highest = highest.max(Some(rank));
        if !is_fit(&ids) {
            return NO_ATOM;
        }
    }
    match (ids.as_slice(), highest) {
        (&[first], Some(highest)) => Atom { first, second: NONE, highest },
        (&[first, second], Some(highest)) => Atom { first, second, highest },
        _ => NO_ATOM,
    }
}
