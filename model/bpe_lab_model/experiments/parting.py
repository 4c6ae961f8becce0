"""How much learning rate a model bears: the same start, six rates, a short training each.

A run diverged where its loss is no number, or where it ends above that of a model that knows nothing, ln V a token:
clipped gradients and AdamW seldom give infinities, and such a model is no better off. Divergence is a result here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards
from bpe_lab_model.experiments.tasks import Job, Outcome, Say, finish, new_model, train_branches
from bpe_lab_model.training import Trained, Trainer

FACTORS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)
"""Of the preset's learning rate: 0.006 to 6.1 at `study`."""

TRIAL_BYTES = 16_000

_TRIALS_SHARE = 0.4
"""Of a job, for its progress."""


def train(job: Job, say: Say) -> Iterator[Outcome]:
    """Try the rates, then train at the arm's own as every arm.

    Adds `highest_stable_lr` (0 where even the lowest diverges), `diverged_share` of the rates, and `bpb_by_lr`: rate ->
    training BPB at the end, None where it diverged. Options: `factors`, `trial_bytes`.
    """
    figures = stability(job, lambda share, bpb: say(_TRIALS_SHARE * share, bpb))
    rest = 1 - _TRIALS_SHARE
    candidate = job.candidate()
    for budget, trainer, trained in train_branches(job, lambda share, bpb: say(_TRIALS_SHARE + rest * share, bpb)):
        yield finish(job, budget, trainer, trained, candidate, figures)


def stability(job: Job, say: Say) -> dict[str, Any]:
    """Return what `train` adds."""
    factors: Sequence[float] = job.options.get("factors", FACTORS)
    rates = [factor * job.preset.lr for factor in factors]
    trials = {lr: _tried(job, lr, partial(_part, say, n, len(rates))) for n, lr in enumerate(rates)}
    ended = {lr: end_of(trained, job.config.vocab_size) for lr, trained in trials.items()}
    stable = [lr for lr, bpb in ended.items() if bpb is not None]
    return {
        "highest_stable_lr": max(stable, default=0.0),
        "diverged_share": 1 - len(stable) / len(ended),
        "bpb_by_lr": {f"{lr:.3g}": bpb for lr, bpb in ended.items()},
    }


def _tried(job: Job, lr: float, say: Say) -> Trained:
    """Train for a short while at a learning rate."""
    n_bytes = max(job.options.get("trial_bytes", TRIAL_BYTES), job.settings().bytes_per_step)
    settings = replace(job.preset.settings((n_bytes,), lr, job.seed), **{**job.arm.training, "lr": lr})
    model = new_model(job, job.candidate())
    return Trainer(
        model, Shards.open(job.shards), settings, None, lambda row: say(row.bytes / n_bytes, row.train_bpb)
    ).run()


def _part(say: Say, n: int, of: int, share: float, bpb: float) -> None:
    say((n + share) / of, bpb)


def end_of(trained: Trained, vocab_size: int) -> float | None:
    """Return the training BPB over the last quarter of the points; None where it diverged."""
    if trained.status == "diverged" or not trained.curve:
        return None
    points = trained.curve[-max(1, len(trained.curve) // 4) :]
    before = len(trained.curve) - len(points)
    n_tokens = points[-1].tokens - (trained.curve[before - 1].tokens if before else 0)
    nats, n_bytes = (math.fsum(getattr(point, name) for point in points) for name in ("train_nats", "train_bytes"))
    knows_something = math.isfinite(nats) and nats <= n_tokens * math.log(vocab_size)
    return nats / (math.log(2) * n_bytes) if knows_something and n_bytes else None


def bpb_by_rate(record: RunRecord) -> list[tuple[float, float, str]]:
    """Return (learning rate, training BPB) of a record; rates at which it diverged have no point."""
    tried: Mapping[str, float | None] = record.measures.get("bpb_by_lr", {})
    return [(float(lr), bpb, record.label) for lr, bpb in tried.items() if bpb is not None]


def sign_turns(records: Mapping[tuple[str, float], RunRecord]) -> float | None:
    """Return DyT's gain over RMSNorm at the smallest budget less that at the largest: above 0 where text takes it."""
    budgets = sorted({budget for _, budget in records})
    gains = []
    for budget in (budgets[0], budgets[-1]):
        dyt, base = records.get(("DyT", budget)), records.get(("RMSNorm", budget))
        if dyt is None or base is None or dyt.scored is None or base.scored is None:
            return None
        gains.append(base.scored.bpb - dyt.scored.bpb)
    return gains[0] - gains[1]
