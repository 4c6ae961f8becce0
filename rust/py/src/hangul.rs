//! Hangul of texts: composing, counts, classes. And morpheme edges.

use crate::convert::{offsets, text_bytes};
use crate::errors::{OrRaise, exception};
use bpe_lab_core::hangul::{self, Census, Kind, Script};
use bpe_lab_core::morphology::{self, Edge, EdgeCounts};
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// Adds the functions and tables of this file.
pub(crate) fn add_to(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add("HANGUL_COUNTS", PyTuple::new(py, Census::NAMES)?)?;
    m.add("EDGE_COUNTS", PyTuple::new(py, EdgeCounts::NAMES)?)?;
    m.add("SCRIPT_NAMES", PyTuple::new(py, Script::ALL.map(Script::name))?)?;
    m.add_function(wrap_pyfunction!(hangul_compose, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_decompose, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_letters, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_jamo, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_syllable, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_kind, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_script, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_counts, m)?)?;
    m.add_function(wrap_pyfunction!(hangul_eojeols, m)?)?;
    m.add_function(wrap_pyfunction!(align_morphemes, m)?)?;
    m.add_function(wrap_pyfunction!(count_edges, m)?)
}

#[pyfunction]
fn hangul_compose<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &py.detach(|| hangul::compose_text(text)))
}

#[pyfunction]
fn hangul_decompose<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &py.detach(|| hangul::decompose_text(text)))
}

#[pyfunction]
fn hangul_letters<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &py.detach(|| hangul::letters_text(text)))
}

#[pyfunction]
fn hangul_jamo(c: char) -> Option<(u8, u8, u8)> {
    hangul::decompose(c).map(|jamo| (jamo.onset, jamo.vowel, jamo.coda))
}

#[pyfunction]
fn hangul_syllable(onset: u8, vowel: u8, coda: u8) -> Option<char> {
    hangul::compose(hangul::Jamo { onset, vowel, coda })
}

#[pyfunction]
fn hangul_kind(c: char) -> &'static str {
    match hangul::kind(c) {
        Kind::Syllable => "syllable",
        Kind::Onset(_) => "onset",
        Kind::Vowel(_) => "vowel",
        Kind::Coda(_) => "coda",
        Kind::Compatibility => "compatibility",
        Kind::Other => "other",
        Kind::None => "none",
    }
}

#[pyfunction]
fn hangul_script(c: char) -> &'static str {
    hangul::script(c).name()
}

/// The counts of `HANGUL_COUNTS`, then code points by script, then bytes by script.
#[pyfunction]
fn hangul_counts(py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<(Vec<u64>, Vec<u64>, Vec<u64>)> {
    let text = text_bytes(text)?;
    let counts = py.detach(|| Census::of(&text));
    Ok((counts.values().to_vec(), counts.chars_by_script.to_vec(), counts.bytes_by_script.to_vec()))
}

#[pyfunction]
fn hangul_eojeols(py: Python<'_>, text: &[u8]) -> Vec<(usize, usize)> {
    py.detach(|| hangul::eojeols(text).map(|word| (word.start, word.end)).collect())
}

/// For each edge between morphemes its byte in `surface`, None where it is lost.
#[pyfunction]
fn align_morphemes(py: Python<'_>, surface: &str, morphemes: Vec<String>) -> PyResult<Vec<Option<usize>>> {
    let parts: Vec<&str> = morphemes.iter().map(String::as_str).collect();
    let edges = morphology::align(surface, &parts).or_raise(py)?;
    let byte = |edge| match edge {
        Edge::Character(at) | Edge::Inside(at) => Some(at),
        Edge::Lost => None,
    };
    Ok(edges.into_iter().map(byte).collect())
}

/// One row of `EDGE_COUNTS` a document. Document i has `gold[gold_offsets[i]..gold_offsets[i + 1]]`, and so its ends.
#[pyfunction]
fn count_edges<'py>(
    py: Python<'py>,
    documents: Vec<Bound<'py, PyBytes>>,
    gold: PyReadonlyArray1<'py, u64>,
    gold_offsets: PyReadonlyArray1<'py, u64>,
    ends: PyReadonlyArray1<'py, u64>,
    end_offsets: PyReadonlyArray1<'py, u64>,
    is_jamo: bool,
) -> PyResult<Bound<'py, PyArray2<u64>>> {
    let texts: Vec<&[u8]> = documents.iter().map(|d| d.as_bytes()).collect();
    let gold = Runs { values: offsets(&gold)?, starts: offsets(&gold_offsets)?, what: "gold edges" };
    let ends = Runs { values: offsets(&ends)?, starts: offsets(&end_offsets)?, what: "token ends" };
    gold.check(py, texts.len())?;
    ends.check(py, texts.len())?;
    let count = |(i, text): (usize, &&[u8])| EdgeCounts::of(text, gold.of(i), ends.of(i), is_jamo).values();
    let rows: Vec<u64> = py.detach(|| texts.iter().enumerate().flat_map(count).collect());
    rows.into_pyarray(py).reshape([texts.len(), EdgeCounts::NAMES.len()])
}

/// Numbers of several documents in one run of memory.
struct Runs {
    values: Vec<u64>,
    starts: Vec<u64>,
    what: &'static str,
}

impl Runs {
    fn of(&self, document: usize) -> &[u64] {
        &self.values[self.starts[document] as usize..self.starts[document + 1] as usize]
    }

    fn check(&self, py: Python<'_>, n_documents: usize) -> PyResult<()> {
        let rising = self.starts.is_sorted() && self.starts.last() == Some(&(self.values.len() as u64));
        let sorted = rising && self.starts.len() == n_documents + 1 && (0..n_documents).all(|i| self.of(i).is_sorted());
        if sorted {
            return Ok(());
        }
        let message = format!("the {} of {n_documents} documents do not fit their offsets, or fall", self.what);
        Err(exception(py, "ArgumentError", &message, Some("n + 1 rising offsets, and offsets of bytes in order")))
    }
}
