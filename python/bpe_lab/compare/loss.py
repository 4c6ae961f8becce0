"""What a language model made of the tokenizers, as the JSON of a comparison has it: values, tables, figures, state.

Shapes of `bpe_lab.downstream`'s statistics; trains nothing and draws no conclusion. Without runs the columns stand
there empty, with the command that fills them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bpe_lab.compare import tables
from bpe_lab.compare.phrases import domain_name, language, say
from bpe_lab.compare.plan import Both, Plan, both, parallel
from bpe_lab.compare.run import Result, Results
from bpe_lab.compare.wording import LM_COMMAND
from bpe_lab.downstream import Cell, Difference, Level, Losses, Target
from bpe_lab.downstream.pairing import over_seeds
from bpe_lab.downstream.ranks import MIN_ARMS
from bpe_lab.metrics import METRICS, Estimate
from bpe_lab.runs import Arm, RunRecord

INSTALL = "pip install bpe-lab-model"
"""What brings the companion model."""

SECTION = "loss"
"""The section of the report that these figures and tables stand in."""

COLUMNS = (
    "bits_per_byte",
    "bpb_difference",
    "bpb_p",
    "bits_inside_syllable",
    "nats_per_token",
    "loss_ids",
    "bytes_per_token",
    "train_tokens",
    "train_bytes",
    "tokens_per_window",
    "parameters_block",
    "parameters_embedding",
    "parameters_positions",
    "train_flops",
    "train_seconds",
    "train_tokens_per_s",
    "train_bytes_per_s",
    "train_memory_mb",
    "learning_rate",
    "decode_bytes_per_s",
    "invalid_utf8",
    "cache_mb_per_kb",
    "cache_measured_mb_per_kb",
)
"""Columns of the table `loss` that are metrics, in its order."""

FAINT = ("nats_per_token",)
"""Columns shown in grey: they are printed everywhere, and compare nothing."""

SCATTERED = ("tokens_per_byte", "renyi_2_5", "broken_syllables")
"""Metrics that are drawn against bits per byte; chosen before any figure was seen."""


@dataclass(frozen=True)
class Models:
    """What was trained for a comparison."""

    losses: Losses
    results: dict[str, Result]
    """The row of each arm, by fingerprint."""
    target: Target = field(default_factory=Target)

    def name(self, arm: Arm) -> str:
        """Return what tables call an arm."""
        result = self.results.get(arm.fingerprint)
        return result.entry.name if result else arm.name

    def cells(self) -> Iterator[tuple[Result, Cell]]:
        """Yield the arms at the largest budget, in the order of tables."""
        for arm in self.losses.arms:
            cell = self.losses.cell(arm)
            result = self.results.get(arm.fingerprint)
            if cell and result:
                yield result, cell

    def cell_of(self, result: Result) -> Cell | None:
        """Return the arm of a row, where it is ranked."""
        found = next((cell for r, cell in self.cells() if r is result), None)
        return found if found and found.bpb else None

    def difference(self, result: Result, other: Result) -> Difference | None:
        """Return a row's bits per byte less another's, judged alone."""
        a, b = self.cell_of(result), self.cell_of(other)
        return self.losses.pair(a.arm, b.arm) if a and b else None


# -- values of one arm


def _mean(values: Iterable[float | None]) -> Estimate | None:
    """Return the mean of what is known and is a number; None where nothing is."""
    known = [x for x in values if x is not None and math.isfinite(x)]
    return Estimate(math.fsum(known) / len(known)) if known else None


def _of(read: Callable[[RunRecord], float | None]) -> Callable[[Cell], Estimate | None]:
    return lambda cell: _mean(read(record) for record in cell.records)


_READ: dict[str, Callable[[Cell], Estimate | None]] = {
    "nats_per_token": _of(lambda r: r.scored.nats_per_token if r.scored else None),
    "loss_ids": _of(lambda r: r.arm.n_ids),
    "train_tokens": _of(lambda r: r.tokens),
    "train_bytes": _of(lambda r: r.bytes),
    "tokens_per_window": _of(lambda r: _tokens_per_window(r)),
    "parameters_block": _of(lambda r: r.model.get("n_block")),
    "parameters_embedding": _of(lambda r: r.model.get("n_embedding")),
    "parameters_positions": _of(lambda r: r.model.get("n_positions")),
    "train_flops": _of(lambda r: r.flops),
    "train_seconds": _of(lambda r: r.seconds),
    "train_tokens_per_s": _of(lambda r: r.tokens / r.seconds if r.seconds else None),
    "train_bytes_per_s": _of(lambda r: r.bytes / r.seconds if r.seconds else None),
    "train_memory_mb": _of(lambda r: r.memory_bytes / 1e6 if r.memory_bytes else None),
    "learning_rate": _of(lambda r: r.training.get("lr")),
    "decode_bytes_per_s": _of(lambda r: r.decoding.get("bytes_per_s")),
    "invalid_utf8": _of(lambda r: r.decoding.get("invalid_utf8")),
    "cache_measured_mb_per_kb": _of(lambda r: _scaled(r.decoding.get("cache_bytes_per_kb"), 1e-6)),
}


def _scaled(x: float | None, factor: float) -> float | None:
    return None if x is None else x * factor


def _tokens_per_window(record: RunRecord) -> float | None:
    context = record.training.get("context_bytes") or record.model.get("context_bytes")
    return context * record.tokens / record.bytes if context and record.bytes else None


def values(cell: Cell, target: Target) -> dict[str, Estimate]:
    """Return the loss metrics of an arm at a budget, those that are known."""
    found = {name: read(cell) for name, read in _READ.items()}
    if cell.bpb:
        found["bits_per_byte"] = cell.bpb
        found["bits_inside_syllable"] = inside_a_syllable(cell)
        found["cache_mb_per_kb"] = _cache(cell, target)
    if cell.difference:
        found["bpb_difference"] = cell.difference.value
        found["bpb_p"] = None if cell.difference.p_holm is None else Estimate(cell.difference.p_holm)
    return {name: value for name, value in found.items() if value is not None}


def inside_a_syllable(cell: Cell) -> Estimate | None:
    """Return the bits inside a syllable with their interval over seeds; None where the text has no syllable."""
    by_seed = [r.scored.bits_inside_syllable for r in cell.records if r.scored]
    known = [x for x in by_seed if math.isfinite(x)]
    return over_seeds(known) if known else None


def _cache(cell: Cell, target: Target) -> Estimate | None:
    """Return megabytes of keys and values for 1,000 bytes of the validation text at the target size."""
    scored = next((r.scored for r in cell.records if r.scored), None)
    if scored is None:
        return None
    return Estimate(target.bytes_per_token * 1000 * sum(scored.tokens) / sum(scored.bytes) / 1e6)


# -- JSON of the parts


def of_candidate(models: "Models | None", result: Result) -> dict[str, Any] | None:
    """Return `candidates[].loss`; None where nothing was trained on it."""
    found = next(((r, c) for r, c in models.cells() if r is result), None) if models else None
    if models is None or found is None:
        return None
    cell = found[1]
    domains = models.losses.domains.get(cell.arm.fingerprint, {})
    return {
        "status": cell.status,
        "note": cell.note or None,
        "seeds": list(cell.seeds),
        "budget_bytes": cell.budget_bytes,
        "values": {name: value.to_json() for name, value in values(cell, models.target).items()},
        "difference": _difference(cell.difference),
        "trend": models.losses.trend(cell.arm),
        "domains": {name: value.to_json() for name, value in domains.items()},
    }


def _difference(d: Difference | None) -> dict[str, Any] | None:
    if d is None:
        return None
    estimates = {name: getattr(d, name).to_json() for name in ("value", "relative", "by_seeds", "by_documents")}
    plain = ("p", "p_holm", "n_seeds", "verdict", "seeds_needed", "documents_needed")
    return estimates | {name: getattr(d, name) for name in plain}


def state(plan: Plan, models: "Models | None") -> dict[str, Any]:
    """Return `loss`: what was trained and how, or the command that would do it."""
    command = LM_COMMAND.format(lang=plan.lang)
    if models is None:
        return {"available": False, "command": command, "install": INSTALL}
    losses, target = models.losses, models.target
    base = models.results.get(losses.base.fingerprint) if losses.base else None
    ranked = len(losses.ranked())
    return {
        "available": True,
        "command": command,
        "install": INSTALL,
        "preset": losses.preset,
        "match": losses.match,
        "base": base.id if base else None,
        "seeds": list(losses.seeds),
        "budgets": list(losses.budgets),
        "epochs": losses.epochs,
        "documents": losses.n_documents,
        "target": vars(target) | {"bytes_per_token": target.bytes_per_token},
        "notice": notice(plan, losses, target),
        "spearman": {"arms": ranked, "needed": MIN_ARMS, "available": bool(losses.correlations)},
        "records": [_without_documents(record) for record in losses.records],
    }


def _without_documents(record: RunRecord) -> dict[str, Any]:
    """Return a record without its numbers a document and its curve: those lie in the record's own file."""
    found = record.to_json() | {"key": record.key}
    del found["curve"]
    if record.scored:
        sums = {name: found["scored"][name] for name in ("by_syllable", "by_class", "domains")}
        nats, n_bytes = math.fsum(record.scored.nats), sum(record.scored.bytes)
        found["scored"] = sums | {"nats": nats, "bytes": n_bytes, "tokens": sum(record.scored.tokens)}
    return found


