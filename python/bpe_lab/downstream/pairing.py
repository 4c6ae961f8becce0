"""Whether two arms differ: paired over seeds and over documents, the wider interval, the more cautious p, Holm.

Two things move a figure: the luck of a training run (trunk, order of documents) and the documents it is scored on. Each
gives an interval: Student's t over paired differences of seeds, and a bootstrap over documents whose draws are the same
for all arms. The wider is printed. Numbers in, numbers out; knows no arm and no budget.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bpe_lab.downstream import student
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.metrics.resampling import N_BLOCKS, percentile_interval, weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.95
"""Of every interval."""
ALPHA = 0.05
"""What a p value, corrected by Holm, must stay below."""
POWER = 0.8
"""With so many seeds as `seeds_needed` says, a difference like the one seen is found this often."""
MIN_DOCUMENTS = 10
"""Over fewer documents there is no bootstrap, as everywhere in `compare`."""
SEEDS_TO_CLAIM = 5
"""With fewer seeds a verdict leans at most."""
MOST_SEEDS = 1000
"""Beyond this a number of seeds is no advice."""
N_RESAMPLES = 2000
"""Of documents: the least p that a bootstrap can give is 2/(n + 1) = 0.001."""

Verdict = Literal["resolved", "leans", "unresolved"]


@dataclass(frozen=True)
class Difference:
    """An arm's value less the base's, and how sure that is."""

    value: Estimate
    """With the wider of the two intervals; without one where neither is known."""
    relative: Estimate
    """The same as a part of the base's value."""
    by_seeds: Estimate
    by_documents: Estimate
    p: float | None
    """The larger of the two; None where neither is known."""
    n_seeds: int
    """Seeds that both arms have."""
    p_holm: float | None = None
    """`p` corrected for all arms that are compared with this base."""
    verdict: Verdict = "unresolved"
    seeds_needed: int | None = None
    """About how many seeds would tell, where it is not told now; None where more seeds would not, or too many."""
    documents_needed: int | None = None
    """About how many validation documents would tell, where it is the documents that leave it open."""


# -- intervals


def wider(a: Estimate, b: Estimate) -> Estimate:
    """Return the estimate with the wider interval; one without an interval is narrower than any.

    >>> wider(Estimate(1.0, 0.9, 1.1), Estimate(1.0, 0.5, 1.2)), wider(Estimate(1.0), Estimate(1.0, 0.9, 1.1)).low
    (Estimate(value=1.0, low=0.5, high=1.2), 0.9)
    """
    return a if _width(a) > _width(b) else b


