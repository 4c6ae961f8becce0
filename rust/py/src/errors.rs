//! The core's error as the exception of `bpe_lab.errors` that fits its kind.

use bpe_lab_core::{Error, ErrorKind};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// The name of the exception class for a kind.
fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Argument => "ArgumentError",
        ErrorKind::Format => "FormatError",
        ErrorKind::Unsupported => "UnsupportedError",
        ErrorKind::Text => "TextError",
        ErrorKind::Token => "TokenError",
        ErrorKind::Corpus => "CorpusError",
        ErrorKind::Io => "FileError",
        _ => "BpeLabError",
    }
}

/// Makes an exception of an error. Needs the GIL, so it comes last.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    if error.kind() == ErrorKind::Interrupted {
        // The signal handler's own exception is pending or was just taken; this one stands in for it.
        return PyErr::take(py).unwrap_or_else(|| PyKeyboardInterrupt::new_err(()));
    }
    exception(py, class_name(error.kind()), &error.to_string(), error.next_step())
}

/// An exception of `bpe_lab.errors` by class name.
pub(crate) fn exception(py: Python<'_>, class: &str, message: &str, hint: Option<&str>) -> PyErr {
    let made = py.import("bpe_lab.errors").and_then(|m| m.getattr(class)).and_then(|c| c.call1((message, hint)));
    match made {
        Ok(value) => PyErr::from_value(value),
        Err(e) => e,
    }
}

/// `?` for results of the core.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for bpe_lab_core::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|e| raise(py, e))
    }
}
