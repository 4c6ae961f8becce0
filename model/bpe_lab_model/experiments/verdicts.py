"""From the records of an experiment to verdicts on its claims, paired over seeds as everywhere (`downstream.pairing`).

A claim is a hypothesis about the sign of a difference, or that there is none beyond a margin. It is supported or
contradicted from five seeds on, below that a verdict leans at most, and otherwise it is not resolved, with about how
many seeds would resolve it, or scored documents where it is these that leave it open. Holm's correction runs over the
claims of a row. Runs nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bpe_lab.downstream.pairing import (
    SEEDS_TO_CLAIM,
    Difference,
    difference,
    documents_needed,
    drawn_bpb,
    judged,
    seeds_needed,
)
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.runs import RunRecord
from bpe_lab_model.experiments.results import Finding
from bpe_lab_model.experiments.spec import Claim, Experiment, Said, found
from bpe_lab_model.experiments.values import value_of

Records = Mapping[tuple[str, float], Mapping[int, RunRecord]]
"""(arm, budget as a multiple) -> seed -> record."""

SUPPORTED, CONTRADICTED, TOWARDS, AGAINST, OPEN = (
    "supported",
    "contradicted",
    "leans towards",
    "leans against",
    "not resolved",
)


def findings(row: Experiment, records: Records, tokenizer: str = "") -> list[Finding]:
    """Return the verdict on each claim of a row.

    Args:
        row: the experiment.
        records: of one tokenizer where several were asked for.
        tokenizer: what it is called.
    """
    measured = [_measured(claim, row, records) for claim in row.claims]
    tested = [m for claim, m in zip(row.claims, measured, strict=True) if m.difference and _is_tested(claim)]
    n_documents = max((m.n_documents for m in measured), default=0)
    for m, d in zip(tested, judged([m.difference for m in tested if m.difference], n_documents), strict=True):
        m.difference = d
    return [_finding(claim, m, m.difference, tokenizer) for claim, m in zip(row.claims, measured, strict=True)]


def _is_tested(claim: Claim) -> bool:
    """Tell whether a claim is one of those that Holm's correction runs over: arithmetic and equality are not."""
    return not claim.exact and claim.expected != "same"


class _Measured:
    """What is known about one claim."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.difference: Difference | None = None
        self.base = math.nan
        self.n_documents = 0
        self.n_seeds = 0
        self.diverged: tuple[int, int] = (0, 0)
        """Seeds of the arm and of the base that diverged."""
        self.tried: tuple[int, int] = (0, 0)
        """Seeds of the arm and of the base in all."""


def _measured(claim: Claim, row: Experiment, records: Records) -> _Measured:
    budgets = sorted({budget for _, budget in records})
    at = claim.budget if claim.budget is not None else max(budgets, default=1.0)
    m = _Measured(at)
    if claim.value:
        by_seed = _values_by_seed(claim, records)
        m.n_seeds = len(by_seed)
        if by_seed:
            m.difference = difference(list(by_seed.values()), np.zeros(0), 0, math.nan)
        return m
    arm, base = records.get((claim.arm, at), {}), records.get((claim.base, at), {})
    m.diverged, m.tried = (_n_diverged(arm), _n_diverged(base)), (len(arm), len(base))
    pairs = {
        seed: (a, b)
        for seed in sorted(set(arm) & set(base))
        if (a := value_of(arm[seed], claim.column)) is not None
        and (b := value_of(base[seed], claim.column)) is not None
    }
    numbers = {seed: pair for seed, pair in pairs.items() if all(isinstance(x, (int, float)) for x in pair)}
    m.n_seeds = len(numbers) or max(m.diverged)
    if not numbers:
        return m
    m.base = math.fsum(float(b) for _, b in numbers.values()) / len(numbers)
    draws, m.n_documents = _draws(claim, [(arm[seed], base[seed]) for seed in numbers])
    by_seeds = [float(a) - float(b) for a, b in numbers.values()]
    m.difference = difference(by_seeds, draws, m.n_documents, m.base or math.nan)
    return m


def _values_by_seed(claim: Claim, records: Records) -> dict[int, float]:
    """Return the claim's own value for every seed of which it makes one."""
    value = found(claim.value)
    seeds = sorted({seed for by_seed in records.values() for seed in by_seed})
    made = {seed: value({key: by_seed[seed] for key, by_seed in records.items() if seed in by_seed}) for seed in seeds}
    return {seed: float(x) for seed, x in made.items() if x is not None and math.isfinite(x)}


def _draws(claim: Claim, pairs: Sequence[tuple[RunRecord, RunRecord]]) -> "tuple[NDArray[np.float64], int]":
    """Return bootstrap draws of the difference over documents, and how many there are; none for other columns."""
    scored = [(a.scored, b.scored) for a, b in pairs if a.scored and b.scored and a.scored.bytes == b.scored.bytes]
    if claim.column != "bpb" or len(scored) < len(pairs):
        return np.zeros(0), 0
    sides = np.stack([np.mean([side.nats for side in each], axis=0) for each in zip(*scored, strict=True)])
    n_bytes = np.asarray(scored[0][0].bytes, np.float64)
    drawn = drawn_bpb(sides, n_bytes)
    return drawn[0] - drawn[1], len(n_bytes)


