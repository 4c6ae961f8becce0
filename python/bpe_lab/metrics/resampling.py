"""Intervals: bootstrap over documents, order statistics, and a jackknife over groups of documents.

Numbers in, numbers out. Which of them a metric gets stands in docs/metrics.md.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

N_BLOCKS = 2048
"""More documents than this are resampled in blocks of neighbours, so that an interval costs milliseconds."""


@lru_cache(maxsize=4)
def weights(n: int, n_resamples: int, seed: int) -> "Floats":
    """Return how often each of `n` blocks is drawn, one row a resample, each row `n` draws with replacement.

    Equal arguments give the same draws, so two tokenizers over the same documents are resampled together.
    """
    import numpy as np

    return np.random.default_rng(seed).multinomial(n, [1 / n] * n, size=n_resamples).astype(np.float64)


def percentile_interval(values: "Floats", level: float) -> tuple[float | None, float | None]:
    """Return the middle `level` of bootstrap values; None where fewer than two are finite."""
    import numpy as np

    finite = values[np.isfinite(values)]
    if finite.size < 2:
        return None, None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ratio_interval(
    top: "Floats", below: "Floats", seed: int = 0, n_resamples: int = 1000, level: float = 0.95
) -> tuple[float | None, float | None]:
    """Return the interval of sum(top)/sum(below) over documents, one number each; None where `below` is 0."""
    import numpy as np

    if not below.sum():
        return None, None
    starts = np.arange(0, len(top), -(-len(top) // N_BLOCKS))
    top, below = np.add.reduceat(top, starts), np.add.reduceat(below, starts)
    drawn = weights(len(top), n_resamples, seed)
    sums = drawn @ below
    return percentile_interval((drawn @ top)[sums > 0] / sums[sums > 0], level)


def quantile(ordered: "Floats", p: float) -> float:
    """Return the smallest of the ordered values that at least `p` percent do not exceed (nearest rank)."""
    n = len(ordered)
    rank = max(1, -int(-p * n // 100))
    return float(ordered[rank - 1])


def quantile_interval(ordered: "Floats", p: float, level: float) -> tuple[float | None, float | None]:
    """Return the order statistics between which the p-th percentile lies, free of any distribution.

    The number of values below it is binomial; its normal approximation gives the two ranks. None on a side where the
    values are too few to bound it.
    """
    n, share = len(ordered), p / 100
    z = NormalDist().inv_cdf((1 + level) / 2)
    spread = z * (n * share * (1 - share)) ** 0.5
    low, high = int(n * share - spread), int(n * share + spread) + 1
    return (
        float(ordered[low - 1]) if low >= 1 else None,
        float(ordered[high - 1]) if high <= n else None,
    )


def student(level: float, degrees: int) -> float:
    """Return the two-sided quantile of Student's t (Cornish-Fisher expansion, within 0.2 % from 10 degrees on)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def jackknife_interval(value: float, without: "Floats", level: float) -> tuple[float | None, float | None]:
    """Return an interval around `value` from the same quantity with each group of documents left out in turn.

    The variance is (g - 1)/g times the sum of squares around their mean (delete-a-group jackknife), g groups.
    """
    import numpy as np

    n = len(without)
    if n < 4 or not np.all(np.isfinite(without)):
        return None, None
    error = float(((n - 1) / n * ((without - without.mean()) ** 2).sum()) ** 0.5)
    half = student(level, n - 1) * error
    return value - half, value + half
