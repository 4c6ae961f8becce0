//! Word types: how often each eojeol occurs, and how frequent it was in training.

use super::chars::each_eojeol;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

/// Frequency bands, commonest first, by rank in the training text.
pub const BAND_NAMES: [&str; 5] = ["top1k", "1k_10k", "10k_100k", "rarer", "unseen"];

const UNSEEN: u8 = 4;
/// First rank (from 0) that no longer belongs to the band of the same number.
const BAND_ENDS: [usize; 3] = [1_000, 10_000, 100_000];

/// The frequency band of every eojeol of a training text.
#[derive(Debug, Default)]
pub struct WordBands {
    bands: HashMap<Word, u8>,
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
        Self { bands: ranked.into_iter().enumerate().map(|(rank, (word, _))| (Word::new(word), band(rank))).collect() }
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

/// The bytes of a word; up to 23, which is seven syllables, stand in the table itself: one cache line less to wait for.
#[derive(Clone, Debug)]
enum Word {
    Short([u8; 23], u8),
    Long(Box<[u8]>),
}

impl Word {
    fn new(bytes: &[u8]) -> Self {
        let mut short = [0; 23];
        match short.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Self::Short(short, bytes.len() as u8)
            }
            None => Self::Long(bytes.into()),
        }
    }
}

impl Borrow<[u8]> for Word {
    #[inline]
    fn borrow(&self) -> &[u8] {
        match self {
            Self::Short(bytes, len) => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<[u8]>::borrow(self) == Borrow::<[u8]>::borrow(other)
    }
}

impl Eq for Word {}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<[u8]>::borrow(self).hash(state);
    }
}

/// One word type.
#[derive(Clone, Copy, Debug)]
struct Type {
    /// Its number, by first occurrence.
    at: u32,
    /// 0 where no bands are known.
    band: u8,
    count: u64,
    one_token: u64,
}

/// Word types, numbered by first occurrence.
#[derive(Debug, Default)]
pub(super) struct Types {
    types: HashMap<Word, Type>,
}

impl Types {
    /// Counts one occurrence of `word`, and returns its band.
    #[inline]
    pub fn count(&mut self, word: &[u8], one_token: bool, bands: Option<&WordBands>) -> u8 {
        if let Some(found) = self.types.get_mut(word) {
            found.count += 1;
            found.one_token += u64::from(one_token);
            return found.band;
        }
        let (at, band) = (self.types.len() as u32, bands.map_or(0, |b| b.band(word)));
        self.types.insert(Word::new(word), Type { at, band, count: 1, one_token: u64::from(one_token) });
        band
    }

    /// Adds the types of documents that come next.
    pub fn absorb(&mut self, other: Self) {
        if self.types.is_empty() {
            *self = other;
            return;
        }
        let mut added: Vec<(Word, Type)> = other.types.into_iter().collect();
        added.sort_unstable_by_key(|(_, more)| more.at);
        for (word, more) in added {
            let at = self.types.len() as u32;
            let found = self.types.entry(word).or_insert(Type { at, count: 0, one_token: 0, ..more });
            found.count += more.count;
            found.one_token += more.one_token;
        }
    }

    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Word, occurrences, occurrences as one token; by first occurrence.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64, u64)> {
        let mut words: Vec<(&[u8], &Type)> = self.types.iter().map(|(word, found)| (word.borrow(), found)).collect();
        words.sort_unstable_by_key(|(_, found)| found.at);
        words.into_iter().map(|(word, found)| (word, found.count, found.one_token))
    }

    /// Occurrences and occurrences as one token; by first occurrence.
    pub fn counts(&self) -> Vec<[u64; 2]> {
        let mut counts = vec![[0; 2]; self.types.len()];
        self.types.values().for_each(|found| counts[found.at as usize] = [found.count, found.one_token]);
        counts
    }
}
