//! The Python door of the core: convert, release the GIL, call, convert. No logic.

mod convert;
mod corpus;
mod errors;
mod hangul;
mod measure;
mod morphemes;
mod tokenizer;
mod training;
mod unit;

use bpe_lab_core::{formats, pretokenize, train::TieBreak, unit::Unit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Python places objects at multiples of 16 bytes. What a class holds directly must not ask for more (the counter's
/// substring searcher holds a vector register and does): such a value goes into a box.
macro_rules! fits_a_python_object {
    ($($class:ty),*) => { $(const _: () = assert!(align_of::<$class>() <= 16, "put it into a Box");)* };
}

fits_a_python_object!(
    corpus::PyPattern,
    corpus::PyPieceCounts,
    corpus::PyCounter,
    corpus::PySampleBySize,
    morphemes::PyMarkedCounter,
    measure::PyWordBands,
    measure::PyMeasure,
    training::PyLearned,
    tokenizer::PyTokenizer,
    tokenizer::PyStreamDecoder,
    unit::PyUnit
);

/// Which format a tokenizer file has: `native`, `hf`, `tiktoken` or None.
#[pyfunction]
fn detect_format(data: &[u8]) -> Option<&'static str> {
    formats::detect(data).map(|format| match format {
        formats::Format::Native => "native",
        formats::Format::Tiktoken => "tiktoken",
        formats::Format::HuggingFace => "hf",
    })
}

/// `bpe_lab._core`
#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("UNICODE_VERSION", pretokenize::UNICODE_VERSION)?;
    m.add("PATTERN_NAMES", PyTuple::new(py, pretokenize::Pattern::NAMES)?)?;
    m.add("SUPERWORD_PATTERN_NAMES", PyTuple::new(py, pretokenize::Pattern::SUPERWORD_NAMES)?)?;
    m.add("UNIT_NAMES", PyTuple::new(py, Unit::NAMES)?)?;
    m.add("TIE_NAMES", PyTuple::new(py, TieBreak::NAMES)?)?;
    m.add_class::<corpus::PyPattern>()?;
    m.add_class::<corpus::PyPieceCounts>()?;
    m.add_class::<corpus::PyCounter>()?;
    m.add_class::<corpus::PySampleBySize>()?;
    m.add_class::<morphemes::PyMarkedCounter>()?;
    m.add_class::<measure::PyWordBands>()?;
    m.add_class::<measure::PyMeasure>()?;
    m.add_class::<training::PyLearned>()?;
    m.add_class::<unit::PyUnit>()?;
    m.add_class::<tokenizer::PyTokenizer>()?;
    m.add_class::<tokenizer::PyStreamDecoder>()?;
    m.add_function(wrap_pyfunction!(training::train, m)?)?;
    m.add_function(wrap_pyfunction!(training::extend, m)?)?;
    m.add_function(wrap_pyfunction!(detect_format, m)?)?;
    hangul::add_to(m)?;
    m.add_function(wrap_pyfunction!(measure::kinds_of, m)?)?;
    m.add_function(wrap_pyfunction!(measure::token_kinds, m)?)?;
    m.add_function(wrap_pyfunction!(measure::merge_table, m)?)?;
    m.add_function(wrap_pyfunction!(measure::vocabulary_anatomy, m)?)?;
    m.add_function(wrap_pyfunction!(measure::cut_alike, m)?)?;
    m.add_function(wrap_pyfunction!(measure::hangul_to_nfd, m)?)?;
    m.add_function(wrap_pyfunction!(measure::without_spaces, m)?)?;
    m.add_function(wrap_pyfunction!(measure::lengthen_runs, m)?)?;
    m.add_function(wrap_pyfunction!(measure::with_typos, m)?)?;
    Ok(())
}