def _of_target(target: Target) -> Both:
    size = {"layers": target.layers, "d": f"{target.d_model:,}", "bytes": target.dtype_bytes}
    return say("loss-target", **size)


def notice(plan: Plan, losses: Losses, target: Target) -> Both:
    """Return what the figures rest on, and what they are worth."""
    facts = {
        "preset": losses.preset,
        "arms": len(losses.arms),
        "seeds": say("one-seed") if len(losses.seeds) == 1 else say("seeds", n=len(losses.seeds)),
        "bytes": f"{losses.budget:,}",
        "documents": f"{losses.n_documents:,}",
        "epochs": "?" if losses.epochs is None else f"{losses.epochs:.1f}",
    }
    worth = say("loss-proves-nothing") if plan.notice or losses.preset == "demo" else None
    alone = say("one-budget") if len(losses.budgets) == 1 else None
    told = [part for part in (say("loss-rests-on", **facts), worth, alone, _of_target(target)) if part]
    return {lang: " ".join(part[lang] for part in told) for lang in ("en", "ko")}


def figures_of(models: Models, *names: str) -> list[dict[str, Any]]:
    """Return the figures of loss metrics that an answer rests on, as the JSON of a comparison has them."""
    found = [(result, values(cell, models.target)) for result, cell in models.cells()]
    return [
        {"label": both(result.entry.name), "candidate": result.id, "metric": name, "estimate": of[name].to_json()}
        for name in names
        for result, of in found
        if name in of
    ]


