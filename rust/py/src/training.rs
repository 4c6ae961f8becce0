//! Counts to merges.

use crate::corpus::{PyPattern, PyPieceCounts};
use crate::errors::{OrRaise, exception};
use crate::tokenizer::PyTokenizer;
use bpe_lab_core::merges::{Merges, Rule};
use bpe_lab_core::tokenizer::{Analyser, Growth, Special, Tokenizer};
use bpe_lab_core::train::{
    Learned, Progress, Stop, Superwords, TieBreak, TrainOptions, TwoStages, train as learn, train_superwords,
};
use bpe_lab_core::unit::Unit;
use bpe_lab_core::vocab::Vocab;
use bpe_lab_core::{ErrorKind, TokenId};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::time::{Duration, Instant};

/// How often Python hears of the training, and Ctrl-C is looked for.
const PULSE: Duration = Duration::from_millis(50);

/// Left and right as bytes, count when merged, tokens left.
type TraceRow<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, u64, u64);

/// What was learned.
#[pyclass(name = "Learned", module = "bpe_lab._core", frozen)]
pub(crate) struct PyLearned {
    learned: Learned,
    unit: Unit,
    /// Merges of stage one and tokens between the stages, where superwords were learned.
    stages: Option<(usize, u64)>,
    /// The vocabulary with what was learned, where another one grew.
    grown: Option<Vocab>,
}

#[pymethods]
impl PyLearned {
    #[getter]
    fn n_merges(&self) -> usize {
        self.learned.steps.len()
    }

    #[getter]
    fn n_ids(&self) -> usize {
        self.grown.as_ref().map_or_else(|| self.learned.n_ids(), Vocab::n_ids)
    }

    /// Merges learned across pieces, and tokens when that began; None where that was not asked for.
    #[getter]
    fn superwords(&self) -> Option<(usize, u64)> {
        self.stages.map(|(n_first, n_tokens)| (self.learned.steps.len() - n_first, n_tokens))
    }

    #[getter]
    fn stop(&self) -> (&'static str, u64) {
        match self.learned.stop {
            Stop::Full => ("full", 0),
            Stop::NoPairs => ("no-pairs", 0),
            Stop::TooRare(count) => ("too-rare", count),
        }
    }

    #[getter]
    fn n_tokens_before(&self) -> u64 {
        self.learned.n_tokens_before
    }

    #[getter]
    fn n_tokens(&self) -> u64 {
        match (self.learned.steps.last(), self.stages) {
            (last, Some((n_first, n_tokens))) if self.learned.steps.len() == n_first || last.is_none() => n_tokens,
            (Some(last), _) => last.n_tokens,
            (None, _) => self.learned.n_tokens_before,
        }
    }

    /// The first merges: left and right as bytes, count when merged, tokens left.
    fn trace<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<TraceRow<'py>>> {
        let vocab = match &self.grown {
            Some(vocab) => vocab.clone(),
            None => Vocab::derive(&self.merges().or_raise(py)?).or_raise(py)?,
        };
        let bytes = |id: TokenId| {
            let mut out = Vec::new();
            self.unit.bytes_into(vocab.spelling(id).unwrap_or_default(), &mut out);
            PyBytes::new(py, &out)
        };
        let steps = self.learned.steps.iter().take(limit);
        Ok(steps.map(|s| (bytes(s.merge.left), bytes(s.merge.right), s.count, s.n_tokens)).collect())
    }

    /// The tokenizer; special tokens get the last ids. `analyser` is the name and version of who finds its edges.
    #[pyo3(signature = (pattern, special_tokens, provenance_json, analyser=None))]
    fn tokenizer(
        &self,
        py: Python<'_>,
        pattern: &PyPattern,
        special_tokens: Vec<String>,
        provenance_json: &str,
        analyser: Option<(String, String)>,
    ) -> PyResult<PyTokenizer> {
        let first = self.learned.n_ids();
        let specials = special_tokens.into_iter().enumerate();
        let specials = specials.map(|(i, text)| Special { text, id: TokenId((first + i) as u32) }).collect();
        let provenance = provenance_of(py, provenance_json)?;
        let (unit, pattern, merges) = (self.unit.clone(), pattern.0.clone(), self.merges().or_raise(py)?);
        let analyser = analyser.map(|(name, version)| Analyser { name, version });
        let made = py.detach(|| Tokenizer::new(unit, pattern, merges, specials, provenance)).or_raise(py)?;
        Ok(PyTokenizer::new(made.with_analyser(analyser)))
    }
}

