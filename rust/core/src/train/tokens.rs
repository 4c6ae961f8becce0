//! The vocabulary as it grows: what each id spells, which id a spelling has, and whether a pair may merge.

use super::TrainOptions;
use crate::unit::Unit;
use crate::{Symbol, TokenId};

/// Spellings by id and ids by spelling.
pub(super) struct Tokens<'a> {
    options: &'a TrainOptions,
    /// All spellings, one after another, by id.
    spelled: Vec<Symbol>,
    /// Where the spelling of each id ends, after a leading 0.
    ends: Vec<usize>,
    /// Open addressing by spelling: id + 1, or 0 where free. At most half full.
    slots: Vec<u32>,
    /// Room for the spelling and the bytes of one candidate.
    joined: Vec<Symbol>,
    bytes: Vec<u8>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(options: &'a TrainOptions, base_ids: &[TokenId]) -> Self {
        let mut symbol_of = vec![Symbol(0); base_ids.len()];
        for (symbol, id) in base_ids.iter().enumerate() {
            symbol_of[id.0 as usize] = Symbol(symbol as u32);
        }
        let slots = vec![0; (2 * options.n_ids).next_power_of_two()];
        let mut tokens =
            Self { options, spelled: Vec::new(), ends: vec![0], slots, joined: Vec::new(), bytes: Vec::new() };
        symbol_of.iter().for_each(|symbol| {
            tokens.push(&[*symbol]);
        });
        tokens
    }

    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    fn spelling(&self, id: u32) -> &[Symbol] {
        &self.spelled[self.ends[id as usize]..self.ends[id as usize + 1]]
    }

    /// Whether `left` and `right` may become one token.
    pub(super) fn may_merge(&mut self, left: u32, right: u32) -> bool {
        if self.options.unit == Unit::Byte && self.options.max_token_bytes.is_none() {
            return true;
        }
        let joined = self.joined(left, right);
        let allowed = self.options.unit.allows(&joined) && self.fits(&joined);
        self.joined = joined;
        allowed
    }

    fn fits(&mut self, joined: &[Symbol]) -> bool {
        let Some(max) = self.options.max_token_bytes else { return true };
        self.bytes.clear();
        self.options.unit.bytes_into(joined, &mut self.bytes);
        self.bytes.len() <= max
    }

    /// The result of a merge and whether it is a new id.
    pub(super) fn merge(&mut self, left: u32, right: u32) -> (u32, bool) {
        let joined = self.joined(left, right);
        let old = self.options.tie.reuses_ids().then(|| self.find(&joined)).flatten();
        let id = old.unwrap_or_else(|| self.push(&joined));
        self.joined = joined;
        (id, old.is_none())
    }

    /// The spelling of a pair, in the lent buffer.
    fn joined(&mut self, left: u32, right: u32) -> Vec<Symbol> {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        joined.extend_from_slice(self.spelling(left));
        joined.extend_from_slice(self.spelling(right));
        joined
    }

    fn push(&mut self, spelling: &[Symbol]) -> u32 {
        let id = self.len() as u32;
        let slot = self.slot(spelling);
        self.slots[slot] = id + 1;
        self.spelled.extend_from_slice(spelling);
        self.ends.push(self.spelled.len());
        id
    }

    fn find(&self, spelling: &[Symbol]) -> Option<u32> {
        self.slots[self.slot(spelling)].checked_sub(1)
    }

    /// The slot that holds `spelling` or would.
    fn slot(&self, spelling: &[Symbol]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(spelling) as usize & mask;
        while self.slots[at] != 0 && self.spelling(self.slots[at] - 1) != spelling {
            at = (at + 1) & mask;
        }
        at
    }
}

/// FNV-1a over symbols, with the high half mixed down.
fn hash(spelling: &[Symbol]) -> u64 {
    let fold = |h: u64, s: &Symbol| (h ^ u64::from(s.0)).wrapping_mul(0x0000_0100_0000_01B3);
    let h = spelling.iter().fold(0xCBF2_9CE4_8422_2325, fold);
    h ^ (h >> 32)
}
