"""Records of an experiment to its result: the cells of its table, the points of its figures, the verdicts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bpe_lab.downstream.pairing import over_seeds
from bpe_lab.runs import RunRecord
from bpe_lab_model import checkpoint, devices
from bpe_lab_model.experiments.results import Cell, Result, Value
from bpe_lab_model.experiments.spec import Column, Figure, found
from bpe_lab_model.experiments.values import value_of
from bpe_lab_model.experiments.verdicts import Records, findings

if TYPE_CHECKING:
    from bpe_lab_model.experiments.runner import Order


def result_of(order: "Order", records: Mapping[str, Records]) -> Result:
    """Return what an experiment came to.

    Args:
        order: what was asked.
        records: by tokenizer; one group without a name where every arm has its own.
    """
    row = order.row
    cells = tuple(_cells(order, records))
    every = [record for group in records.values() for by_seed in group.values() for record in by_seed.values()]
    return Result(
        name=row.name,
        questions=row.questions,
        question=row.question,
        note=row.note,
        columns=[asdict(column) for column in row.columns],
        cells=cells,
        findings=tuple(finding for name, group in records.items() for finding in findings(row, group, name)),
        figures=[_figure(figure, records, order) for figure in row.figures],
        text=order.corpus.about,
        preset=order.preset.name,
        n_runs=len({record.training["key"] for record in every}),
        seconds=math.fsum(_seconds(every)),
        command=order.command,
        machine=devices.machine(),
        versions=checkpoint.versions(),
    )


def _seconds(records: Iterable[RunRecord]) -> Iterable[float]:
    """Yield the training time of each run: that of its largest budget."""
    longest: dict[str, float] = {}
    for record in records:
        key = record.training["key"]
        longest[key] = max(longest.get(key, 0.0), record.seconds)
    return longest.values()


def _cells(order: "Order", records: Mapping[str, Records]) -> Iterable[Cell]:
    places = {arm.name: i for i, arm in enumerate(order.row.arms)}
    for group in records.values():
        for (arm, budget), by_seed in sorted(group.items(), key=lambda pair: (places[pair[0][0]], pair[0][1])):
            seeds = tuple(sorted(by_seed))
            first = by_seed[seeds[0]]
            yield Cell(
                arm=arm,
                tokenizer=first.arm.recipe,
                budget=budget,
                budget_bytes=first.budget_bytes,
                seeds=seeds,
                n_diverged=sum(record.status == "diverged" for record in by_seed.values()),
                values={
                    column.key: _across(column, group, arm, budget) if column.value else _summed(column, by_seed)
                    for column in order.row.columns
                },
            )


def _across(column: Column, group: Records, arm: str, budget: float) -> Value:
    """Return the mean over seeds of what a column makes of all records of a seed, at the arm's largest budget."""
    if budget < max(at for name, at in group if name == arm):
        return None
    seeds = sorted(group[arm, budget])
    records = ({key: by_seed[seed] for key, by_seed in group.items() if seed in by_seed} for seed in seeds)
    numbers = [value for value in (found(column.value)(each, arm) for each in records) if _is_number(value)]
    return over_seeds(numbers).to_json() if numbers else None


def _summed(column: Column, by_seed: Mapping[int, RunRecord]) -> Value:
    """Return the mean over seeds with its interval, or the text where it is one."""
    values = [value_of(record, column.key) for record in by_seed.values()]
    texts = sorted({value for value in values if isinstance(value, str)})
    if texts:
        return ", ".join(texts)
    numbers = [float(value) for value in values if _is_number(value)]
    return over_seeds(numbers).to_json() if numbers else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


# -- figures


_NAMED = ("arm", "budget", "tokenizer", "")
"""What a figure's x may be besides a column."""


def _figure(figure: Figure, records: Mapping[str, Records], order: "Order") -> dict[str, Any]:
    """Return a figure with its points, each the mean over seeds."""
    points: dict[tuple[Any, Any], list[float]] = {}
    xs: dict[tuple[Any, Any], list[Any]] = {}
    moved = figure.kind == "line" and not figure.points and figure.x not in _NAMED
    for name, group in records.items():
        for (arm, budget), by_seed in group.items():
            for record in by_seed.values():
                for x, y, series in _points(figure, record, arm, budget * order.preset.bytes_an_arm, name):
                    if _is_number(y) and x is not None:
                        # a measured x differs from seed to seed: on a line their mean is one point, not five
                        place = (arm, budget) if moved and _is_number(x) else x
                        xs.setdefault((place, series), []).append(x)
                        points.setdefault((place, series), []).append(float(y))
    across: dict[str, Any] = {"title": figure.x_title}
    if figure.kind in ("line", "scatter") and figure.x != "arm":
        across["type"] = "log" if figure.x_log else "quantitative"
    up: dict[str, Any] = {"title": figure.y_title} | ({"type": "log"} if figure.y_log else {})
    rows = [
        _row((fmean(xs[key]) if moved and isinstance(key[0], tuple) else key[0], key[1]), ys)
        for key, ys in points.items()
    ]
    return {"kind": figure.kind, "title": figure.title, "x": across, "y": up, "rows": rows}


def _row(key: tuple[Any, Any], ys: list[float]) -> dict[str, Any]:
    estimate = over_seeds(ys)
    ends = {} if estimate.low is None else {"low": estimate.low, "high": estimate.high}
    return {"x": key[0], "y": estimate.value, "series": key[1], **ends}


def _points(
    figure: Figure, record: RunRecord, arm: str, budget_bytes: float, tokenizer: str
) -> Iterable[tuple[Any, Any, Any]]:
    if figure.points:
        made: Iterable[tuple[Any, Any, Any]] = found(figure.points)(record)
        return [(x, y, f"{series}, {tokenizer}" if tokenizer else series) for x, y, series in made]
    named = {"arm": arm, "budget": budget_bytes, "tokenizer": record.arm.name, "": ""}
    x = named[figure.x] if figure.x in named else value_of(record, figure.x)
    series = named[figure.series] if figure.series in named else value_of(record, figure.series)
    if tokenizer and figure.series != "tokenizer":
        series = f"{series}, {tokenizer}" if series else tokenizer
    return [(x, value_of(record, figure.y), series)]
