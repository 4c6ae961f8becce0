"""What a result says, in words of both languages: verdicts as sentences, and its cells as a table of words and numbers.

A sentence never says more than its interval: where that holds 0, it gives the difference and no direction.
Judges nothing (`verdicts`), prints nothing (`tables`), knows no HTML (`page`).
"""

from typing import TYPE_CHECKING, Any

from bpe_lab.cli.terminal import amount
from bpe_lab.report import values
from bpe_lab_model.experiments.spec import Said

if TYPE_CHECKING:
    from bpe_lab_model.experiments.results import Cell, Finding, Result

VERDICTS: dict[str, Said] = {
    "supported": {"en": "supported", "ko": "뒷받침됨"},
    "contradicted": {"en": "contradicted", "ko": "반박됨"},
    "leans towards": {"en": "leans towards", "ko": "맞는 쪽으로 기움"},
    "leans against": {"en": "leans against", "ko": "틀린 쪽으로 기움"},
    "not resolved": {"en": "not resolved", "ko": "가리지 못함"},
}

MEANINGS: dict[str, Said] = {
    "supported": {
        "en": "five seeds or more, and the interval of the effect lies where the claim puts it",
        "ko": "시드가 다섯 이상이고 효과의 구간이 주장이 말하는 쪽에 있음",
    },
    "contradicted": {
        "en": "five seeds or more, and the interval lies on the other side",
        "ko": "시드가 다섯 이상이고 구간이 반대쪽에 있음",
    },
    "leans towards": {
        "en": "the interval agrees with the claim, from fewer than five seeds",
        "ko": "구간이 주장과 맞지만 시드가 다섯보다 적음",
    },
    "leans against": {
        "en": "the interval disagrees, from fewer than five seeds",
        "ko": "구간이 주장과 어긋나지만 시드가 다섯보다 적음",
    },
    "not resolved": {
        "en": "the interval, or p once corrected for the number of claims, leaves both answers open",
        "ko": "구간으로나 주장 수만큼 보정한 p로나 두 답을 가릴 수 없음",
    },
}

_EXPECTED: dict[str, Said] = {
    "lower": {"en": "the claim expects it below 0", "ko": "주장대로라면 0보다 작다"},
    "higher": {"en": "the claim expects it above 0", "ko": "주장대로라면 0보다 크다"},
    "same": {"en": "the claim expects 0, within its margin", "ko": "주장대로라면 허용 범위 안에서 0이다"},
}
_SAME: Said = {"en": "the claim expects no difference", "ko": "주장대로라면 차이가 없다"}
_NO_FIGURE: Said = {"en": "There is no figure to judge it by", "ko": "판정할 값이 없다"}
_EXACT: Said = {"en": "It follows from arithmetic", "ko": "계산으로 정해지는 값이다"}

_ARM: Said = {"en": "arm", "ko": "조건"}
_TOKENIZER: Said = {"en": "tokenizer", "ko": "토크나이저"}
_BUDGET: Said = {"en": "trained on", "ko": "학습량"}
_SEEDS: Said = {"en": "seeds", "ko": "시드"}


# -- claims


_TINY = 5e-5
"""A value below this is said as a power of ten: 3e-07, not 0.000000."""


def sentence(finding: "Finding", result: "Result") -> Said:
    """Return a claim's verdict as a sentence: the effect with its interval, the seeds, and what is missing."""
    return {lang: _joined(finding, result, lang) for lang in values.LANGUAGES}


def _joined(finding: "Finding", result: "Result", lang: str) -> str:
    ends = _ends_en(finding) if lang == "en" else _ends_ko(finding)
    parts = [_effect(finding, result, lang), ends, values.in_language(finding.note, lang)]
    told = " ".join(f"{part}." for part in parts if part)
    return told[:1].upper() + told[1:] if lang == "en" and not finding.tokenizer else told


def _effect(finding: "Finding", result: "Result", lang: str) -> str:
    if finding.effect is None or finding.effect.get("value") is None:
        return _NO_FIGURE[lang]
    where = f"{finding.tokenizer}, " if finding.tokenizer else ""
    if not finding.base:
        tiny = 0 < abs(finding.effect["value"] or 0.0) < _TINY
        value = signed(finding.effect, ".0e" if tiny else values.form_of(None, [finding.effect]))
        measured = finding.what.get(lang) or {"en": "measured", "ko": "잰 값"}[lang]
        return f"{where}{measured}: {value}; {_EXPECTED[finding.expected][lang]}"
    column = column_of(result, finding.column)
    title = values.in_language(column["title"], lang)
    expected = f"; {_SAME[lang]}" if finding.expected == "same" else ""
    # A part of what is a difference itself, shown with its sign, would be a part of nearly nothing.
    is_difference = column["form"].startswith("+")
    relative = f" ({signed(finding.relative, '.1%')})" if finding.relative and not is_difference else ""
    told = _difference(finding, column["form"].lstrip("+"), lang)
    return f"{where}{title}{_at(finding, result, lang)}: {told}{relative}{expected}"


