"""A comparison as data: JSON (schema 1, docs/compare.md), CSV, Markdown, and the tables of the terminal.

`validate` checks what the report reads. Prints nothing and knows no HTML.
"""

import csv
import io
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bpe_lab.compare import answers, choice, downstream, loss, studies, tables
from bpe_lab.compare.cache import Cache
from bpe_lab.compare.keeping import Keeper
from bpe_lab.compare.plan import EVAL, SENTENCES, Plan, Shown, parallel
from bpe_lab.compare.run import Make, Progress, Result, Results, maker, run
from bpe_lab.compare.wording import Case
from bpe_lab.metrics import METRICS

SCHEMA = 1
"""Version of the JSON of a comparison. Keys may be added; one that goes away or changes its meaning raises it."""

QUESTIONS_FOR = ("ko",)
"""Languages that have the nine questions."""


@dataclass
class Comparison:
    """What a comparison found, ready to be written."""

    data: dict[str, Any] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of schema 1. Equal runs give equal data but for `made_by`, `cost` and the table `cost`."""
        return self.data

    def to_csv(self) -> str:
        """Return one line a candidate and metric: candidate, study, status, metric, value, low, high."""
        out = io.StringIO()
        write = csv.writer(out, lineterminator="\n").writerow
        write(("candidate", "name", "recipe", "study", "kind", "unit", "status", "metric", "value", "low", "high"))
        for c in self.data["candidates"]:
            head = [c[key] for key in ("id", "name", "recipe", "study", "kind", "unit", "status")]
            found = c["values"] | (c["loss"] or {"values": {}})["values"]
            for metric, e in found.items():
                write([*head, metric, e["value"], e["low"], e["high"]])
            if not found:
                write([*head, "", "", "", ""])
        return out.getvalue()

    def to_markdown(self, lang: str = "en") -> str:
        """Return summary, questions and tables as Markdown."""
        return "\n".join(_markdown(self.data, lang)) + "\n"


def compare(
    plan: Plan,
    progress: Callable[[Progress], None] | None = None,
    *,
    cache: Cache | None = None,
    vocab_dir: Path | None = None,
) -> Comparison:
    """Make, measure and compare all tokenizers of a plan.

    Args:
        plan: what to compare; `presets` has ready ones.
        progress: called before each tokenizer, and at the end.
        cache: where tokenizers and measurements are kept; nowhere by default.
        vocab_dir: a folder of published vocabularies.
    """
    found = measure(plan, progress, cache=cache, vocab_dir=vocab_dir)
    return comparison(plan, found.results, found.seconds)


class Measured(NamedTuple):
    """What a plan's tokenizers came to, and what makes them again."""

    results: Results
    make: Make
    seconds: float


def measure(
    plan: Plan,
    progress: Callable[[Progress], None] | None = None,
    *,
    cache: Cache | None = None,
    vocab_dir: Path | None = None,
) -> Measured:
    """Do the work of `compare`; `comparison` puts it together, with language models (`downstream.train_models`) too."""
    started = time.monotonic()
    kept = cache or Cache(None)
    make = maker(plan, kept, vocab_dir)
    results = run(plan, make, Keeper(kept, plan.train, plan.threads), progress)
    return Measured(results, make, time.monotonic() - started)


def comparison(plan: Plan, results: Results, seconds: float, models: loss.Models | None = None) -> Comparison:
    """Put together what the studies show and what is answered, with what models made of it where some were trained."""
    for result, cell in models.cells() if models else ():
        if cell.bpb:
            results.give(result, tables.LOSS, cell.bpb)
    shown = {study.name: study.show(results, study, plan) for study in plan.studies}
    shown[loss.SECTION] = Shown(
        tuple(loss.all_figures(results, models)),
        tuple(loss.all_tables(plan, results, models, downstream.arms(plan, results))),
    )
    case = Case(plan, results, {name: dict(s.facts) for name, s in shown.items()}, models)
    candidates = [_candidate(results, result, models) for result in results.all]
    found = {
        "schema": SCHEMA,
        "kind": "comparison",
        "lang": plan.lang,
        "title": plan.title,
        "made_by": _made_by(plan, seconds),
        "notice": plan.notice,
        "texts": _texts(plan),
        "metrics": _metrics(candidates, shown.values()),
        "summary": choice.summary(case),
        "questions": answers.answers(case) if plan.lang in QUESTIONS_FOR else [],
        "candidates": candidates,
        "figures": [figure for s in shown.values() for figure in s.figures if figure["rows"]],
        "tables": [table for s in shown.values() for table in s.tables if table["rows"]],
        "explorer": _explorer(plan, results),
        "loss": loss.state(plan, models),
    }
    return Comparison(found)


