//! Morpheme edges: where gold morphemes end inside a word, and how often a tokenizer's tokens end there too.
//!
//! Everything is a byte offset. Inside a precomposed syllable the onset owns the first byte, the vowel the second (and
//! the third where there is no coda), the coda the third: so an edge between two jamo is an offset like any other, and
//! the ends of a jamo tokenizer's tokens compare with it directly. Knows no tokenizer and reads no file.

mod align;
mod edges;

pub use align::{Edge, MAX_LETTERS, align};
pub use edges::EdgeCounts;