def _difference(finding: "Finding", form: str, lang: str) -> str:
    """Return `rope 0.031 lower than none [0.022, 0.040]`, or `rope − none = −0.003 [−0.020, +0.010]`."""
    effect = finding.effect or {}
    value, low, high = (effect.get(key) or 0.0 for key in ("value", "low", "high"))
    known = effect.get("low") is not None and effect.get("high") is not None
    if (known and low <= 0 <= high) or value == 0:
        return f"{finding.arm} − {finding.base} = {signed(effect, form)}"
    ends = between(*(shown(x, form) for x in sorted((abs(low), abs(high))))) if known else ""
    size = f"{shown(abs(value), form)}"
    if size.endswith("%"):  # 83 % against 89 % is 6 points, and 6.7 % of it: the parentheses have the latter
        size = size[:-1].rstrip() + (" points" if lang == "en" else "%p")
    if lang == "ko":
        return f"{finding.arm} 쪽이 {finding.base}보다 {size} {'낮다' if value < 0 else '높다'}{ends}"
    return f"{finding.arm} {size} {'lower' if value < 0 else 'higher'} than {finding.base}{ends}"


def _at(finding: "Finding", result: "Result", lang: str) -> str:
    """Return at which budget, where there are several."""
    sizes = {cell.budget: cell.budget_bytes for cell in result.cells}
    if len(sizes) < 2 or finding.budget not in sizes:
        return ""
    size = amount(sizes[finding.budget])
    return f" at {size}" if lang == "en" else f"({size} 학습)"


def _ends_en(finding: "Finding") -> str:
    if is_exact(finding):
        return _EXACT["en"]
    seeds = f"{finding.n_seeds} seed{'' if finding.n_seeds == 1 else 's'}{_p(finding)}"
    needed = f"; about {finding.seeds_needed} seeds would tell" if finding.seeds_needed else ""
    if finding.documents_needed:
        needed = f"; about {finding.documents_needed:,} scored documents would tell"
    return seeds + needed


def _ends_ko(finding: "Finding") -> str:
    if is_exact(finding):
        return _EXACT["ko"]
    needed = f"; 시드가 {finding.seeds_needed}개쯤 있어야 가려진다" if finding.seeds_needed else ""
    if finding.documents_needed:
        needed = f"; 채점할 문서가 {finding.documents_needed:,}건쯤 있어야 가려진다"
    return f"시드 {finding.n_seeds}개{_p(finding)}{needed}"


def is_exact(finding: "Finding") -> bool:
    """Tell whether a verdict stands without an interval: it follows from arithmetic."""
    has_interval = finding.effect is not None and finding.effect.get("low") is not None
    return finding.effect is not None and not has_interval and finding.verdict in ("supported", "contradicted")


def _p(finding: "Finding") -> str:
    if finding.p_holm is None:
        return ""
    return ", p < 0.001" if finding.p_holm < 0.001 else f", p = {finding.p_holm:.3f}"


# -- numbers


def shown(number: float, form: str) -> str:
    """Return a number in the form of a column.

    >>> shown(-0.03124, ".4f"), shown(1_250_000, "bytes"), shown(2048.0, ",d")
    ('−0.0312', '1.25 MB', '2,048')
    """
    if form == "bytes":
        return f"{'−' if number < 0 else ''}{amount(abs(number))}"
    return values.shown(number, values.form_of(None, [number], form))


def signed(estimate: dict[str, float | None], form: str) -> str:
    """Return a difference with its sign and interval.

    >>> signed({"value": -0.003, "low": -0.02, "high": 0.01}, ".3f")
    '−0.003 [−0.020, +0.010]'
    """
    value, *ends = (
        None if x is None else f"{'+' if x > 0 else ''}{shown(x, form)}"
        for x in (estimate.get(key) for key in ("value", "low", "high"))
    )
    return f"{value}{between(*ends)}"


def between(low: str | None, high: str | None) -> str:
    """Return an interval behind its value; the sign of percent stands with the value alone.

    >>> between("−1.7\u00a0%", "−0.9\u00a0%"), between(None, None)
    (' [−1.7, −0.9]', '')
    """
    if low is None or high is None:
        return ""
    return " [" + ", ".join(end.removesuffix("\u00a0%") for end in (low, high)) + "]"


def column_of(result: "Result", key: str) -> dict[str, Any]:
    """Return a column of the table; one that is not in it has its key as title."""
    unknown = {"key": key, "title": key, "form": "", "better": ""}
    return next((column for column in result.columns if column["key"] == key), unknown)


# -- the table


def table(result: "Result") -> dict[str, Any]:
    """Return the cells as a table in the form of a comparison's JSON (docs/report.md).

    No value is marked as the best: claims are judged by intervals, not by the lowest figure of a column.
    """
    columns: list[dict[str, Any]] = [{"key": "arm", "title": _ARM}]
    columns += [{"key": "recipe", "title": _TOKENIZER}] if _several(result, "tokenizer") else []
    columns += [{"key": "budget_bytes", "title": _BUDGET, "format": "bytes"}] if _several(result, "budget") else []
    columns += [{"key": "n_seeds", "title": _SEEDS, "format": ",d"}]
    columns += [
        {"key": c["key"], "title": c["title"], "format": c["form"], "better": c["better"] or None, "unmarked": True}
        for c in result.columns
    ]
    return {"id": result.name, "title": result.question, "columns": columns, "rows": [_row(c) for c in result.cells]}


def _several(result: "Result", field: str) -> bool:
    return len({getattr(cell, field) for cell in result.cells}) > 1


def _row(cell: "Cell") -> dict[str, Any]:
    head = {"arm": cell.arm, "recipe": cell.tokenizer, "budget_bytes": cell.budget_bytes, "n_seeds": len(cell.seeds)}
    if not cell.n_diverged:
        return {**cell.values, **head}
    n = f"{cell.n_diverged}/{len(cell.seeds)}"
    note = {"en": f"{n} seeds diverged", "ko": f"시드 {n} 발산"}
    every = {"status": "diverged"} if cell.n_diverged == len(cell.seeds) else {}
    return {**cell.values, **head, **every, "note": note}
