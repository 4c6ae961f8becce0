"""Results in words: which of them are worth saying, numbers with their intervals, and how sure a difference is.

A sentence never says more than its interval: where the interval of a difference holds 0, it is not resolved. Asks no
question; `answers` and `choice` do.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bpe_lab.compare import studies
from bpe_lab.compare.plan import Both, Entry, Plan, both
from bpe_lab.compare.run import Result, Results
from bpe_lab.metrics import METRICS, Estimate

MATERIAL = 0.005
"""A relative difference below this is called too small to matter, however surely it is there."""

LM_COMMAND = "bpe-lab lm compare --lang {lang}"
"""What measures the loss that a question needs."""


@dataclass(frozen=True)
class Case:
    """What answers are built from."""

    plan: Plan
    results: Results
    facts: dict[str, Any]
    """What the studies found, by study."""

    def values(self, name: str, among: Iterable[tuple[Entry, Result]] | None = None) -> "list[tuple[Result, Estimate]]":
        """Return the largest tokenizer of each series with its value of a metric, where it has one."""
        found = [(r, self.results.value(r, name)) for _, r in (self.units() if among is None else among)]
        return [(result, value) for result, value in found if value is not None]

    def units(self) -> list[tuple[Entry, Result]]:
        """Return the largest tokenizer of each series of the main study, ours before those loaded."""
        study = self.plan.study(studies.MAIN)
        return studies.largest(self.results, study) if study else []

    def trained(self, name: str) -> "list[tuple[Result, Estimate]]":
        """Return as `values`, without what is loaded."""
        return [(result, value) for result, value in self.values(name) if result.kind == "trained"]

    def ladder(self) -> list[Result]:
        """Return the measured sizes of the first unit, smallest first."""
        study = self.plan.study(studies.MAIN)
        first = study.entries[0].series if study else None
        every = list(self.results.of(study)) if study else []
        return [r for e, r in sorted(every, key=lambda pair: float(pair[0].x or 0)) if e.series == first and r.measured]

    def absent(self) -> list[Result]:
        """Return what was asked for and is not on this machine."""
        return [result for result in self.results.all if result.status == "missing"]


# -- verdicts


def verdict(difference: Estimate | None) -> str:
    """Return `clear`, `small` (sure, and too small to matter) or `unresolved`; the difference is relative.

    >>> [verdict(Estimate(-0.02, low, high)) for low, high in ((-0.03, -0.01), (-0.05, 0.01))]
    ['clear', 'unresolved']
    >>> verdict(Estimate(0.001, 0.0005, 0.002))
    'small'
    """
    if difference is None or not difference.clear_of_zero:
        return "unresolved"
    return "clear" if abs(difference.value) >= MATERIAL else "small"


VERDICTS = {
    "clear": both("resolved", "구간이 0을 벗어남"),
    "small": both("resolved, and too small to matter", "구간은 0을 벗어나지만 차이가 작아 의미가 없음"),
    "unresolved": both("not resolved on this text", "이 글로는 가릴 수 없음"),
}


# -- numbers in sentences


def percent(value: Estimate, digits: int = 1) -> str:
    """Return a share as percent with its interval.

    >>> percent(Estimate(0.1234, 0.1, 0.15)), percent(Estimate(0.5))
    ('12.3 % [10.0, 15.0]', '50.0 %')
    """
    return f"{_percent(value.value, digits)} %{_ends(value, lambda x: _percent(x, digits))}"


def _percent(x: float, digits: int) -> str:
    return f"{100 * x:.{digits}f}"


def number(value: Estimate, digits: int = 2) -> str:
    """Return a number with its interval.

    >>> number(Estimate(2.378, 2.3, 2.45))
    '2.38 [2.30, 2.45]'
    """
    return f"{value.value:.{digits}f}{_ends(value, lambda x: f'{x:.{digits}f}')}"


def signed(value: Estimate) -> str:
    """Return a relative difference in percent, with its sign and interval.

    >>> signed(Estimate(-0.0123, -0.02, -0.004))
    '-1.2 % [-2.0, -0.4]'
    """
    return f"{100 * value.value:+.1f} %{_ends(value, lambda x: f'{100 * x:+.1f}')}"


def _ends(value: Estimate, form: Callable[[float], str]) -> str:
    return f" [{form(value.low)}, {form(value.high)}]" if value.low is not None and value.high is not None else ""


def listed(rows: "Iterable[tuple[Result, Estimate]]", form: Callable[[Estimate], str]) -> str:
    """Return `byte 4,096: 12.3 % [10.0, 15.0]; jamo 4,096: …` of the rows worth saying."""
    return "; ".join(f"{result.entry.name}: {form(value)}" for result, value in telling(list(rows)))


def telling(rows: "list[tuple[Result, Estimate]]") -> "list[tuple[Result, Estimate]]":
    """Return the first of ours, our lowest and highest, and all that are loaded: the rest is in the figures."""
    ours = [pair for pair in rows if pair[0].kind == "trained"]
    by_value = sorted(ours, key=lambda pair: pair[1].value)
    kept = {pair[0].id for pair in (*ours[:1], *by_value[:1], *by_value[-1:])}
    return [pair for pair in rows if pair[0].id in kept or pair[0].kind != "trained"]


def count(value: Estimate) -> str:
    """Return a whole number."""
    return f"{value.value:,.0f}"


def figure_of(name: str, rows: "Iterable[tuple[Result, Estimate]]") -> list[dict[str, Any]]:
    """Return the figures that an answer rests on, as the JSON of a comparison has them."""
    return [
        {"label": METRICS[name].title, "candidate": result.id, "metric": name, "estimate": value.to_json()}
        for result, value in rows
    ]


def joined(*parts: Both | None) -> Both:
    """Return sentences one after another, in both languages."""
    there = [part for part in parts if part]
    return {lang: " ".join(part[lang] for part in there if part[lang]) for lang in ("en", "ko")}