def _n_diverged(by_seed: Mapping[int, RunRecord]) -> int:
    return sum(record.status == "diverged" for record in by_seed.values())


def _finding(claim: Claim, m: _Measured, d: Difference | None, tokenizer: str) -> Finding:
    if claim.exact and d is not None:
        d = replace(d, value=Estimate(d.value.value), relative=Estimate(d.relative.value))
    verdict, note = _verdict(claim, m, d)
    seeds, documents = _wanting(claim, m, d) if d is not None and verdict == OPEN else (None, None)
    return Finding(
        said=claim.said,
        arm=claim.arm,
        base=claim.base,
        column=claim.column,
        expected=claim.expected,
        budget=m.budget,
        tokenizer=tokenizer,
        effect=None if d is None else d.value.to_json(),
        relative=None if d is None or math.isnan(m.base) or m.base == 0 else d.relative.to_json(),
        p_holm=None if d is None or claim.exact else d.p_holm,
        n_seeds=m.n_seeds,
        verdict=verdict,
        seeds_needed=seeds,
        documents_needed=documents,
        note=note or _left_out(claim, m),
        what=claim.what,
    )


def _verdict(claim: Claim, m: _Measured, d: Difference | None) -> tuple[str, Said | None]:
    if d is None:
        return _by_divergence(claim, m)
    if claim.exact:
        return (SUPPORTED if _holds(claim, d.value.value, m.base) else CONTRADICTED), None
    enough = m.n_seeds >= SEEDS_TO_CLAIM
    if claim.expected == "same":
        return _same(claim, m, d, enough), None
    if d.verdict == "unresolved":
        return OPEN, None
    holds = _holds(claim, d.value.value, m.base)
    if holds:
        return (SUPPORTED if enough else TOWARDS), None
    return (CONTRADICTED if enough else AGAINST), None


def _wanting(claim: Claim, m: _Measured, d: Difference) -> tuple[int | None, int | None]:
    """Return about how many seeds, or how many scored documents, would tell: more of the one do not mend the other."""
    needed = d.seeds_needed
    if claim.expected == "same":
        d = _from_margin(d, _margin(claim, m.base))
        needed = seeds_needed(d)
    documents = documents_needed(d.by_documents, m.n_documents)
    return (None, documents) if documents and d.by_seeds.clear_of_zero else (needed, None)


def _from_margin(d: Difference, margin: float) -> Difference:
    """Return a difference counted from the end of the margin that it is nearer to: what decides about sameness."""
    edge = math.copysign(margin, d.value.value)

    def moved(x: Estimate) -> Estimate:
        return Estimate(x.value - edge, *(None if end is None else end - edge for end in (x.low, x.high)))

    return replace(d, by_seeds=moved(d.by_seeds), by_documents=moved(d.by_documents))


def _margin(claim: Claim, base: float) -> float:
    return claim.margin * (1.0 if math.isnan(base) else abs(base))


def _left_out(claim: Claim, m: _Measured) -> Said | None:
    """Return which arms diverged in some seeds: the effect is that of the others."""
    sides = zip((claim.arm, claim.base), m.diverged, m.tried, strict=True)
    some = [(arm, n, of) for arm, n, of in sides if n]
    if not some:
        return None
    return {
        "en": "left out, as they diverged: " + ", ".join(f"{n} of {of} seeds of {arm}" for arm, n, of in some),
        "ko": "발산해서 뺀 것: " + ", ".join(f"{arm} 쪽 시드 {of}개 가운데 {n}개" for arm, n, of in some),
    }


def _holds(claim: Claim, value: float, base: float) -> bool:
    if claim.expected == "same":
        return abs(value) <= _margin(claim, base)
    return value < 0 if claim.expected == "lower" else value > 0


def _same(claim: Claim, m: _Measured, d: Difference, enough: bool) -> str:
    """Judge equality: the interval lies within the margin, or beyond it; a lone seed says nothing."""
    low, high = d.value.low, d.value.high
    if low is None or high is None:
        return OPEN
    margin = _margin(claim, m.base)
    if -margin <= low and high <= margin:
        return SUPPORTED if enough else TOWARDS
    if low > margin or high < -margin:
        return CONTRADICTED if enough else AGAINST
    return OPEN


def _by_divergence(claim: Claim, m: _Measured) -> tuple[str, Said | None]:
    """Judge where one side has no value: what diverges has a higher loss than anything that does not."""
    n_arm, n_base = m.diverged
    if not (n_arm or n_base) or (n_arm and n_base):
        return OPEN, None
    who = claim.arm if n_arm else claim.base
    note = {"en": f"{who} diverged in every seed", "ko": f"{who} 쪽은 모든 시드에서 발산했다"}
    if claim.column not in ("bpb", "train_bpb"):
        return OPEN, note
    holds = claim.expected == ("higher" if n_arm else "lower")
    enough = max(m.diverged) >= SEEDS_TO_CLAIM
    if holds:
        return (SUPPORTED if enough else TOWARDS), note
    return (CONTRADICTED if enough else AGAINST), note
