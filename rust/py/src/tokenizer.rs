//! The tokenizer and the streaming decoder.

use crate::convert::{ids, offsets, text_bytes};
use crate::corpus::PyPattern;
use crate::errors::{OrRaise, exception, raise};
use bpe_lab_core::decode::StreamDecoder;
use bpe_lab_core::encode::Dropout;
use bpe_lab_core::formats::{huggingface, native, tiktoken};
use bpe_lab_core::merges::Rule;
use bpe_lab_core::tokenizer::{Special, SpecialRule, Tokenizer, Workspace, char_spans_into};
use bpe_lab_core::{ErrorKind, TokenId};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A state of a piece while it merges: the rank of the merge just made, and the ids.
type StepOut = (Option<u32>, Vec<u32>);

/// An immutable tokenizer, and the workspaces that its callers take turns with.
#[pyclass(name = "Tokenizer", module = "bpe_lab._core", frozen)]
pub(crate) struct PyTokenizer {
    inner: Arc<Tokenizer>,
    /// Workspaces at rest. Taken with `try_lock`, so a lock that was held during a fork never blocks the child.
    idle: Mutex<Vec<Workspace>>,
}

/// More idle workspaces than this are dropped.
const MAX_IDLE: usize = 64;

impl PyTokenizer {
    pub(crate) fn new(tokenizer: Tokenizer) -> Self {
        Self { inner: Arc::new(tokenizer), idle: Mutex::new(Vec::new()) }
    }

    /// The tokenizer itself.
    pub(crate) fn inner(&self) -> &Tokenizer {
        &self.inner
    }

    /// Lends `n` workspaces to `work`.
    fn with_workspaces<T>(&self, n: usize, work: impl FnOnce(&Tokenizer, &mut [Workspace]) -> T) -> T {
        let mut lent = match self.idle.try_lock() {
            Ok(mut idle) => {
                let from = idle.len().saturating_sub(n);
                idle.split_off(from)
            }
            Err(_) => Vec::new(),
        };
        lent.resize_with(n, Workspace::default);
        let result = work(&self.inner, &mut lent);
        if let Ok(mut idle) = self.idle.try_lock() {
            idle.append(&mut lent);
            idle.truncate(MAX_IDLE);
        }
        result
    }

    /// What the named specials mean to this tokenizer; names it does not have are ignored.
    fn rule(&self, allowed: &[String], refused: &[String]) -> SpecialRule {
        let index = |texts: &[String]| {
            let specials = self.inner.specials();
            texts.iter().filter_map(|t| specials.iter().position(|s| s.text == *t)).collect()
        };
        SpecialRule { allowed: index(allowed), refused: index(refused) }
    }

    fn encode_one(
        &self,
        py: Python<'_>,
        text: &[u8],
        rule: &SpecialRule,
        dropout: Option<(f64, u64)>,
    ) -> PyResult<Vec<u32>> {
        let dropout = dropout_of(py, dropout)?;
        let encode = || {
            self.with_workspaces(1, |tokenizer, ws| {
                let mut out = Vec::new();
                match dropout {
                    None => tokenizer.encode_into(text, rule, &mut ws[0], &mut out),
                    Some(dropout) => tokenizer.encode_dropping_into(text, rule, dropout, &mut ws[0], &mut out),
                }
                .map(|()| out)
            })
        };
        // Letting go of the GIL costs more than a short text.
        let result = if text.len() < 512 { encode() } else { py.detach(encode) };
        result.map_err(|e| text_error(py, e))
    }
}

/// Probability and seed, checked.
fn dropout_of(py: Python<'_>, dropout: Option<(f64, u64)>) -> PyResult<Option<Dropout>> {
    dropout.map(|(probability, seed)| Dropout::new(probability, seed)).transpose().or_raise(py)
}

/// A refused special gets the next step in Python's words.
fn text_error(py: Python<'_>, error: bpe_lab_core::Error) -> PyErr {
    if error.kind() == ErrorKind::Text && error.next_step().is_none() {
        let hint = "allow it with allowed_special, or leave it out of disallowed_special to encode it as plain text";
        return raise(py, error.hint(hint));
    }
    raise(py, error)
}