# -- tables


_BUDGET = tables.column("budget", both("bytes of training", "학습 바이트"), "bytes")
_SEEDS = tables.column("seeds", both("seeds", "시드"), "count")
_VERDICT = tables.column("verdict", both("against the base", "기준과 견주면"))
_ROUND_TRIP = tables.column("round_trip", both("round trip", "왕복"))


def all_tables(plan: Plan, results: Results, models: "Models | None", arms: Sequence[Result]) -> list[tables.Row]:
    """Return the tables of the loss. Without runs the first stands there with empty cells, a row for each of `arms`."""
    if models is None:
        return [_main_table(plan, results, None, [(result, None) for result in arms]) | {"section": SECTION}]
    rows = [(result, cell) for result, cell in models.cells()]
    found = [_main_table(plan, results, models, rows), _domains(models), _budgets(models), _equal(models)]
    return [table | {"section": SECTION} for table in [*found, _spearman(models)] if table["rows"]]


def _main_table(
    plan: Plan, results: Results, models: "Models | None", rows: Sequence[tuple[Result, Cell | None]]
) -> tables.Row:
    languages = [lang for lang in plan.languages or () if any(parallel(lang) in result.on for result, _ in rows)]
    columns = [tables.NAME, *map(_metric_column, COLUMNS)]
    columns[2:2] = [_VERDICT, _SEEDS]
    at = next(i for i, column in enumerate(columns) if column["key"] == "bytes_per_token") + 1
    columns[at:at] = [_language_column(lang) for lang in languages]
    columns += [_ROUND_TRIP, tables.column("note", both("note", "비고"))]
    made = []
    for result, cell in rows:
        row = _arm_row(result, cell) | {"bytes_per_token": tables.estimate(results.value(result, "bytes_per_token"))}
        for lang in languages:
            row[f"bytes_per_token_{lang}"] = tables.estimate(results.on(result, parallel(lang), "bytes_per_token"))
        if models and cell:
            row |= {name: value.to_json() for name, value in values(cell, models.target).items()}
            row |= {"verdict": verdict(models.losses, cell), "seeds": len(cell.seeds), "round_trip": _round_trip(cell)}
        made.append(row)
    return tables.table("loss", both("Loss of a language model", "언어 모델의 손실"), columns, made)


