"""What a grid will take, before anything of it is trained: parameters, tokens, FLOPs, and minutes on this machine.

Parameters and FLOPs are counted; the pace is measured by training one arm for some seconds, in a folder that goes away.
"""

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bpe_lab.shards import write_shards
from bpe_lab_model import cost, probing
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT
from bpe_lab_model.grid import Grid, GridArm, drawn, side_by_side
from bpe_lab_model.training import Trainer
from bpe_lab_model.workers import threads

MEASURED_SECONDS = 3.0

_SCORED_TWICE = 1.5
"""Forward passes over a byte that is scored: one in a short document, two in a long one."""


def estimate(grid: Grid, n_jobs: int | None = None) -> dict[str, Any]:
    """Return what the whole grid takes; what lies in its folder already is not subtracted.

    The learning rates are counted as three for each arm; one whose best is at an edge takes more.
    """
    jobs, n_threads = side_by_side(grid, n_jobs)
    pace = jobs * flops_per_s(grid, n_threads) if grid.trained else 0.0
    arms = [_arm(grid, arm) for arm in grid.arms]
    total = sum(arm["flops"] for arm in arms)
    return {
        "preset": grid.preset.name,
        "match": grid.request.match,
        "seeds": len(grid.seeds),
        "budget_bytes": list(grid.budgets),
        "epochs": grid.epochs,
        "train_bytes": grid.train.n_bytes,
        "validation_bytes": grid.validation.n_bytes,
        "jobs": jobs,
        "flops_per_s": pace,
        "flops": total,
        "seconds": total / pace if pace else 0.0,
        "arms": [arm | {"seconds": arm["flops"] / pace if pace else 0.0} for arm in arms],
    }


def _arm(grid: Grid, arm: GridArm) -> dict[str, Any]:
    counted = cost.parameters(arm.config)
    n_bytes = grid.preset.trained_bytes(grid.budgets)
    return {
        "name": arm.arm.name,
        "status": "lossy" if arm.note else "ok",
        "n_ids": arm.arm.n_ids,
        "d_model": arm.config.d_model,
        "n_block": counted["block"],
        "n_embedding": counted["embedding"],
        "tokens_per_kb": 1000 * arm.tokens_per_byte,
        "tokens_per_window": grid.preset.context_bytes * arm.tokens_per_byte,
        "tokens_a_seed": round(n_bytes * arm.tokens_per_byte),
        "flops": 0.0 if arm.note else _flops(grid, arm),
    }


def _flops(grid: Grid, arm: GridArm) -> float:
    """Return the FLOPs of probing, training and scoring an arm."""
    n_trials, n_seeds = len(probing.FACTORS), len(grid.seeds)
    trained = n_trials * grid.budgets[0] + n_seeds * grid.preset.trained_bytes(grid.budgets)
    held_back = min(grid.preset.probing_bytes, probing.HELD_BACK * grid.train.n_bytes)
    scored = n_trials * held_back + n_seeds * len(grid.budgets) * grid.validation.n_bytes
    return (trained + _SCORED_TWICE * scored / 3) * arm.flops_per_byte


class _Enough(Exception):
    """The pace is known."""


def flops_per_s(grid: Grid, n_threads: int) -> float:
    """Return the FLOPs a second of one work: some steps of the arm in the middle, after the first."""
    arm = sorted(grid.trained, key=lambda arm: arm.flops_per_byte)[len(grid.trained) // 2]
    with TemporaryDirectory(prefix="bpe-lab-pace-") as name, threads(n_threads):
        text, _ = drawn(grid.train, 20 * grid.preset.bytes_per_step, None)
        shards = write_shards(Path(name) / "shards", arm.candidate, {"train": text.documents})
        settings = replace(grid.settings(), total_bytes=1000 * grid.preset.bytes_per_step)
        model = GPT(arm.config, embedding_keys(arm.candidate, arm.config.vocab_size))
        seen: list[tuple[float, float]] = []
        started = time.monotonic()

        def watch(row: Any) -> None:
            seen.append((row.flops, row.seconds))
            if len(seen) > 2 and time.monotonic() - started > MEASURED_SECONDS:
                raise _Enough

        with contextlib.suppress(_Enough):
            Trainer(model, shards, settings, report=watch).run()
    (flops, seconds), (all_flops, all_seconds) = seen[0], seen[-1]
    return (all_flops - flops) / max(all_seconds - seconds, 1e-9)
