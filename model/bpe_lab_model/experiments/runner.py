"""The one runner of the experiments: a row of the table to records, and from those to a result.

Every arm gets its tokenizer, its text as tokens, its learning rate, and a job a seed; jobs run side by side. What is
done lies in a file under what decides it, so a row that was stopped goes on, and a row that was changed runs what
changed.

    folder/NAME/ARM-BUDGET-KEY.run.json          records
    folder/NAME/probes/                          learning rates that were tried
    folder/NAME/result.json                      the table, the verdicts, the figures
    folder/NAME/shards/  folder/NAME/jobs/       while it runs
"""

import functools
import hashlib
import importlib
import inspect
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bpe_lab.compare.cache import Cache
from bpe_lab.compare.candidates import Candidate, Ours
from bpe_lab.downstream import RunProgress
from bpe_lab.errors import ArgumentError
from bpe_lab.runs import Arm as TokenizerOf
from bpe_lab.runs import RunRecord, key_of, write_record
from bpe_lab_model import checkpoint, devices, probing, recording
from bpe_lab_model.experiments import results
from bpe_lab_model.experiments.corpora import Corpus, Shelf
from bpe_lab_model.experiments.spec import Arm, Experiment
from bpe_lab_model.experiments.summing import result_of
from bpe_lab_model.experiments.tasks import Job, Outcome, judged_by
from bpe_lab_model.experiments.verdicts import Records
from bpe_lab_model.grid import short
from bpe_lab_model.objectives import extra_ids
from bpe_lab_model.presets import Preset
from bpe_lab_model.workers import Crew, Standing

VERSION = 1
"""Part of every key; raise it where equal jobs would give other figures for a reason that no key holds."""

SMOKE = "smoke"
"""The preset whose options are the row's `smoke`."""


@dataclass(frozen=True)
class Order:
    """What is asked: a row, at a size, on a text."""

    row: Experiment
    preset: Preset
    corpus: Corpus
    folder: Path
    """Of all experiments; the row's own lies in it."""
    tokenizers: tuple[str, ...] = ()
    """Recipes, files or names in place of the row's; arms that name their own keep it."""
    seeds: int | None = None
    """Of arms that decide a claim, and of the others at most; None: what the row says."""
    n_jobs: int = 1
    threads: int = 1
    """Of each job."""
    resume: bool = True
    command: str = ""
    cache: Cache = field(default_factory=lambda: Cache(None))
    progress: Callable[[RunProgress], None] | None = None

    @property
    def place(self) -> Path:
        """The row's folder."""
        return self.folder / self.row.name

    @cached_property
    def size(self) -> dict[str, Any]:
        """What of the preset decides a run."""
        return {name: value for name, value in asdict(self.preset).items() if name not in ("about", "max_tokens")}

    def seeds_of(self, arm: Arm) -> range:
        """Return the seeds of an arm."""
        decides = arm.name in self.row.decisive
        wanted = self.row.confirm if decides else self.row.screen
        if self.seeds is not None:
            wanted = self.seeds if decides else min(self.row.screen, self.seeds)
        if self.preset.name == SMOKE and self.seeds is None:
            wanted = 1
        return range(wanted)


@dataclass(frozen=True)
class Entry:
    """An arm with a tokenizer: what has one learning rate."""

    order: Order
    arm: Arm
    """With its tokenizer filled in."""
    candidate: Candidate
    shards: Path
    probe_shards: Path | None
    """None where nothing is probed."""

    @cached_property
    def multiples(self) -> tuple[float, ...]:
        """Its budgets, ascending."""
        return tuple(sorted(set(self.arm.budgets or self.order.row.budgets)))

    @cached_property
    def budgets(self) -> tuple[int, ...]:
        """The same in bytes."""
        found = tuple(round(multiple * self.order.preset.bytes_an_arm) for multiple in self.multiples)
        least = self.arm.training.get("bytes_per_step", self.order.preset.bytes_per_step)
        return tuple(max(n, least) for n in found)

    @cached_property
    def options(self) -> dict[str, Any]:
        """What the task and the measures are told."""
        smoke = self.order.row.smoke if self.order.preset.name == SMOKE else {}
        return {**self.arm.options, **smoke}

    @property
    def slug(self) -> str:
        """Its name as files have it."""
        name = f"{self.arm.name}-{self.arm.tokenizer}" if self.order.tokenizers else self.arm.name
        return re.sub(r"[^\w.-]+", "-", name).strip("-")[:48]

    def job(self, seed: int, lr: float, probe: bool = False) -> Job:
        """Return the job of a seed, or the trial of a learning rate at the smallest budget."""
        preset = self.order.preset
        has_eos = self.candidate.tokenizer is not None and "<|endoftext|>" in self.candidate.tokenizer.special_tokens
        extra = extra_ids(self.arm.training.get("objective", "clm"))
        arm = replace(self.arm, measures=(), task="tasks:train") if probe else self.arm
        return Job(
            self.order.row.name,
            arm,
            preset,
            seed,
            lr,
            self.budgets[:1] if probe else self.budgets,
            self.probe_shards if probe and self.probe_shards else self.shards,
            preset.config(self.candidate.n_ids + (not has_eos) + extra, seed, **self.arm.model),
            self.order.place / "jobs" / f"{self.slug}-{seed}",
            self.options,
            self.order.corpus.domains,
            None if isinstance(self.candidate, Ours) else self.candidate,
        )

    def key(self, job: Job) -> str:
        """Return the SHA-256 over all that decides a job."""
        arm = {name: value for name, value in asdict(self.arm).items() if name != "name"}
        return key_of(
            VERSION,
            self.order.row.name,
            arm,
            self.candidate.fingerprint,
            asdict(job.config),
            [job.seed, job.lr, list(job.budgets), job.options],
            self.order.size,
            self.order.corpus.about,
            [devices.device().type, checkpoint.versions()],
            [_code_of(name) for name in (self.arm.task, *self.arm.measures)],
        )

    def path(self, key: str, budget: int) -> Path:
        """Return where the record of a budget lies."""
        return self.order.place / f"{self.slug}-{short(budget)}-{key[:12]}.run.json"


