"""What the size of a step does: the way that training takes, gradient-noise scale, and text that was trained on.

A task that watches the trunk's own steps, and figures from gradients at weights that stand still; formulas and sources
are in docs/experiments-training.md. Trains through `training.Trainer`, chooses no size.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bpe_lab.runs import RunRecord
from bpe_lab.shards import ShardSplit, encode_split
from bpe_lab_model import bpb, probing
from bpe_lab_model.experiments.tasks import Finished, Job, Outcome, Say, finish, new_trunk
from bpe_lab_model.rows import BATCH_COST
from bpe_lab_model.training import Trainer
from bpe_lab_model.windows import Step, WindowIndex, steps

N_GRADIENTS = 48
"""Gradients of a window of text each that a noise scale is made of."""

N_CUTS = 8
"""Parts that one step is cut into, to see that its gradient stays the same."""

ROWS_TO_CUT = 32

WARM_SHARE = 1 / 3
"""Of a trunk's steps, which end at 75 % of the budget: no cosine is taken before the first quarter of it."""


def train(job: Job, say: Say) -> Iterator[Outcome]:
    """Train as `tasks.train`, watch the way, and measure the noise where the learning rate begins to fall.

    Options: `n_gradients` (48) and `rows_to_cut` (32).
    """
    candidate = job.candidate()
    trunk = new_trunk(job, say)
    way = Way()
    trunk.optimizer.register_step_post_hook(way)
    for budget in job.budgets:
        branch = trunk.branch(budget)
        seen = _at_rest(trunk, way, job) if trunk.status == "ok" else {}
        yield finish(job, budget, branch, branch.run(), candidate, seen)


def _at_rest(trunk: Trainer, way: "Way", job: Job) -> dict[str, Any]:
    """Return what the trunk shows where it stands: the step that follows sees none of it."""
    found = noise(trunk, int(job.options.get("n_gradients", N_GRADIENTS)))
    size = trunk.meter.bytes / max(1, trunk.meter.steps)
    return {
        "bytes_per_update": size,
        "cosine": way.cosine,
        "noise_bytes": found.scale_bytes,
        "cosine_of_noise": found.cosine(size),
        "cut_difference": cut_difference(trunk, int(job.options.get("rows_to_cut", ROWS_TO_CUT))),
    }


# -- the way