impl PyLearned {
    fn merges(&self) -> bpe_lab_core::Result<Merges> {
        let list = self.learned.steps.iter().map(|s| s.merge).collect();
        Merges::new(self.learned.base_ids.clone(), Rule::Pairs(list))
    }
}

/// Learns merges. `watch(n_ids, n_ids_wanted)` is called about twenty times a second; what it raises ends the training.
///
/// `superword` is (ids at which stage two begins, most spaces in a token of it).
#[pyfunction]
#[allow(clippy::too_many_arguments)]
#[pyo3(signature = (counts, n_ids, unit, tie, min_frequency, max_token_bytes, watch, superword=None))]
pub(crate) fn train(
    py: Python<'_>,
    counts: &Bound<'_, PyPieceCounts>,
    n_ids: i64,
    unit: &str,
    tie: &str,
    min_frequency: u64,
    max_token_bytes: Option<usize>,
    watch: Option<Py<PyAny>>,
    superword: Option<(usize, usize)>,
) -> PyResult<PyLearned> {
    let unit = Unit::from_name(unit).or_raise(py)?;
    let tie = TieBreak::from_name(tie).or_raise(py)?;
    let n_ids = usize::try_from(n_ids).unwrap_or(0);
    let counts = counts.try_borrow()?;
    let counts = &counts.0;
    let unit = py.detach(|| unit.resolve(counts.iter()));
    let options = TrainOptions { n_ids, unit: unit.clone(), tie, min_frequency, max_token_bytes };
    let (learned, stages) = watched(py, watch, |watch| match superword {
        None => learn(counts, &options, watch).map(|learned| (learned, None)),
        Some((n_ids_first, max_spaces)) => {
            let how = Superwords { n_ids_first, max_spaces };
            let two = train_superwords(counts, &options, how, watch);
            two.map(|TwoStages { learned, n_steps_first, n_tokens_between }| {
                (learned, Some((n_steps_first, n_tokens_between)))
            })
        }
    })?;
    Ok(PyLearned { learned, unit, stages, grown: None })
}

/// Learns merges behind those of `base`, and gives the tokenizer that has both. `watch` as in `train`.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub(crate) fn extend(
    py: Python<'_>,
    base: &Bound<'_, PyTokenizer>,
    counts: &Bound<'_, PyPieceCounts>,
    n_new: usize,
    min_frequency: u64,
    max_token_bytes: Option<usize>,
    provenance_json: &str,
    watch: Option<Py<PyAny>>,
) -> PyResult<(PyTokenizer, PyLearned)> {
    let provenance = provenance_of(py, provenance_json)?;
    let (base, counts) = (base.get().inner(), counts.try_borrow()?);
    let (counts, growth) = (&counts.0, Growth { n_new, min_frequency, max_token_bytes });
    let (made, learned) = watched(py, watch, |watch| base.extended(counts, growth, provenance, watch))?;
    let (unit, grown) = (base.unit().clone(), Some(made.vocab().clone()));
    Ok((PyTokenizer::new(made), PyLearned { learned, unit, stages: None, grown }))
}

fn provenance_of(py: Python<'_>, json: &str) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(json)
        .map_err(|e| exception(py, "ArgumentError", &format!("provenance is no JSON object: {e}"), None))
}

/// Works without the GIL, and asks Python now and then whether to go on.
fn watched<T: Send>(
    py: Python<'_>,
    ask: Option<Py<PyAny>>,
    work: impl FnOnce(&mut dyn FnMut(Progress) -> bool) -> bpe_lab_core::Result<T> + Send,
) -> PyResult<T> {
    let mut stopped = None;
    let result = py.detach(|| {
        let mut last = Instant::now();
        work(&mut |progress| {
            if last.elapsed() < PULSE {
                return true;
            }
            last = Instant::now();
            stopped = Python::attach(|py| pulse(py, ask.as_ref(), progress)).err();
            stopped.is_none()
        })
    });
    match (result, stopped) {
        (Err(e), Some(stop)) if e.kind() == ErrorKind::Interrupted => Err(stop),
        (result, _) => result.or_raise(py),
    }
}

/// Looks for Ctrl-C and tells the caller.
fn pulse(py: Python<'_>, watch: Option<&Py<PyAny>>, progress: Progress) -> PyResult<()> {
    py.check_signals()?;
    watch.map_or(Ok(()), |w| w.call1(py, (progress.n_ids, progress.n_ids_wanted)).map(drop))
}