def _width(x: Estimate) -> float:
    return x.high - x.low if x.low is not None and x.high is not None else -1.0


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean of one value a seed with Student's t interval; one seed has none.

    >>> round(over_seeds([1.0, 2.0, 3.0]).low, 4)  # 2 - 4.3027 / sqrt 3
    -0.4841
    """
    mean, n = math.fsum(values) / len(values), len(values)
    if n < 2:
        return Estimate(mean)
    half = student.quantile((1 + LEVEL) / 2, n - 1) * spread(values) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half)


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation with n - 1."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


def p_over_seeds(differences: Sequence[float]) -> float | None:
    """Return the two-sided p of a paired t test; None for one seed.

    >>> round(p_over_seeds([1.0, 2.0, 3.0]), 4)  # t = 2 / (1 / sqrt 3) = 3.464 with 2 degrees
    0.0742
    """
    n = len(differences)
    if n < 2:
        return None
    mean, deviation = math.fsum(differences) / n, spread(differences)
    if deviation == 0:
        return 0.0 if mean else 1.0
    return student.two_sided_p(mean * math.sqrt(n) / deviation, n - 1)


def drawn_bpb(nats: "Floats", n_bytes: "Floats", seed: int = 0, n_resamples: int = N_RESAMPLES) -> "Floats":
    """Return bits per byte of resampled documents: nats [..., n_documents] -> [..., n_resamples].

    Equal documents get equal draws whatever the arm. More than 2,048 documents are drawn in blocks of neighbours.
    """
    import numpy as np

    starts = np.arange(0, len(n_bytes), -(-len(n_bytes) // N_BLOCKS))
    drawn = weights(len(starts), n_resamples, seed)
    below = drawn @ np.add.reduceat(n_bytes, starts)
    top: Floats = np.add.reduceat(nats, starts, axis=-1) @ drawn.T
    return top / (math.log(2) * np.where(below > 0, below, np.nan))


def over_draws(value: float, draws: "Floats", n_documents: int) -> Estimate:
    """Return a value with the percentile interval of its bootstrap draws, where the documents are enough."""
    if n_documents < MIN_DOCUMENTS:
        return Estimate(value)
    return Estimate(value, *percentile_interval(draws, LEVEL))


def p_over_draws(draws: "Floats", n_documents: int) -> float | None:
    """Return twice the share of bootstrap differences on the rarer side of 0, itself counted; None where unknown."""
    if n_documents < MIN_DOCUMENTS:
        return None
    n = len(draws)
    rarer = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (n + 1))


# -- from intervals to a verdict


def difference(by_seed: Sequence[float], draws: "Floats", n_documents: int, base: float) -> Difference:
    """Return the paired difference of two arms; `judged` gives it p_holm and a verdict.

    Args:
        by_seed: arm less base for every seed that both have.
        draws: arm less base for every draw of documents, averaged over seeds.
        n_documents: how many documents are drawn from.
        base: the base's value, for `relative`.
    """
    seeds = over_seeds(by_seed)
    documents = over_draws(seeds.value, draws, n_documents)
    value = wider(seeds, documents)
    known = [p for p in (p_over_seeds(by_seed), p_over_draws(draws, n_documents)) if p is not None]
    return Difference(
        value=value,
        relative=_scaled(value, 1 / base),
        by_seeds=seeds,
        by_documents=documents,
        p=max(known, default=None),
        n_seeds=len(by_seed),
    )


def _scaled(x: Estimate, factor: float) -> Estimate:
    return Estimate(*(None if end is None else end * factor for end in (x.value, x.low, x.high)))  # type: ignore[arg-type]


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p values corrected by Holm (1979): the i-th smallest of m times m - i, never falling, at most 1.

    An unknown p counts as 1 among the m.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    m = len(ps)
    corrected: list[float | None] = [None] * m
    largest = 0.0
    for i, (p, place) in enumerate(sorted((1.0 if p is None else p, place) for place, p in enumerate(ps))):
        largest = max(largest, min(1.0, (m - i) * p))
        corrected[place] = None if ps[place] is None else largest
    return corrected


def judged(differences: Sequence[Difference], n_documents: int) -> list[Difference]:
    """Return the differences to one base with `p_holm`, verdict, and what would tell where it is not told."""
    m = len(differences)
    corrected = holm([d.p for d in differences])
    return [_judged(d, p, m, n_documents) for d, p in zip(differences, corrected, strict=True)]


def _judged(d: Difference, p_holm: float | None, m: int, n_documents: int) -> Difference:
    sure = d.n_seeds > 1 and p_holm is not None and p_holm < ALPHA and d.value.clear_of_zero
    verdict: Verdict = "unresolved" if not sure else "resolved" if d.n_seeds >= SEEDS_TO_CLAIM else "leans"
    found = {**vars(d), "p_holm": p_holm, "verdict": verdict}
    if verdict == "unresolved":
        found["documents_needed"] = documents_needed(d.by_documents, n_documents)
        found["seeds_needed"] = seeds_needed(d, m)
    return Difference(**found)


def seeds_needed(d: Difference, m: int = 1) -> int | None:
    """Return about how many seeds would resolve a difference like the one seen, from the spread seen.

    The least n with n >= ((t(1 - a/2) + t(0.8)) s / |mean|)^2, t with n - 1 degrees, s the standard deviation of the
    paired differences, a = 0.05/m for m arms (Holm's first step); at least 5 and more than there are. None where the
    mean is 0, where there is one seed, or where it is more than 1,000.
    """
    s = _deviation(d)
    if s is None or d.by_seeds.value == 0:
        return None
    wanted = (s / abs(d.by_seeds.value)) ** 2
    # The right side falls as n grows, so the least n is found by halving.
    candidates = range(max(SEEDS_TO_CLAIM, d.n_seeds + 1), MOST_SEEDS + 1)
    place = bisect_left(candidates, True, key=lambda n: n >= _quantiles(n - 1, m) ** 2 * wanted)
    return candidates[place] if place < len(candidates) else None


def _deviation(d: Difference) -> float | None:
    """Return the standard deviation of paired differences, back from their interval."""
    if d.by_seeds.low is None:
        return None
    half = d.by_seeds.value - d.by_seeds.low
    return half * math.sqrt(d.n_seeds) / student.quantile((1 + LEVEL) / 2, d.n_seeds - 1)


def _quantiles(degrees: int, m: int) -> float:
    return student.quantile(1 - ALPHA / (2 * m), degrees) + student.quantile(POWER, degrees)


def documents_needed(by_documents: Estimate, n_documents: int) -> int | None:
    """Return about how many documents would take 0 out of the bootstrap interval; None where it does not hold 0.

    The half width falls with the root of their number: n times (half width / distance)^2.
    """
    x = by_documents
    if x.low is None or x.high is None or x.clear_of_zero or x.value == 0:
        return None
    half = (x.value - x.low) if x.value > 0 else (x.high - x.value)
    return max(n_documents + 1, math.ceil(n_documents * (half / x.value) ** 2))