@functools.cache
def _code_of(name: str) -> str:
    """Return the SHA-256 of the module that a task or measure stands in: another code, another figure."""
    module = importlib.import_module(f"bpe_lab_model.experiments.{name.partition(':')[0]}")
    return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()


def run(order: Order) -> results.Result:
    """Run what is not there yet, and return and write the result.

    Raises:
        ArgumentError, CorpusError: what is asked cannot be done. FormatError: a record in the folder is damaged.
        KeyboardInterrupt: on Ctrl-C; finished jobs are kept, and the same order goes on.
    """
    _check(order)
    order.place.mkdir(parents=True, exist_ok=True)
    shelf = Shelf(order.corpus, order.preset, order.place / "shards", order.cache)
    try:
        entries = [_entry(order, arm, shelf) for arm in arms(order)]
        with Crew(order.n_jobs, order.threads) as crew:
            tally = _Tally(order)
            tried = _probe(order, entries, crew, tally)
            records = _train(order, entries, tried, crew, tally)
    finally:
        shelf.tidy()
        shutil.rmtree(order.place / "jobs", ignore_errors=True)
    found = result_of(order, records)
    results.write(order.folder, found)
    if order.progress:
        order.progress(RunProgress(tally.n_runs, tally.n_runs, ""))
    return found


def _check(order: Order) -> None:
    if order.seeds is not None and order.seeds < 1:
        raise ArgumentError(f"seeds must be at least 1, got {order.seeds}", "3 to screen, 5 to claim")
    for folder in (order.folder, order.place):
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"{folder} is a file", "name another folder with --out")


def arms(order: Order) -> Iterator[Arm]:
    """Yield every arm with its tokenizer; those that name none once for each tokenizer that was asked for."""
    for arm in order.row.arms:
        names = (arm.tokenizer,) if arm.tokenizer else order.tokenizers or (order.row.tokenizer,)
        for name in names:
            yield replace(arm, tokenizer=smaller(name, order.preset))


