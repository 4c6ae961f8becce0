//! Patterns, counts, the counter.

use crate::convert::text_bytes;
use crate::errors::{OrRaise, exception};
use bpe_lab_core::count::PieceCounts;
use bpe_lab_core::ingest::{Counter, Documents, Sample, SampleBySize, Stats};
use bpe_lab_core::pretokenize::Pattern;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::collections::BTreeMap;

/// How text is cut into pieces.
#[pyclass(name = "Pattern", module = "bpe_lab._core", frozen)]
pub(crate) struct PyPattern(pub(crate) Pattern);

#[pymethods]
impl PyPattern {
    #[staticmethod]
    fn named(py: Python<'_>, name: &str) -> PyResult<Self> {
        Pattern::from_name(name).or_raise(py).map(Self)
    }

    #[staticmethod]
    fn regex(py: Python<'_>, regex: &str) -> PyResult<Self> {
        Pattern::from_regex(regex).or_raise(py).map(Self)
    }

    #[getter]
    fn name(&self) -> Option<&'static str> {
        self.0.name()
    }

    #[getter]
    fn tiktoken_regex(&self) -> Option<&str> {
        self.0.tiktoken_regex()
    }

    /// The pattern whose pieces are this one's joined up to the end of the sentence or the line.
    fn superword(&self, py: Python<'_>) -> PyResult<Self> {
        self.0.superword().or_raise(py).map(Self)
    }

    #[getter]
    fn hf_regex(&self) -> Option<&str> {
        self.0.hf_regex()
    }

    fn split<'py>(&self, py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let mut ends = Vec::new();
        py.detach(|| self.0.split(text, &mut ends)).or_raise(py)?;
        Ok(ends.into_iter().map(|e| e as u64).collect::<Vec<u64>>().into_pyarray(py))
    }
}

/// Piece -> weight.
#[pyclass(name = "PieceCounts", module = "bpe_lab")]
#[derive(Default)]
pub(crate) struct PyPieceCounts(pub(crate) PieceCounts);

#[pymethods]
impl PyPieceCounts {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<PieceCounts {} pieces, total weight {}>", self.0.len(), self.0.total_weight())
    }

    #[getter]
    fn total_weight(&self) -> u64 {
        self.0.total_weight()
    }

    #[getter]
    fn total_bytes(&self) -> u64 {
        self.0.total_bytes()
    }

    #[getter]
    fn header(&self) -> BTreeMap<String, String> {
        self.0.meta().clone()
    }

    /// A copy of the second table, where superpieces were counted too.
    #[getter]
    fn superpieces(&self) -> Option<Self> {
        self.0.superpieces().cloned().map(Self)
    }

    /// Distinct superpieces; None where they were not counted.
    #[getter]
    fn n_superpieces(&self) -> Option<usize> {
        self.0.superpieces().map(PieceCounts::len)
    }

    fn set_superpieces(&mut self, superpieces: &Bound<'_, Self>, pattern: &str) -> PyResult<()> {
        let superpieces = superpieces.try_borrow()?.0.clone();
        self.0.set_superpieces(superpieces, pattern);
        Ok(())
    }

    fn set_header(&mut self, key: String, value: String) {
        self.0.set_meta(key, value);
    }

    #[pyo3(signature = (piece, weight, marks=vec![]))]
    fn add(&mut self, py: Python<'_>, piece: &[u8], weight: u64, marks: Vec<u32>) -> PyResult<()> {
        self.0.add_marked(piece, &marks, weight).or_raise(py)
    }

    #[getter]
    fn has_marks(&self) -> bool {
        self.0.has_marks()
    }

    /// Pieces, their cut marks and weights in canonical order.
    #[pyo3(signature = (limit=None))]
    fn records<'py>(&self, py: Python<'py>, limit: Option<usize>) -> Vec<(Bound<'py, PyBytes>, Vec<usize>, u64)> {
        let records = self.0.records_sorted().take(limit.unwrap_or(usize::MAX));
        records.map(|r| (PyBytes::new(py, r.piece), r.marks.iter().collect(), r.weight)).collect()
    }

    fn absorb(&mut self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        let other = other.try_borrow()?;
        let (mine, theirs) = (&mut self.0, &other.0);
        py.detach(|| mine.absorb(theirs)).or_raise(py)
    }

    #[pyo3(signature = (limit=None))]
    fn items<'py>(&self, py: Python<'py>, limit: Option<usize>) -> Vec<(Bound<'py, PyBytes>, u64)> {
        let sorted = self.0.sorted();
        sorted.into_iter().take(limit.unwrap_or(usize::MAX)).map(|(p, w)| (PyBytes::new(py, p), w)).collect()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        py.detach(|| self.0.write_to(&mut out)).or_raise(py)?;
        Ok(PyBytes::new(py, &out))
    }

    fn to_tsv<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        py.detach(|| self.0.write_tsv(&mut out)).or_raise(py)?;
        Ok(PyBytes::new(py, &out))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| PieceCounts::read_from(&mut &data[..])).or_raise(py).map(Self)
    }
}

