//! bpe-lab's count file, laid out in docs/formats.md. Canonical: equal counts give equal bytes.
//!
//! Reads front to back, allocates only for what has arrived, and trusts nothing before the checksum has come out.

use super::{Marks, PieceCounts};
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

/// Ends in NUL, which the text writer escapes: no text file that it writes begins so.
pub(super) const MAGIC: [u8; 8] = *b"BPECNTS\0";
const VERSION: u32 = 1;

const SECTION_PIECES: u8 = 1;
/// Comes after the pieces or not at all.
const SECTION_SUPERPIECES: u8 = 2;
const SECTION_END: u8 = 0;

/// Every record ends in its cut marks.
const FLAG_MARKS: u8 = 1;

const CHECKSUM_BYTES: usize = 32;
const BUFFER_BYTES: usize = 1 << 16;

pub(super) fn write(counts: &PieceCounts, out: &mut dyn Write) -> Result<()> {
    let mut sink = Sink { out, buffer: Vec::with_capacity(2 * BUFFER_BYTES), sha: Sha256::new() };
    sink.buffer.extend_from_slice(&MAGIC);
    sink.buffer.extend_from_slice(&VERSION.to_le_bytes());
    let header = header_of(counts);
    let length = u32::try_from(header.len())
        .map_err(|_| Error::argument("the meta-data of the counts takes 4 GiB or more, too much for a count file"))?;
    sink.buffer.extend_from_slice(&length.to_le_bytes());
    sink.buffer.extend_from_slice(header.as_bytes());
    sink.put_section(SECTION_PIECES, counts)?;
    if let Some(superpieces) = counts.superpieces() {
        sink.put_section(SECTION_SUPERPIECES, superpieces)?;
    }
    sink.buffer.push(SECTION_END);
    sink.finish()
}

/// What the header says of the second table stands under this key.
const SUPERPIECES: &str = "superpieces";

fn header_of(counts: &PieceCounts) -> String {
    let meta: Map<String, Value> = counts.meta().iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let mut header = json!({ "meta": meta, "n_pieces": counts.len(), "total_weight": counts.total_weight() });
    if let Some(table) = counts.superpieces() {
        header[SUPERPIECES] = json!({ "n_pieces": table.len(), "total_weight": table.total_weight() });
    }
    header.to_string()
}

/// A piece as what it shares with the one before, the rest, and its weight.
///
/// What is shared is one byte, so that no file, however crafted, unpacks to more than some 64 times its size.
fn put_record(out: &mut Vec<u8>, last: &[u8], piece: &[u8], weight: u64) {
    let shared = last.iter().zip(piece).take(usize::from(u8::MAX)).take_while(|(a, b)| a == b).count();
    out.push(shared as u8);
    put_varint(out, (piece.len() - shared) as u64);
    out.extend_from_slice(&piece[shared..]);
    put_varint(out, weight);
}

/// The number of marks, then each as its distance from the one before (the first from the start).
fn put_marks(out: &mut Vec<u8>, marks: Marks) {
    put_varint(out, marks.len() as u64);
    let mut last = 0;
    for mark in marks.iter() {
        put_varint(out, (mark - last) as u64);
        last = mark;
    }
}

/// LEB128: 7 bits a byte, lowest first, the top bit on all but the last.
fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

struct Sink<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    sha: Sha256,
}

impl Sink<'_> {
    fn put_section(&mut self, kind: u8, counts: &PieceCounts) -> Result<()> {
        self.buffer.extend_from_slice(&[kind, if counts.has_marks() { FLAG_MARKS } else { 0 }]);
        put_varint(&mut self.buffer, counts.len() as u64);
        let mut last: &[u8] = &[];
        for record in counts.records_sorted() {
            put_record(&mut self.buffer, last, record.piece, record.weight);
            if counts.has_marks() {
                put_marks(&mut self.buffer, record.marks);
            }
            self.flush_when_full()?;
            last = record.piece;
        }
        Ok(())
    }

    fn flush_when_full(&mut self) -> Result<()> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        self.sha.update(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.out.write_all(&self.sha.finalize())?;
        Ok(self.out.flush()?)
    }
}

