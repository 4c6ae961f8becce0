"""The shape of a table of embeddings: its rank, at the start and after training, and who gets to a loss first.

The table is taken less its mean row, since a vector added to every row tells no token from another, and as a head
changes no probability. Trains nothing.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpe_lab.runs import RunRecord
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.experiments.tasks import Finished
from bpe_lab_model.start import table as table_at_start

Floats = NDArray[np.float64]
Curve = Sequence[tuple[float, float]]
"""(bytes of training, bits per byte), by bytes."""


def table(finished: Finished) -> dict[str, Any]:
    """Return ranks of the model's embedding table and of the one that it started with, rows of padding left out."""
    config = finished.model.config
    trained = finished.model.embedding.detach().cpu().numpy()[: config.vocab_size]
    keys = embedding_keys(finished.candidate, config.vocab_size)
    return {"table": ranks(trained), "table_start": ranks(table_at_start(config, keys))}


def ranks(rows: NDArray[Any]) -> dict[str, float]:
    """Return `rank`, `effective` and `shared` of a table: (n, d).

    `rank`: singular values above max(n, d) eps of the largest, eps of float32. `effective`: exp of the entropy of the
    singular values as shares of their sum (Roy, Vetterli 2007), 0 where all rows are alike. `shared`: the part of the
    rows' summed squares that the mean row makes, 1 where all rows are alike.

    >>> ranks(np.array([[3.0, 1.0], [-3.0, 1.0]]))  # less the mean (0, 1): one direction; squares 20, of the mean 2
    {'rank': 1, 'effective': 1.0, 'shared': 0.1}
    """
    given = np.asarray(rows, np.float64)
    mean = given.mean(0)  # (d,)
    values = np.linalg.svd(given - mean, compute_uv=False)
    total = float(np.square(given).sum())
    # What the mean's own rounding leaves of rows that are alike is no spread.
    floor = max(given.shape) * np.finfo(np.float32).eps * max(float(values[0]), math.sqrt(total) * 1e-6)
    kept = values[values > floor]
    return {
        "rank": len(kept),
        "effective": effective_rank(kept),
        "shared": len(given) * float(np.square(mean).sum()) / total if total else 1.0,
    }


def effective_rank(values: Floats) -> float:
    """Return exp of the entropy of singular values as shares of their sum: k where k are equal, 0 without any.

    >>> round(effective_rank(np.array([3.0, 1.0])), 4)  # shares 3/4 and 1/4: exp(0.75 ln(4/3) + 0.25 ln 4)
    1.7548
    """
    if not len(values):
        return 0.0
    shares = values / values.sum()
    return math.exp(-math.fsum((shares * np.log(shares)).tolist()))


def points(record: RunRecord) -> list[tuple[float, float, str]]:
    """Return (bytes, effective rank, arm) of a record: at the start, and where its budget ended."""
    found = []
    for n_bytes, key in ((0, "table_start"), (record.budget_bytes, "table")):
        if key in record.measures:
            found.append((float(n_bytes), float(record.measures[key]["effective"]), record.label))
    return found


# -- of records

Records = Mapping[tuple[str, float], RunRecord]


def rank_of_zeros(records: Records) -> float | None:
    """Return the rank that a table of zeros, which is the head too, has at the end: 0 where it never moved."""
    return _last_rank(records, "zeros")


def rank_of_zeros_under_a_head(records: Records) -> float | None:
    """Return the rank that a table of zeros has at the end under a head of its own."""
    return _last_rank(records, "zeros, own head")


def _last_rank(records: Records, arm: str) -> float | None:
    found = [r for (name, _), r in records.items() if name == arm and "table" in r.measures]
    return float(max(found, key=lambda r: r.budget_bytes).measures["table"]["rank"]) if found else None


def random_before_zeros(records: Records) -> float | None:
    """Return how many doublings of text a random table saves on the way to where zeros end, both with a head apart."""
    return doublings(_curve(records, "zeros, own head"), _curve(records, "normal 0.02, own head"))


def random_before_ones(records: Records) -> float | None:
    """Return how many doublings of text a random table saves on the way to where ones end, with a tied head."""
    return doublings(_curve(records, "ones"), _curve(records, "normal 0.02"))


def bytes_until_zeros(records: Records, arm: str) -> float | None:
    """Return the bytes at which an arm has the loss that zeros end with (a table of zeros under a head of its own).

    At most that many where its first budget is below already; None where it never gets there.
    """
    ends, curve = _curve(records, "zeros, own head"), _curve(records, arm)
    return bytes_until(curve, ends[-1][1]) if ends and curve else None


def _curve(records: Records, arm: str) -> list[tuple[float, float]]:
    """Return the validation points of an arm, one a budget."""
    runs = [(float(r.budget_bytes), r.scored.bpb) for (name, _), r in records.items() if name == arm and r.scored]
    return sorted(runs)


def doublings(slow: Curve, fast: Curve) -> float | None:
    """Return log2 of (bytes of `slow` to its end / bytes of `fast` to the same loss); negative where `fast` is slower.

    Between two points the loss goes in a straight line over log bytes; a loss that stands below the first point is
    reached there at the latest, so the true figure may be larger. Where `fast` never gets there, the curves change
    sides. None where one has no points, or where neither reaches the other's end.

    >>> doublings([(100, 3.0), (400, 2.0)], [(100, 2.5), (400, 1.5)])  # 2.0 lies midway: 200 bytes instead of 400
    1.0
    """
    if not slow or not fast:
        return None
    n_bytes = bytes_until(fast, slow[-1][1])
    if n_bytes is not None:
        return math.log2(slow[-1][0] / n_bytes)
    other = bytes_until(slow, fast[-1][1])
    return None if other is None else -math.log2(fast[-1][0] / other)


def bytes_until(curve: Curve, target: float) -> float | None:
    """Return the bytes at which a curve first has a loss of at most `target`; None where it never has.

    >>> bytes_until([(100, 3.0), (400, 2.0)], 2.5)
    200.0
    """
    if curve[0][1] <= target:
        return curve[0][0]
    for (a, high), (b, low) in pairwise(curve):
        if low <= target:
            return float(a * (b / a) ** ((high - target) / (high - low)))
    return None
