//! Pieces and their weights, one after another in chunks that are filled and never grown.
//!
//! Finds nothing by itself: [`Table`](super::table::Table) keeps the locations.

use super::key::Key;

/// Bytes of a chunk, but for a record that is larger than a quarter of it: that one gets a chunk of its own.
const CHUNK_BYTES: usize = 1 << 20;
/// Locations count words: 15 bits of chunk number, 17 bits of place within it.
const WORD: usize = 8;
const PLACE_BITS: u32 = 17;
const MAX_CHUNKS: usize = 1 << (32 - PLACE_BITS);
/// Header and the first 16 bytes of the piece.
const RECORD_MIN: usize = 24;

/// Records. A record is the low half of the weight, the length, and the piece, padded with zeros to whole words and to
/// at least 16 bytes, so that pieces up to 16 bytes (more than nine in ten of any text) compare without a loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Arena {
    chunks: Vec<Vec<u8>>,
    /// The chunk that small records go to. Chunks of one large record may come after it.
    filling: usize,
}

impl Arena {
    /// Appends a record and gives its location, which is never 0 and stays valid; `None` when 32 GiB are full.
    pub(super) fn push(&mut self, key: &Key, weight: u32) -> Option<u32> {
        let size = (WORD + key.piece.len()).next_multiple_of(WORD).max(RECORD_MIN);
        let number = self.chunk_with_room(size)?;
        let chunk = &mut self.chunks[number];
        let at = chunk.len();
        chunk.extend_from_slice(&weight.to_le_bytes());
        chunk.extend_from_slice(&(key.piece.len() as u32).to_le_bytes());
        chunk.extend_from_slice(key.piece);
        chunk.resize(at + size, 0);
        Some(location_of(number, at))
    }

    fn chunk_with_room(&mut self, size: usize) -> Option<usize> {
        let filling = self.chunks.get(self.filling);
        if filling.is_some_and(|c| c.len() + size <= c.capacity().min(CHUNK_BYTES)) {
            return Some(self.filling);
        }
        let number = self.chunks.len();
        if number == MAX_CHUNKS {
            return None;
        }
        // The first chunks are small so that small tables are; location 0, an empty slot's, is kept free.
        let usual = (1024 << number.min(10)).min(CHUNK_BYTES);
        let reserved = first_place(number);
        let mut chunk = Vec::with_capacity(usual.max(size + reserved));
        chunk.resize(reserved, 0);
        self.chunks.push(chunk);
        if size <= CHUNK_BYTES / 4 {
            self.filling = number;
        }
        Some(number)
    }

    /// The bytes from a record on.
    #[inline]
    fn at(&self, location: u32) -> &[u8] {
        &self.chunks[(location >> PLACE_BITS) as usize][place(location)..]
    }

    /// The length of a piece; brings its record into the cache.
    #[inline]
    pub(super) fn length(&self, location: u32) -> usize {
        length_of(self.at(location))
    }

    pub(super) fn piece(&self, location: u32) -> &[u8] {
        piece_of(self.at(location))
    }

    /// The low half of a weight.
    pub(super) fn low_weight(&self, location: u32) -> u64 {
        low_weight_of(self.at(location))
    }

    /// Whether the record is of this piece.
    #[inline]
    pub(super) fn holds(&self, location: u32, key: &Key) -> bool {
        let Some((fixed, rest)) = self.at(location).split_first_chunk::<RECORD_MIN>() else { return false };
        let (header, head) = fixed.split_at(WORD);
        let n = length_of(header);
        if n != key.piece.len() || *head != key.head.to_le_bytes() {
            return false;
        }
        n <= 16 || rest[..n - 16] == key.piece[16..]
    }

    /// Adds to the low half of the weight and gives the high half of the sum, which has no room there.
    #[inline]
    pub(super) fn bump(&mut self, location: u32, weight: u64) -> u64 {
        let chunk = &mut self.chunks[(location >> PLACE_BITS) as usize];
        let Some(low) = chunk[place(location)..].first_chunk_mut::<4>() else { return 0 };
        let sum = u64::from(u32::from_le_bytes(*low)) + weight;
        *low = (sum as u32).to_le_bytes();
        sum >> 32
    }

    /// Locations in the order they came.
    pub(super) fn locations(&self) -> impl Iterator<Item = u32> {
        self.chunks.iter().enumerate().flat_map(|(number, chunk)| records(number, chunk).map(|r| r.0))
    }

    /// Hands the (location, piece, low half of the weight) of a chunk's records to `take`, and frees chunk by chunk.
    pub(super) fn drain<E>(
        self,
        mut take: impl FnMut(&mut dyn Iterator<Item = (u32, &[u8], u64)>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (number, chunk) in self.chunks.into_iter().enumerate() {
            take(&mut records(number, &chunk).map(|(at, record)| (at, piece_of(record), low_weight_of(record))))?;
        }
        Ok(())
    }
}

/// The records of chunk `number`, with their locations; a record may have others behind it.
fn records(number: usize, chunk: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut at = first_place(number);
    std::iter::from_fn(move || {
        let record = chunk.get(at..).filter(|r| !r.is_empty())?;
        let location = location_of(number, at);
        at += (WORD + length_of(record)).next_multiple_of(WORD).max(RECORD_MIN);
        Some((location, record))
    })
}

/// Where the first record of a chunk lies.
fn first_place(chunk: usize) -> usize {
    if chunk == 0 { WORD } else { 0 }
}

fn location_of(chunk: usize, place: usize) -> u32 {
    ((chunk << PLACE_BITS) | (place / WORD)) as u32
}

#[inline]
fn place(location: u32) -> usize {
    (location & ((1 << PLACE_BITS) - 1)) as usize * WORD
}

fn low_weight_of(record: &[u8]) -> u64 {
    record.first_chunk::<4>().map_or(0, |n| u64::from(u32::from_le_bytes(*n)))
}

#[inline]
fn length_of(record: &[u8]) -> usize {
    record[4..].first_chunk::<4>().map_or(0, |n| u32::from_le_bytes(*n) as usize)
}

fn piece_of(record: &[u8]) -> &[u8] {
    &record[WORD..WORD + length_of(record)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of one hash are rare, so that the map's tests hardly meet them.
    #[test]
    fn holds_no_other_piece() {
        let text: Vec<u8> = (1..60).collect();
        for n in 1..50 {
            let mut arena = Arena::default();
            let location = arena.push(&Key::new(&text[..n]), 1).unwrap();
            arena.push(&Key::new(b"next"), 1).unwrap();
            assert!(arena.holds(location, &Key::new(&text[..n])));
            assert!(!arena.holds(location, &Key::new(&text[..n + 1])));
            for i in 0..n {
                let mut other = text[..n].to_vec();
                other[i] ^= 0x80;
                assert!(!arena.holds(location, &Key::new(&other)), "byte {i} of {n}");
                other[i] = 0;
                assert!(!arena.holds(location, &Key::new(&other)), "byte {i} of {n}");
            }
            assert!(n == 1 || !arena.holds(location, &Key::new(&text[..n - 1])));
        }
    }
}
