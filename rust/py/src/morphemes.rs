//! Counting and encoding with edges.

use crate::convert::text_bytes;
use crate::corpus::{PyPattern, PyPieceCounts, sample_of, stats_dict};
use crate::errors::{OrRaise, exception};
use bpe_lab_core::ingest::{Documents, MarkedCounter};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use std::collections::BTreeMap;

/// Edges as the core takes them.
pub(crate) fn edges(array: &PyReadonlyArray1<'_, u64>) -> Vec<u64> {
    array.as_array().to_vec()
}

/// Counts pieces of pushed blocks, cut at the edges pushed with them.
#[pyclass(name = "MarkedCounter", module = "bpe_lab._core")]
pub(crate) struct PyMarkedCounter(Option<Box<MarkedCounter>>);

impl PyMarkedCounter {
    fn running(&mut self, py: Python<'_>) -> PyResult<&mut MarkedCounter> {
        self.0.as_deref_mut().ok_or_else(|| exception(py, "ArgumentError", "this counter has finished", None))
    }
}

#[pymethods]
impl PyMarkedCounter {
    #[new]
    #[pyo3(signature = (
        pattern, documents, analyser, sample_fraction=None, sample_below=None, sample_seed=0, hold_out_below=None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        pattern: &PyPattern,
        documents: &str,
        analyser: String,
        sample_fraction: Option<f64>,
        sample_below: Option<u64>,
        sample_seed: u64,
        hold_out_below: Option<u64>,
    ) -> PyResult<Self> {
        let documents = Documents::parse(documents).or_raise(py)?;
        let sample = sample_of(sample_fraction, sample_below, sample_seed);
        let counter = MarkedCounter::new(pattern.0.clone(), documents, sample, analyser).or_raise(py)?;
        Ok(Self(Some(Box::new(match hold_out_below {
            Some(below) => counter.holding_out(below),
            None => counter,
        }))))
    }

    fn push(&mut self, py: Python<'_>, block: &Bound<'_, PyAny>, edges: PyReadonlyArray1<'_, u64>) -> PyResult<()> {
        let (block, edges) = (text_bytes(block)?, self::edges(&edges));
        let counter = self.running(py)?;
        py.detach(|| counter.push(&block, &edges)).or_raise(py)
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
