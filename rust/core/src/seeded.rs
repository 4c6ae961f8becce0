//! A fast hash with a random key, for tables over what strangers' files hold: symbols and pairs.
//!
//! Folded multiplication, as in wyhash (<https://github.com/wangyi-fudan/wyhash>): 1 ns a word where SipHash takes 5. Not
//! for files or results: it differs from run to run.

use crate::Symbol;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A random key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    start: u64,
    /// Odd.
    factor: u64,
}

impl Default for Seed {
    fn default() -> Self {
        let random = RandomState::new();
        Self { start: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl Seed {
    #[inline]
    fn mix(self, state: u64, word: u64) -> u64 {
        let product = u128::from(state ^ word) * u128::from(self.factor);
        product as u64 ^ (product >> 64) as u64
    }

    /// The hash of a spelling.
    #[inline]
    pub fn of_symbols(self, symbols: &[Symbol]) -> u64 {
        let mut state = self.start ^ symbols.len() as u64;
        let (twos, one) = symbols.as_chunks::<2>();
        for two in twos {
            state = self.mix(state, u64::from(two[0].0) << 32 | u64::from(two[1].0));
        }
        for symbol in one {
            state = self.mix(state, u64::from(symbol.0));
        }
        self.mix(state, self.start)
    }
}

/// For maps whose keys are words, such as [`Pair::key`](crate::Pair::key).
impl BuildHasher for Seed {
    type Hasher = WordHasher;

    #[inline]
    fn build_hasher(&self) -> WordHasher {
        WordHasher { seed: *self, state: self.start }
    }
}

/// Hashes words; bytes too, slowly.
pub(crate) struct WordHasher {
    seed: Seed,
    state: u64,
}

impl Hasher for WordHasher {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.state = self.seed.mix(self.state, word);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(u64::from(b)));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.seed.mix(self.state, self.seed.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn spreads_spellings_and_words() {
        let seed = Seed::default();
        let spelled = |n: u32| [Symbol(n & 255), Symbol(n >> 8 & 255), Symbol(n >> 16)];
        let low: HashSet<u64> = (0..1 << 12).map(|n| seed.of_symbols(&spelled(n)) & 0xFFFF).collect();
        // 4,096 throws into 65,536 boxes fill 3,970 of them on average, with a deviation of 11.
        assert!(low.len() > 3900, "{}", low.len());
        let low: HashSet<u64> = (0..1u64 << 12).map(|n| seed.hash_one(n << 32) & 0xFFFF).collect();
        assert!(low.len() > 3900, "{}", low.len());
        let zeros: HashSet<u64> = (0..9).map(|n| seed.of_symbols(&vec![Symbol(0); n])).collect();
        assert_eq!(zeros.len(), 9);
    }
}