/// Reads what follows the magic.
pub(super) fn read(input: &mut dyn Read) -> Result<PieceCounts> {
    let mut source = Source::new(input);
    let version = source.u32()?;
    if version != VERSION {
        return Err(newer(format!("the count file has version {version}, this program reads version {VERSION}")));
    }
    let length = source.u32()?;
    let header = source.take(u64::from(length))?;
    let claims = Claims::parse(&header)?;
    let mut counts = PieceCounts { meta: claims.meta, ..PieceCounts::default() };
    source.sections(&mut counts)?;
    source.end()?;
    claims.pieces.check(&counts, "pieces")?;
    match (claims.superpieces, counts.superpieces()) {
        (None, None) => Ok(counts),
        (Some(claim), Some(table)) => claim.check(table, "superpieces").map(|()| counts),
        (claim, _) => {
            let (told, held) = if claim.is_some() { ("tells of", "has none") } else { ("tells of no", "has some") };
            Err(corrupt(format!("its header {told} superpieces, it {held}")))
        }
    }
}

/// What the header says.
struct Claims {
    meta: std::collections::BTreeMap<String, String>,
    pieces: Claim,
    superpieces: Option<Claim>,
}

/// How much a table holds.
struct Claim {
    n_pieces: u64,
    total_weight: u64,
}

impl Claim {
    fn parse(object: &Value) -> Result<Self> {
        let number = |key: &str| {
            object[key].as_u64().ok_or_else(|| corrupt(format!("its header has no number under \"{key}\"")))
        };
        Ok(Self { n_pieces: number("n_pieces")?, total_weight: number("total_weight")? })
    }

    /// Fails unless `table` holds that much.
    fn check(&self, table: &PieceCounts, what: &str) -> Result<()> {
        let (n, total) = (table.len() as u64, table.total_weight());
        let (cn, ct) = (self.n_pieces, self.total_weight);
        if (n, total) == (cn, ct) {
            return Ok(());
        }
        Err(corrupt(format!("its header tells of {cn} {what} of weight {ct}, it holds {n} of weight {total}")))
    }
}

impl Claims {
    fn parse(header: &[u8]) -> Result<Self> {
        let header: Value =
            serde_json::from_slice(header).map_err(|e| corrupt(format!("its header is not JSON ({e})")))?;
        let meta = header["meta"].as_object().ok_or_else(|| corrupt("its header has no \"meta\"".into()))?;
        let text = |(key, value): (&String, &Value)| match value.as_str() {
            Some(value) => Ok((key.clone(), value.to_owned())),
            None => Err(corrupt(format!("\"{key}\" in its \"meta\" is not a string"))),
        };
        Ok(Self {
            meta: meta.iter().map(text).collect::<Result<_>>()?,
            pieces: Claim::parse(&header)?,
            superpieces: header.get(SUPERPIECES).map(Claim::parse).transpose()?,
        })
    }
}

/// The input, hashed as it is used up.
struct Source<'a> {
    input: &'a mut dyn Read,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are used up.
    used: usize,
    /// Where in the file `buffer` begins.
    offset: u64,
    sha: Sha256,
}

impl<'a> Source<'a> {
    fn new(input: &'a mut dyn Read) -> Self {
        let sha = Sha256::new_with_prefix(MAGIC);
        Self { input, buffer: Vec::with_capacity(BUFFER_BYTES), used: 0, offset: MAGIC.len() as u64, sha }
    }

    /// Where in the file the next byte lies.
    fn at(&self) -> u64 {
        self.offset + self.used as u64
    }

