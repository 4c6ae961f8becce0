//! Ids to bytes, and to text as it streams. Knows no patterns.
//!
//! | units | a token's bytes |
//! |---|---|
//! | `byte`, `byte-char`, `syllable` | its own, wherever it stands: copied from a table |
//! | `jamo`, `jamo-char` | depend on its neighbours: module `symbols` reads the symbols one after another |

mod symbols;

use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Error, ErrorKind, Result, TokenId};
use symbols::{Reading, Spelled};

/// Tokens up to this long are copied as one block of fixed size, which compiles to two moves instead of a call.
const BLOCK: usize = 16;

/// Bytes of every id, derived once. Immutable.
///
/// Specials are decoded too: hand them in as pairs of id and bytes. 4 bytes an id and the bytes themselves: 2.2 MB for
/// o200k.
pub struct Decoder {
    /// All tokens' bytes, by id; then [`BLOCK`] zeros, so that a block read never leaves the arena.
    arena: Vec<u8>,
    /// Id's bytes are `arena[starts[id]..starts[id + 1]]`; none for a hole, since no token is empty.
    starts: Vec<u32>,
    /// Where tokens have no bytes of their own: their symbols. The other two are empty then.
    spelled: Option<Spelled>,
}

impl Decoder {
    /// Derives the table. `specials` are ids outside `vocab` with the bytes they stand for.
    ///
    /// # Errors
    /// A special whose id is taken or whose bytes are empty; tokens of 4 GiB in all.
    pub fn new(unit: &Unit, vocab: &Vocab, specials: &[(u32, &[u8])]) -> Result<Self> {
        let mut specials = specials.to_vec();
        specials.sort_unstable();
        check_specials(vocab, &specials)?;
        if let Unit::Jamo(jamo) = unit {
            let spelled = Some(Spelled::new(*jamo, vocab, &specials)?);
            return Ok(Self { arena: Vec::new(), starts: Vec::new(), spelled });
        }
        let n_ids = n_ids(vocab, &specials);
        let mut decoder = Self { arena: Vec::new(), starts: Vec::with_capacity(n_ids + 1), spelled: None };
        let mut specials = specials.into_iter().peekable();
        for id in 0..n_ids as u32 {
            decoder.starts.push(decoder.arena.len() as u32);
            if let Some((_, bytes)) = specials.next_if(|s| s.0 == id) {
                decoder.arena.extend_from_slice(bytes);
            } else if let Some(spelling) = vocab.spelling(TokenId(id)) {
                unit.bytes_into(spelling, &mut decoder.arena);
            }
        }
        decoder.starts.push(end_of(decoder.arena.len())?);
        decoder.arena.resize(decoder.arena.len() + BLOCK, 0);
        Ok(decoder)
    }

    /// One more than the highest id.
    pub fn n_ids(&self) -> usize {
        self.spelled.as_ref().map_or_else(|| self.starts.len() - 1, Spelled::n_ids)
    }

    /// The bytes of `id` wherever it stands; `None` for a hole, an id out of range, and for tokens of jamo units, whose
    /// bytes depend on their neighbours.
    #[inline]
    pub fn bytes(&self, id: u32) -> Option<&[u8]> {
        let (start, end) = self.span(id)?;
        Some(&self.arena[start..end])
    }

    #[inline]
    fn span(&self, id: u32) -> Option<(usize, usize)> {
        let id = id as usize;
        let (start, end) = (*self.starts.get(id)? as usize, *self.starts.get(id + 1)? as usize);
        (start < end).then_some((start, end))
    }

    /// Appends the bytes of `ids` to `out`. Two passes, one to measure; nothing is appended on an error.
    ///
    /// # Errors
    /// A token error naming the first id that the vocabulary does not hold, its position and the range.
    pub fn decode_into(&self, ids: &[u32], out: &mut Vec<u8>) -> Result<()> {
        let mut reading = Reading::default();
        self.read_into(ids, &mut reading, out)?;
        self.close(&mut reading, out);
        Ok(())
    }