@dataclass
class Way:
    """Cosines of the gradients of successive steps, as an optimizer takes them (a hook behind its steps).

    Clipping makes a gradient shorter and leaves the cosine. Cost: a copy of the gradient a step.
    """

    cosines: list[float] = field(default_factory=list)
    _last: Tensor | None = None

    def __call__(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        """Take in the gradient of a step that was just taken."""
        parts = [p.grad.flatten() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        gradient = torch.cat(parts)  # (n,)
        if self._last is not None:
            self.cosines.append(cosine(self._last, gradient))
        self._last = gradient

    @property
    def cosine(self) -> float | None:
        """Mean of those after the first third; None where there are fewer than two steps."""
        kept = self.cosines[int(WARM_SHARE * len(self.cosines)) :]
        return math.fsum(kept) / len(kept) if kept else None


def cosine(a: Tensor, b: Tensor) -> float:
    """Return the cosine of two vectors; 0 where one has no length.

    >>> cosine(torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0]))  # (12 + 12) / 25
    0.96
    """
    lengths = float(torch.linalg.vector_norm(a).double() * torch.linalg.vector_norm(b).double())
    return float(torch.dot(a.double(), b.double())) / lengths if lengths else 0.0


# -- the noise


@dataclass(frozen=True)
class Noise:
    """The two sums that a gradient-noise scale is a ratio of (McCandlish et al. 2018, arXiv 1812.06162, appendix A)."""

    spread: float
    """tr(Sigma) x bytes: how far gradients of one byte of text each would lie from their mean, squared."""
    square: float
    """|G|^2: of the gradient without noise. By chance it may come out at 0 or below."""

    @property
    def scale_bytes(self) -> float | None:
        """B_simple = tr(Sigma) / |G|^2, in bytes of text; None where the gradients do not show a common direction."""
        return self.spread / self.square if self.square > 0 else None

    def cosine(self, n_bytes: float) -> float | None:
        """Return the cosine that two gradients of `n_bytes` each have by noise alone, at the same weights: B / (B + N).

        >>> Noise(spread=3000.0, square=1.0).cosine(1000)
        0.25
        """
        scale = self.scale_bytes
        return None if scale is None else n_bytes / (n_bytes + scale)


def noise_of(gradients: Tensor, n_bytes: float) -> Noise:
    """Return the noise of gradients of `n_bytes` of text each: (K, n).

    Of the K short batches and the long one that they make together, with K |mean|^2 = the long one's square:
    |G|^2 = (K |mean|^2 - mean |g|^2) / (K - 1), tr(Sigma) = n_bytes K / (K - 1) (mean |g|^2 - |mean|^2). Both are
    without bias; their ratio is not quite.

    >>> noise_of(torch.tensor([[3.0, 0.0], [1.0, 0.0]]), 10)  # mean 2, mean square 5: (2 x 4 - 5) / 1, 10 x 2 x (5 - 4)
    Noise(spread=20.0, square=3.0)
    """
    k = len(gradients)
    short = float(gradients.double().square().sum(1).mean())
    long = float(gradients.double().mean(0).square().sum())
    return Noise(n_bytes * k / (k - 1) * (short - long), (k * long - short) / (k - 1))


def noise(trainer: Trainer, n_gradients: int = N_GRADIENTS) -> Noise:
    """Return the noise at a trainer's weights, from gradients of about a window of training text each.

    Cost: one forward and backward over n_gradients windows; memory of as many gradients.
    """
    size = trainer.model.config.context_bytes
    drawn = list(islice(_steps(trainer, size), n_gradients))
    gradients = torch.stack([trainer.gradient(step) for step in drawn])  # (K, n)
    return noise_of(gradients, sum(step.n_bytes for step in drawn) / len(drawn))


def _steps(
    trainer: Trainer, n_bytes: int, max_tokens: int | None = None, batch_cost: int = BATCH_COST
) -> Iterator[Step]:
    """Yield steps of training text without end, in an order that training does not have."""
    context = trainer.settings.context_bytes or trainer.model.config.context_bytes
    index = WindowIndex(trainer.shards.split("train"), trainer.shards.eos, context)
    return steps(
        index,
        n_bytes,
        probing.SEED,
        total_bytes=2**60,
        objective=trainer.settings.objective,
        max_tokens=max_tokens or trainer.settings.max_tokens,
        batch_cost=batch_cost,
    )


# -- a step in one piece and in several


def cut_difference(trainer: Trainer, n_rows: int = ROWS_TO_CUT) -> float:
    """Return how far the gradient of a step of about `n_rows` windows is from that of the same step cut into eight.

    The length of the difference as a part of the gradient's: rounding, since sums run over the whole step.
    """
    n_bytes = n_rows * trainer.model.config.context_bytes
    whole = next(_steps(trainer, n_bytes, max_tokens=2**40, batch_cost=2**40))
    places = sum(batch.inputs.numel() for batch in whole.batches)
    cut = next(_steps(trainer, n_bytes, max_tokens=max(1, places // N_CUTS), batch_cost=1))
    one, several = trainer.gradient(whole), trainer.gradient(cut)
    return float(torch.linalg.vector_norm(one - several) / torch.linalg.vector_norm(one))


def largest_cut_difference(records: Mapping[tuple[str, float], RunRecord]) -> float | None:
    """Return the largest `cut_difference` of any arm of a seed."""
    found = [record.measures.get("cut_difference") for record in records.values()]
    return max((x for x in found if x is not None), default=None)


# -- text that was trained on


def seen(finished: Finished) -> dict[str, Any]:
    """Return bits per byte of training text, scored as validation text is, and how far validation lies above it.

    The training curve would not do: it is of weights on their way, with dropout on. Documents of the lowest content
    hash, up to `seen_bytes` (the preset's validation bytes), cut by the tokenizer without dropout of merges.
    """
    limit = int(finished.job.options.get("seen_bytes", finished.job.preset.validation_bytes))
    model = finished.model
    split = encode_split(finished.candidate, _documents(finished, limit))
    scored = bpb.score(model, split, finished.shards.eos, context_bytes=model.config.context_bytes).bpb
    above = finished.scored.bpb - scored if finished.scored else None
    return {"seen_bpb": scored, "seen_gap": above}


def _documents(finished: Finished, limit: int) -> list[bytes]:
    split: ShardSplit = finished.shards.split("train")
    texts = finished.candidate.decode_batch(np.asarray(split.ids, np.uint32), np.asarray(split.token_offsets))
    taken: list[bytes] = []
    for place in np.argsort(np.asarray(split.hashes), kind="stable").tolist():
        if taken and limit < len(texts[place]):
            continue
        taken.append(texts[place])
        limit -= len(texts[place])
    return taken
