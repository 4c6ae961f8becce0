"""Results of experiments as one HTML page: every question, claim, verdict, figure and number, in both languages.

Frame, style, scripts, charts and tables are those of the report of a comparison (`bpe_lab.report`), with its promises:
one file, nothing fetched, no string that becomes code. Single figures as SVG are for documents. Computes nothing.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli.terminal import amount
from bpe_lab.errors import FileError, UnsupportedError
from bpe_lab.report import figures, sections, values
from bpe_lab.report.page import document, library, own_script
from bpe_lab.report.words import WORDS
from bpe_lab.writing import write_all, write_whole
from bpe_lab_model.experiments import telling

if TYPE_CHECKING:
    from bpe_lab_model.experiments.results import Result
    from bpe_lab_model.experiments.spec import Said

_TEMPLATE = Path(__file__).parent / "page.html.j2"

_LONG = re.compile(r"-?\d+\.\d{4,}")

TITLE: "Said" = {"en": "How a language model works, tried out", "ko": "언어 모델은 어떻게 움직이는가: 직접 해 본 실험"}

SIGNS = {
    "supported": "clear",
    "contradicted": "contradicted",
    "leans towards": "leans",
    "leans against": "leans",
    "not resolved": "unresolved",
}
"""Verdict -> the sign that stands beside it."""

_OWN: "dict[str, Said]" = {
    "experiments": {"en": "Experiments", "ko": "실험"},
    "claims_head": {"en": "What people were told, and what came of it", "ko": "들은 말과 실험한 결과"},
    "experiment_count": {"en": "{n} experiment|{n} experiments", "ko": "실험 {n}개"},
    "claim_count": {"en": "{n} claim|{n} claims", "ko": "주장 {n}개"},
    "run_count": {"en": "{n} training run|{n} training runs", "ko": "학습 {n}번"},
    "question_of": {"en": "question {n}", "ko": "질문 {n}"},
    "every_number": {"en": "Every number", "ko": "모든 수치"},
    "how_run": {"en": "How it was run", "ko": "어떻게 돌렸나"},
    "again": {"en": "Run it", "ko": "직접 돌리기"},
    "preset": {"en": "Size", "ko": "규모"},
    "preset_is": {"en": "preset {preset}", "ko": "프리셋 {preset}"},
    "text": {"en": "Text", "ko": "글"},
    "text_is": {
        "en": "{name}: {train} to train on, {validation} scored",
        "ko": "{name}: 학습 {train}, 채점 {validation}",
    },
    "machine": {"en": "Machine", "ko": "컴퓨터"},
    "figure_missing": {"en": "No figure: nothing was measured.", "ko": "잰 값이 없어 그림이 없습니다."},
    "seed_intervals": {
        "en": "Points are means over seeds, lines their 95 % intervals. Where there is one seed there is no interval.",
        "ko": "점은 시드 평균, 선은 95 % 구간입니다. 시드가 하나면 구간이 없습니다.",
    },
    "how_judged": {
        "en": "Each claim is a hypothesis. Its effect is a difference between two arms, paired over seeds that share "
        "start and order of the text; the interval is the wider of seeds and documents, and p is corrected by Holm "
        "over the claims of an experiment. Small models on little text: what holds here may turn with size.",
        "ko": "주장은 모두 가설로 다룹니다. 효과는 두 조건의 차이이며, 시작값과 글의 순서가 같은 시드끼리 짝지어 "
        "구합니다. 구간은 시드와 문서 가운데 넓은 쪽이고, p는 한 실험의 주장들에 걸쳐 홀름 방법으로 보정했습니다. "
        "작은 모델을 적은 글로 학습했으므로 규모가 커지면 결과가 뒤집힐 수 있습니다.",
    },
}
_WORDS = WORDS | _OWN | {f"{verdict}_means": said for verdict, said in telling.MEANINGS.items()}


def render(results: "Sequence[Result]", lang: str = "en") -> str:
    """Return the page.

    Args:
        results: one an experiment, in the order in which they are shown.
        lang: the language that is shown first.

    Raises:
        UnsupportedError: the packages of `pip install 'bpe-lab[report]'` are missing.

    Cost: two seconds, most of them to bundle the chart library (0.9 MB of the page).
    """
    charting = {"figures": [figure for result in results for figure in drawable(result)]}
    return document(
        _TEMPLATE,
        lang,
        TITLE,
        {"words": _WORDS, "charts": sections.specs(charting)},
        [library(), own_script()],
        experiments=list(_experiments(results, sections.charts(charting))),
        signs=SIGNS,
        verdicts=telling.VERDICTS,
        n_runs=f"{sum(result.n_runs for result in results):,}",
        findings=[(result, finding) for result in results for finding in result.findings],
    )


def write_page(results: "Sequence[Result]", path: Path, force: bool = False, lang: str = "en") -> Path:
    """Write the page.

    Raises:
        FileError: the file is there and `force` is not given, or cannot be written. UnsupportedError: as `render`.
    """
    return write_whole(path, render(results, lang).encode(), force)


# -- figures


def svg(result: "Result", i: int = 0, lang: str = "en") -> str:
    """Return a figure of a result as an SVG that stands alone, in light colours.

    Raises:
        UnsupportedError: `vl-convert-python` is missing.
    """
    try:
        import vl_convert
    except ImportError as e:
        raise UnsupportedError("a figure needs the package vl-convert-python", "pip install 'bpe-lab[report]'") from e
    drawn: str = vl_convert.vegalite_to_svg(figures.printed(prepared(result.figures[i], result), lang))
    return _slim(drawn)


def _slim(svg: str) -> str:
    """Return an SVG with its fonts named once, and without the labels of marks: an image is read by its alt text.

    A third of the size.
    """
    svg = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", svg)
    named = re.search(r' font-family="[^"]*"', svg)
    if named is None:
        return svg
    svg = svg.replace(named[0], "").replace("<svg ", f"<svg{named[0]} ", 1)
    return re.sub(r"<[^>]*>", lambda tag: _LONG.sub(lambda number: f"{float(number[0]):.3f}", tag[0]), svg)


def write_figures(results: "Sequence[Result]", folder: Path) -> list[Path]:
    """Write figures as `NAME.svg`, the second of an experiment as `NAME-2.svg`, and each result as `NAME.json`.

    Figures in Korean are called `NAME.ko.svg`. Files of those names are written over.

    Raises:
        FileError: the folder cannot be made, or written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise FileError(f"cannot make the folder {folder}: {e.strerror}", "choose another name") from e
    files = {folder / name: data for result in results for name, data in _files(result)}
    return write_all(files, force=True)