    /// As [`decode_into`](Self::decode_into) for ids that go on where `reading` ended; what further ids may change stays
    /// in it.
    fn read_into(&self, ids: &[u32], reading: &mut Reading, out: &mut Vec<u8>) -> Result<()> {
        if let Some(spelled) = &self.spelled {
            self.check(ids)?;
            spelled.read_into(ids, reading, out);
            return Ok(());
        }
        let mut at = out.len();
        let total = self.n_bytes(ids)?;
        out.resize(at + total + BLOCK, 0);
        for &id in ids {
            // Every id has a span: n_bytes has seen them all.
            let Some((start, end)) = self.span(id) else { continue };
            if end - start <= BLOCK {
                out[at..at + BLOCK].copy_from_slice(&self.arena[start..start + BLOCK]);
            } else {
                out[at..at + end - start].copy_from_slice(&self.arena[start..end]);
            }
            at += end - start;
        }
        out.truncate(at);
        Ok(())
    }

    /// Appends what `reading` has left open.
    fn close(&self, reading: &mut Reading, out: &mut Vec<u8>) {
        if let Some(spelled) = &self.spelled {
            spelled.close(reading, out);
        }
    }

    /// How many bytes `ids` stand for.
    ///
    /// # Errors
    /// As [`decode_into`](Self::decode_into).
    pub fn n_bytes(&self, ids: &[u32]) -> Result<usize> {
        if let Some(spelled) = &self.spelled {
            self.check(ids)?;
            return Ok(spelled.n_bytes(ids));
        }
        let mut total = 0;
        for (position, &id) in ids.iter().enumerate() {
            let (start, end) = self.span(id).ok_or_else(|| self.no_such_token(id, position))?;
            total += end - start;
        }
        Ok(total)
    }

    /// Appends the end of each token's bytes, counted from 0, to `ends`; spans tile the decoded bytes.
    ///
    /// The three bytes of a syllable are shared out where its jamo lie in several tokens: L, V and T own one each, V two
    /// where there is no coda (docs/units.md, "Spans"). No span of ids that a text gives is empty.
    ///
    /// # Errors
    /// As [`decode_into`](Self::decode_into); nothing is appended then.
    pub fn ends_into(&self, ids: &[u32], ends: &mut Vec<u64>) -> Result<()> {
        if let Some(spelled) = &self.spelled {
            self.check(ids)?;
            spelled.ends_into(ids, ends);
            return Ok(());
        }
        let before = ends.len();
        ends.reserve(ids.len());
        let mut end = 0;
        for (position, &id) in ids.iter().enumerate() {
            let Some((from, to)) = self.span(id) else {
                ends.truncate(before);
                return Err(self.no_such_token(id, position));
            };
            end += (to - from) as u64;
            ends.push(end);
        }
        Ok(())
    }

    /// Fails where an id of a jamo unit is not in the vocabulary.
    fn check(&self, ids: &[u32]) -> Result<()> {
        let known = |id| self.spelled.as_ref().is_some_and(|s| s.has(id));
        match ids.iter().position(|&id| !known(id)) {
            Some(position) => Err(self.no_such_token(ids[position], position)),
            None => Ok(()),
        }
    }

    #[cold]
    fn no_such_token(&self, id: u32, position: usize) -> Error {
        let n_ids = self.n_ids();
        let message = if (id as usize) < n_ids {
            format!("token id {id} at position {position} is not in the vocabulary: it is a hole below {n_ids}")
        } else {
            format!("token id {id} at position {position} is not in the vocabulary: ids are below {n_ids}")
        };
        Error::new(ErrorKind::Token, message)
    }
}

/// One more than the highest id of both; `specials` are sorted by id.
fn n_ids(vocab: &Vocab, specials: &[(u32, &[u8])]) -> usize {
    specials.last().map_or(0, |s| s.0 as usize + 1).max(vocab.n_ids())
}

fn end_of(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::argument(format!("the tokens hold {n} bytes, 4 GiB or more")))
}

