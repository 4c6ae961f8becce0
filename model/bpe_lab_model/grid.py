"""Tokenizers x seeds x budgets: what is trained, in which order, what is kept of it, and what lies there already.

Seeds are outermost, so a grid that is half done has every arm. Each finished budget is one file `NAME-KEY.run.json` in
the folder, where the key covers all that decides the run: what is there is not run again, and what was changed gets
other files. Trains nothing itself (`running`), judges nothing (`bpe_lab.downstream`).

    folder/byte-4096-1MB-seed0-0123456789ab.run.json     records
    folder/probes/byte-4096-0123456789ab.json            learning rates that were tried
    folder/shards/  folder/trunks/                       texts as tokens; trunks that were stopped
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.compare.candidates import Ours, examine
from bpe_lab.compare.texts import Texts
from bpe_lab.downstream import Request, RunProgress
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError
from bpe_lab.holdout import content_hashes
from bpe_lab.runs import Arm, RunRecord, key_of, write_record
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model import cost, devices, probing, recording
from bpe_lab_model.checkpoint import versions
from bpe_lab_model.equalising import equalised
from bpe_lab_model.gpt import Config
from bpe_lab_model.presets import Preset, check_match, preset
from bpe_lab_model.running import Outcome, Work, bits
from bpe_lab_model.training import Settings
from bpe_lab_model.workers import Crew, Standing

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

VERSION = 2
"""Part of every key; raise it where equal settings would train otherwise."""

POOL = 16
"""Shards hold at most this many times the largest budget: text beyond it would hardly be met."""

_MEASURED_BYTES = 1_000_000
"""Of text, to tell tokens a byte before anything is encoded."""


@dataclass(frozen=True)
class GridArm:
    """A tokenizer, and the model that it gets."""

    candidate: "Candidate"
    arm: Arm
    config: Config
    """Seed 0."""
    tokens_per_byte: float
    """Of the training text, end of text included."""
    flops_per_byte: float
    """Of training, about."""
    note: str = ""
    """What a round trip loses; such an arm is not trained."""

    @property
    def slug(self) -> str:
        """The name as files have it."""
        return re.sub(r"[^\w.-]+", "-", self.arm.name.replace(",", "")).strip("-")[:40]


@dataclass(frozen=True)
class Run:
    """One record to be: an arm, a seed, a budget."""

    arm: GridArm
    seed: int
    budget: int


@dataclass(frozen=True)
class Grid:
    """All that decides the records, before the learning rates are known."""

    request: Request
    preset: Preset
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    arms: tuple[GridArm, ...]
    train: Texts
    """What is trained on: the request's, or as much of it as matters."""
    validation: Texts
    """What is scored: the request's, or a draw of it."""
    domains: tuple[str, ...] | None
    """Of `validation`'s documents."""

    @property
    def folder(self) -> Path:
        """Where records lie."""
        return self.request.folder

    @property
    def trained(self) -> tuple[GridArm, ...]:
        """The arms that lose nothing."""
        return tuple(arm for arm in self.arms if not arm.note)

    def runs(self) -> Iterator[Run]:
        """Yield every run in the order in which they are done."""
        for seed in self.seeds:
            for arm in self.arms:
                for budget in self.budgets:
                    yield Run(arm, seed, budget)

    @cached_property
    def probing(self) -> tuple[Texts, Texts]:
        """What probing runs train on, and are judged by."""
        return probing.hold_back(self.train, self.preset.probing_bytes)

    @cached_property
    def corpus(self) -> dict[str, Any]:
        """What a record says of the texts, epochs apart."""
        return recording.texts(self.train, self.validation)

    @property
    def epochs(self) -> float:
        """How often the largest budget reads the training text."""
        return max(self.budgets) / self.train.n_bytes

    def settings(self, lr: float | None = None, seed: int = 0) -> Settings:
        """Return the settings of a trunk."""
        return self.preset.settings(self.budgets, lr, seed)

    def probe_work(self, arm: GridArm, factor: float, shards: Path) -> Work:
        """Return the trial of a learning rate: one run at the smallest budget."""
        budget = self.budgets[0]
        settings = self.preset.settings((budget,), factor * self.preset.lr, probing.SEED)
        name = f"{arm.arm.name}, learning rate {settings.lr:.2g}"
        config = replace(arm.config, seed=probing.SEED)
        flops = budget * arm.flops_per_byte
        return Work(name, config, settings, (budget,), shards, flops, _carried(arm.candidate))

    def work(self, arm: GridArm, seed: int, budgets: Sequence[int], lr: float, shards: Path) -> Work:
        """Return the trunk of an arm and a seed with the branches that are still to be done."""
        settings = self.settings(lr, seed)
        key = self.key(Run(arm, seed, max(budgets)), lr)
        work = Work(
            f"{arm.arm.name}, seed {seed}",
            replace(arm.config, seed=seed),
            settings,
            tuple(sorted(budgets)),
            shards,
            0.0,
            _carried(arm.candidate),
            self.folder / "trunks" / f"{arm.slug}-seed{seed}-{key[:12]}",
            decodes=True,
        )
        return replace(work, flops=work.n_bytes * arm.flops_per_byte)

    def key(self, run: Run, lr: float | None) -> str:
        """Return the SHA-256 over all that decides a run."""
        settings = asdict(self.settings(lr or self.preset.lr, run.seed))
        schedule = asdict(self.schedule(run.budget))
        for name in ("total_bytes", "warmup_share", "max_tokens"):  # said by the schedule; changes no result
            del settings[name]
        return key_of(
            VERSION,
            run.arm.arm.fingerprint,
            asdict(replace(run.arm.config, seed=run.seed)),
            settings,
            schedule,
            [self.request.match, self.preset.name, lr],
            [self.corpus, list(self.domains or ())],
            [devices.device().type, versions()],
        )

    def schedule(self, budget: int) -> Any:
        """Return the schedule of a branch."""
        trunk = self.settings().scheduled()
        return replace(trunk, total_bytes=budget, decay_bytes=round(self.settings().decay_share * budget))


