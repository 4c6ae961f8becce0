"""Runs a plan: makes each tokenizer, measures it on the texts that its studies want, and keeps what came out.

One runner for every study. What was measured is cached by content, so an interrupted run goes on where it stopped. A
tokenizer that is missing, breaks or loses text becomes a row that says so. Draws no conclusions: `studies` and
`answers` do.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bpe_lab.compare.cache import Cache
from bpe_lab.compare.candidates import Candidate, Failed, Missing, load_candidate
from bpe_lab.compare.keeping import Keeper
from bpe_lab.compare.plan import (
    EVAL,
    GOLD,
    OLD_HANGUL,
    SENTENCES,
    Both,
    Entry,
    Job,
    Plan,
    Study,
    both,
    parallel,
    variant,
)
from bpe_lab.compare.recipe import Loaded, parse_tokenizer
from bpe_lab.compare.texts import training_text
from bpe_lab.compare.trained import Trainer
from bpe_lab.interop.browser import browser_tables
from bpe_lab.metrics import METRICS, Estimate, Measurement, gini, paired
from bpe_lab.metrics.morphology import morphology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Make = Callable[[Entry], "Candidate | Missing | Failed"]


MIN_DOCUMENTS = 10
"""Over fewer documents a bootstrap knows too little of how they differ: values then stand without an interval."""


class Progress(NamedTuple):
    """How far a comparison has come."""

    n_done: int
    n_jobs: int
    what: str


class Cuts(NamedTuple):
    """Where a tokenizer cut documents: the byte end of each token within its document."""

    ends: "NDArray[np.uint64]"
    offsets: "NDArray[np.uint64]"

    def of(self, i: int) -> "NDArray[np.uint64]":
        """Return the ends in document `i`."""
        return self.ends[int(self.offsets[i]) : int(self.offsets[i + 1])]


@dataclass(frozen=True)
class Cost:
    """What it took on this machine, this time: no property of a tokenizer, and never cached."""

    make_seconds: float
    """To train or load it; little where it was in the cache."""
    encode_mb_per_s: float | None
    """None where the measurement was in the cache."""


@dataclass
class Result:
    """What came out for one tokenizer."""

    id: str
    entry: Entry
    study: str
    """The first study that has it."""
    status: str = "ok"
    """`ok`, `lossy`, `missing` or `failed`."""
    note: Both | None = None
    kind: str = "trained"
    unit: str = ""
    n_ids: int = 0
    n_tokens: int = 0
    fingerprint: str = ""
    """Of the tokenizer; empty where there is none."""
    tokens: frozenset[bytes] = frozenset()
    """What tokens there are, without special ones."""
    on: dict[str, Measurement] = field(default_factory=dict)
    cuts: dict[str, Cuts] = field(default_factory=dict)
    given: dict[str, Estimate] = field(default_factory=dict)
    """Metrics that no measurement holds: what a closed vocabulary loses, morphology."""
    cost: Cost | None = None
    typing: dict[str, Any] | None = None
    """What a page can encode with (`interop.browser`), where a study wants sentences shown and the page can follow."""

    @property
    def measured(self) -> bool:
        """Whether there are figures."""
        return bool(self.on)


class Results:
    """Results by recipe, and any metric of them with its interval."""

    def __init__(self, plan: Plan, results: Sequence[Result]) -> None:
        self.plan = plan
        self.all = list(results)
        self._by_recipe = {result.entry.recipe: result for result in results}
        self._known: dict[tuple[str, str], Estimate | None] = {}

    def of(self, study: Study) -> Iterator[tuple[Entry, Result]]:
        """Yield the entries of a study, in order, each with its result."""
        for entry in study.entries:
            yield entry, self._by_recipe[entry.recipe]

    def value(self, result: Result, name: str) -> Estimate | None:
        """Return a metric with its interval; None where it was not measured or has no value."""
        key = (result.id, name)
        if key not in self._known:
            self._known[key] = self._value(result, name)
        return self._known[key]

    def give(self, result: Result, name: str, value: Estimate) -> None:
        """Add a metric that was measured elsewhere."""
        result.given[name] = value
        self._known.pop((result.id, name), None)

    def on(self, result: Result, text: str, name: str) -> Estimate | None:
        """Return a metric of one measurement, on any text of the plan."""
        measurement = result.on.get(text)
        return _real(measurement.interval(name, seed=self.plan.seed), measurement) if measurement else None

    def _value(self, result: Result, name: str) -> Estimate | None:
        match METRICS[name].reads:
            case "given" | "several":
                return result.given.get(name)
            case "pair":
                return self._of_pair(result, name)
            case _:
                return self.on(result, EVAL, name)

    def _of_pair(self, result: Result, name: str) -> Estimate | None:
        """Return a metric of two texts that match document by document: two languages, or a text and its variant."""
        names = (variant(name), EVAL)
        if METRICS[name].group == "premium":
            first, second = (self.plan.languages or ("", ""))[:2]
            names = (parallel(first), parallel(second))
        top, below = map(result.on.get, names)
        return _real(paired(top, below, name, seed=self.plan.seed), top) if top and below else None

    def relative(self, result: Result, other: Result, name: str) -> Estimate | None:
        """Return by what part of `other`'s value `result` differs from it on the evaluation text, document by document.

        -0.02 means 2 % less.
        """
        ratio = self._paired(result, other, name, "ratio")
        return ratio and Estimate(ratio.value - 1, _less_one(ratio.low), _less_one(ratio.high))

    def difference(self, result: Result, other: Result, name: str) -> Estimate | None:
        """Return `result`'s value less `other`'s on the evaluation text, document by document."""
        return self._paired(result, other, name, "difference")

    def _paired(self, result: Result, other: Result, name: str, how: Literal["ratio", "difference"]) -> Estimate | None:
        a, b = result.on.get(EVAL), other.on.get(EVAL)
        return _real(paired(a, b, name, how=how, seed=self.plan.seed), a) if a and b else None


def _less_one(x: float | None) -> float | None:
    return None if x is None else x - 1


def _real(value: Estimate, over: Measurement) -> Estimate | None:
    """Return a value that is a number, with the interval that so many documents can give; else None."""
    return sure(value, over.n_documents) if value.to_json()["value"] is not None else None


def sure(value: Estimate, n_documents: int) -> Estimate:
    """Return a value without its interval where the documents are too few to give one.

    >>> sure(Estimate(2.0, 1.0, 3.0), 9)
    Estimate(value=2.0, low=None, high=None)
    """
    return value if n_documents >= MIN_DOCUMENTS else Estimate(value.value)


def maker(plan: Plan, cache: Cache, vocab_dir: Path | None = None) -> Make:
    """Return what makes a tokenizer of an entry: trains a recipe on the plan's texts, or loads what is there."""
    trainer = Trainer(cache, plan.threads)

    def make(entry: Entry) -> "Candidate | Missing | Failed":
        spec = parse_tokenizer(entry.recipe)
        if isinstance(spec, Loaded):
            return load_candidate(spec, vocab_dir)
        return trainer.make(spec, training_text(spec, plan.train, plan.sources))

    return make


