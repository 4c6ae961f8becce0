//! Bytes as the 256 characters that GPT-2 writes them with: printable ones as themselves, the others from U+0100 on.

use crate::merges::is_printable;
use std::sync::LazyLock;

/// The character of every byte.
static CHARS: LazyLock<[char; 256]> = LazyLock::new(|| {
    let mut others = '\u{100}'..;
    std::array::from_fn(|b| {
        let byte = b as u8;
        if is_printable(byte) { char::from(byte) } else { others.next().unwrap_or_default() }
    })
});

/// The byte of every character below U+0144, which is one past the last.
static BYTES: LazyLock<[Option<u8>; 0x144]> = LazyLock::new(|| {
    let mut bytes = [None; 0x144];
    for (b, &c) in CHARS.iter().enumerate() {
        bytes[c as usize] = Some(b as u8);
    }
    bytes
});

/// `bytes` in these characters.
pub(super) fn to_text(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| CHARS[usize::from(b)]).collect()
}

/// The bytes that `text` stands for; `None` where a character is none of these.
pub(super) fn to_bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| BYTES.get(c as usize).copied().flatten()).collect()
}

/// Whether Hugging Face would take `text`, written in full, for other bytes: its decoder reads a special like any token.
pub(super) fn is_misread(text: &str) -> bool {
    to_bytes(text).is_some_and(|bytes| bytes != text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpt2_table() {
        let all: Vec<u8> = (0..=255).collect();
        let text = to_text(&all);
        assert_eq!(text.chars().count(), 256);
        assert_eq!(to_bytes(&text), Some(all));
        assert_eq!(to_text(" a\n\0\u{7F}é".as_bytes()), "ĠaĊĀġÃ©");
        assert_eq!((to_bytes("a b"), to_bytes("ń"), to_bytes("사")), (None, None, None));
        assert_eq!(
            (is_misread("<|end|>"), is_misread("<｜end｜>"), is_misread("é"), is_misread("Ġx")),
            (false, false, true, true)
        );
    }
}
