//! The char-safe rule: a token is whole characters, or begins with a lead byte and is a prefix of ONE character.
//!
//! So no token ends one character and begins another, and none begins inside a character. Bytes that are no UTF-8 never
//! merge. Source of the idea: SCRIPT-BPE (arXiv 2505.24689).

use crate::Symbol;

/// Bytes of a candidate that are looked at without memory from the heap.
const NEAR: usize = 64;

/// Whether `symbols` (bytes) may be a token.
pub(super) fn allows(symbols: &[Symbol]) -> bool {
    with_bytes(symbols, |bytes| match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // `error_len` is None exactly where the bytes end in the middle of a character that is right so far.
        Err(e) => e.valid_up_to() == 0 && e.error_len().is_none(),
    })
}

/// Whether `symbols` (bytes) are whole characters.
pub(super) fn is_whole(symbols: &[Symbol]) -> bool {
    with_bytes(symbols, |bytes| std::str::from_utf8(bytes).is_ok())
}

fn with_bytes<T>(symbols: &[Symbol], look: impl Fn(&[u8]) -> T) -> T {
    let mut near = [0; NEAR];
    match near.get_mut(..symbols.len()) {
        Some(bytes) => {
            bytes.iter_mut().zip(symbols).for_each(|(b, s)| *b = s.0 as u8);
            look(bytes)
        }
        None => look(&symbols.iter().map(|s| s.0 as u8).collect::<Vec<u8>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let rows: &[(&[u8], bool)] = &[
            (b"a", true),
            ("사과".as_bytes(), true),
            (" 사".as_bytes(), true),
            (b"\xEC", true),
            (b"\xEC\x82", true),
            (b"\x82\xAC", false),
            (b" \xEC", false),
            (b"\xEC\x82\xAC\xEA", false),
            (b"\xAC\xEA\xB3\xBC", false),
            (b"\xFF", false),
            (b"\xC0\x80", false),
            (b"\xED\xA0", false), // would be a surrogate
            (b"\xF0\x9F\x8D", true),
            (b"\xF0\x9F\x8D\x8E", true),
            (b"\xF5\x80", false),
        ];
        for (bytes, want) in rows {
            let symbols: Vec<Symbol> = bytes.iter().map(|&b| Symbol(b.into())).collect();
            assert_eq!(allows(&symbols), *want, "{bytes:x?}");
            assert_eq!(is_whole(&symbols), std::str::from_utf8(bytes).is_ok());
        }
        let long: Vec<Symbol> = "사".repeat(40).bytes().map(|b| Symbol(b.into())).collect();
        assert!(allows(&long) && !allows(&long[1..]) && !allows(&long[..119]));
    }
}
