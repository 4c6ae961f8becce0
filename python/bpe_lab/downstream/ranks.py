"""Spearman's rank correlation of a metric with bits per byte, over arms, with a bootstrap interval.

Few arms tell nothing: below `MIN_ARMS` there is no figure. The interval is over arms and over documents at once, and at
+1 or -1 never says that it is certain. Says nothing of causes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpe_lab.downstream.pairing import LEVEL
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.metrics.resampling import percentile_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MIN_ARMS = 8
"""Arms from which on a correlation is given."""
N_RESAMPLES = 1000


@dataclass(frozen=True)
class Correlation:
    """How far a metric orders arms as their bits per byte do."""

    metric: str
    rho: Estimate
    n_arms: int


def ranks(values: Sequence[float]) -> list[float]:
    """Return ranks from 1; equal values share the mean of theirs.

    >>> ranks([30.0, 10.0, 10.0, 20.0])
    [4.0, 1.5, 1.5, 3.0]
    """
    ordered = sorted(values)
    first: dict[float, int] = {}
    n: dict[float, int] = {}
    for i, value in enumerate(ordered, 1):
        first.setdefault(value, i)
        n[value] = n.get(value, 0) + 1
    return [first[value] + (n[value] - 1) / 2 for value in values]


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Return Pearson's correlation of ranks; not a number where one side is constant.

    >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    left, right = _centred(ranks(a)), _centred(ranks(b))
    below = math.sqrt(math.fsum(x * x for x in left) * math.fsum(y * y for y in right))
    return math.fsum(x * y for x, y in zip(left, right, strict=True)) / below if below else math.nan


def _centred(values: Sequence[float]) -> list[float]:
    mean = math.fsum(values) / len(values)
    return [x - mean for x in values]


def correlations(
    metrics: Mapping[str, Sequence[float]], bpb: Sequence[float], drawn: "Floats", seed: int = 0
) -> list[Correlation]:
    """Return the correlation of each metric with bits per byte, without those that are constant.

    The interval is the wider of two. A bootstrap draws arms with replacement and, for each draw, one draw of documents
    (`drawn`, [n_arms, n]); all metrics get the same draws. Where the order is perfect every draw is too, so Fisher's z
    is the other (`fisher_interval`).
    """
    import numpy as np

    n = len(bpb)
    arms = np.random.default_rng(seed).integers(0, n, (N_RESAMPLES, n))
    resampled = _ranks_of_rows(drawn[arms, np.arange(N_RESAMPLES)[:, None] % drawn.shape[1]])
    found = []
    for name, values in metrics.items():
        rho = spearman(values, bpb)
        if not math.isnan(rho):
            rhos = _correlated(_ranks_of_rows(np.asarray(values, np.float64)[arms]), resampled)
            found.append(Correlation(name, _with_ends(rho, rhos, n), n))
    return found


def _with_ends(rho: float, rhos: "Floats", n: int) -> Estimate:
    low, high = percentile_interval(rhos, LEVEL)
    z_low, z_high = fisher_interval(rho, n)
    return Estimate(rho, min(z_low, rho if low is None else low), max(z_high, rho if high is None else high))


def _ranks_of_rows(rows: "Floats") -> "Floats":
    """Return `ranks` of each row: 1, plus those below, plus half of the others that are equal."""
    below = (rows[:, :, None] > rows[:, None, :]).sum(2)
    equal = (rows[:, :, None] == rows[:, None, :]).sum(2)
    found: Floats = below + (equal + 1) / 2
    return found


def _correlated(a: "Floats", b: "Floats") -> "Floats":
    """Return Pearson's correlation of each row of `a` with that of `b`; not a number where one is constant."""
    import numpy as np

    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    below = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    found: Floats = (a * b).sum(1) / np.where(below > 0, below, np.nan)
    return found


def fisher_interval(rho: float, n: int) -> tuple[float, float]:
    """Return the interval of a rank correlation of `n` pairs by Fisher's z: variance (1 + rho^2/2)/(n - 3).

    Bonett and Wright (2000). A perfect order, whose z is infinite, counts as the rho that one exchange of neighbours
    would leave, 1 - 12/(n^3 - n).

    >>> low, high = fisher_interval(0.0, 12)
    >>> round(low, 4), round(high, 4)  # tanh(1.96 / 3)
    (-0.5739, 0.5739)
    """
    from statistics import NormalDist

    most = 1 - 12 / (n**3 - n)
    z = math.atanh(max(-most, min(most, rho)))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt((1 + rho * rho / 2) / (n - 3))
    low, high = math.tanh(z - half), math.tanh(z + half)
    return min(low, rho), max(high, rho)
