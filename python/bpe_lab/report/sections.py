"""What the template shows, section by section, from a checked comparison. Plain dicts; knows no HTML."""

import re
from collections.abc import Iterable
from typing import Any

from bpe_lab.report import figures, values

Part = dict[str, Any]

STRENGTHS = ("clear", "leans", "unresolved", "needs-model")
STATUSES = ("missing", "failed", "lossy", "diverged")


def questions(comparison: Part) -> list[Part]:
    """Return the questions, each with its figures as strips of intervals, one strip a metric."""
    return [
        {**question, "n": question.get("n", i), "strips": _strips(question.get("figures") or [], comparison)}
        for i, question in enumerate(comparison["questions"], 1)
    ]


def charts(comparison: Part) -> list[Part]:
    """Return the figures with what stands around them: anchor, description, table, legend, and the section it is in.

    `index` is the place among all of them, by which the page's script knows what to draw.
    """
    anchors = _Anchors("chart")
    return [
        {
            "index": index,
            "section": _section(figure, "charts"),
            "anchor": anchors.of(figure["id"]),
            "title": figure["title"],
            "caption": figure.get("caption"),
            "description": figures.description(figure),
            "table": figures.alternative(figure),
        }
        for index, figure in enumerate(comparison["figures"])
    ]


def _section(part: Part, otherwise: str) -> str:
    return "loss" if part.get("section") == "loss" else otherwise


def loss(comparison: Part) -> Part | None:
    """Return what the section of the loss says beside its charts and tables; None where there are neither."""
    found = comparison["loss"]
    if not any(part.get("section") == "loss" for part in (*comparison["figures"], *comparison["tables"])):
        return None
    open_ = {"command": found.get("command"), "install": found.get("install")}
    spearman = found.get("spearman") or {}
    few = spearman if spearman and not spearman.get("available") else None
    return {"notice": found.get("notice"), "few": few, **({} if found.get("available") else open_)}


def specs(comparison: Part) -> list[Part]:
    """Return what the page's script draws: specification, legend and description of every figure."""
    return [
        {"spec": figures.spec(f), "legend": figures.legend(f), "description": figures.description(f)}
        for f in comparison["figures"]
    ]


def tables(comparison: Part) -> list[Part]:
    """Return the tables with formatted cells, marks for the best values, and notes of rows that are not ranked."""
    anchors = _Anchors("table")
    by_id = _by_id(comparison)
    return [
        {
            "anchor": anchors.of(table["id"]),
            "id": table["id"],
            "section": _section(table, "tables"),
            "title": table["title"],
            "columns": _columns(table),
            "rows": _rows(table, by_id),
            "loss": _loss(table, comparison["loss"]),
            "loss_column": all(column["key"] != "bits_per_byte" for column in table["columns"]),
        }
        for table in comparison["tables"]
    ]


def explorer(comparison: Part) -> Part | None:
    """Return sentences and cuts for the page's script; None where there is nothing to explore."""
    found = comparison["explorer"]
    by_id = _by_id(comparison)
    wanted = [c for c in found.get("candidates") or found["cuts"] if c in found["cuts"] or c in found["typing"]]
    if not wanted or not (found["sentences"] or found["typing"]):
        return None
    return {
        "sentences": [{"text": s.get("text", ""), "note": s.get("note")} for s in found["sentences"]],
        "tokenizers": [
            {
                "name": by_id.get(c, {}).get("name", c),
                "unit": by_id.get(c, {}).get("unit", "byte"),
                "cuts": found["cuts"].get(c),
                "typing": found["typing"].get(c),
            }
            for c in wanted
        ],
    }


def facts(comparison: Part) -> list[tuple[str, Any, Part]]:
    """Return the texts that were used: key of its label, its name, and what it holds."""
    texts = {role: about for role, about in comparison["texts"].items() if isinstance(about, dict)}
    return [(f"text_{role}", about.get("name", ""), about) for role, about in texts.items()]


def _strips(found: Iterable[Part], comparison: Part) -> list[Part]:
    by_metric: dict[str, list[Part]] = {}
    for figure in found:
        by_metric.setdefault(str(figure.get("metric", "")), []).append(figure)
    names = {i: c["name"] for i, c in _by_id(comparison).items()}
    metrics = comparison["metrics"]
    return [_strip(metric, rows, metrics.get(metric) or {}, names) for metric, rows in by_metric.items()]


def _strip(metric: str, found: list[Part], about: Part, names: dict[str, Any]) -> Part:
    estimates = [figure.get("estimate") for figure in found]
    form = values.form_of(about.get("unit"), estimates, about.get("format"))
    low, high = _range(estimates)
    return {
        "title": about.get("title") or metric,
        "better": about.get("better"),
        "low": values.shown(low, form),
        "high": values.shown(high, form),
        "rows": [
            {"label": label, **_mark(estimate, form, low, high)}
            for label, estimate in zip(_labels(found, names), estimates, strict=True)
        ],
    }


