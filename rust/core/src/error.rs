//! The one error of the core: what failed with which value against which bound, and the next step.
//!
//! Not an enum of every cause: callers branch on [`ErrorKind`], people read the message and the hint.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What sort of thing went wrong, as far as a program may care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is outside its bounds, or arguments contradict each other.
    Argument,
    /// A file or buffer is not what it claims to be: truncated, inconsistent, of a newer version.
    Format,
    /// The input is fine, but what was asked cannot be done faithfully.
    Unsupported,
    /// Text holds something that the call does not allow, such as a special token.
    Text,
    /// A token id that the vocabulary does not hold.
    Token,
    /// The corpus cannot give what was asked (empty, too small, one document).
    Corpus,
    /// Reading or writing failed.
    Io,
    /// The caller asked to stop.
    Interrupted,
}

/// An error with its kind, its message and, where there is one, the next step.
///
/// ```
/// use bpe_lab_core::{Error, ErrorKind};
/// let e = Error::new(ErrorKind::Argument, "vocab_size must be at least 256 (one id per byte), got 200")
///     .hint("raise --vocab");
/// assert_eq!(e.to_string(), "vocab_size must be at least 256 (one id per byte), got 200");
/// assert_eq!(e.next_step(), Some("raise --vocab"));
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error of `kind`; the message names value and bound.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, source: None }))
    }

    /// A wrong argument.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Argument, message)
    }

    /// A file that is not what it claims to be.
    pub fn format(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format, message)
    }

    /// Something that cannot be done faithfully.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// The caller asked to stop.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// Adds the next step for the reader.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Puts `context` and a colon before the message: which file, which line.
    #[must_use]
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The sort of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do next, where that is known.
    pub fn next_step(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        let message = e.to_string();
        Self(Box::new(Inner { kind: ErrorKind::Io, message, hint: None, source: Some(e) }))
    }
}
