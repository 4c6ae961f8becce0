//! The Python door of the core: convert, release the GIL, call, convert. No logic.
use pyo3::prelude::*;

/// `bpe_lab._core`
#[pymodule]
fn _core(_m: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