/// `specials` are sorted by id.
fn check_specials(vocab: &Vocab, specials: &[(u32, &[u8])]) -> Result<()> {
    for &(id, bytes) in specials {
        crate::merges::check_id(u64::from(id))?;
        if bytes.is_empty() {
            return Err(Error::argument(format!("the special token with id {id} stands for nothing")));
        }
        if vocab.spelling(TokenId(id)).is_some() {
            return Err(Error::argument(format!("special id {id} is taken by a token of the vocabulary")));
        }
    }
    match specials.windows(2).find(|w| w[0].0 == w[1].0) {
        Some(twice) => Err(Error::argument(format!("two special tokens have id {}", twice[0].0))),
        None => Ok(()),
    }
}

/// Turns ids into text as they come, whole characters only.
///
/// Bytes that cannot become a character any more are given as U+FFFD, as `String::from_utf8_lossy` does for the whole:
/// what comes out, put together, is what it gives, wherever the stream is cut. Holds at most 3 bytes between calls.
///
/// With a unit `jamo` a syllable comes out when it is certain to be whole: without a filler 가 waits for the next id,
/// which may bring its coda, or for [`finish`](Self::finish).
#[derive(Clone, Debug, Default)]
pub struct StreamDecoder {
    /// Jamo that may still become a syllable.
    reading: Reading,
    /// The beginning of a character that may still become whole; then, inside [`push`](Self::push), what follows.
    pending: Vec<u8>,
}

impl StreamDecoder {
    /// Nothing pending.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next ids and gives the characters that are now whole.
    ///
    /// # Errors
    /// As [`Decoder::decode_into`]; none of `ids` is taken then, and the stream can go on.
    pub fn push(&mut self, decoder: &Decoder, ids: &[u32]) -> Result<String> {
        decoder.read_into(ids, &mut self.reading, &mut self.pending)?;
        Ok(self.take_whole())
    }