def run(plan: Plan, make: Make, keeper: Keeper, progress: Callable[[Progress], None] | None = None) -> Results:
    """Make and measure every tokenizer of `plan`. Ctrl-C loses the one at work and no other."""
    jobs = plan.jobs()
    results = []
    for n_done, job in enumerate(jobs):
        if progress:
            progress(Progress(n_done, len(jobs), job.entry.name))
        results.append(_result(f"c{n_done + 1}", job, plan, make, keeper))
    if progress:
        progress(Progress(len(jobs), len(jobs), ""))
    return Results(plan, results)


def _result(id: str, job: Job, plan: Plan, make: Make, keeper: Keeper) -> Result:
    result = Result(id, job.entry, job.study)
    try:
        started = time.perf_counter()
        candidate = make(job.entry)
        seconds = time.perf_counter() - started
        if isinstance(candidate, (Missing, Failed)):
            return _without(result, candidate.status, candidate.reason, candidate.hint)
        _describe(result, candidate)
        _measure(result, candidate, job, plan, keeper, seconds)
    except MemoryError:
        raise
    except Exception as e:
        reason = getattr(e, "message", None) or f"{type(e).__name__}: {e}"
        return _without(result, "failed", reason, getattr(e, "hint", None))
    return result


def _without(result: Result, status: str, reason: str, hint: str | None) -> Result:
    """Return a result that has no figures, and why."""
    result.status = status
    result.note = both(f"{reason} ({hint})" if hint else reason)
    result.on.clear()
    result.cuts.clear()
    result.given.clear()
    return result