def _made_by(plan: Plan, seconds: float) -> dict[str, Any]:
    from bpe_lab import __version__
    from bpe_lab._core import UNICODE_VERSION

    return {
        "bpe_lab": __version__,
        "command": plan.command,
        "seconds": round(seconds, 1),
        "python": platform.python_version(),
        "unicode": UNICODE_VERSION,
        "seed": plan.seed,
    }


def _texts(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {
        role: {"name": text.name, "bytes": text.n_bytes, "documents": text.n_documents, "sha256": text.sha256}
        for role, text in (("train", plan.train), ("eval", plan.texts[EVAL]))
    }
    if plan.languages and parallel(plan.languages[0]) in plan.texts:
        side = plan.texts[parallel(plan.languages[0])]
        found["parallel"] = {
            "name": side.name.rpartition(":")[0] or side.name,
            "pairs": side.n_documents,
            "languages": list(plan.languages),
        }
    return found


def _metrics(candidates: Sequence[dict[str, Any]], shown: Any) -> dict[str, Any]:
    """Return every metric that some candidate has or some table names."""
    used = {name for c in candidates for name in c["values"]}
    used |= {column["key"] for s in shown for table in s.tables for column in table["columns"]}
    return {
        name: {
            "title": metric.title,
            "unit": metric.unit,
            "better": metric.better,
            "formula": metric.formula,
            "group": metric.group,
            "source": metric.source,
        }
        for name, metric in METRICS.items()
        if name in used
    }


def _candidate(results: Results, result: Result, models: loss.Models | None) -> dict[str, Any]:
    names = METRICS if result.study in (studies.MAIN, studies.CLOSED) else ("tokens_per_byte", "premium")
    values = {name: tables.estimate(results.value(result, name)) for name in names} if result.measured else {}
    return {
        "id": result.id,
        "name": result.entry.name if result.study == studies.MAIN else f"{result.study}: {result.entry.name}",
        "recipe": result.entry.recipe,
        "study": result.study,
        "kind": result.kind,
        "status": result.status,
        "note": result.note,
        "unit": result.unit,
        "n_ids": result.n_ids,
        "values": {name: value for name, value in values.items() if value},
        "ranked": result.study == studies.MAIN and result.status == "ok",
        "loss": loss.of_candidate(models, result),
        "cost": {"make_seconds": result.cost.make_seconds, "encode_mb_per_s": result.cost.encode_mb_per_s}
        if result.cost
        else None,
    }


def _explorer(plan: Plan, results: Results) -> dict[str, Any]:
    """Return sentences and every main tokenizer's cuts of them."""
    if SENTENCES not in plan.texts:
        return {"sentences": [], "cuts": {}, "candidates": []}
    texts = [document.decode() for document in plan.texts[SENTENCES].documents]
    shown = [result for result in results.all if SENTENCES in result.cuts]
    return {
        "sentences": [{"id": f"s{i + 1}", "text": text, "note": None} for i, text in enumerate(texts)],
        "cuts": {r.id: [r.cuts[SENTENCES].of(i).tolist() for i in range(len(texts))] for r in shown},
        "candidates": [r.id for r in shown],
        "typing": {r.id: r.typing for r in shown if r.typing},
    }


# -- cells


def cell_text(cell: Any, lang: str, unit: str | None = None, with_interval: bool = False) -> str:
    """Return a cell of a table as text.

    >>> cell_text({"value": 0.123, "low": 0.1, "high": 0.15}, "en", "share"), cell_text(None, "en")
    ('12.3 %', '-')
    >>> cell_text({"value": 2.378, "low": 2.3, "high": 2.45}, "en", "ratio", True)
    '2.378 [2.300, 2.450]'
    """
    if cell is None:
        return "-"
    if isinstance(cell, dict) and "value" in cell:
        shown = _number(cell["value"], unit)
        if not with_interval or cell.get("low") is None:
            return shown
        return f"{shown} [{_number(cell['low'], unit)}, {_number(cell['high'], unit)}]"
    if isinstance(cell, dict):
        return str(cell.get(lang, ""))
    return _number(cell, unit) if isinstance(cell, int | float) else str(cell)


def _number(x: float | None, unit: str | None) -> str:
    if x is None:
        return "-"
    if unit == "share":
        return f"{100 * x:.1f} %"
    if unit == "%":
        return f"{x:g} %"
    if float(x).is_integer() and (abs(x) >= 10 or unit in ("tokens", "count", "ids", None)):
        return f"{x:,.0f}"
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.1f}" if abs(x) >= 100 else f"{x:.3f}"


