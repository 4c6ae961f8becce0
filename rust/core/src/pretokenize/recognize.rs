//! Published regex texts to the named patterns that cut exactly alike.
//!
//! Not a prover: a text that is not listed letter for letter stays a regex, equivalent or not.

use super::{Named, cl100k, gpt2, o200k};

/// Texts beside those that the named patterns export themselves. Each is tested against its scanner.
pub(super) const KNOWN: &[(&str, Named)] = &[
    // tiktoken before possessive repeats.
    (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Named::Gpt2),
    // As tiktoken quotes GPT-2's release.
    (r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", Named::Gpt2),
    // tiktoken's cl100k before it kept white space at the end of a text together.
    (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
        Named::Llama3,
    ),
];

/// The named pattern whose pieces are those of `regex` on every text, where `regex` is a text known to be so.
pub(super) fn recognize(regex: &str) -> Option<Named> {
    let own = [
        (gpt2::TIKTOKEN, Named::Gpt2),
        (gpt2::HF, Named::Gpt2),
        (cl100k::TIKTOKEN, Named::Cl100k),
        (cl100k::HF, Named::Cl100k),
        (cl100k::LLAMA3, Named::Llama3),
        (o200k::TIKTOKEN, Named::O200k),
    ];
    own.iter().chain(KNOWN).find(|(text, _)| *text == regex).map(|&(_, named)| named)
}
