//! The base alphabet of a tokenizer.

use crate::corpus::{PyPattern, PyPieceCounts};
use crate::errors::OrRaise;
use bpe_lab_core::Symbol;
use bpe_lab_core::tokenizer::check_pattern;
use bpe_lab_core::unit::Unit;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::borrow::Cow;

/// A unit with its options.
#[pyclass(name = "Unit", module = "bpe_lab._core", frozen)]
pub(crate) struct PyUnit(Unit);

#[pymethods]
impl PyUnit {
    /// The unit that `name` means; its canonical name is `name` of the result.
    #[staticmethod]
    fn named(py: Python<'_>, name: &str) -> PyResult<Self> {
        Unit::from_name(name).or_raise(py).map(Self)
    }

    #[getter]
    fn name(&self) -> Cow<'static, str> {
        self.0.name()
    }

    /// False where the unit has to see counts before its symbols are known.
    #[getter]
    fn is_resolved(&self) -> bool {
        self.0.is_resolved()
    }

    /// How many base symbols there are; 256 while they are not known.
    #[getter]
    fn n_base(&self) -> usize {
        self.0.n_base()
    }

    /// The characters that are base symbols, by code point.
    #[getter]
    fn atoms(&self) -> String {
        self.0.atoms()
    }

    /// The same unit with all its symbols known.
    fn resolve(&self, py: Python<'_>, counts: &Bound<'_, PyPieceCounts>) -> PyResult<Self> {
        let counts = counts.try_borrow()?;
        let counts = &counts.0;
        Ok(Self(py.detach(|| self.0.resolve(counts.iter()))))
    }

    /// Raises where the unit is not exact with this pattern.
    fn check(&self, py: Python<'_>, pattern: &PyPattern) -> PyResult<()> {
        check_pattern(&self.0, &pattern.0).or_raise(py)
    }

    /// The symbols of `text`, by number.
    fn symbols(&self, text: &[u8]) -> Vec<u32> {
        let mut symbols = Vec::new();
        self.0.symbols_into(text, &mut symbols);
        symbols.into_iter().map(|s| s.0).collect()
    }

    /// The bytes that `symbols` spell standing alone.
    fn bytes<'py>(&self, py: Python<'py>, symbols: Vec<u32>) -> PyResult<Bound<'py, PyBytes>> {
        let n_base = self.0.n_base();
        if let Some(wrong) = symbols.iter().find(|s| **s as usize >= n_base) {
            return Err(bpe_lab_core::Error::argument(format!("symbol {wrong} is not below {n_base}"))).or_raise(py);
        }
        let symbols: Vec<Symbol> = symbols.into_iter().map(Symbol).collect();
        let mut bytes = Vec::new();
        self.0.bytes_into(&symbols, &mut bytes);
        Ok(PyBytes::new(py, &bytes))
    }
}