def _files(result: "Result") -> Iterator[tuple[str, bytes]]:
    for i, lang in product(range(len(result.figures)), values.LANGUAGES):
        if result.figures[i]["rows"]:
            yield figure_name(result.name, i, lang), svg(result, i, lang).encode() + b"\n"
    data = json.dumps(result.to_json(), ensure_ascii=False, allow_nan=False, indent=1)
    yield f"{result.name}.json", data.encode() + b"\n"


def figure_name(name: str, i: int = 0, lang: str = "en") -> str:
    """Return what the file of a figure is called.

    >>> figure_name("init"), figure_name("init", 1, "ko")
    ('init.svg', 'init-2.ko.svg')
    """
    return f"{name}{f'-{i + 1}' if i else ''}{'' if lang == 'en' else f'.{lang}'}.svg"


def drawable(result: "Result") -> list[dict[str, Any]]:
    """Return the figures of a result that have points, as the report draws them."""
    drawn = [prepared(figure, result) for figure in result.figures if figure["rows"]]
    return [{**figure, "id": f"{result.name}-{i}"} for i, figure in enumerate(drawn)]


def prepared(figure: dict[str, Any], result: "Result") -> dict[str, Any]:
    """Return a figure as the report draws it.

    Arms in the order of the table, the digits that the spread needs, and points where bars would not begin at 0.
    """
    ys = [row["y"] for row in figure["rows"] if values.is_number(row.get("y"))]
    is_log = figure["y"].get("type") == "log"
    y = {"format": digits(ys, is_log), **figure["y"]} if ys else figure["y"]
    from_zero = not ys or (min(ys) <= max(ys) / 2 and not is_log)
    kind = "bar" if figure["kind"] == "grouped-bar" and figures.series(figure) in ([""], []) else figure["kind"]
    rows = [{**row, "series": _name(row.get("series", ""))} for row in _in_order(figure["rows"], result)]
    return {**figure, "rows": rows, "kind": kind, "x": _across(figure), "y": y, "from_zero": from_zero}