def _carried(candidate: "Candidate") -> "Candidate | None":
    """Return a candidate that has to travel with its work, None for ours: the shards hold a copy."""
    return None if isinstance(candidate, Ours) else candidate


# -- planning


def plan(request: Request) -> Grid:
    """Return what a request means; encodes a little text and trains nothing.

    Raises:
        ArgumentError: no such preset, no seed, no arm, one budget where several are needed.
        CorpusError: there is nothing to score or to train on.
    """
    chosen = preset(request.preset)
    budgets = chosen.budget_bytes(tuple(request.budgets))
    _check(request, chosen, budgets)
    train, _ = drawn(request.train, POOL * max(budgets), None)
    validation, domains = drawn(request.validation, chosen.validation_bytes, request.domains)
    arms = [_arm(request, candidate, chosen, train) for candidate in request.candidates]
    if request.match == "params":
        configs = equalised([arm.config for arm in arms])
        arms = [_with_config(arm, config, train) for arm, config in zip(arms, configs, strict=True)]
    n_seeds = chosen.n_seeds if request.seeds is None else request.seeds
    return Grid(request, chosen, budgets, tuple(range(n_seeds)), tuple(arms), train, validation, domains)


def _check(request: Request, chosen: Preset, budgets: Sequence[int]) -> None:
    if request.seeds is not None and request.seeds < 1:
        raise ArgumentError(
            f"seeds must be at least 1, got {request.seeds}", "3 to screen, 5 to claim, 10 for a headline"
        )
    if not request.candidates:
        raise ArgumentError("there is no tokenizer to train a model on", "give recipes or files with --tokenizers")
    check_match(request.match, budgets)
    for text, use, option in ((request.train, "train on", "--corpus"), (request.validation, "score", "--eval")):
        if not any(document.strip() for document in text.documents):
            raise CorpusError(f"{text.name} holds nothing but white space to {use}", f"give a text with {option}")
    if request.train.n_bytes < chosen.bytes_per_step:
        raise CorpusError(
            f"{request.train.name} has {request.train.n_bytes:,} bytes, preset {chosen.name} takes steps of"
            f" {chosen.bytes_per_step:,}",
            "give more text, or take a smaller preset",
        )


def drawn(texts: Texts, n_bytes: int, domains: Sequence[str] | None) -> tuple[Texts, tuple[str, ...] | None]:
    """Return documents of the lowest content hash up to `n_bytes`, in the order they had, with their domains.

    All where they are not more. Whole documents, one at least; a document that does not fit any more is passed over.
    """
    named = None if domains is None else tuple(domains)
    if texts.n_bytes <= n_bytes:
        return texts, named
    hashes = list(content_hashes(texts.documents, "grid", 0))
    left = n_bytes
    taken: set[int] = set()
    for place in sorted(range(texts.n_documents), key=lambda i: (hashes[i], i)):
        if len(texts.documents[place]) <= left or not taken:
            taken.add(place)
            left -= len(texts.documents[place])
    places = sorted(taken)
    found = Texts(f"{texts.name} ({n_bytes:,} bytes of it)", [texts.documents[i] for i in places])
    return found, None if named is None else tuple(named[i] for i in places)


