"""An experiment on the terminal and as Markdown: question, claims with their verdicts, the table of cells.

Shows what the result says and computes nothing. Readable without colour, in a pipe, from 40 columns: a table that does
not fit goes without intervals, then without its last columns, which are named; no number is cut.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bpe_lab.cli.fitting import Column, fits, fitting
from bpe_lab.cli.terminal import Terminal, amount, duration
from bpe_lab.report import values
from bpe_lab_model.experiments import telling

if TYPE_CHECKING:
    from rich.console import Console

    from bpe_lab_model.experiments.results import Result
    from bpe_lab_model.experiments.spec import Experiment, Said

_WORDS: dict[str, "Said"] = {
    "question": {"en": "question", "ko": "질문"},
    "claim": {"en": "claim", "ko": "주장"},
    "figure": {"en": "figure", "ko": "그림"},
    "minutes": {"en": "min", "ko": "분"},
    "name": {"en": "name", "ko": "이름"},
    "what": {
        "en": "what is asked, what people were told, what is drawn",
        "ko": "무엇을 묻고, 무어라 들었고, 무엇을 그리는가",
    },
    "intervals": {
        "en": "Brackets hold 95 % intervals over seeds. A dash: no value.",
        "ko": "괄호는 시드에 대한 95 % 구간이다. 줄표는 값이 없음을 뜻한다.",
    },
    "left_out": {
        "en": "No room for: {}. They are in --json and the report.",
        "ko": "자리가 모자라 뺀 열: {}. --json과 보고서에 있다.",
    },
    "ran": {
        "en": "text: {text}, {bytes} to train on; preset {preset}, {runs} runs, {seconds}",
        "ko": "글: {text}, 학습 {bytes}; 프리셋 {preset}, 실행 {runs}번, {seconds}",
    },
    "minutes_mean": {
        "en": "min: minutes at preset study on two cores. Run one with: bpe-lab lm experiments run NAME",
        "ko": "분: study 프리셋에서 코어 두 개로 걸리는 시간. 실행: bpe-lab lm experiments run NAME",
    },
}

_WIDEST = 100
"""Columns that the list takes at most: longer lines are hard to read."""


def show(result: "Result", terminal: Terminal, lang: str = "en") -> None:
    """Print a result: what was asked, what became of the claims, every cell."""
    console = terminal.console()
    _bold(console, f"{result.name}: {result.question[lang]}")
    for finding in result.findings:
        console.print(f"- {_plain(telling.VERDICTS[finding.verdict][lang])}: {_plain(finding.said[lang])}")
        console.print(_indented(telling.sentence(finding, result)[lang]))
    _cells(result, console, lang)
    for note in (values.in_language(result.note or None, lang), _WORDS["intervals"][lang], _ran(result, lang)):
        if note:
            console.print(f"[dim]{_plain(note)}[/dim]")
    if result.command:
        console.print(f"[dim]{_plain(result.command)}[/dim]")


def listing(rows: "Sequence[Experiment]", terminal: Terminal, lang: str = "en") -> None:
    """Print the experiments there are: question, claims, figures and minutes, within 100 columns."""
    from rich.table import Table

    console = terminal.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), width=min(_WIDEST, console.width), show_edge=False)
    table.add_column(_WORDS["name"][lang], no_wrap=True, overflow="fold")
    table.add_column(_WORDS["minutes"][lang], justify="right", no_wrap=True)
    table.add_column(_WORDS["what"][lang], overflow="fold", ratio=1)
    for row in rows:
        table.add_row(_plain(row.name), f"{row.minutes:g}", _plain("\n".join(_about(row, lang))))
    console.print(table)
    console.print(f"[dim]{_plain(_WORDS['minutes_mean'][lang])}[/dim]")


def markdown(result: "Result", lang: str = "en") -> str:
    """Return a result as Markdown."""
    return "\n".join(_markdown(result, lang)) + "\n"


def verdicts(result: "Result", lang: str = "en") -> str:
    """Return the verdicts of a result as Markdown: a line a claim, then what was run."""
    return "\n".join([*_claims(result, lang), "", f"{_ran(result, lang)}; `{result.command}`"]) + "\n"


def _about(row: "Experiment", lang: str) -> Iterator[str]:
    yield f"{row.question[lang]} ({', '.join(map(str, row.questions))})"
    for kind, said in [("claim", c.said) for c in row.claims] + [("figure", f.title) for f in row.figures]:
        yield f"{_WORDS[kind][lang]}: {said[lang]}"


# -- the cells


def _cells(result: "Result", console: "Console", lang: str) -> None:
    table = telling.table(result)
    columns: list[Column] = [(values.in_language(c["title"], lang), _side(table, c)) for c in table["columns"]]
    drawn = _drawn(table, columns, console, lang)
    n = next((n for n in range(len(columns), 1, -1) if fits(columns[:n], drawn, console)), 1)
    console.print(fitting(columns[:n], [row[:n] for row in drawn], console))
    for row in table["rows"]:
        if "note" in row:
            console.print(f"- {_plain(row['arm'])}, {amount(row['budget_bytes'])}: {_plain(row['note'][lang])}")
    if n < len(columns):
        left_out = ", ".join(title for title, _ in columns[n:])
        console.print(f"[dim]{_plain(_WORDS['left_out'][lang].format(left_out))}[/dim]")


def _drawn(table: dict[str, Any], columns: Sequence[Column], console: "Console", lang: str) -> list[list[str]]:
    """Return the cells, with intervals in as many columns, from the left, as leave room for all the others."""
    for n_whole in range(len(columns), -1, -1):
        made = [[_cell(row, c, lang, i < n_whole) for i, c in enumerate(table["columns"])] for row in table["rows"]]
        if n_whole == 0 or fits(columns, made, console):
            return made
    return []


def _side(table: dict[str, Any], column: dict[str, Any]) -> Any:
    return "left" if any(isinstance(row.get(column["key"]), str) for row in table["rows"]) else "right"


def _cell(row: dict[str, Any], column: dict[str, Any], lang: str, with_interval: bool) -> str:
    value = row.get(column["key"])
    if value is None or isinstance(value, str):
        return value or "-"
    point, ends, form = values.point(value), values.ends(value), column.get("format") or ""
    if point is None:
        return "-"
    told = telling.shown(point, form)
    return _ascii(told + telling.between(*(telling.shown(x, form) for x in ends)) if with_interval and ends else told)


def _ascii(text: str) -> str:
    """Return text with the minus and the space that every terminal has."""
    return text.replace("−", "-").replace("\u00a0", " ")


def _ran(result: "Result", lang: str) -> str:
    return _WORDS["ran"][lang].format(
        text=result.text.get("name", "?"),
        bytes=amount(result.text.get("train_bytes", 0)),
        preset=result.preset,
        runs=result.n_runs,
        seconds=duration(result.seconds),
    )


# -- how it is printed


def _bold(console: "Console", text: str) -> None:
    console.print(f"\n[bold]{_plain(text)}[/bold]")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(_ascii(text))


def _indented(text: str) -> Any:
    from rich.padding import Padding

    return Padding(_plain(text), (0, 0, 0, 2), expand=False)


# -- Markdown


def _markdown(result: "Result", lang: str) -> Iterator[str]:
    from bpe_lab.compare.output import escaped

    yield f"## {escaped(result.question[lang])}\n"
    yield from _claims(result, lang)
    table = telling.table(result)
    yield "\n| " + " | ".join(escaped(values.in_language(c["title"], lang)) for c in table["columns"]) + " |"
    yield "|" + "|".join("---" if _side(table, c) == "left" else "---:" for c in table["columns"]) + "|"
    for row in table["rows"]:
        first, *cells = (escaped(_cell(row, c, lang, True)) for c in table["columns"])
        noted = f"{first} ({row['note'][lang]})" if "note" in row else first
        yield "| " + " | ".join([noted, *cells]) + " |"
    if result.note:
        yield f"\n{escaped(result.note[lang])}"
    yield f"\n`{result.command}` ({_ran(result, lang)})"


def _claims(result: "Result", lang: str) -> Iterator[str]:
    from bpe_lab.compare.output import escaped

    for finding in result.findings:
        verdict = telling.VERDICTS[finding.verdict][lang]
        said = f"{finding.said[lang].rstrip('.')}."
        yield f"- **{verdict}**: {escaped(said)} {escaped(telling.sentence(finding, result)[lang])}"