def _labels(found: list[Part], names: dict[str, Any]) -> list[Any]:
    """Return what tells the rows of a strip apart: their labels, or the candidates' names where labels repeat."""
    candidates = [names.get(str(figure.get("candidate")), figure.get("candidate") or "") for figure in found]
    labels = [figure.get("label") or name for figure, name in zip(found, candidates, strict=True)]
    alike = len({values.in_language(label, "en") for label in labels}) < len(labels)
    return candidates if alike and all(candidates) else labels


def _range(estimates: list[Any]) -> tuple[float, float]:
    """Return what a strip spans: every interval, and a little room; one value alone stands in the middle."""
    numbers = [n for e in estimates for n in (values.point(e), *(values.ends(e) or ())) if n is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    room = (high - low) * 0.08 or abs(high) * 0.5 or 1.0
    return (max(low - room, 0.0) if low >= 0 else low - room), high + room


def _mark(estimate: Any, form: str, low: float, high: float) -> Part:
    def place(number: float) -> float:
        return round(100 * (number - low) / (high - low), 2)

    number, bounds = values.point(estimate), values.ends(estimate)
    return {
        "shown": values.shown(estimate, form),
        "interval": values.interval_shown(estimate, form),
        "at": None if number is None else place(number),
        "whisker": None if bounds is None else (place(bounds[0]), round(place(bounds[1]) - place(bounds[0]), 2)),
    }


def _rows(table: Part, by_id: dict[str, Part]) -> list[Part]:
    columns = _columns(table)
    forms = {c["key"]: _form(c, table["rows"]) for c in columns}
    made = [_row(row, columns, forms, by_id) for row in table["rows"]]
    for i, column in enumerate(columns):
        if not column.get("unmarked"):
            _mark_best([row["cells"][i] for row in made if row["ranked"]], column.get("better"))
    return made


def _columns(table: Part) -> list[Part]:
    """Return the columns without that of notes, which stand with the names."""
    return [column for column in table["columns"] if column["key"] != "note"]


def _form(column: Part, rows: list[Part]) -> str:
    return values.form_of(column.get("unit"), (row.get(column["key"]) for row in rows), column.get("format"))


def _row(row: Part, columns: list[Part], forms: dict[str, str], by_id: dict[str, Part]) -> Part:
    about = _candidate(row, by_id)
    status = row.get("status") or about.get("status")
    return {
        "status": status if status in STATUSES else None,
        "note": row.get("note") or about.get("note"),
        "empty": status in ("missing", "failed"),
        "ranked": status not in STATUSES and bool(row.get("ranked", about.get("ranked", True))),
        "cells": [_cell_of(row, c, forms, by_id) for c in columns],
    }


def _candidate(row: Part, by_id: dict[str, Part]) -> Part:
    """Return the candidate that a row is about, by its `candidate` or `id`, or by its name."""
    for key in ("candidate", "id"):
        if isinstance(row.get(key), str) and row[key] in by_id:
            return by_id[row[key]]
    return next((c for c in by_id.values() if c["name"] == row.get("name")), {})


def _cell_of(row: Part, column: Part, forms: dict[str, str], by_id: dict[str, Part]) -> Part:
    cell = _cell(row.get(column["key"]), forms[column["key"]], by_id if column["key"] == "candidate" else {})
    if column.get("unit") == "%" and cell["number"] is not None:
        cell["word"] += "\u00a0%"
    return cell


def _cell(value: Any, form: str, by_id: dict[str, Part]) -> Part:
    number = values.point(value)
    if number is not None:
        interval = values.interval_shown(value, form)
        return {"number": number, "word": values.shown(value, form), "interval": interval, "best": False}
    if value is None or values.is_estimate(value):
        return {"number": None, "word": None, "interval": "", "best": False}
    word = by_id.get(value, {}).get("name", value) if isinstance(value, str) else value
    return {"number": None, "word": _text(word), "interval": "", "best": False}


def _text(value: Any) -> Any:
    """Return what a cell says where it is no number: a word, or the parts of a list with a bar between them."""
    if values.is_word(value):
        return value
    return " | ".join(map(str, value)) if isinstance(value, list) else str(value)


def _mark_best(cells: list[Part], better: str | None) -> None:
    """Mark the best value of a column, unless all are alike."""
    numbers = {cell["number"] for cell in cells if cell["number"] is not None}
    if better not in ("lower", "higher") or len(numbers) < 2:
        return
    best = min(numbers) if better == "lower" else max(numbers)
    for cell in cells:
        cell["best"] = cell["number"] == best


def _loss(table: Part, loss: Part) -> str | None:
    """Return the command that would fill an empty column of losses, for the table that shows one."""
    if table["id"] != "main" or loss.get("available") or any(c["key"] == "loss" for c in table["columns"]):
        return None
    return str(loss["command"]) if loss.get("command") else None


def _by_id(comparison: Part) -> dict[str, Part]:
    return {str(c["id"]): c for c in comparison["candidates"]}


class _Anchors:
    """Names of places in the page: the id where it is a plain word and free, else a number."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.n = 0
        self.taken: set[str] = set()

    def of(self, name: Any) -> str:
        self.n += 1
        plain = name if isinstance(name, str) and re.fullmatch(r"[a-z0-9-]{1,40}", name) else str(self.n)
        if plain in self.taken:
            plain = f"{plain}-{self.n}"
        self.taken.add(plain)
        return f"{self.kind}-{plain}"
