//! The counts of the core's `measure` for Python, and the texts that robustness is measured on.

use crate::convert::offsets;
use crate::errors::OrRaise;
use crate::tokenizer::PyTokenizer;
use bpe_lab_core::measure::{
    self, BAND_NAMES, COLUMNS, Kind, Measure, N_COLUMNS, N_GROUPS, Tokens, WINDOW_TOKENS, WordBands,
};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use std::sync::Arc;

/// Frequency bands of the eojeol of a training text.
#[pyclass(name = "WordBands", module = "bpe_lab._core", frozen)]
pub(crate) struct PyWordBands(Arc<WordBands>);

#[pymethods]
impl PyWordBands {
    #[staticmethod]
    fn from_documents(py: Python<'_>, documents: Vec<Bound<'_, PyBytes>>) -> Self {
        let texts = slices(&documents);
        Self(Arc::new(py.detach(|| WordBands::from_documents(&texts))))
    }

    fn band(&self, eojeol: &[u8]) -> u8 {
        self.0.band(eojeol)
    }

    #[getter]
    fn n_types(&self) -> usize {
        self.0.n_types()
    }

    #[classattr]
    fn names(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        PyTuple::new(py, BAND_NAMES).map(Bound::unbind)
    }
}

/// The counts of one tokenizer over one text.
#[pyclass(name = "Measure", module = "bpe_lab._core")]
pub(crate) struct PyMeasure(Measure);

#[pymethods]
impl PyMeasure {
    #[new]
    #[pyo3(signature = (n_ids, kinds, is_jamo, bands = None))]
    fn new(py: Python<'_>, n_ids: usize, kinds: &[u8], is_jamo: bool, bands: Option<&PyWordBands>) -> PyResult<Self> {
        let bands = bands.map(|b| Arc::clone(&b.0));
        kinds_from(kinds).and_then(|kinds| Measure::new(n_ids, kinds, is_jamo, bands)).or_raise(py).map(Self)
    }

    #[pyo3(signature = (documents, ids, ends, offsets, threads = None))]
    fn add(
        &mut self,
        py: Python<'_>,
        documents: Vec<Bound<'_, PyBytes>>,
        ids: PyReadonlyArray1<'_, u32>,
        ends: PyReadonlyArray1<'_, u64>,
        offsets: PyReadonlyArray1<'_, u64>,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let texts = slices(&documents);
        let (ids, ends, offsets) = (ids.as_array().to_vec(), self::offsets(&ends)?, self::offsets(&offsets)?);
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
        py.detach(|| self.0.add(&texts, Tokens { ids: &ids, ends: &ends, offsets: &offsets }, threads)).or_raise(py)
    }

    #[classattr]
    fn columns(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        PyTuple::new(py, COLUMNS.iter()).map(Bound::unbind)
    }

    #[classattr]
    fn window_tokens() -> u64 {
        WINDOW_TOKENS
    }

    #[getter]
    fn n_documents(&self) -> usize {
        self.0.n_documents()
    }

    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u64>>> {
        table(py, self.0.rows().to_vec(), N_COLUMNS)
    }

    fn blocks<'py>(&self, py: Python<'py>, n_blocks: usize) -> PyResult<Bound<'py, PyArray2<u64>>> {
        table(py, self.0.blocks(n_blocks), N_COLUMNS)
    }

    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<u64>>> {
        Ok(self.0.column(name).or_raise(py)?.into_pyarray(py))
    }

    fn group_counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u64>>> {
        let counts = self.0.group_counts().to_vec();
        let n_ids = counts.len() / N_GROUPS;
        counts.into_pyarray(py).reshape([N_GROUPS, n_ids])
    }

    fn token_counts<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.0.token_counts().into_pyarray(py)
    }

    fn windows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u64>>> {
        table(py, self.0.windows().concat(), 3)
    }

    /// Occurrences of each word type, and occurrences as one token.
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u64>>> {
        table(py, self.0.word_counts().concat(), 2)
    }

    fn word_types<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.words().map(|(word, ..)| PyBytes::new(py, word)).collect()
    }
}

/// What each token is by its spelling, one byte an id; holes and special tokens are 0.
#[pyfunction]
pub(crate) fn kinds_of<'py>(
    py: Python<'py>,
    vocab: Vec<(usize, Bound<'py, PyBytes>)>,
    n_ids: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let tokens: Vec<(usize, &[u8])> = vocab.iter().map(|(id, bytes)| (*id, bytes.as_bytes())).collect();
    let kinds = py.detach(|| measure::kinds_of_bytes(n_ids, tokens.into_iter())).or_raise(py)?;
    Ok(PyBytes::new(py, &numbers(kinds)))
}

/// The same for a tokenizer of ours, which knows jamo from bytes.
#[pyfunction]
pub(crate) fn token_kinds<'py>(py: Python<'py>, tokenizer: &PyTokenizer) -> Bound<'py, PyBytes> {
    let tokenizer = tokenizer.inner();
    let kinds = py.detach(|| {
        let spellings = tokenizer.vocab().iter().map(|(id, spelling)| (id.0 as usize, spelling));
        let mut kinds = measure::kinds_of_spellings(tokenizer.unit(), tokenizer.n_ids(), spellings);
        tokenizer.specials().iter().for_each(|s| kinds[s.id.0 as usize] = Kind::Hole);
        numbers(kinds)
    });
    PyBytes::new(py, &kinds)
}