#[pymethods]
impl PyTokenizer {
    #[staticmethod]
    fn from_native(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| native::read(data)).or_raise(py).map(Self::new)
    }

    #[staticmethod]
    fn from_tiktoken(
        py: Python<'_>,
        data: &[u8],
        pattern: &PyPattern,
        special_tokens: BTreeMap<String, u32>,
    ) -> PyResult<Self> {
        let specials = special_tokens.into_iter().map(|(text, id)| Special { text, id: TokenId(id) }).collect();
        let pattern = pattern.0.clone();
        py.detach(|| tiktoken::read(data, pattern, specials)).or_raise(py).map(Self::new)
    }

    #[staticmethod]
    fn from_huggingface(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| huggingface::read(data)).or_raise(py).map(Self::new)
    }

    fn to_native<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let data = py.detach(|| native::write(&self.inner));
        PyBytes::new(py, &data)
    }

    /// Everything that decides ids, as bytes; equal tokenizers give equal ones.
    fn identity<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let data = py.detach(|| native::identity(&self.inner));
        PyBytes::new(py, &data)
    }

    fn to_tiktoken<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let data = py.detach(|| tiktoken::write(&self.inner)).or_raise(py)?;
        Ok(PyBytes::new(py, &data))
    }

    fn to_tiktoken_python(&self, py: Python<'_>, name: &str, rank_file: &str) -> PyResult<String> {
        tiktoken::write_python(&self.inner, name, rank_file).or_raise(py)
    }

    fn to_huggingface<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let data = py.detach(|| huggingface::write(&self.inner)).or_raise(py)?;
        Ok(PyBytes::new(py, &data))
    }

    fn to_huggingface_config<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &huggingface::tokenizer_config_json(&self.inner))
    }

    #[getter]
    fn unit(&self) -> Cow<'static, str> {
        self.inner.unit().name()
    }

    /// The characters that are base symbols, by code point.
    #[getter]
    fn atoms(&self) -> String {
        self.inner.unit().atoms()
    }

    /// How many base symbols there are.
    #[getter]
    fn n_base(&self) -> usize {
        self.inner.unit().n_base()
    }

    #[getter]
    fn pattern(&self) -> PyPattern {
        PyPattern(self.inner.pattern().clone())
    }

    #[getter(rule)]
    fn rule_name(&self) -> &'static str {
        match self.inner.merges().rule() {
            Rule::Pairs(_) => "pairs",
            Rule::Ranks(_) => "ranks",
        }
    }

    #[getter]
    fn n_ids(&self) -> usize {
        self.inner.n_ids()
    }

    #[getter]
    fn n_tokens(&self) -> usize {
        self.inner.n_tokens()
    }

    #[getter]
    fn n_merges(&self) -> usize {
        self.inner.merges().pairs().len()
    }

    #[getter]
    fn special_tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.inner.specials().iter().try_for_each(|s| dict.set_item(&s.text, s.id.0))?;
        Ok(dict)
    }

    #[getter]
    fn provenance_json(&self) -> String {
        serde_json::Value::Object(self.inner.provenance().clone()).to_string()
    }

    #[pyo3(signature = (text, allowed, refused, dropout=None))]
    fn encode(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        allowed: Vec<String>,
        refused: Vec<String>,
        dropout: Option<(f64, u64)>,
    ) -> PyResult<Vec<u32>> {
        let text = text_bytes(text)?;
        self.encode_one(py, &text, &self.rule(&allowed, &refused), dropout)
    }

    #[pyo3(signature = (text, allowed, refused, dropout=None))]
    fn encode_array<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        allowed: Vec<String>,
        refused: Vec<String>,
        dropout: Option<(f64, u64)>,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let text = text_bytes(text)?;
        Ok(self.encode_one(py, &text, &self.rule(&allowed, &refused), dropout)?.into_pyarray(py))
    }

    #[allow(clippy::type_complexity, clippy::too_many_arguments)]
    #[pyo3(signature = (documents, allowed, refused, threads, dropout=None))]
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Bound<'py, PyAny>>,
        allowed: Vec<String>,
        refused: Vec<String>,
        threads: usize,
        dropout: Option<(f64, u64)>,
    ) -> PyResult<(Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u64>>)> {
        let dropout = dropout_of(py, dropout)?;
        let texts = texts_of(py, &documents)?;
        let slices: Vec<&[u8]> = texts.iter().map(AsRef::as_ref).collect();
        let rule = self.rule(&allowed, &refused);
        let work = || {
            self.with_workspaces(threads.max(1), |t, ws| match dropout {
                None => t.encode_batch(&slices, &rule, ws),
                Some(dropout) => t.encode_batch_dropping(&slices, &rule, dropout, ws),
            })
        };
        let (ids, offsets) = py.detach(work).map_err(|e| text_error(py, e))?;
        Ok((ids.into_pyarray(py), offsets.into_pyarray(py)))
    }

    /// As `encode_batch`, and where each token ends within its document: ids, ends, offsets.
    #[allow(clippy::type_complexity)]
    fn encode_batch_ends<'py>(
        &self,
        py: Python<'py>,
        documents: Vec<Bound<'py, PyAny>>,
        allowed: Vec<String>,
        refused: Vec<String>,
        threads: usize,
    ) -> PyResult<(Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>)> {
        let texts = texts_of(py, &documents)?;
        let slices: Vec<&[u8]> = texts.iter().map(AsRef::as_ref).collect();
        let rule = self.rule(&allowed, &refused);
        let work = || self.with_workspaces(threads.max(1), |t, ws| t.encode_batch_ends(&slices, &rule, ws));
        let (ids, ends, offsets) = py.detach(work).map_err(|e| text_error(py, e))?;
        Ok((ids.into_pyarray(py), ends.into_pyarray(py), offsets.into_pyarray(py)))
    }

    fn count(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        allowed: Vec<String>,
        refused: Vec<String>,
    ) -> PyResult<u64> {
        let text = text_bytes(text)?;
        let rule = self.rule(&allowed, &refused);
        let work = || self.with_workspaces(1, |t, ws| t.count(&text, &rule, &mut ws[0]));
        py.detach(work).map_err(|e| text_error(py, e))
    }

    /// As `encode_array`, but no token crosses an edge: a byte offset of the text.
    fn encode_edges<'py>(
        &self,
        py: Python<'py>,
        text: &[u8],
        edges: PyReadonlyArray1<'py, u64>,
        allowed: Vec<String>,
        refused: Vec<String>,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let (edges, rule) = (crate::morphemes::edges(&edges), self.rule(&allowed, &refused));
        let encode = || {
            self.with_workspaces(1, |tokenizer, ws| {
                let mut out = Vec::new();
                tokenizer.encode_with_edges_into(text, &edges, &rule, &mut ws[0], &mut out).map(|()| out)
            })
        };
        Ok(py.detach(encode).map_err(|e| text_error(py, e))?.into_pyarray(py))
    }

    /// Who finds the edges that texts are to be encoded with: name and version.
    #[getter]
    fn analyser(&self) -> Option<(&str, &str)> {
        self.inner.analyser().map(|a| (a.name.as_str(), a.version.as_str()))
    }

    fn steps_edges(
        &self,
        py: Python<'_>,
        text: &[u8],
        edges: PyReadonlyArray1<'_, u64>,
    ) -> PyResult<Vec<Vec<StepOut>>> {
        let states = self.inner.steps_with_edges(text, &crate::morphemes::edges(&edges)).or_raise(py)?;
        let plain = |(rank, ids): (_, Vec<TokenId>)| (rank, ids.into_iter().map(|id| id.0).collect());
        Ok(states.into_iter().map(|states| states.into_iter().map(plain).collect()).collect())
    }

    fn decode_bytes<'py>(&self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let ids = self::ids(ids)?;
        let mut out = Vec::new();
        py.detach(|| self.inner.decode_into(&ids, &mut out)).or_raise(py)?;
        Ok(PyBytes::new(py, &out))
    }

    fn decode_batch<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyAny>,
        offsets: PyReadonlyArray1<'py, u64>,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let (ids, offsets) = (self::ids(ids)?, self::offsets(&offsets)?);
        let decoded = py.detach(|| self.inner.decode_batch(&ids, &offsets)).or_raise(py)?;
        Ok(decoded.iter().map(|d| PyBytes::new(py, d)).collect())
    }

    fn byte_ends<'py>(&self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let ids = self::ids(ids)?;
        let mut ends = Vec::new();
        self.inner.decoder().ends_into(&ids, &mut ends).or_raise(py)?;
        Ok(ends.into_pyarray(py))
    }

    fn char_spans(&self, py: Python<'_>, text: &[u8], ids: &Bound<'_, PyAny>) -> PyResult<Vec<(u64, u64)>> {
        let ids = self::ids(ids)?;
        let mut ends = Vec::new();
        self.inner.decoder().ends_into(&ids, &mut ends).or_raise(py)?;
        let mut spans = Vec::with_capacity(ends.len());
        char_spans_into(text, &ends, &mut spans).or_raise(py)?;
        Ok(spans)
    }

    fn token_bytes<'py>(&self, py: Python<'py>, id: u32) -> PyResult<Bound<'py, PyBytes>> {
        self.inner.token_bytes(id).or_raise(py).map(|b| PyBytes::new(py, &b))
    }

    fn token_id(&self, token: &[u8]) -> Option<u32> {
        self.inner.token_id(token)
    }

    fn vocab<'py>(&self, py: Python<'py>) -> PyResult<Vec<(u32, Bound<'py, PyBytes>)>> {
        let specials = self.inner.specials().iter().map(|s| s.id);
        let mut ids: Vec<u32> = self.inner.vocab().iter().map(|(id, _)| id).chain(specials).map(|id| id.0).collect();
        ids.sort_unstable();
        ids.into_iter().map(|id| Ok((id, self.token_bytes(py, id)?))).collect()
    }

    /// The listed merges as ids, in order.
    fn merges(&self) -> Vec<(u32, u32)> {
        self.inner.merges().pairs().iter().map(|m| (m.left.0, m.right.0)).collect()
    }

    fn steps(&self, piece: &[u8]) -> Vec<StepOut> {
        let steps = self.inner.encoder().steps(piece).into_iter();
        steps.map(|(rank, ids)| (rank, ids.into_iter().map(|id| id.0).collect())).collect()
    }
}