def _arm(request: Request, candidate: "Candidate", chosen: Preset, train: Texts) -> GridArm:
    name, recipe = request.name_of(candidate), request.recipe_of(candidate)
    about = Arm(name, recipe, candidate.fingerprint, candidate.unit, candidate.n_ids)
    has_eos = candidate.tokenizer is not None and "<|endoftext|>" in candidate.tokenizer.special_tokens
    config = chosen.config(candidate.n_ids + (not has_eos))
    arm = GridArm(
        candidate, about, config, _tokens_per_byte(candidate, train), 0.0, _lost(candidate, request.validation)
    )
    return _with_config(arm, config, train)


def _with_config(arm: GridArm, config: Config, train: Texts) -> GridArm:
    """Return the arm with a model, and what a byte costs to train on."""
    row_bytes = min(config.context_bytes, train.n_bytes / train.n_documents)
    flops = cost.flops_per_token(config, row_bytes * arm.tokens_per_byte) * arm.tokens_per_byte
    return replace(arm, config=config, flops_per_byte=flops)


def _tokens_per_byte(candidate: "Candidate", train: Texts) -> float:
    some, _ = drawn(train, _MEASURED_BYTES, None)
    ids, _, _ = candidate.encode_ends(some.documents)
    return (len(ids) + some.n_documents) / max(1, some.n_bytes)


def _lost(candidate: "Candidate", validation: Texts) -> str:
    """Return what a round trip of the whole validation text loses; empty where nothing is."""
    if candidate.kind != "closed":
        examine(candidate, validation.documents)
    loss = candidate.loss
    if loss is None and not candidate.lossy:
        return ""
    if loss is None or not loss.n_documents:
        return "what the vocabulary does not hold is lost: not ranked"
    return f"{loss.n_documents} documents do not come back: {loss.before!r} becomes {loss.after!r}; not ranked"


# -- what lies in the folder


def _name(run: Run, key: str) -> str:
    return f"{run.arm.slug}-{short(run.budget)}-seed{run.seed}-{key[:12]}"


def short(n_bytes: int) -> str:
    """Return an amount as names of files have it: `1.5MB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:g}{unit}"
    return f"{n_bytes}B"


def kept_record(grid: Grid, run: Run, lr: float | None) -> RunRecord | None:
    """Return the record of a run, None where there is none.

    Raises:
        FormatError: it is damaged; the message names the file.
    """
    key = grid.key(run, lr)
    return recording.kept(grid.folder / f"{_name(run, key)}.run.json", key)


def _tried(grid: Grid, arm: GridArm) -> probing.Tried:
    """Return the learning rates that were tried for an arm."""
    run = Run(arm, probing.SEED, grid.budgets[0])
    key = key_of(grid.key(run, None), grid.preset.probing_bytes)
    return probing.Tried(grid.folder / "probes" / f"{arm.slug}-{key[:12]}.json", grid.request.resume)


def shards_of(grid: Grid, arm: GridArm, *, probe: bool = False) -> Path:
    """Return the folder of an arm's shards, which are written where they are not there or not whole."""
    folder = _shards_folder(grid, arm, probe)
    try:
        Shards.open(folder)
    except BpeLabError:
        folder.parent.mkdir(parents=True, exist_ok=True)
        train, validation, domains = _shown(grid, probe)
        texts = {"train": train.documents, "validation": validation.documents}
        labels = {"validation": domains, "train": [domains[0]] * train.n_documents} if domains else None
        write_shards(folder, arm.candidate, texts, domains=labels, force=True)  # type: ignore[arg-type]
    return folder


def _shown(grid: Grid, probe: bool) -> tuple[Texts, Texts, tuple[str, ...] | None]:
    """Return what a run trains on, what it is scored on, and the domains of that."""
    return (*grid.probing, None) if probe else (grid.train, grid.validation, grid.domains)


def _shards_folder(grid: Grid, arm: GridArm, probe: bool) -> Path:
    train, validation, domains = _shown(grid, probe)
    key = key_of(arm.arm.fingerprint, train.content_key, validation.content_key, list(domains or ()))
    return grid.folder / "shards" / f"{arm.slug}-{key[:12]}"