/// The listed merges as rows (left, right, result), in order; none where ranks rule.
#[pyfunction]
pub(crate) fn merge_table<'py>(py: Python<'py>, tokenizer: &PyTokenizer) -> PyResult<Bound<'py, PyArray2<u32>>> {
    let merges = tokenizer.inner().merges().pairs();
    let ids: Vec<u32> = merges.iter().flat_map(|m| [m.left.0, m.right.0, m.result.0]).collect();
    ids.into_pyarray(py).reshape([merges.len(), 3])
}

/// What a vocabulary is made of: name -> tokens.
#[pyfunction]
pub(crate) fn vocabulary_anatomy<'py>(
    py: Python<'py>,
    vocab: Vec<(usize, Bound<'py, PyBytes>)>,
    kinds: &[u8],
    ksx1001: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let kinds = kinds_from(kinds).or_raise(py)?;
    let tokens = vocab.iter().map(|(id, bytes)| (kinds.get(*id).copied().unwrap_or(Kind::Hole), bytes.as_bytes()));
    let anatomy = measure::anatomy(tokens, &ksx1001.chars().collect());
    let dict = PyDict::new(py);
    anatomy.named().into_iter().try_for_each(|(name, n)| dict.set_item(name, n))?;
    Ok(dict)
}

/// How alike two tokenizers cut: eojeol and those cut alike a document, then the word types that most often differ as
/// (word, occurrences, of these different, ends of the first, ends of the second).
#[pyfunction]
#[allow(clippy::type_complexity)]
pub(crate) fn cut_alike<'py>(
    py: Python<'py>,
    documents: Vec<Bound<'py, PyBytes>>,
    ends_a: PyReadonlyArray1<'py, u64>,
    offsets_a: PyReadonlyArray1<'py, u64>,
    ends_b: PyReadonlyArray1<'py, u64>,
    offsets_b: PyReadonlyArray1<'py, u64>,
    top: usize,
) -> PyResult<(Bound<'py, PyArray2<u64>>, Vec<(Bound<'py, PyBytes>, u64, u64, Vec<u64>, Vec<u64>)>)> {
    let texts = slices(&documents);
    let [ends_a, offsets_a] = [offsets(&ends_a)?, offsets(&offsets_a)?];
    let [ends_b, offsets_b] = [offsets(&ends_b)?, offsets(&offsets_b)?];
    let a = Tokens { ids: &[], ends: &ends_a, offsets: &offsets_a };
    let b = Tokens { ids: &[], ends: &ends_b, offsets: &offsets_b };
    let alike = py.detach(|| measure::cut_alike(&texts, a, b, top)).or_raise(py)?;
    let different = alike.different.into_iter().map(|d| {
        let [first, second] = d.cuts;
        (PyBytes::new(py, &d.word), d.count, d.n_different, first, second)
    });
    let different = different.collect();
    Ok((table(py, alike.documents.concat(), 2)?, different))
}

/// Documents as NFD writes their Hangul.
#[pyfunction]
pub(crate) fn hangul_to_nfd<'py>(py: Python<'py>, documents: Vec<Bound<'py, PyBytes>>) -> Vec<Bound<'py, PyBytes>> {
    each(py, &documents, |_, text| measure::hangul_to_nfd(text))
}

/// Documents without U+0020.
#[pyfunction]
pub(crate) fn without_spaces<'py>(py: Python<'py>, documents: Vec<Bound<'py, PyBytes>>) -> Vec<Bound<'py, PyBytes>> {
    each(py, &documents, |_, text| measure::without_spaces(text))
}

/// Documents whose runs of ㅋ, ㅎ, ㅠ and ㅜ are longer.
#[pyfunction]
pub(crate) fn lengthen_runs<'py>(py: Python<'py>, documents: Vec<Bound<'py, PyBytes>>) -> Vec<Bound<'py, PyBytes>> {
    each(py, &documents, |_, text| measure::lengthen_runs(text))
}

/// Documents in which a finger slipped in a share of the syllables.
#[pyfunction]
pub(crate) fn with_typos<'py>(
    py: Python<'py>,
    documents: Vec<Bound<'py, PyBytes>>,
    rate: f64,
    seed: u64,
) -> Vec<Bound<'py, PyBytes>> {
    each(py, &documents, |i, text| measure::with_typos(text, rate, seed, i))
}

/// The documents after `change`, which gets their numbers too.
fn each<'py>(
    py: Python<'py>,
    documents: &[Bound<'py, PyBytes>],
    change: impl Fn(u64, &[u8]) -> Vec<u8> + Sync + Send,
) -> Vec<Bound<'py, PyBytes>> {
    let texts = slices(documents);
    let changed: Vec<Vec<u8>> = py.detach(|| (0..).zip(&texts).map(|(i, text)| change(i, text)).collect());
    changed.iter().map(|text| PyBytes::new(py, text)).collect()
}

fn slices<'a>(documents: &'a [Bound<'_, PyBytes>]) -> Vec<&'a [u8]> {
    documents.iter().map(|d| d.as_bytes()).collect()
}

fn kinds_from(numbers: &[u8]) -> bpe_lab_core::Result<Vec<Kind>> {
    numbers.iter().map(|&n| Kind::from_number(n)).collect()
}

fn numbers(kinds: Vec<Kind>) -> Vec<u8> {
    kinds.into_iter().map(|kind| kind as u8).collect()
}

/// Numbers as rows of `width`.
fn table(py: Python<'_>, numbers: Vec<u64>, width: usize) -> PyResult<Bound<'_, PyArray2<u64>>> {
    let n_rows = numbers.len() / width;
    numbers.into_pyarray(py).reshape([n_rows, width])
}
