//! The two-column file: `piece<TAB>count` lines, for counts that come from or go to other programs.
//!
//! No header, no meta-data, no checksum. Escapes are those of [`escape`](super::escape); `\|` in a piece is a cut mark.

use super::{PieceCounts, Record, escape, excerpt, unescape};
use crate::{Error, Result};
use std::io::{BufRead, BufReader, Read, Write};

/// Longer lines are refused, so that a file that is something else does not fill the memory.
const MAX_LINE: usize = 1 << 28;
const BUFFER_BYTES: usize = 1 << 16;

pub(super) fn write(counts: &PieceCounts, out: &mut dyn Write) -> Result<()> {
    let mut buffer = String::with_capacity(2 * BUFFER_BYTES);
    for record in counts.records_sorted() {
        escape_marked(record, &mut buffer);
        buffer.push('\t');
        buffer.push_str(&record.weight.to_string());
        buffer.push('\n');
        if buffer.len() >= BUFFER_BYTES {
            out.write_all(buffer.as_bytes())?;
            buffer.clear();
        }
    }
    out.write_all(buffer.as_bytes())?;
    Ok(out.flush()?)
}

pub(super) fn read(input: &mut dyn Read) -> Result<PieceCounts> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut counts = PieceCounts::new();
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        if (&mut input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        add_line(&mut counts, &line).map_err(|e| in_line(&e, number, &line))?;
    }
    Ok(counts)
}

fn add_line(counts: &mut PieceCounts, line: &[u8]) -> Result<()> {
    if line.len() > MAX_LINE {
        return Err(Error::format(format!("longer than {MAX_LINE} bytes")));
    }
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Ok(());
    }
    let Some(tab) = memchr::memrchr(b'\t', line) else { return Err(Error::format("no TAB")) };
    let count = std::str::from_utf8(&line[tab + 1..]).ok();
    let count = count.filter(|c| c.bytes().all(|b| b.is_ascii_digit())).and_then(|c| c.parse().ok());
    let Some(count) = count.filter(|&c: &u64| c > 0) else {
        return Err(Error::format(format!("the count is not a whole number from 1 to {}", u64::MAX)));
    };
    let (piece, marks) = unescape_marked(&line[..tab])?;
    counts.add_marked(&piece, &marks, count)
}

/// Appends a piece part by part, `\|` between the parts.
fn escape_marked(record: Record, out: &mut String) {
    let mut start = 0;
    for mark in record.marks.iter() {
        escape(&record.piece[start..mark], out);
        out.push_str("\\|");
        start = mark;
    }
    escape(&record.piece[start..], out);
}

/// Undoes [`escape_marked`].
fn unescape_marked(text: &[u8]) -> Result<(Vec<u8>, Vec<u32>)> {
    let (mut piece, mut marks, mut start, mut from) = (Vec::new(), Vec::new(), 0, 0);
    while let Some(at) = memchr::memchr(b'\\', &text[from..]).map(|at| from + at) {
        if text.get(at + 1) == Some(&b'|') {
            piece.extend(unescape(&text[start..at])?);
            marks.push(piece.len() as u32);
            start = at + 2;
        }
        from = (at + 2).min(text.len());
    }
    piece.extend(unescape(&text[start..])?);
    Ok((piece, marks))
}

fn in_line(cause: &Error, number: u64, line: &[u8]) -> Error {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Error::format(format!("line {number} of the counts, \"{}\": {cause}", excerpt(line)))
        .hint("a line is a piece, a TAB and a count; \\t \\n \\r \\\\ and \\xHH stand for bytes in a piece")
}