    /// Takes the next bytes and gives the characters that are now whole.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        self.take_whole()
    }

    /// Appends the bytes of the next ids to `out` as they are, characters or not: for writing to a file in parts. Bytes
    /// that [`push`](Self::push) holds come first.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn read_into(&mut self, decoder: &Decoder, ids: &[u32], out: &mut Vec<u8>) -> Result<()> {
        decoder.read_into(ids, &mut self.reading, &mut self.pending)?;
        out.append(&mut self.pending);
        Ok(())
    }

    /// Ends the stream of [`read_into`](Self::read_into): appends what was waiting. The decoder can start anew.
    pub fn end_into(&mut self, decoder: &Decoder, out: &mut Vec<u8>) {
        decoder.close(&mut self.reading, &mut self.pending);
        out.append(&mut self.pending);
    }

    fn take_whole(&mut self) -> String {
        let mut text = String::with_capacity(self.pending.len());
        let mut n_left = 0;
        let mut chunks = self.pending.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            if chunks.peek().is_none() && may_become_whole(chunk.invalid()) {
                n_left = chunk.invalid().len();
            } else if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.pending.drain(..self.pending.len() - n_left);
        text
    }

    /// Ends the stream: jamo that were waiting come out, and bytes as U+FFFD. The decoder can start anew.
    pub fn finish(&mut self, decoder: &Decoder) -> String {
        decoder.close(&mut self.reading, &mut self.pending);
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

/// Whether `invalid`, the end of a buffer, is the beginning of a character that further bytes could make whole.
fn may_become_whole(invalid: &[u8]) -> bool {
    matches!(std::str::from_utf8(invalid), Err(e) if e.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Symbol;
    use crate::merges::{ByteOrder, Merges, RankedToken, Rule};
    use proptest::prelude::*;

    /// Bytes by value, a hole at 256, two tokens of 17 and 2 bytes, and a special.
    fn decoder() -> Decoder {
        let ranked = |id, bytes: &[u8]| RankedToken {
            id: TokenId(id),
            spelling: bytes.iter().map(|&b| Symbol(b.into())).collect(),
        };
        let rule = Rule::Ranks(vec![ranked(257, b"longer than block"), ranked(258, b"\xEC\x82")]);
        let vocab = Vocab::derive(&Merges::unchecked(ByteOrder::Raw.ids().to_vec(), rule)).unwrap();
        Decoder::new(&Unit::Byte, &vocab, &[(260, b"<|end|>")]).unwrap()
    }

    fn decode(ids: &[u32]) -> Result<Vec<u8>> {
        let mut out = b"before ".to_vec();
        decoder().decode_into(ids, &mut out)?;
        Ok(out)
    }

    #[test]
    fn bytes_of_ids() {
        assert_eq!(decode(&[]).unwrap(), b"before ");
        assert_eq!(decode(&[97, 257, 258, 0xAC, 260]).unwrap(), "before alonger than block사<|end|>".as_bytes());
        let mut ends = vec![7];
        decoder().ends_into(&[97, 257, 258], &mut ends).unwrap();
        assert_eq!(ends, [7, 1, 18, 20]);
        assert_eq!(decoder().bytes(258), Some(b"\xEC\x82".as_slice()));
        assert_eq!((decoder().bytes(256), decoder().bytes(261), decoder().bytes(u32::MAX)), (None, None, None));
    }

    #[test]
    fn unknown_ids_are_named_with_position_and_bound() {
        for (ids, want) in [
            (&[97, 261][..], "token id 261 at position 1 is not in the vocabulary: ids are below 261"),
            (&[u32::MAX], "token id 4294967295 at position 0 is not in the vocabulary: ids are below 261"),
            (&[97, 98, 256], "token id 256 at position 2 is not in the vocabulary: it is a hole below 261"),
        ] {
            let e = decode(ids).unwrap_err();
            assert_eq!((e.kind(), e.to_string().as_str()), (ErrorKind::Token, want));
            let mut ends = vec![3];
            assert_eq!(decoder().ends_into(ids, &mut ends).unwrap_err().to_string(), want);
            assert_eq!(ends, [3], "nothing is appended on an error");
        }
    }

    #[test]
    fn specials_are_checked() {
        let vocab = Vocab::derive(&Merges::unchecked(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![]))).unwrap();
        for (specials, want) in [
            (&[(300, &b""[..])][..], "the special token with id 300 stands for nothing"),
            (&[(7, b"x")], "special id 7 is taken by a token of the vocabulary"),
            (&[(300, b"x"), (300, b"y")], "two special tokens have id 300"),
            (&[(1 << 21, b"x")], "token id 2097152 is too large: ids must stay below 2097152"),
        ] {
            assert_eq!(Decoder::new(&Unit::Byte, &vocab, specials).err().unwrap().to_string(), want);
        }
    }

    #[test]
    fn a_failed_push_takes_nothing() {
        let (decoder, mut stream) = (decoder(), StreamDecoder::new());
        assert_eq!(stream.push(&decoder, &[258]).unwrap(), "");
        stream.push(&decoder, &[97, 999]).unwrap_err();
        assert_eq!(stream.push(&decoder, &[0xAC]).unwrap(), "사");
        assert_eq!(stream.finish(&decoder), "");
    }

    proptest! {
        #[test]
        fn decoding_is_concatenation(ids in proptest::collection::vec((0u32..261).prop_filter("hole", |i| decoder().bytes(*i).is_some()), 0..40)) {
            let decoder = decoder();
            let want: Vec<u8> = ids.iter().flat_map(|&id| decoder.bytes(id).unwrap_or_default().to_vec()).collect();
            let (mut out, mut ends) = (Vec::new(), Vec::new());
            decoder.decode_into(&ids, &mut out).unwrap();
            decoder.ends_into(&ids, &mut ends).unwrap();
            prop_assert_eq!(&out, &want);
            prop_assert_eq!(ends.last().copied().unwrap_or(0), want.len() as u64);
        }

        /// Whole text in one go, for any bytes and any cuts. The alphabet is rich in beginnings of characters.
        #[test]
        fn stream_equals_lossy_whole(
            parts in proptest::collection::vec(
                proptest::collection::vec(proptest::sample::select(&[b'a', 0xEC, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0xC2, 0xE0, 0xED, 0xA0, 0xF4, 0x90, 0xFF][..]), 0..6),
                0..12,
            ),
        ) {
            let mut stream = StreamDecoder::new();
            let mut text: String = parts.iter().map(|part| stream.push_bytes(part)).collect();
            prop_assert!(stream.pending.len() < 4);
            text += &stream.finish(&decoder());
            prop_assert_eq!(text, String::from_utf8_lossy(&parts.concat()).into_owned());
        }
    }
}
