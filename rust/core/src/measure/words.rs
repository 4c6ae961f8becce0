//! Word types: how often each eojeol occurs, and how frequent it was in training.

use super::chars::each_eojeol;
use std::collections::HashMap;

/// Frequency bands, commonest first, by rank in the training text.
pub const BAND_NAMES: [&str; 5] = ["top1k", "1k_10k", "10k_100k", "rarer", "unseen"];

const UNSEEN: u8 = 4;
/// First rank (from 0) that no longer belongs to the band of the same number.
const BAND_ENDS: [usize; 3] = [1_000, 10_000, 100_000];

/// The frequency band of every eojeol of a training text.
#[derive(Debug, Default)]
pub struct WordBands {
    bands: HashMap<Box<[u8]>, u8>,
}

impl WordBands {
    /// Ranks the eojeol of `documents` by how often they occur; ties go by their bytes. About 10 ns a byte.
    pub fn from_documents(documents: &[&[u8]]) -> Self {
        let mut counts: HashMap<&[u8], u64> = HashMap::new();
        for document in documents {
            each_eojeol(document, |start, end| *counts.entry(&document[start..end]).or_default() += 1);
        }
        let mut ranked: Vec<(&[u8], u64)> = counts.into_iter().collect();
        ranked.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let band = |rank: usize| BAND_ENDS.iter().position(|&end| rank < end).unwrap_or(BAND_ENDS.len()) as u8;
        Self { bands: ranked.into_iter().enumerate().map(|(rank, (word, _))| (word.into(), band(rank))).collect() }
    }

    /// The band of `eojeol`: 0 to 3 by rank, 4 where training never saw it.
    pub fn band(&self, eojeol: &[u8]) -> u8 {
        self.bands.get(eojeol).copied().unwrap_or(UNSEEN)
    }

    /// How many word types the training text had.
    pub fn n_types(&self) -> usize {
        self.bands.len()
    }
}

/// One word type.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Type {
    pub count: u64,
    pub one_token: u64,
    /// 0 where no bands are known.
    pub band: u8,
}

/// Word types in order of first occurrence.
#[derive(Debug, Default)]
pub(super) struct Types {
    index: HashMap<Box<[u8]>, u32>,
    words: Vec<Type>,
}

impl Types {
    /// Counts one occurrence of `word`, and returns its band.
    pub fn count(&mut self, word: &[u8], one_token: bool, bands: Option<&WordBands>) -> u8 {
        let at = match self.index.get(word) {
            Some(&at) => at,
            None => self.insert(word, bands.map_or(0, |b| b.band(word))),
        };
        let found = &mut self.words[at as usize];
        found.count += 1;
        found.one_token += u64::from(one_token);
        found.band
    }

    fn insert(&mut self, word: &[u8], band: u8) -> u32 {
        let at = self.words.len() as u32;
        self.index.insert(word.into(), at);
        self.words.push(Type { band, ..Type::default() });
        at
    }

    /// Adds the types of documents that come next.
    pub fn absorb(&mut self, other: Self) {
        if self.words.is_empty() {
            *self = other;
            return;
        }
        let mut added: Vec<(Box<[u8]>, u32)> = other.index.into_iter().collect();
        added.sort_unstable_by_key(|&(_, at)| at);
        for ((word, _), more) in added.into_iter().zip(other.words) {
            let at = match self.index.get(&word) {
                Some(&at) => at,
                None => self.insert(&word, more.band),
            };
            let found = &mut self.words[at as usize];
            found.count += more.count;
            found.one_token += more.one_token;
        }
    }

    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Word, occurrences, occurrences as one token; by first occurrence.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64, u64)> {
        let mut words: Vec<(&[u8], u32)> = self.index.iter().map(|(word, &at)| (&**word, at)).collect();
        words.sort_unstable_by_key(|&(_, at)| at);
        words.into_iter().zip(&self.words).map(|((word, _), t)| (word, t.count, t.one_token))
    }

    /// Occurrences and occurrences as one token; by first occurrence.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.words.iter().map(|t| (t.count, t.one_token))
    }
}