# -- doing it


@dataclass
class Tally:
    """How much of a grid is done, and how long the rest will take at the pace of what was done here."""

    watch: Callable[[RunProgress], None] | None
    n_runs: int
    n_done: int = 0
    flops_left: float = 0.0
    """Of works that are not finished."""
    _flops_done: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    def finished(self, work: Work) -> None:
        """Take note of a work."""
        self._flops_done += work.flops
        self.flops_left = max(0.0, self.flops_left - work.flops)

    def tell(self, standings: Sequence[Standing]) -> None:
        """Say where things stand."""
        if not self.watch or not standings:
            return
        now = sum(s.share * s.work.flops for s in standings)
        done, left = self._flops_done + now, max(0.0, self.flops_left - now)
        elapsed = time.monotonic() - self._started
        seconds = left * elapsed / done if done > 0 and elapsed > 1 else None
        first = max(standings, key=lambda s: s.share)
        what = "; ".join(s.work.name for s in standings)
        self.watch(RunProgress(self.n_done, self.n_runs, what, first.share, seconds, first.bpb))


def run_grid(grid: Grid, n_jobs: int | None = None) -> list[RunRecord]:
    """Do every run that is not there yet, and return all records, by seed, arm and budget.

    Args:
        grid: from `plan`.
        n_jobs: works side by side, which share the processors; None is one a processor on a CPU, one on a GPU.

    Raises:
        FormatError: a record in the folder is damaged.
        KeyboardInterrupt: on Ctrl-C; finished runs are kept, and the trunks in work are saved.
    """
    grid.folder.mkdir(parents=True, exist_ok=True)
    tally = Tally(grid.request.progress, sum(1 for _ in grid.runs()))
    with Crew(*side_by_side(grid, n_jobs)) as crew:
        probes = _probe(grid, crew, tally)
        _train(grid, probes, crew, tally)
    _tidy(grid)
    records = [_record_of(grid, run, probes) for run in grid.runs()]
    if tally.watch:
        tally.watch(RunProgress(tally.n_runs, tally.n_runs, ""))
    return records


