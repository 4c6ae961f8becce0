"""Rows, tables and figures as the JSON of a comparison has them. Shapes only: no study, no number of its own."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bpe_lab.compare.plan import Both, both
from bpe_lab.metrics import METRICS, Estimate

if TYPE_CHECKING:
    from bpe_lab.compare.run import Result, Results

Row = dict[str, Any]

NAME = {"key": "name", "title": both("tokenizer", "토크나이저"), "unit": None, "better": None}


def column(key: str, title: Both, unit: str | None = None, better: str | None = None) -> Row:
    """Return a column of a table."""
    found = {"key": key, "title": title, "unit": unit, "better": better}
    # Losses differ by thousandths: three digits in all would show equal ones.
    return found | {"format": ".3f"} if unit == "bits/byte" else found


def metric_column(name: str) -> Row:
    """Return the column of a metric, as the table of metrics describes it."""
    metric = METRICS[name]
    found = column(name, metric.title, metric.unit, metric.better)
    # A loss is ranked by intervals, not by the lowest figure of a column.
    return found | {"unmarked": True} if metric.group == "loss" else found


LOSS = "bits_per_byte"
"""The column that only a language model fills; it stands empty to say that it is open."""


def table(id: str, title: Both, columns: Sequence[Row], rows: Iterable[Row]) -> Row:
    """Return a table."""
    return {"id": id, "title": title, "columns": list(columns), "rows": list(rows)}


def metric_table(id: str, title: Both, results: "Results", shown: Iterable["Result"], names: Sequence[str]) -> Row:
    """Return a table with a row a tokenizer and a column a metric; a row without figures says why."""
    rows: list[Row] = []
    for result in shown:
        row: Row = {"name": result.entry.name, "candidate": result.id}
        if result.status in ("missing", "failed"):
            rows.append(row | {"status": result.status, "note": result.note})
            continue
        row |= {name: estimate(results.value(result, name)) for name in names}
        rows.append(row | ({"status": result.status, "note": result.note} if result.note else {}))
    present = [name for name in names if name == LOSS or any(row.get(name) is not None for row in rows)]
    columns = [NAME, *map(metric_column, present)]
    if any("note" in row for row in rows):
        columns.append(column("note", both("note", "비고")))
    return table(id, title, columns, rows)


def axis(title: Both, type: str = "quantitative", format: str | None = None) -> Row:
    """Return an axis of a figure."""
    return {"title": title, "type": type} | ({"format": format} if format else {})


def metric_axis(name: str) -> Row:
    """Return the axis of a metric."""
    metric = METRICS[name]
    return axis(metric.title, format=".1%") if metric.unit == "share" else axis(metric.title)


def figure(
    id: str, kind: str, title: Both, caption: Both, x: Row, y: Row, series: Both, rows: Iterable[Row], **more: Any
) -> Row:
    """Return a figure."""
    return {
        "id": id,
        "kind": kind,
        "title": title,
        "caption": caption,
        "x": x,
        "y": y,
        "series_title": series,
        "rows": [row for row in rows if row["y"] is not None],
        **more,
    }


def point(x: Any, value: Estimate | float | None, series: Any = "", **more: Any) -> Row:
    """Return a row of a figure; one without a value has y None and is not drawn."""
    cell = estimate(value) if isinstance(value, Estimate) else {"value": value, "low": None, "high": None}
    cell = cell or {"value": None, "low": None, "high": None}
    return {"x": x, "y": cell["value"], "low": cell["low"], "high": cell["high"], "series": series, **more}


def estimate(value: Estimate | None) -> Row | None:
    """Return an estimate as JSON has it; None where there is no number."""
    if value is None:
        return None
    cell = value.to_json()
    return cell if cell["value"] is not None else None
