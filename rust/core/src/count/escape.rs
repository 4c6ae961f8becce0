//! Bytes as printable text and back: `\t`, `\n`, `\r`, `\\` and `\xHH`, for the two-column file and the command line.

use crate::{Error, Result};

/// Undoes [`escape`]. Bytes without a backslash stand for themselves.
///
/// # Errors
/// A backslash that begins none of the five forms.
pub(crate) fn unescape(text: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, length) = escaped(&rest[at..])?;
        out.push(byte);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// The byte that an escape at the front of `text` stands for, and the escape's length.
fn escaped(text: &[u8]) -> Result<(u8, usize)> {
    match text {
        [_, b't', ..] => Ok((b'\t', 2)),
        [_, b'n', ..] => Ok((b'\n', 2)),
        [_, b'r', ..] => Ok((b'\r', 2)),
        [_, b'\\', ..] => Ok((b'\\', 2)),
        [_, b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Ok((digit(*high) << 4 | digit(*low), 4))
        }
        _ => {
            let form = String::from_utf8_lossy(&text[..text.len().min(4)]);
            Err(Error::argument(format!("unknown escape \"{form}\"; there are \\t \\n \\r \\\\ and \\xHH"))
                .hint("write a backslash that stands for itself as \\\\"))
        }
    }
}

/// The value of an ASCII hexadecimal digit.
fn digit(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'f' => c - b'a' + 10,
        _ => c.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// Appends `bytes` so that the result is valid UTF-8 without control characters and [`unescape`] gives them back.
pub(crate) fn escape(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\\' => out.push_str("\\\\"),
                '\0'..='\x1f' | '\x7f' => push_hex(c as u8, out),
                c => out.push(c),
            }
        }
        for &byte in chunk.invalid() {
            push_hex(byte, out);
        }
    }
}

fn push_hex(byte: u8, out: &mut String) {
    out.push_str("\\x");
    for nibble in [byte >> 4, byte & 15] {
        out.extend(char::from_digit(u32::from(nibble), 16));
    }
}

/// The first bytes of `text`, escaped, for messages.
pub(crate) fn excerpt(text: &[u8]) -> String {
    const SHOWN: usize = 60;
    let mut out = String::new();
    escape(&text[..text.len().min(SHOWN)], &mut out);
    if text.len() > SHOWN {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unescape_undoes_escape(bytes: Vec<u8>) {
            let mut text = String::new();
            escape(&bytes, &mut text);
            prop_assert!(!text.chars().any(|c| c.is_ascii_control()));
            prop_assert_eq!(unescape(text.as_bytes()).unwrap(), bytes);
        }
    }

    #[test]
    fn wrong_escapes_are_named() {
        for text in ["\\", "a\\q", "\\x", "\\x1", "\\xg0", "\\x+1"] {
            let e = unescape(text.as_bytes()).unwrap_err();
            assert!(e.to_string().contains("unknown escape"), "{text}: {e}");
        }
        assert_eq!(unescape(b"\\x41\\xfF\\\\n").unwrap(), b"A\xff\\n");
    }
}