def side_by_side(grid: Grid, n_jobs: int | None = None) -> tuple[int, int]:
    """Return how many works run at once, and the threads of each: a processor each, but all for one on a GPU."""
    there = grid.request.threads or n_processors()
    if n_jobs is None:
        most = len(grid.arms) * max(len(grid.seeds), len(probing.FACTORS))
        n_jobs = min(there, most) if devices.device().type == "cpu" else 1
    return max(1, n_jobs), max(1, there // max(1, n_jobs))


def n_processors() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _probe(grid: Grid, crew: Crew, tally: Tally) -> dict[str, probing.Tried]:
    """Return the learning rates of every arm that is trained, all arms side by side."""
    probes = {arm.arm.fingerprint: _tried(grid, arm) for arm in grid.trained}
    tally.flops_left = _flops_left(grid, probes)
    while works := {work: pair for work, pair in _trials(grid, probes)}:

        def tell(work: Work, outcome: Outcome, works: dict[Work, Any] = works) -> None:
            fingerprint, factor = works[work]
            probes[fingerprint].add(factor, bits(outcome))
            tally.finished(work)

        crew.run(list(works), tell, tally.tell)
    return probes


def _trials(grid: Grid, probes: dict[str, probing.Tried]) -> Iterator[tuple[Work, tuple[str, float]]]:
    for arm in grid.trained:
        fingerprint = arm.arm.fingerprint
        for factor in probing.wanted(probes[fingerprint].found):
            yield grid.probe_work(arm, factor, shards_of(grid, arm, probe=True)), (fingerprint, factor)


def _flops_left(grid: Grid, probes: dict[str, probing.Tried]) -> float:
    """Return about how much is still to be trained, before learning rates are known."""
    found = 0.0
    for arm in grid.trained:
        n_trials = len(probing.wanted(probes[arm.arm.fingerprint].found))
        n_bytes = n_trials * grid.budgets[0] + len(grid.seeds) * grid.preset.trained_bytes(grid.budgets)
        found += n_bytes * arm.flops_per_byte
    return found


def _train(grid: Grid, probes: dict[str, probing.Tried], crew: Crew, tally: Tally) -> None:
    """Train what has no record yet, and write the records."""
    todo: dict[tuple[int, str], list[Run]] = {}
    for run in grid.runs():
        if grid.request.resume and kept_record(grid, run, _lr(grid, run, probes)):
            tally.n_done += 1
        elif run.arm.note:
            _write(grid, run, None, _lossy(grid, run))
            tally.n_done += 1
        else:
            todo.setdefault((run.seed, run.arm.arm.fingerprint), []).append(run)
    works = {_work(grid, runs, probes): runs for runs in todo.values()}
    tally.flops_left = sum(work.flops for work in works)

    def tell(work: Work, outcome: Outcome) -> None:
        run = next(run for run in works[work] if run.budget == outcome.budget)
        lr = _lr(grid, run, probes)
        _write(grid, run, lr, _record(grid, run, outcome, probes[run.arm.arm.fingerprint]))
        tally.n_done += 1
        if outcome.budget == max(work.budgets):
            tally.finished(work)
            if work.folder:
                shutil.rmtree(work.folder, ignore_errors=True)

    crew.run(list(works), tell, tally.tell)


def _work(grid: Grid, runs: Sequence[Run], probes: dict[str, probing.Tried]) -> Work:
    first = runs[0]
    lr = _lr(grid, first, probes)
    assert lr is not None
    return grid.work(first.arm, first.seed, [run.budget for run in runs], lr, shards_of(grid, first.arm))


def _lr(grid: Grid, run: Run, probes: dict[str, probing.Tried]) -> float | None:
    """Return the learning rate of a run; None where nothing is trained."""
    if run.arm.note:
        return None
    return probes[run.arm.arm.fingerprint].factor * grid.preset.lr


def _record_of(grid: Grid, run: Run, probes: dict[str, probing.Tried]) -> RunRecord:
    found = kept_record(grid, run, _lr(grid, run, probes))
    assert found is not None
    return found


def _tidy(grid: Grid) -> None:
    """Take away what a finished grid needs no more: shards, which are made again in seconds, and stopped trunks."""
    for arm in grid.trained:
        for probe in (False, True):
            shutil.rmtree(_shards_folder(grid, arm, probe), ignore_errors=True)
    for name in ("shards", "trunks"):
        with contextlib.suppress(OSError):  # there is none, or another grid has something there
            (grid.folder / name).rmdir()


# -- records

_TOLD_SETTINGS = ("bytes_per_step", "stride_bytes", "weight_decay", "clip", "objective", "precision")


def _write(grid: Grid, run: Run, lr: float | None, record: RunRecord) -> None:
    write_record(grid.folder, _name(run, grid.key(run, lr)), record)


def _base(grid: Grid, run: Run, lr: float | None) -> dict[str, Any]:
    """Return what a record says before anything was trained."""
    settings = grid.settings(lr or grid.preset.lr, run.seed)
    return {
        "arm": run.arm.arm,
        "seed": run.seed,
        "preset": grid.preset.name,
        "match": grid.request.match,
        "budget_bytes": run.budget,
        "corpus": grid.corpus | {"epochs": round(run.budget / grid.train.n_bytes, 3)},
        "model": recording.model(replace(run.arm.config, seed=run.seed)),
        "machine": devices.machine(),
        "versions": _versions(),
        "training": {
            "key": grid.key(run, lr),
            "lr": lr,
            "context_bytes": grid.preset.context_bytes,
            "schedule": asdict(grid.schedule(run.budget)),
            **{name: getattr(settings, name) for name in _TOLD_SETTINGS},
            "betas": [settings.beta1, settings.beta2],
        },
    }


def _versions() -> dict[str, str]:
    import platform

    return versions() | {"python": platform.python_version()}


def _lossy(grid: Grid, run: Run) -> RunRecord:
    """Return the record of an arm that loses text: it is not trained, since nothing could be compared."""
    return RunRecord(
        **_base(grid, run, None),
        **recording.done(None),
        memory_bytes=0,
        scored=None,
        status="lossy",
        note=run.arm.note,
    )


def _record(grid: Grid, run: Run, outcome: Outcome, probes: probing.Tried) -> RunRecord:
    trained = outcome.trained
    base = _base(grid, run, probes.factor * grid.preset.lr)
    base["training"] |= {
        "lr_factor": probes.factor,
        "probed": {f"{factor:g}": value for factor, value in probes.found.items()},
        "steps": trained.steps,
        "epochs": trained.epochs,
    }
    return RunRecord(
        **base,
        **recording.done(trained),
        memory_bytes=outcome.memory_bytes,
        scored=outcome.scored,
        decoding=outcome.decoding,
        status=outcome.status,
        note=outcome.note,
    )
