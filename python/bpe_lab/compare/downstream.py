"""From a comparison's results to language models and back: which tokenizers get one, the request, the records.

Trains nothing itself: whoever calls gives what does (the companion model's `bpe_lab.downstream` entry point).
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bpe_lab.compare import studies
from bpe_lab.compare.cache import Cache, key_of, program_version
from bpe_lab.compare.loss import Models
from bpe_lab.compare.plan import EVAL, Plan
from bpe_lab.compare.run import Make, Result, Results
from bpe_lab.downstream import Match, Request, RunProgress, Target, summarise
from bpe_lab.errors import ArgumentError
from bpe_lab.metrics import METRICS
from bpe_lab.runs import RunRecord

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

Train = Callable[[Request], Sequence[RunRecord]]
"""What trains: `bpe_lab_model.comparing.downstream`."""


@dataclass(frozen=True)
class Wanted:
    """How models are trained for a comparison."""

    preset: str
    folder: Path
    """Where records are kept."""
    match: Match = "bytes"
    seeds: int | None = None
    budgets: tuple[float, ...] = ()
    target: Target = field(default_factory=Target)
    resume: bool = True
    threads: int | None = None


def arms(plan: Plan, results: Results) -> list[Result]:
    """Return the tokenizers that models are trained for: those that the plan names, else all of the main study.

    What loses text or could not be measured is left out.
    """
    study = plan.study(studies.MAIN)
    every = [result for _, result in (results.of(study) if study else ())]
    lossless = [result for result in every if result.measured and result.status == "ok"]
    named = [result for result in lossless if result.entry.recipe in plan.downstream]
    return _each_once(named or lossless)


def _each_once(found: Sequence[Result]) -> list[Result]:
    """Return results without those whose tokenizer is another's twin."""
    first: dict[str, Result] = {}
    for result in found:
        first.setdefault(result.fingerprint or result.id, result)
    return list(first.values())


def train_models(
    plan: Plan,
    results: Results,
    make: Make,
    train: Train,
    wanted: Wanted,
    progress: Callable[[RunProgress], None] | None = None,
) -> Models:
    """Train models for the arms and put together what they say.

    Raises:
        ArgumentError: there are no two tokenizers to compare. Whatever `train` raises.
    """
    chosen = arms(plan, results)
    if len(chosen) < 2:
        raise ArgumentError(
            f"a loss is compared between two lossless tokenizers or more, here are {len(chosen)}",
            "name more with --tokenizers",
        )
    records = train(request(plan, chosen, make, wanted, progress))
    return summarised(plan, results, records, chosen, wanted.target)


def request(
    plan: Plan,
    chosen: Sequence[Result],
    make: Make,
    wanted: Wanted,
    progress: Callable[[RunProgress], None] | None = None,
) -> Request:
    """Return what is asked of the companion model."""
    made: list[Any] = [make(result.entry) for result in chosen]
    candidates: list[Candidate] = made
    return Request(
        candidates=candidates,
        train=plan.model_text or plan.train,
        validation=plan.texts[EVAL],
        folder=wanted.folder,
        preset=wanted.preset,
        seeds=wanted.seeds,
        budgets=wanted.budgets,
        match=wanted.match,
        domains=plan.domains,
        recipes={result.fingerprint: result.entry.recipe for result in chosen},
        names={result.fingerprint: result.entry.name for result in chosen},
        target=wanted.target,
        progress=progress,
        threads=wanted.threads,
        resume=wanted.resume,
    )


@contextmanager
def run_folder(plan: Plan, preset: str, train: Train, out: Path | None, cache: Cache) -> Iterator[Path]:
    """Give the folder of a grid's records: `OUT/runs`, else one in the cache, else one that goes away.

    In the cache it is named after what decides the runs and is no part of their records: the texts, and the code of
    whoever trains.
    """
    if out is not None:
        folder = out / "runs"
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    elif cache.folder is not None:
        text = plan.model_text or plan.train
        keys = (preset, text.content_key, plan.texts[EVAL].content_key)
        yield cache.folder_of(key_of("runs", program_version(), _code_of(train), *keys), "runs")
    else:
        with TemporaryDirectory(prefix="bpe-lab-runs-") as name:
            yield Path(name)


def _code_of(train: Train) -> str:
    """Return a digest of the package that trains: runs of other code are other runs."""
    package = sys.modules.get(train.__module__.partition(".")[0])
    digest = hashlib.sha256()
    for place in getattr(package, "__path__", ()):
        for path in sorted(Path(place).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def summarised(
    plan: Plan,
    results: Results,
    records: Sequence[RunRecord],
    chosen: Sequence[Result] | None = None,
    target: Target | None = None,
) -> Models:
    """Return what records say, with the row of each arm; records of tokenizers that have no row are left out."""
    rows = {result.fingerprint: result for result in (arms(plan, results) if chosen is None else chosen)}
    known = [record for record in records if record.arm.fingerprint in rows]
    metrics = {fingerprint: _intrinsic(results, result) for fingerprint, result in rows.items()}
    losses = summarise(known, metrics, order=list(rows), seed=plan.seed)
    return Models(losses, rows, target or Target())


def _intrinsic(results: Results, result: Result) -> dict[str, float]:
    """Return the metrics of a tokenizer that need no model and have a value."""
    found = {
        name: results.value(result, name)
        for name, metric in METRICS.items()
        if metric.group not in ("loss", "cost", "closed")
    }
    return {name: value.value for name, value in found.items() if value is not None}