def smaller(recipe: str, preset: Preset) -> str:
    """Return a recipe with the vocabulary of preset `smoke`, superwords within it.

    >>> from bpe_lab_model.presets import PRESETS
    >>> smaller("unit=jamo,vocab=2048", PRESETS["smoke"])
    'unit=jamo,vocab=512'
    """
    if preset.name != SMOKE:
        return recipe
    most = {"vocab": preset.sizes[0], "superword": preset.sizes[0] * 3 // 4}
    return re.sub(r"(vocab|superword)=(\d+)", lambda m: f"{m[1]}={min(int(m[2]), most[m[1]])}", recipe)


def _entry(order: Order, arm: Arm, shelf: Shelf) -> Entry:
    entry = Entry(order, arm, shelf.candidate(arm), Path(), None)
    largest = max(entry.budgets)
    shards = shelf.shards(arm, largest)
    return replace(entry, shards=shards, probe_shards=shelf.shards(arm, largest, probe=True) if arm.probes else None)


@dataclass
class _Tally:
    """How many jobs are done."""

    order: Order
    n_runs: int = 0
    n_done: int = 0
    started: float = field(default_factory=time.monotonic)
    n_before: int = 0
    """Done before the clock was set."""

    def begin(self) -> None:
        """Set the clock: what comes now takes longer or shorter than what came before."""
        self.started, self.n_before = time.monotonic(), self.n_done

    def tell(self, standings: Sequence[Standing]) -> None:
        """Say where things stand."""
        if not self.order.progress or not standings:
            return
        now = sum(s.share for s in standings)
        here = self.n_done - self.n_before + now
        elapsed = time.monotonic() - self.started
        left = self.n_runs - self.n_done - now
        seconds = left * elapsed / here if here > 0.2 and elapsed > 2 else None
        first = max(standings, key=lambda s: s.share)
        what = "; ".join(s.work.name for s in standings)
        self.order.progress(RunProgress(self.n_done, self.n_runs, what, first.share, seconds, first.bpb))


def _probe(order: Order, entries: Sequence[Entry], crew: Crew, tally: _Tally) -> list[probing.Tried | None]:
    """Return the learning rates that each entry tried, None where none is probed; equal trials are shared."""
    paths = [_trials_of(order, entry) if entry.arm.probes else None for entry in entries]
    shared = {path: probing.Tried(path, order.resume) for path in paths if path}
    first_of = {path: entry for path, entry in reversed(list(zip(paths, entries, strict=True))) if path}
    n_jobs = sum(len(order.seeds_of(entry.arm)) for entry in entries)
    while True:
        works = {
            first_of[path].job(probing.SEED, factor * order.preset.lr, probe=True): (tried, factor)
            for path, tried in shared.items()
            for factor in probing.wanted(tried.found)
        }
        tally.n_runs = tally.n_done + len(works) + n_jobs
        if not works:
            return [shared[path] if path else None for path in paths]

        def tell(work: Job, outcome: Outcome, works: dict[Job, tuple[probing.Tried, float]] = works) -> None:
            tried, factor = works[work]
            tried.add(factor, judged_by(outcome))
            tally.n_done += 1

        crew.run(list(works), tell, tally.tell)


def _trials_of(order: Order, entry: Entry) -> Path:
    """Return where trials are kept: one place where all that decides training is equal, whatever is measured."""
    job = entry.job(probing.SEED, order.preset.lr, probe=True)
    key = key_of(
        VERSION,
        [entry.candidate.fingerprint, asdict(job.config), list(job.budgets), dict(entry.arm.training)],
        [entry.arm.text, entry.arm.text_share],
        order.size,
        order.corpus.about,
        [devices.device().type, checkpoint.versions()],
    )
    return order.place / "probes" / f"{key[:16]}.json"


def _train(
    order: Order, entries: Sequence[Entry], tried: Sequence[probing.Tried | None], crew: Crew, tally: _Tally
) -> "dict[str, Records]":
    """Run the jobs that have no records, and return all records by tokenizer, arm, budget and seed."""
    found: dict[str, dict[tuple[str, float], dict[int, RunRecord]]] = {}
    works: dict[Job, tuple[Entry, probing.Tried | None, str]] = {}
    tally.n_runs = tally.n_done + sum(len(order.seeds_of(entry.arm)) for entry in entries)
    for entry, probes in zip(entries, tried, strict=True):
        lr = (probes.factor if probes else 1.0) * order.preset.lr
        for seed in order.seeds_of(entry.arm):
            job = entry.job(seed, lr)
            key = entry.key(job)
            kept = [recording.kept(entry.path(key, budget), key) for budget in entry.budgets] if order.resume else []
            if kept and all(kept):
                for record in kept:
                    _put(found, entry, record)
                tally.n_done += 1
            else:
                works[job] = entry, probes, key
    tally.begin()

    def tell(work: Job, outcome: Outcome) -> None:
        entry, probes, key = works[work]
        record = _record(entry, work, outcome, probes, key)
        path = entry.path(key, outcome.budget)
        write_record(path.parent, path.name.removesuffix(".run.json"), record)
        _put(found, entry, record)
        if outcome.budget == max(work.budgets):
            tally.n_done += 1

    todo: list[Job] = sorted(works, key=lambda job: job.seed)
    crew.run(todo, tell, tally.tell)
    return found  # type: ignore[return-value]


def _put(found: dict[str, Any], entry: Entry, record: "RunRecord | None") -> None:
    """List a record under its tokenizer (one name for all where no choice was given), arm, budget and seed."""
    assert record is not None
    group = entry.arm.tokenizer if entry.order.tokenizers else ""
    multiple = entry.multiples[entry.budgets.index(record.budget_bytes)]
    found.setdefault(group, {}).setdefault((entry.arm.name, multiple), {})[record.seed] = record


def _record(entry: Entry, job: Job, outcome: Outcome, probes: probing.Tried | None, key: str) -> RunRecord:
    order, candidate, trained = entry.order, entry.candidate, outcome.trained
    settings = job.settings()
    return RunRecord(
        arm=TokenizerOf(candidate.name, entry.arm.tokenizer, candidate.fingerprint, candidate.unit, candidate.n_ids),
        seed=job.seed,
        preset=order.preset.name,
        match="bytes",
        budget_bytes=outcome.budget,
        corpus=order.corpus.about | {"epochs": round(trained.epochs, 3) if trained else 0.0},
        model=recording.model(job.config),
        training={
            "key": key,
            "lr": job.lr,
            "lr_factor": job.lr / order.preset.lr,
            "probed": {f"{factor:g}": value for factor, value in probes.found.items()} if probes else {},
            "bytes_per_step": settings.bytes_per_step,
            "context_bytes": job.config.context_bytes,
            "objective": settings.objective,
            "steps": trained.steps if trained else 0,
            "epochs": trained.epochs if trained else 0.0,
            "options": dict(job.options),
        },
        **recording.done(trained),
        memory_bytes=outcome.memory_bytes,
        scored=outcome.scored,
        status=outcome.status,
        note=outcome.note,
        machine=devices.machine(),
        versions=checkpoint.versions(),
        experiment=order.row.name,
        label=entry.arm.name,
        measures=outcome.measures,
    )
