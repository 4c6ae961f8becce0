"""Bits per byte at equal work: between the budgets of a run, on logarithmic scales. Never beyond them.

A power law is a straight line there, and between neighbours every smooth curve nearly is. What lies outside of the
budgets has no value: an extrapolated loss is a guess.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SAME = 1e-9
"""Part by which a place may lie outside and still count as the end: sums of floats differ in their last digits."""


class Between(NamedTuple):
    """A place between two budgets: `share` of the way from `left` to `right`, on a logarithmic scale."""

    left: int
    right: int
    share: float


def between(xs: Sequence[float], x: float) -> Between | None:
    """Return where `x` lies among rising `xs`; None outside of them.

    >>> round(between([10.0, 1000.0], 100.0).share, 12)
    0.5
    >>> between([10.0, 1000.0], 2000.0) is None
    True
    """
    right = bisect_left(xs, x)
    for near in (right - 1, right):
        if 0 <= near < len(xs) and math.isclose(xs[near], x, rel_tol=_SAME):
            return Between(near, near, 0.0)
    if not 0 < right < len(xs):
        return None
    low, high = math.log(xs[right - 1]), math.log(xs[right])
    return Between(right - 1, right, (math.log(x) - low) / (high - low))


def read_off(ys: Sequence[float], at: Between) -> float:
    """Return the value there: a straight line in log x and log y.

    >>> round(read_off([4.0, 1.0], Between(0, 1, 0.5)), 12)
    2.0
    """
    return math.exp((1 - at.share) * math.log(ys[at.left]) + at.share * math.log(ys[at.right]))


def read_off_draws(ys: "Floats", at: Between) -> "Floats":
    """Return the same for draws: [n_budgets, n_draws] -> [n_draws]."""
    import numpy as np

    found: Floats = np.exp((1 - at.share) * np.log(ys[at.left]) + at.share * np.log(ys[at.right]))
    return found