def _markdown(data: dict[str, Any], lang: str) -> Iterator[str]:
    yield f"# {data['title'][lang]}"
    if data["notice"]:
        yield f"\n> {data['notice'][lang]}"
    yield f"\n`{data['made_by']['command']}` (bpe-lab {data['made_by']['bpe_lab']})\n"
    for line in data["summary"]:
        yield f"- {escaped(line[lang])}"
    for question in data["questions"]:
        yield f"\n## {question['n']}. {question['question'][lang]}\n"
        yield escaped(question["answer"][lang])
        if question["needs"]:
            yield f"\n{question['needs']['what'][lang]}: `{question['needs']['command']}`"
    for table in data["tables"]:
        yield f"\n## {table['title'][lang]}\n"
        yield from _markdown_table(table, lang)


def _markdown_table(table: dict[str, Any], lang: str) -> Iterator[str]:
    columns = table["columns"]
    yield "| " + " | ".join(escaped(c["title"][lang]) for c in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in table["rows"]:
        cells = (cell_text(row.get(c["key"]), lang, c["unit"], with_interval=True) for c in columns)
        yield "| " + " | ".join(map(escaped, cells)) + " |"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, within a table too."""
    for mark in "\\|<>*_`":
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", " ")


# -- the schema


_TOP = (
    "schema",
    "kind",
    "lang",
    "title",
    "made_by",
    "notice",
    "texts",
    "metrics",
    "summary",
    "questions",
    "candidates",
    "figures",
    "tables",
    "explorer",
    "loss",
)
_STATUSES = ("ok", "lossy", "missing", "failed")
_STRENGTHS = ("clear", "leans", "unresolved", "needs-model")
_FIGURES = ("line", "bar", "grouped-bar", "stacked-bar", "band", "scatter")


def validate(data: Any) -> list[str]:
    """Return what is wrong with the JSON of a comparison; nothing, where it is schema 1."""
    faults = [f"{key} is missing" for key in _TOP if key not in data]
    if faults:
        return faults
    if data["schema"] != SCHEMA or data["kind"] != "comparison":
        faults.append(f"schema {data['schema']}, kind {data['kind']}")
    try:
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError) as e:
        return [*faults, f"no JSON: {e}"]
    known = {c["id"] for c in data["candidates"]}
    faults += [f"candidate {c['id']}: status {c['status']}" for c in data["candidates"] if c["status"] not in _STATUSES]
    faults += [
        f"candidate {c['id']}: no note" for c in data["candidates"] if c["status"] != "ok" and not _both(c["note"])
    ]
    faults += [
        f"metric {m} is not described" for c in data["candidates"] for m in c["values"] if m not in data["metrics"]
    ]
    faults += [f"summary: {s}" for s in data["summary"] if s["strength"] not in _STRENGTHS or not (s["en"] and s["ko"])]
    faults += [f"question {q['n']}" for q in data["questions"] if not (_both(q["question"]) and _both(q["answer"]))]
    faults += [
        f"figure of question {q['n']}: {f['candidate']}"
        for q in data["questions"]
        for f in q["figures"]
        if f["candidate"] not in known
    ]
    faults += [f"figure {f['id']}: kind {f['kind']}" for f in data["figures"] if f["kind"] not in _FIGURES]
    faults += [
        f"figure {f['id']}: {row}"
        for f in data["figures"]
        for row in f["rows"]
        if not {"x", "y", "low", "high", "series"} <= row.keys()
    ]
    faults += [f"table {t['id']}: {c['key']}" for t in data["tables"] for c in t["columns"] if not _both(c["title"])]
    faults += [
        f"explorer: {c}" for c in data["explorer"]["candidates"] if c not in known or c not in data["explorer"]["cuts"]
    ]
    return faults + _loss_faults(data, known)


_LOSS = (
    "preset",
    "match",
    "base",
    "seeds",
    "budgets",
    "epochs",
    "documents",
    "target",
    "notice",
    "spearman",
    "records",
)
_VERDICTS = ("resolved", "leans", "unresolved")


def _loss_faults(data: dict[str, Any], known: set[str]) -> list[str]:
    """Return what is wrong with the loss of a comparison."""
    loss = data["loss"]
    faults = [f"loss: {key} is missing" for key in ("available", "command") if key not in loss]
    if loss.get("available"):
        faults += [f"loss: {key} is missing" for key in _LOSS if key not in loss]
        faults += [f"loss: base {loss['base']}"] if loss.get("base") not in {*known, None} else []
        faults += [] if _both(loss.get("notice")) else ["loss: notice"]
    given = [(c["id"], c["loss"]) for c in data["candidates"] if c["loss"]]
    faults += [f"candidate {id}: loss without runs" for id, _ in given if not loss.get("available")]
    faults += [f"metric {m} is not described" for _, of in given for m in of["values"] if m not in data["metrics"]]
    differences = [(id, of["difference"]) for id, of in given if of["difference"]]
    faults += [f"candidate {id}: verdict {d['verdict']}" for id, d in differences if d["verdict"] not in _VERDICTS]
    return faults


def _both(text: Any) -> bool:
    return isinstance(text, dict) and bool(text.get("en")) and bool(text.get("ko"))