/// The bytes of every document.
fn texts_of<'a>(py: Python<'_>, documents: &'a [Bound<'_, PyAny>]) -> PyResult<Vec<Cow<'a, [u8]>>> {
    let text = |(i, d)| text_bytes(d).map_err(|e| numbered(py, e, i));
    documents.iter().enumerate().map(text).collect()
}

/// Says which document of a batch was wrong.
fn numbered(py: Python<'_>, error: PyErr, index: usize) -> PyErr {
    let value = error.value(py);
    let message = value.getattr("message").and_then(|m| m.extract::<String>());
    let hint = value.getattr("hint").and_then(|h| h.extract::<Option<String>>());
    match (message, hint, value.get_type().name().and_then(|n| n.extract::<String>())) {
        (Ok(message), Ok(hint), Ok(class)) => {
            exception(py, &class, &format!("document {index}: {message}"), hint.as_deref())
        }
        _ => error,
    }
}

/// Ids as they come to whole characters.
#[pyclass(name = "StreamDecoder", module = "bpe_lab")]
pub(crate) struct PyStreamDecoder {
    tokenizer: Arc<Tokenizer>,
    stream: StreamDecoder,
}

#[pymethods]
impl PyStreamDecoder {
    #[new]
    fn new(tokenizer: &PyTokenizer) -> Self {
        Self { tokenizer: Arc::clone(&tokenizer.inner), stream: StreamDecoder::new() }
    }

    fn push<'py>(&mut self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let ids = self::ids(ids)?;
        let text = self.stream.push(self.tokenizer.decoder(), &ids).or_raise(py)?;
        Ok(PyString::new(py, &text))
    }

    fn finish(&mut self) -> String {
        self.stream.finish(self.tokenizer.decoder())
    }

    /// The bytes of the next ids as they are, characters or not.
    fn read<'py>(&mut self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let (ids, mut out) = (self::ids(ids)?, Vec::new());
        self.stream.read_into(self.tokenizer.decoder(), &ids, &mut out).or_raise(py)?;
        Ok(PyBytes::new(py, &out))
    }

    /// What `read` has kept back; the stream can start anew.
    fn end<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        self.stream.end_into(self.tokenizer.decoder(), &mut out);
        PyBytes::new(py, &out)
    }
}