def _metric_column(name: str) -> tables.Row:
    column = tables.metric_column(name)
    return column | {"faint": True} if name in FAINT else column


def _language_column(lang: str) -> tables.Row:
    name = language(lang)
    title = both(f"bytes per token, {name['en']}", f"토큰당 바이트, {name['ko']}")
    return tables.column(f"bytes_per_token_{lang}", title, "bytes/token", "higher")


def _arm_row(result: Result, cell: Cell | None) -> tables.Row:
    """Return the beginning of an arm's row; one that is not ranked says why."""
    row: tables.Row = {"name": result.entry.name, "candidate": result.id}
    if cell is None or cell.status == "ok":
        return row
    reason = say("arm-lossy" if cell.status == "lossy" else "arm-diverged", note=cell.note or "-")
    return row | {"status": cell.status, "note": reason, "ranked": False}


def _round_trip(cell: Cell) -> Both:
    return both("no", "아니요") if cell.status == "lossy" else both("yes", "예")


def verdict(losses: Losses, cell: Cell) -> Both | None:
    """Return what is said of an arm beside the base; None where it is not compared."""
    if losses.base and cell.arm.fingerprint == losses.base.fingerprint:
        return say("is-base")
    return told(cell.difference) if cell.difference else None


def told(d: Difference) -> Both:
    """Return how sure a difference is, and where it is not, what it would take."""
    if d.verdict != "unresolved":
        return say(f"loss-{d.verdict}", n=d.n_seeds)
    if d.n_seeds < 2:
        return say("loss-one-seed")
    if d.documents_needed and d.by_seeds.clear_of_zero:
        return say("loss-needs-documents", n=f"{d.documents_needed:,}")
    return say("loss-needs-seeds", n=d.seeds_needed) if d.seeds_needed else say("loss-needs-many")


def _domains(models: Models) -> tables.Row:
    names = list(dict.fromkeys(name for found in models.losses.domains.values() for name in found))
    columns = [tables.NAME, *(tables.column(f"domain_{i}", domain_name(n), "bits/byte") for i, n in enumerate(names))]
    rows = []
    for result, cell in models.cells():
        found = models.losses.domains.get(cell.arm.fingerprint, {})
        cells = {f"domain_{i}": tables.estimate(found.get(name)) for i, name in enumerate(names)}
        rows += [_arm_row(result, cell) | cells] if found else []
    title = both("Bits per byte by kind of text", "글의 갈래별 바이트당 비트")
    columns = [tables.NAME, *(c | {"better": "lower", "unmarked": True} for c in columns[1:])]
    return tables.table("loss-domains", title, columns, rows)


def _budgets(models: Models) -> tables.Row:
    """Return a row an arm and budget; empty with one budget, which the first table shows."""
    losses = models.losses
    names = ("bits_per_byte", "bpb_difference", "bpb_p", "train_flops", "train_seconds", "learning_rate")
    columns = [tables.NAME, _BUDGET, *map(tables.metric_column, names), _VERDICT, _SEEDS]
    columns = [column | {"better": None} for column in columns]
    rows = []
    for arm in losses.arms if len(losses.budgets) > 1 else ():
        for budget in losses.budgets:
            cell, result = losses.cell(arm, budget), models.results.get(arm.fingerprint)
            if cell and result:
                found = values(cell, models.target)
                told = {"budget": budget, "verdict": verdict(losses, cell), "seeds": len(cell.seeds)}
                rows.append(_arm_row(result, cell) | told | {name: tables.estimate(found.get(name)) for name in names})
    return tables.table("loss-budgets", both("Loss by budget", "학습량별 손실"), columns, rows)


_WORK = {"flops": both("FLOPs", "FLOPs"), "seconds": both("seconds", "초")}


def _equal(models: Models) -> tables.Row:
    """Return a row a level and arm; one whose budgets do not reach so far says that it lies outside."""
    losses = models.losses
    names = ("bits_per_byte", "bpb_difference", "bpb_p")
    columns = [
        tables.column("work", both("equal", "같은 양")),
        tables.column("level", both("level", "수준")),
        tables.NAME,
        *(tables.metric_column(name) for name in names),
        _VERDICT,
    ]
    rows = [
        {"work": _WORK[axis], "level": level.work, "name": result.entry.name, "candidate": result.id}
        | _at_level(losses, level, arm)
        for axis, levels in losses.at.items()
        for level in levels
        for arm in losses.arms
        if (result := models.results.get(arm.fingerprint)) and (cell := losses.cell(arm)) and cell.bpb
    ]
    return tables.table("loss-equal", both("Loss at equal work", "같은 연산량과 시간에서의 손실"), columns, rows)


