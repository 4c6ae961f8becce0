//! The core of bpe-lab: byte-level BPE, from counted pieces to ids and back.
//!
//! Pure Rust. It opens no file, prints nothing and keeps no global threads: callers hand in readers and slices.
//!
//! The stages, in the order text passes them:
//!
//! | stage | module | in | out |
//! |---|---|---|---|
//! | documents | [`ingest`] | blocks of bytes | whole documents, sampled, counted on threads |
//! | pieces | [`pretokenize`] | a document | spans that tile it |
//! | counts | [`count`] | pieces | piece -> weight |
//! | merges | [`train`] | counts | merges, in order |
//! | ids | [`encode`] | pieces | token ids |
//! | bytes | [`decode`] | token ids | bytes |
//! | files | [`formats`] | a [`tokenizer::Tokenizer`] | native, tiktoken, Hugging Face |

pub mod count;
pub mod decode;
pub mod encode;
pub mod error;
pub mod formats;
pub mod hangul;
pub mod ingest;
pub mod measure;
pub mod merges;
pub mod morphology;
pub mod pretokenize;
mod raw;
mod seeded;
pub mod symbol;
pub mod tokenizer;
pub mod train;
pub mod unit;
pub mod vocab;

pub use error::{Error, ErrorKind, Result};
pub use symbol::{Pair, Symbol, TokenId};