/// Counts pieces of pushed blocks on threads of its own.
#[pyclass(name = "Counter", module = "bpe_lab._core")]
pub(crate) struct PyCounter(Option<Box<Counter>>);

impl PyCounter {
    fn running(&mut self, py: Python<'_>) -> PyResult<&mut Counter> {
        self.0.as_deref_mut().ok_or_else(|| exception(py, "ArgumentError", "this counter has finished", None))
    }
}

#[pymethods]
impl PyCounter {
    #[new]
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (
        pattern, documents, threads, sample_fraction=None, sample_below=None, sample_seed=0, superword=false,
        hold_out_below=None
    ))]
    fn new(
        py: Python<'_>,
        pattern: &PyPattern,
        documents: &str,
        threads: usize,
        sample_fraction: Option<f64>,
        sample_below: Option<u64>,
        sample_seed: u64,
        superword: bool,
        hold_out_below: Option<u64>,
    ) -> PyResult<Self> {
        let documents = Documents::parse(documents).or_raise(py)?;
        let sample = sample_of(sample_fraction, sample_below, sample_seed);
        let new = if superword { Counter::with_superwords } else { Counter::new };
        let counter = new(pattern.0.clone(), documents, sample, threads).or_raise(py)?;
        Ok(Self(Some(Box::new(match hold_out_below {
            Some(below) => counter.holding_out(below),
            None => counter,
        }))))
    }

    fn push(&mut self, py: Python<'_>, block: &Bound<'_, PyAny>) -> PyResult<()> {
        let block = text_bytes(block)?;
        let counter = self.running(py)?;
        py.detach(|| counter.push(&block)).or_raise(py)
    }

    fn end_of_file(&mut self, py: Python<'_>) -> PyResult<()> {
        let counter = self.running(py)?;
        py.detach(|| counter.end_of_file()).or_raise(py)
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<PyPieceCounts> {
        self.running(py)?;
        let counter = self.0.take();
        match counter {
            Some(counter) => py.detach(|| counter.finish()).or_raise(py).map(PyPieceCounts),
            None => Ok(PyPieceCounts::default()),
        }
    }

    #[getter]
    fn stats(&mut self, py: Python<'_>) -> PyResult<BTreeMap<&'static str, u64>> {
        Ok(stats_dict(self.running(py)?.stats()))
    }
}

/// Which documents are taken.
pub(crate) fn sample_of(fraction: Option<f64>, below: Option<u64>, seed: u64) -> Sample {
    match (fraction, below) {
        (Some(fraction), _) => Sample::Fraction { fraction, seed },
        (None, Some(threshold)) => Sample::Below { threshold, seed },
        (None, None) => Sample::All,
    }
}

/// How far a counter is, by name.
pub(crate) fn stats_dict(stats: Stats) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("n_bytes", stats.pushed_bytes),
        ("n_documents", stats.n_documents),
        ("n_documents_taken", stats.n_taken),
        ("n_documents_held_out", stats.n_held_out),
        ("n_bytes_taken", stats.taken_bytes),
        ("n_pieces", stats.n_pieces_at_most as u64),
        ("n_boms", stats.n_boms),
    ])
}

/// The first pass of a sample by size.
#[pyclass(name = "SampleBySize", module = "bpe_lab._core")]
pub(crate) struct PySampleBySize(Option<Box<SampleBySize>>);

impl PySampleBySize {
    fn running(&mut self, py: Python<'_>) -> PyResult<&mut SampleBySize> {
        self.0.as_deref_mut().ok_or_else(|| exception(py, "ArgumentError", "this pass has finished", None))
    }
}

#[pymethods]
impl PySampleBySize {
    #[new]
    #[pyo3(signature = (documents, size_bytes, sample_seed=0, hold_out_below=None))]
    fn new(
        py: Python<'_>,
        documents: &str,
        size_bytes: u64,
        sample_seed: u64,
        hold_out_below: Option<u64>,
    ) -> PyResult<Self> {
        let documents = Documents::parse(documents).or_raise(py)?;
        let pass = SampleBySize::new(&documents, size_bytes, sample_seed).or_raise(py)?;
        Ok(Self(Some(Box::new(match hold_out_below {
            Some(below) => pass.holding_out(below),
            None => pass,
        }))))
    }

    fn push(&mut self, py: Python<'_>, block: &Bound<'_, PyAny>) -> PyResult<()> {
        let block = text_bytes(block)?;
        let pass = self.running(py)?;
        py.detach(|| pass.push(&block)).or_raise(py)
    }

    fn end_of_file(&mut self, py: Python<'_>) -> PyResult<()> {
        let pass = self.running(py)?;
        py.detach(|| pass.end_of_file()).or_raise(py)
    }

    /// The hash below which documents are taken.
    fn finish(&mut self, py: Python<'_>) -> PyResult<u64> {
        self.running(py)?;
        let Some(pass) = self.0.take() else { return Ok(0) };
        match py.detach(|| pass.finish()).or_raise(py)?.sample {
            Sample::Below { threshold, .. } => Ok(threshold),
            _ => Ok(u64::MAX),
        }
    }
}