def _at_level(losses: Losses, level: Level, arm: Arm) -> tables.Row:
    if arm.fingerprint not in level.bpb:
        return {"verdict": say("outside")}
    row: tables.Row = {"bits_per_byte": tables.estimate(level.bpb[arm.fingerprint])}
    if losses.base and arm.fingerprint == losses.base.fingerprint:
        return row | {"verdict": say("is-base")}
    d = level.differences.get(arm.fingerprint)
    if d is None:
        return row
    return row | {"bpb_difference": d.value.to_json(), "bpb_p": d.p_holm, "verdict": told(d)}


def _spearman(models: Models) -> tables.Row:
    columns = [
        tables.column("metric", both("metric", "지표")),
        tables.column("rho", both("rank correlation with bits per byte", "바이트당 비트와의 순위 상관"), "-1 to 1"),
        tables.column("arms", both("tokenizers", "토크나이저 수"), "count"),
    ]
    ordered = sorted(models.losses.correlations, key=lambda c: -abs(c.rho.value))
    rows = [
        {"metric": METRICS[c.metric].title, "key": c.metric, "rho": c.rho.to_json(), "arms": c.n_arms} for c in ordered
    ]
    title = both(
        "Do counts foretell the loss? Spearman's rank correlation", "세어서 손실을 알 수 있는가: 스피어먼 상관"
    )
    return tables.table("spearman", title, columns, rows)


# -- figures


def all_figures(results: Results, models: "Models | None") -> list[tables.Row]:
    """Return bits per byte against bytes, FLOPs and seconds, and the scatter plots of the correlations."""
    if models is None:
        return []
    found = [_against(models, *line) for line in _LINES]
    known = {c.metric: c for c in models.losses.correlations}
    found += [_scatter(results, models, name) for name in SCATTERED if name in known]
    return [figure for figure in found if figure["rows"]]


_LINES: tuple[tuple[str, Both, Both, str | None], ...] = (
    ("train_bytes", both("Loss by bytes of text", "글의 바이트에 따른 손실"), both("bytes seen", "본 바이트"), ",.3~s"),
    ("train_flops", both("Loss by FLOPs", "연산량에 따른 손실"), both("FLOPs of training", "학습 FLOPs"), ".3~s"),
    (
        "train_seconds",
        both("Loss by seconds", "시간에 따른 손실"),
        both("seconds of training", "학습 시간(초)"),
        ",.3~r",
    ),
)


def _against(models: Models, name: str, title: Both, x: Both, form: str | None) -> tables.Row:
    losses = models.losses
    several = len(losses.budgets) > 1
    rows = []
    for arm in losses.arms:
        for budget in losses.budgets:
            cell, result = losses.cell(arm, budget), models.results.get(arm.fingerprint)
            if cell and cell.bpb and result:
                at = _READ[name](cell)
                rows.append(tables.point(at.value if at else None, cell.bpb, result.entry.name))
    return tables.figure(
        f"loss-{name.removeprefix('train_')}",
        "band" if several else "line",
        title,
        say("loss-band" if several else "loss-point"),
        tables.axis(x, "log", form),
        tables.metric_axis("bits_per_byte"),
        both("tokenizer", "토크나이저"),
        [row for row in rows if row["x"]],
        section=SECTION,
    )


def _scatter(results: Results, models: Models, name: str) -> tables.Row:
    rho = next(c for c in models.losses.correlations if c.metric == name)
    rows = []
    for result, cell in models.cells():
        value = results.value(result, name)
        if cell.bpb and value:
            rows.append(tables.point(value.value, cell.bpb, result.entry.name))
    metric = METRICS[name]
    title = both(f"Loss by {metric.title_en}", f"손실과 {metric.title_ko}")
    ends = f"{rho.rho.value:.2f} [{rho.rho.low or 0:.2f}, {rho.rho.high or 0:.2f}]"
    axes = tables.metric_axis(name), tables.metric_axis("bits_per_byte")
    caption = say("scatter", rho=ends, n=rho.n_arms)
    id = f"spearman-{name.replace('_', '-')}"
    series = both("tokenizer", "토크나이저")
    return tables.figure(id, "scatter", title, caption, *axes, series, rows, section=SECTION)