    /// Reads on when all is used up. An end of input leaves the buffer empty.
    fn fill(&mut self) -> Result<()> {
        if self.used == self.buffer.len() {
            self.sha.update(&self.buffer);
            self.offset += self.buffer.len() as u64;
            self.used = 0;
            self.buffer.clear();
            (&mut *self.input).take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer)?;
        }
        Ok(())
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        if self.used == self.buffer.len() {
            self.fill()?;
        }
        let byte = *self.buffer.get(self.used).ok_or_else(|| ends_early(self.at()))?;
        self.used += 1;
        Ok(byte)
    }

    fn u32(&mut self) -> Result<u32> {
        let mut bytes = [0; 4];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(u32::from_le_bytes(bytes))
    }

    fn varint(&mut self) -> Result<u64> {
        let start = self.at();
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 || shift > 0 && byte == 0 {
                break;
            }
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(corrupt(format!("the number at byte {start} has too many digits")))
    }

    fn take(&mut self, n: u64) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.append(n, &mut out)?;
        Ok(out)
    }

    /// Appends the next `n` bytes to `out`, which grows no faster than they come.
    fn append(&mut self, mut n: u64, out: &mut Vec<u8>) -> Result<()> {
        while n > 0 {
            self.fill()?;
            let here = &self.buffer[self.used..];
            if here.is_empty() {
                return Err(ends_early(self.at()));
            }
            let step = here.len().min(usize::try_from(n).unwrap_or(usize::MAX));
            out.extend_from_slice(&here[..step]);
            self.used += step;
            n -= step as u64;
        }
        Ok(())
    }

    fn sections(&mut self, counts: &mut PieceCounts) -> Result<()> {
        match (self.byte()?, self.byte()?) {
            (SECTION_PIECES, flags @ 0..=FLAG_MARKS) => self.records(flags, counts)?,
            (kind, flags) => return Err(unknown_section(kind, flags)),
        }
        let mut kind = self.byte()?;
        if kind == SECTION_SUPERPIECES {
            match self.byte()? {
                0 => self.records(0, counts.superpieces.insert(Box::default()))?,
                flags => return Err(unknown_section(kind, flags)),
            }
            kind = self.byte()?;
        }
        match kind {
            SECTION_END => Ok(()),
            kind => Err(unknown_section(kind, 0)),
        }
    }

    fn records(&mut self, flags: u8, counts: &mut PieceCounts) -> Result<()> {
        let n = self.varint()?;
        let (mut piece, mut last) = (Vec::new(), Vec::new());
        let (mut marks, mut last_marks) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let start = self.at();
            let weight = self.record(&last, &mut piece)?;
            if flags == FLAG_MARKS {
                self.marks(&mut marks)?;
            }
            if piece < last || piece == last && marks <= last_marks || weight == 0 {
                return Err(corrupt(format!("the record at byte {start} is out of order or has no weight")));
            }
            let added = counts.add_marked(&piece, &marks, weight);
            added.map_err(|e| corrupt(format!("the record at byte {start}: {e}")))?;
            std::mem::swap(&mut piece, &mut last);
            std::mem::swap(&mut marks, &mut last_marks);
        }
        if counts.has_marks() != (flags == FLAG_MARKS) {
            return Err(corrupt("its records should have cut marks and none has".into()));
        }
        Ok(())
    }

    /// Reads a record into `piece` and gives its weight.
    fn record(&mut self, last: &[u8], piece: &mut Vec<u8>) -> Result<u64> {
        let start = self.at();
        let Some(shared) = last.get(..usize::from(self.byte()?)) else {
            return Err(corrupt(format!("the record at byte {start} shares more than there is")));
        };
        piece.clear();
        piece.extend_from_slice(shared);
        let own = self.varint()?;
        self.append(own, piece)?;
        self.varint()
    }

    /// Reads the marks of a record, which grow no faster than they come.
    fn marks(&mut self, marks: &mut Vec<u32>) -> Result<()> {
        let (n, start) = (self.varint()?, self.at());
        let mut last = 0u32;
        marks.clear();
        for _ in 0..n {
            let step = self.varint()?;
            let mark = u32::try_from(step).ok().and_then(|step| last.checked_add(step));
            last = mark.ok_or_else(|| corrupt(format!("a cut mark near byte {start} passes the longest piece")))?;
            marks.push(last);
        }
        Ok(())
    }

    /// Compares the checksum and sees that nothing follows.
    fn end(mut self) -> Result<()> {
        self.sha.update(&self.buffer[..self.used]);
        let sum = self.sha.finalize_reset();
        let at = self.at();
        let stored = self.take(CHECKSUM_BYTES as u64)?;
        if stored != sum[..] {
            return Err(corrupt(format!("its content does not match the checksum at byte {at}")));
        }
        self.fill()?;
        if self.used < self.buffer.len() {
            return Err(corrupt(format!("something follows its checksum, from byte {}", self.at())));
        }
        Ok(())
    }
}

/// The file stops at byte `at`.
pub(super) fn ends_early(at: u64) -> Error {
    Error::format(format!("the count file ends early, at byte {at}")).hint("copy or write it again")
}

fn corrupt(what: String) -> Error {
    Error::format(format!("the count file is corrupt: {what}")).hint("copy or write it again")
}

fn newer(what: String) -> Error {
    Error::format(what).hint("read it with the version of bpe-lab that wrote it")
}

fn unknown_section(kind: u8, flags: u8) -> Error {
    newer(format!("the count file has a section of kind {kind} with flags {flags:#04x}, unknown to version {VERSION}"))
}