def _in_order(rows: list[dict[str, Any]], result: "Result") -> list[dict[str, Any]]:
    """Return points by the place of their arm in the table, then by what is measured across."""
    places = {arm: i for i, arm in enumerate(dict.fromkeys(cell.arm for cell in result.cells))}

    def place(row: dict[str, Any]) -> tuple[int, int, float]:
        series, x = str(row.get("series", "")), row["x"]
        arm = series if series in places else series.split(", ")[0]
        return places.get(arm, len(places)), places.get(str(x), len(places)), x if values.is_number(x) else 0.0

    return sorted(rows, key=place)


def _name(series: Any) -> Any:
    """Return the name of a series; one that is a number is written out."""
    return f"{series:,.12g}" if values.is_number(series) else series


def _across(figure: dict[str, Any]) -> dict[str, Any]:
    """Return the axis across, with 50k for 50,000."""
    xs = [row["x"] for row in figure["rows"]]
    large = bool(xs) and all(values.is_number(x) for x in xs) and min(xs) >= 1000
    is_measured = figure["x"].get("type", "nominal") != "nominal"
    return {**({"format": ",.3~s"} if large and is_measured else {}), **figure["x"]}


def digits(ys: Sequence[float], is_log: bool = False) -> str:
    """Return the format in which numbers are told apart: enough decimals for three digits of their spread.

    On a logarithmic axis it is the least that needs three: beside 300 ms there stands 0.38 and not 0.

    >>> digits([2.31, 2.36]), digits([1200.0, 90_000.0]), digits([0.1, 0.9]), digits([0.38, 300.0], is_log=True)
    ('.4f', ',.0f', '.3f', '.3f')
    """
    spread = (min(map(abs, ys)) if is_log else max(ys) - min(ys)) or abs(max(ys)) / 10 or 1.0
    decimals = min(max(2 - math.floor(math.log10(spread)), 0), 4)
    return f",.{decimals}f" if max(map(abs, ys)) >= 1000 else f".{decimals}f"


# -- what the template shows


def _experiments(results: "Sequence[Result]", charts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    left = iter(charts)
    for result in results:
        yield {
            "name": result.name,
            "anchor": f"experiment-{result.name}",
            "asked": [
                {lang: _OWN["question_of"][lang].format(n=n) for lang in values.LANGUAGES} for n in result.questions
            ],
            "question": result.question,
            "note": result.note,
            "claims": [
                {"said": finding.said, "verdict": finding.verdict, "sentence": telling.sentence(finding, result)}
                for finding in result.findings
            ],
            "charts": [next(left) for _ in drawable(result)],
            "table": _table(result),
            "made": list(_made(result)),
            "command": result.command,
        }


def _table(result: "Result") -> dict[str, Any]:
    table = telling.table(result)
    made = sections.tables({"tables": [table], "candidates": [], "loss": {}})[0]
    for row in made["rows"]:
        for cell, column in zip(row["cells"], table["columns"], strict=True):
            if column.get("format") == "bytes" and cell["number"] is not None:
                cell["word"], cell["interval"] = amount(cell["number"]), ""
    return {**made, "anchor": f"table-{result.name}", "title": _OWN["every_number"]}


def _made(result: "Result") -> "Iterator[tuple[Said, Any]]":
    """Yield what a run rests on: label and words."""
    text = result.text
    sizes = {key: amount(text.get(f"{key}_bytes") or 0) for key in ("train", "validation")}
    about = {lang: _OWN["text_is"][lang].format(name=text.get("name", "?"), **sizes) for lang in values.LANGUAGES}
    yield _OWN["text"], about
    if text.get("train_sha256"):
        yield {"en": "SHA-256", "ko": "SHA-256"}, text["train_sha256"]
    n_runs = {lang: word.format(preset=result.preset) for lang, word in _OWN["preset_is"].items()}
    yield _OWN["preset"], n_runs
    yield _OWN["machine"], ", ".join(f"{key} {value}" for key, value in {**result.machine, **result.versions}.items())
