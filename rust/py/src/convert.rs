//! Python's texts and id sequences as slices.

use crate::errors::exception;
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};
use std::borrow::Cow;

/// The bytes of a `str`, `bytes` or any buffer. `str` and `bytes` are borrowed, other buffers copied.
///
/// # Errors
/// `TextError` for a `str` with a lone surrogate; `ArgumentError` for any other type.
pub(crate) fn text_bytes<'a>(text: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(s) = text.cast::<PyString>() {
        return match s.to_cow() {
            Ok(Cow::Borrowed(s)) => Ok(Cow::Borrowed(s.as_bytes())),
            Ok(Cow::Owned(s)) => Ok(Cow::Owned(s.into_bytes())),
            Err(_) => Err(exception(
                text.py(),
                "TextError",
                "the text holds a lone surrogate, which is no character",
                Some("mend the text, or pass errors=\"replace\""),
            )),
        };
    }
    if let Ok(b) = text.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(b.as_bytes()));
    }
    if let Ok(b) = text.cast::<PyByteArray>() {
        return Ok(Cow::Owned(b.to_vec()));
    }
    if let Ok(view) = PyMemoryView::from(text) {
        return view.call_method0("tobytes")?.extract::<Vec<u8>>().map(Cow::Owned);
    }
    let name = text.get_type().name()?;
    Err(exception(text.py(), "ArgumentError", &format!("text must be str or bytes, got {name}"), None))
}

/// Ids of a numpy array of unsigned integers or of any sequence of ints.
///
/// # Errors
/// `TokenError` for an id that is negative or beyond 32 bits.
pub(crate) fn ids(sequence: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    if let Ok(array) = sequence.extract::<PyReadonlyArray1<'_, u32>>() {
        return Ok(array.as_array().to_vec());
    }
    if let Ok(array) = sequence.extract::<PyReadonlyArray1<'_, u16>>() {
        return Ok(array.as_array().iter().map(|&i| u32::from(i)).collect());
    }
    let mut out = Vec::with_capacity(sequence.len().unwrap_or(0));
    for (at, item) in sequence.try_iter()?.enumerate() {
        let item = item?;
        let id = item.extract::<u32>().map_err(|_| {
            let message = format!("{} at position {at} is no token id", item);
            exception(item.py(), "TokenError", &message, Some("ids are integers from 0 on"))
        })?;
        out.push(id);
    }
    Ok(out)
}

/// Refuses an array that is not one run of memory, with words that help.
pub(crate) fn offsets(array: &PyReadonlyArray1<'_, u64>) -> PyResult<Vec<u64>> {
    let _ = array.len();
    Ok(array.as_array().to_vec())
}