def _describe(result: Result, candidate: Candidate) -> None:
    specials = set(candidate.tokenizer.special_tokens.values()) if candidate.tokenizer else set()
    result.kind, result.unit = candidate.kind, candidate.unit
    result.n_ids, result.n_tokens = candidate.n_ids, candidate.n_tokens
    result.fingerprint = candidate.fingerprint
    result.tokens = frozenset(token for id, token in candidate.vocab() if id not in specials)


def _measure(result: Result, candidate: Candidate, job: Job, plan: Plan, keeper: Keeper, seconds: float) -> None:
    speeds = []
    for name in job.on:
        kept = keeper.measured(candidate, plan.texts[name])
        result.on[name] = kept.measurement
        speeds += [kept.mb_per_s] if kept.mb_per_s else []
        if name == EVAL:
            _note_loss(result, candidate, kept.loss)
    for name in job.cuts:
        result.cuts[name] = Cuts(*keeper.cuts(candidate, plan.texts[name]))
    if SENTENCES in job.cuts and candidate.tokenizer:
        result.typing = browser_tables(candidate.tokenizer)
    result.given |= _given(result, candidate, plan)
    result.cost = Cost(seconds, max(speeds, default=None))


_MORPHEMES = {
    "precision": "morpheme_precision",
    "recall": "morpheme_recall",
    "f1": "morpheme_f1",
    "ceiling": "morpheme_ceiling",
}


def _given(result: Result, candidate: Candidate, plan: Plan) -> dict[str, Estimate]:
    """Return the metrics that no one measurement holds: old Hangul, languages side by side, morpheme edges."""
    found: dict[str, Estimate] = {}
    if old := result.on.get(OLD_HANGUL):
        found["old_hangul"] = Estimate(old.total("tokens") / max(1, old.total("conjoining")))
    sides = [side for lang in plan.languages or () if (side := result.on.get(parallel(lang)))]
    if len(sides) > 2:
        found["gini"] = Estimate(gini([side.total("tokens") for side in sides]))
    if GOLD in result.cuts and plan.gold:
        score = morphology(plan.gold, *result.cuts[GOLD], is_jamo=candidate.is_jamo)
        found |= {name: score.interval(of, seed=plan.seed) for of, name in _MORPHEMES.items()}
    return found


def _note_loss(result: Result, candidate: Candidate, loss: dict[str, Any] | None) -> None:
    """Mark a result whose round trip lost text."""
    if not (candidate.lossy or loss):
        return
    result.status = "lossy"
    loss = loss or {}
    for what in ("eojeol", "chars"):
        if loss.get(f"share_{what}") is not None:
            value = Estimate(loss[f"share_{what}"], *loss[f"ends_{what}"])
            result.given[f"unk_{what}"] = sure(value, result.on[EVAL].n_documents)
    if result.kind == "closed":
        result.note = both("writes <unk> for what it does not hold: not ranked", "없는 것은 <unk>가 된다: 순위에서 뺌")
    else:
        n, before, after = loss.get("n_documents", 0), loss.get("before", ""), loss.get("after", "")
        result.note = both(
            f"{n} documents do not come back: {before!r} becomes {after!r}; not ranked",
            f"문서 {n}건이 원래대로 돌아오지 않는다: {before!r} → {after!r}; 순위에서 뺌",
        )
