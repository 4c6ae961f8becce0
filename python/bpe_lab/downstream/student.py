"""Student's t distribution with few degrees of freedom, exactly: its tail and its quantile. No package needed.

`metrics.resampling.student` approximates from 10 degrees on; runs have 2 to 10 seeds, so 1 to 9 degrees. The tail is a
regularised incomplete beta function, evaluated by Lentz's continued fraction (Numerical Recipes, 6.4).
"""

import math
from functools import lru_cache

_PRECISION = 1e-12
_TINY = 1e-300
_MOST_TERMS = 300


def two_sided_p(t: float, degrees: int) -> float:
    """Return how likely a value at least as far from 0 as `t` is, by chance alone.

    >>> round(two_sided_p(4.302653, 2), 6), round(two_sided_p(1.0, 1), 6)
    (0.05, 0.5)
    """
    if math.isnan(t):
        return 1.0
    if math.isinf(t):
        return 0.0
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


@lru_cache(maxsize=4096)
def quantile(share: float, degrees: int) -> float:
    """Return the value below which `share` (0.5 to 1) of the distribution lies, by bisection.

    >>> round(quantile(0.975, 1), 3), round(quantile(0.975, 4), 3)
    (12.706, 2.776)
    """
    outside = 2 * (1 - share)
    low, high = 0.0, 2.0
    while two_sided_p(high, degrees) > outside:
        low, high = high, 2 * high
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided_p(middle, degrees) > outside else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    >>> round(incomplete_beta(2, 2, 0.5), 12)
    0.5
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function: 1 + d1/(1 + d2/(1 + ...))."""
    value, c, d = 1.0, 1.0, 0.0
    for n in range(1, _MOST_TERMS):
        term = _term(a, b, x, n)
        d = 1 / ((1 + term * d) or _TINY)
        c = (1 + term / c) or _TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _term(a: float, b: float, x: float, n: int) -> float:
    m = n // 2
    if n % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
