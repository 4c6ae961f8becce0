//! Characters of three bytes, found where they stand. Knows no units.

/// The code point whose three bytes begin at `at`, by their shape: a lead byte E0..=EF and two continuation bytes.
///
/// Not every such shape is a character (surrogates, overlong forms), but every one that gives a code point from U+0800
/// to U+D7FF is; callers look for Hangul only, which lies there. And a lead byte begins a character wherever it stands,
/// whatever is before it, so what is found is what a decoder of UTF-8 would find.
#[inline(always)]
pub(super) fn code_at(bytes: &[u8], at: usize) -> Option<u32> {
    let &[lead, second, third] = bytes.get(at..)?.first_chunk()?;
    let is_three = lead & 0xF0 == 0xE0 && second & 0xC0 == 0x80 && third & 0xC0 == 0x80;
    is_three.then(|| u32::from(lead & 0xF) << 12 | u32::from(second & 0x3F) << 6 | u32::from(third & 0x3F))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_three_byte_character_of_hangul_and_nothing_shorter() {
        for code in (0x1100..0x1200).chain(0x3131..0x318F).chain(0xA960..0xA980).chain(0xAC00..0xD7FF) {
            let text = char::from_u32(code).unwrap().to_string();
            assert_eq!(code_at(text.as_bytes(), 0), Some(code));
            assert_eq!(code_at(&text.as_bytes()[..2], 0), None);
            assert_eq!(code_at(text.as_bytes(), 1), None);
        }
        for text in ["abc", "ééé", "🍎🍎", ""] {
            assert_eq!(code_at(text.as_bytes(), 0), None, "{text}");
        }
    }
}
