"""A comparison on the terminal: summary, main table, answers, small tables. Readable without colour, from 80 columns.

Shows what the JSON says and computes nothing; the wide tables are left to the report and to `--out`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bpe_lab.compare.output import cell_text

if TYPE_CHECKING:
    from rich.console import Console

Data = dict[str, Any]

_SMALL = ("closed", "samples", "mix", "train-sets", "cut-differently")
"""Tables that fit."""

_MAIN = ("tokens_per_byte", "fertility", "one_token_eojeol", "broken_syllables", "fallback_chars", "premium")
"""Columns of the main table, the first with its interval."""

_NARROW = ("tokens_per_byte", "fertility", "broken_syllables", "premium")
"""Those of them that a narrow terminal gets."""

_WIDE = 100
"""Columns of a terminal from which it is not narrow."""

_SHORT = {
    "tokens_per_byte": {"en": "tokens /byte", "ko": "토큰 /바이트"},
    "fertility": {"en": "tokens /eojeol", "ko": "토큰 /어절"},
    "one_token_eojeol": {"en": "eojeol 1 token", "ko": "한 토큰 어절"},
    "broken_syllables": {"en": "cut syllables", "ko": "잘린 음절"},
    "fallback_chars": {"en": "byte chars", "ko": "바이트 글자"},
    "premium": {"en": "times {}", "ko": "{} 대비"},
}

_WORDS = {
    "summary": {"en": "What to choose, and how sure", "ko": "무엇을 고를지, 얼마나 확실한지"},
    "intervals": {
        "en": "Brackets hold 95 % intervals, a bootstrap over documents. A dash: no value.",
        "ko": "괄호는 문서를 다시 뽑아 얻은 95 % 구간이다. 줄표는 값이 없음을 뜻한다.",
    },
    "without": {"en": "Without figures", "ko": "수치가 없는 것"},
    "questions": {"en": "Questions", "ko": "질문"},
    "needs": {"en": "needs a model", "ko": "모델이 필요함"},
    "clear": {"en": "clear", "ko": "분명함"},
    "leans": {"en": "leans", "ko": "기움"},
    "unresolved": {"en": "unresolved", "ko": "못 가림"},
    "needs-model": {"en": "needs a model", "ko": "모델이 필요함"},
}


def show(data: Data, console: "Console", lang: str) -> None:
    """Print a comparison."""
    console.print(f"[bold]{_plain(data['title'][lang])}[/bold]")
    if data["notice"]:
        console.print(_plain(data["notice"][lang]))
    for name in ("train", "eval"):
        text = data["texts"][name]
        console.print(
            f"[dim]{name}: {_plain(text['name'])}, {text['bytes']:,} bytes, {text['documents']:,} documents[/dim]"
        )
    _heading(console, _WORDS["summary"][lang])
    for line in data["summary"]:
        console.print(f"- {_WORDS[line['strength']][lang]}: {_plain(line[lang])}")
    _main_table(data, console, lang)
    _without_figures(data, console, lang)
    if data["questions"]:
        _heading(console, _WORDS["questions"][lang])
    for question in data["questions"]:
        _question(question, console, lang)
    for table in data["tables"]:
        if table["id"] in _SMALL:
            _heading(console, table["title"][lang])
            console.print(_table(table, lang))


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _heading(console: "Console", text: str) -> None:
    console.print(f"\n[bold]{_plain(text)}[/bold]")


def _question(question: Data, console: "Console", lang: str) -> None:
    console.print(f"[bold]{question['n']}. {_plain(question['question'][lang])}[/bold]")
    console.print(_plain(question["answer"][lang]))
    if question["needs"]:
        needs = question["needs"]
        console.print(f"{_WORDS['needs'][lang]}: {_plain(needs['what'][lang])}: {_plain(needs['command'])}")
    console.print()


def _main_table(data: Data, console: "Console", lang: str) -> None:
    table = next((t for t in data["tables"] if t["id"] == "main"), None)
    if table is None:
        return
    _heading(console, table["title"][lang])
    values = {c["id"]: c["values"] for c in data["candidates"]}
    names = _MAIN if console.width >= _WIDE else _NARROW
    shown = [c for c in names if any(c in values[row["candidate"]] for row in table["rows"])]
    units = {name: data["metrics"][name]["unit"] for name in shown}
    drawn = _frame()
    drawn.add_column(table["columns"][0]["title"][lang])
    other = data["texts"].get("parallel", {"languages": ["", ""]})["languages"][1]
    for name in shown:
        drawn.add_column(_SHORT[name][lang].format(other), justify="right", no_wrap=name == shown[0])
    for row in table["rows"]:
        found = values[row["candidate"]]
        if found:
            cells = [cell_text(found.get(n), lang, units[n], with_interval=n == shown[0]) for n in shown]
            drawn.add_row(_plain(row["name"]), *map(_plain, cells))
    console.print(drawn)
    console.print(f"[dim]{_WORDS['intervals'][lang]}[/dim]")


def _without_figures(data: Data, console: "Console", lang: str) -> None:
    """Say of each tokenizer that has a note what it is; equal reasons once."""
    reasons: dict[str, list[str]] = {}
    for candidate in data["candidates"]:
        if candidate["note"]:
            reasons.setdefault(f"{candidate['status']}: {candidate['note'][lang]}", []).append(candidate["name"])
    if reasons:
        _heading(console, _WORDS["without"][lang])
    for reason, names in reasons.items():
        console.print(f"- {_plain(', '.join(names))}: {_plain(reason)}")


def _frame(**options: Any) -> Any:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), **options)


def _table(table: Data, lang: str) -> Any:
    drawn = _frame()
    for column in table["columns"]:
        drawn.add_column(_plain(column["title"][lang]), justify="left" if _is_text(table, column["key"]) else "right")
    for row in table["rows"]:
        drawn.add_row(*map(_plain, _cells(table, row, lang)))
    return drawn


def _cells(table: Data, row: Data, lang: str) -> Iterator[str]:
    return (cell_text(row.get(c["key"]), lang, c["unit"], with_interval=True) for c in table["columns"])


def _is_text(table: Data, key: str) -> bool:
    return any(
        isinstance(row.get(key), str) or (isinstance(row.get(key), dict) and "en" in row[key]) for row in table["rows"]
    )
