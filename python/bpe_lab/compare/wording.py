"""Results for sentences: which of them are worth saying, numbers with their intervals, and how sure a difference is.

A sentence never says more than its interval: where the interval of a difference holds 0, it is not resolved. Asks no
question and holds no sentence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpe_lab.compare import studies
from bpe_lab.compare.plan import Both, Entry, Plan, both
from bpe_lab.compare.run import Result, Results
from bpe_lab.metrics import Estimate

if TYPE_CHECKING:
    from bpe_lab.compare.loss import Models

MATERIAL = 0.005
"""A relative difference below this is called too small to matter, however surely it is there."""

LM_COMMAND = "bpe-lab lm compare --lang {lang}"
"""What measures the loss that a question needs."""

Row = tuple[Result, Estimate]


@dataclass(frozen=True)
class Case:
    """What answers are built from."""

    plan: Plan
    results: Results
    facts: dict[str, Any]
    """What the studies found, by study."""
    models: "Models | None" = None
    """What language models made of the tokenizers."""

    def values(self, name: str, among: Iterable[Result] | None = None) -> list[Row]:
        """Return a metric of the largest tokenizer of each series, or of others, where it has a value."""
        asked = [result for _, result in self.units()] if among is None else among
        found = [(result, self.results.value(result, name)) for result in asked]
        return [(result, value) for result, value in found if value is not None]

    def trained(self, name: str) -> list[Row]:
        """Return as `values`, without what is loaded."""
        return [(result, value) for result, value in self.values(name) if result.kind == "trained"]

    def units(self) -> list[tuple[Entry, Result]]:
        """Return the largest tokenizer of each series of the main study, in its order."""
        study = self.plan.study(studies.MAIN)
        return studies.largest(self.results, study) if study else []

    def ladder(self) -> list[Result]:
        """Return the measured sizes of the first unit, smallest first."""
        study = self.plan.study(studies.MAIN)
        if not study or not study.entries:
            return []
        every = [(e, r) for e, r in self.results.of(study) if e.series == study.entries[0].series and r.measured]
        return [result for _, result in sorted(every, key=lambda pair: float(pair[0].x or 0))]

    def closed(self) -> list[Result]:
        """Return the closed vocabularies."""
        return [result for result in self.results.all if result.kind == "closed"]

    def absent(self) -> list[Result]:
        """Return what was asked for and is not on this machine."""
        return [result for result in self.results.all if result.status == "missing"]


# -- how sure


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


def side(value: Estimate, of: float) -> int:
    """Return 1 where the interval lies above `of`, -1 below, 0 where it holds it or is not known."""
    if value.low is None or value.high is None:
        return 0
    return (value.low > of) - (value.high < of)


# -- numbers in sentences


def percent(value: Estimate) -> str:
    """Return a share as percent with its interval.

    >>> percent(Estimate(0.1234, 0.1, 0.15)), percent(Estimate(0.5))
    ('12.3 % [10.0, 15.0]', '50.0 %')
    """
    return f"{100 * value.value:.1f} %{_ends(value, lambda x: f'{100 * x:.1f}')}"


def number(value: Estimate, digits: int = 2) -> str:
    """Return a number with its interval.

    >>> number(Estimate(2.378, 2.3, 2.45))
    '2.38 [2.30, 2.45]'
    """
    return f"{value.value:.{digits}f}{_ends(value, lambda x: f'{x:.{digits}f}')}"


def count(value: Estimate) -> str:
    """Return a whole number."""
    return f"{value.value:,.0f}"


def signed(value: Estimate | None) -> str:
    """Return a relative difference in percent, with its sign and interval; `?` where it is not known.

    >>> signed(Estimate(-0.0123, -0.02, -0.004)), signed(None)
    ('-1.2 % [-2.0, -0.4]', '?')
    """
    if value is None:
        return "?"
    return f"{100 * value.value:+.1f} %{_ends(value, lambda x: f'{100 * x:+.1f}')}"


def more(value: Estimate) -> Both:
    """Return a relative difference as `12.3 % [10.0, 15.0] more` or `fewer`; with signs where the interval holds 0.

    >>> more(Estimate(-0.0123, -0.02, -0.004))["en"], more(Estimate(0.01, -0.02, 0.04))["ko"]
    ('1.2 % [0.4, 2.0] fewer', '1.0 % [-2.0, +4.0] 더')
    """
    en, ko = ("fewer", "덜") if value.value < 0 else ("more", "더")
    ends = _ends(value, lambda x: f"{100 * x:+.1f}")
    if value.clear_of_zero and value.low is not None and value.high is not None:
        nearer, farther = sorted((abs(value.low), abs(value.high)))
        ends = f" [{100 * nearer:.1f}, {100 * farther:.1f}]"
    told = f"{100 * abs(value.value):.1f} %{ends}"
    return both(f"{told} {en}", f"{told} {ko}")


def _ends(value: Estimate, form: Callable[[float], str]) -> str:
    return f" [{form(value.low)}, {form(value.high)}]" if value.low is not None and value.high is not None else ""


# -- several numbers


def listed(rows: list[Row], form: Callable[[Estimate], str]) -> str:
    """Return `byte 4,096: 12.3 % [10.0, 15.0]; jamo 4,096: ...` of the rows worth saying."""
    return "; ".join(f"{result.entry.name}: {form(value)}" for result, value in telling(rows))


def telling(rows: list[Row]) -> list[Row]:
    """Return the first of ours, our lowest and highest, and all that are loaded: the rest stands in the figures."""
    by_value = sorted((row for row in rows if row[0].kind == "trained"), key=lambda row: row[1].value)
    ours = [row for row in rows if row[0].kind == "trained"]
    kept = {row[0].id for row in (*ours[:1], *by_value[:1], *by_value[-1:])}
    return [row for row in rows if row[0].id in kept or row[0].kind != "trained"]


def arrow(case: Case, name: str, results: Sequence[Result], form: Callable[[Estimate], str]) -> str:
    """Return a metric from one tokenizer to the next: `10.0 % → 20.0 %`; empty where one has none."""
    found = [case.results.value(result, name) for result in results]
    return " → ".join(form(value) for value in found if value) if all(found) else ""


def figures_of(case: Case, *names: str, among: Iterable[Result] | None = None) -> list[dict[str, Any]]:
    """Return the figures that an answer rests on, as the JSON of a comparison has them."""
    return [
        {"label": both(result.entry.name), "candidate": result.id, "metric": name, "estimate": value.to_json()}
        for name in names
        for result, value in case.values(name, among)
    ]
