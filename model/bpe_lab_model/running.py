"""One trunk with a branch for each budget, trained and scored: the piece of a grid that a process takes.

Everything is said in `Work`, plain data that travels to another process; what comes back are `Outcome`s, one a budget.
A trunk that was stopped goes on from its checkpoint, bit for bit. Knows neither grid nor records.
"""

import contextlib
import ctypes
import gc
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from bpe_lab.errors import BpeLabError
from bpe_lab.runs import Scored
from bpe_lab.shards import Shards
from bpe_lab_model import bpb, checkpoint, devices
from bpe_lab_model.decoding import decoding_figures
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.presets import trunk_bytes
from bpe_lab_model.training import Settings, Trained, Trainer

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.shards import ShardSplit
    from bpe_lab_model.progress import Progress


@dataclass(frozen=True)
class Work:
    """A trunk to train. Equal works give equal outcomes on one machine, seconds and memory apart."""

    name: str
    """For people, as in `byte 4,096, seed 2`."""
    config: Config
    settings: Settings
    """Of the trunk; its seed is that of the order of documents."""
    budgets: tuple[int, ...]
    """Bytes at which branches end, smallest first."""
    shards: Path
    flops: float
    """About how much it is."""
    candidate: "Candidate | None" = None
    """The tokenizer, where the shards hold no copy of it."""
    folder: Path | None = None
    """Where a trunk that is stopped leaves a checkpoint; None where it does not."""
    decodes: bool = False
    """Whether decoding is measured too, on the largest budget."""

    @property
    def n_bytes(self) -> int:
        """Bytes that are trained on in all."""
        return max(1, trunk_bytes(self.budgets, self.settings.decay_share))

    def carry_out(self, report: "Report", tell: "Callable[[Outcome], None]") -> None:
        """See `carry_out`."""
        carry_out(self, report, tell)


@dataclass(frozen=True)
class Outcome:
    """What came of one budget."""

    budget: int
    status: Literal["ok", "diverged"]
    trained: Trained
    scored: Scored | None
    memory_bytes: int
    decoding: dict[str, float] = field(default_factory=dict)
    note: str = ""


Report = Callable[[float, float], None]
"""Called with the share of the work that is done, and the last training loss in bits per byte."""


def carry_out(work: Work, report: Report, tell: Callable[[Outcome], None]) -> None:
    """Train and score every budget of `work`, and tell each one when it is there.

    Raises:
        KeyboardInterrupt: it was stopped; what the trunk had learned is saved.
    """
    shards = Shards.open(work.shards)
    candidate = work.candidate or shards.load_candidate()
    forget_peak()
    model = GPT(work.config, embedding_keys(candidate, work.config.vocab_size))
    trunk = Trainer(model, shards, work.settings, work.folder, reporter(work.n_bytes, report))
    _resume(trunk, work)
    for budget in work.budgets:
        branch = trunk.branch(budget)
        if work.folder:
            trunk.save()
        tell(_outcome(budget, branch, branch.run(), candidate, work))


def reporter(n_bytes: int, report: Report) -> "Callable[[Progress], None]":
    """Return what a trunk and its branches tell their steps to, of `n_bytes` in all: the share goes on to `report`."""
    done = 0

    def watch(row: "Progress") -> None:
        nonlocal done
        done = max(done + row.step_bytes, row.bytes)
        report(min(1.0, done / n_bytes), row.train_bpb)

    return watch


def _resume(trunk: Trainer, work: Work) -> None:
    """Go on from the work's checkpoint, where there is one that the first budget can still leave the trunk at.

    One that is damaged or of other settings is thrown away: it is worth some minutes and no question.
    """
    if work.folder is None or not (work.folder / checkpoint.LATEST).exists():
        return
    budget = work.budgets[0]
    leaves = budget - round(work.settings.decay_share * budget) + work.settings.bytes_per_step / 2
    with contextlib.suppress(BpeLabError):
        saved = checkpoint.load(work.folder)
        if saved.state["progress"]["bytes"] < leaves:
            trunk.resume(saved)
            return
    shutil.rmtree(work.folder, ignore_errors=True)


def _outcome(budget: int, branch: Trainer, trained: Trained, candidate: "Candidate", work: Work) -> Outcome:
    memory = peak_bytes() or trained.memory_bytes
    if trained.status == "diverged":
        return Outcome(budget, "diverged", trained, None, memory, note=trained.note)
    shards = branch.shards
    try:
        scored = bpb.score(
            branch.model,
            shards.split("validation"),
            shards.eos,
            candidate=candidate,
            context_bytes=work.config.context_bytes,
            max_tokens=2 * work.settings.max_tokens,
        )
    except DivergedError as e:
        return Outcome(budget, "diverged", trained, None, memory, note=e.message)
    decoded: dict[str, float] = {}
    if work.decodes and budget == max(work.budgets):
        prompts = beginning(shards.split("validation"), candidate, work.config.context_bytes)
        decoded = decoding_figures(branch.model, candidate, prompts, seed=work.settings.seed)
    return Outcome(budget, "ok", trained, scored, memory, decoded)


def beginning(split: "ShardSplit", candidate: "Candidate", n_bytes: int) -> list[bytes]:
    """Return the first documents of a split, as many as have `n_bytes` bytes, decoded from their tokens."""
    n_documents = int(np.searchsorted(split.byte_offsets, n_bytes)) or 1
    return list(islice(bpb.documents_of(split, candidate, n_documents), n_documents))


# -- memory


def forget_peak() -> None:
    """Begin to measure the most memory anew: several works run in one process, which may have kept what one freed."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int | None:
    """Return the most memory held since `forget_peak`; None where the system does not tell."""
    if devices.device().type == "cuda":
        return torch.cuda.max_memory_allocated()
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return None


def bits(outcome: Outcome) -> float | None:
    """Return the bits per byte of an outcome, None where it diverged."""
    found = outcome.scored.bpb if outcome.scored else None
    return found if found is not None and math.isfinite(found) else None
