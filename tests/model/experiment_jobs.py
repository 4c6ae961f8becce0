"""Jobs of experiments over the tiny text, and records made up, for the tests of tasks and measures."""

from pathlib import Path
from typing import Any

from small import PRESET

import fake_runs
from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.experiments.tasks import Job


def job(
    of: Shards, arm: Arm | None = None, budgets: tuple[int, ...] = (6_000,), lr: float = 1e-2, **options: Any
) -> Job:
    """Return a job at the smallest preset: one layer of width 16, windows of 64 bytes, steps of 512."""
    arm = arm or Arm("plain")
    config = PRESET.config(of.vocab_size, 0, **arm.model)
    return Job("test", arm, PRESET, 0, lr, budgets, of.folder, config, Path(), {**arm.options, **options})


def silent(share: float, bpb: float) -> None:
    """Listen to nobody."""


def record(label: str, budget: int = 1000, bpb: float | None = None, **measures: Any) -> RunRecord:
    """Return a record of an arm, with bits per byte or without."""
    scored = None if bpb is None else fake_runs.scored([100 * bpb], [100])
    return fake_runs.record(fake_runs.arm(), 0, scored, budget, label=label, measures=measures)
