"""A comparison on the terminal: summary, main table, answers, small tables. Readable without colour, from 40 columns.

Shows what the JSON says and computes nothing; the wide tables are left to the report and to `--out`. A table that does
not fit goes without intervals, then without its last columns; no cell is cut.
"""

from typing import TYPE_CHECKING, Any, Literal

from bpe_lab.cli.fitting import Column, fits, fitting
from bpe_lab.compare.output import cell_text
from bpe_lab.compare.phrases import language, say

if TYPE_CHECKING:
    from rich.console import Console

Data = dict[str, Any]

_SMALL = ("closed", "samples", "mix", "train-sets", "cut-differently")
"""Tables that fit."""

_MAIN = ("tokens_per_byte", "fertility", "one_token_eojeol", "broken_syllables", "fallback_chars", "premium")
"""Columns of the main table, the first with its interval."""

_NARROW = ("tokens_per_byte", "fertility", "broken_syllables", "premium")
"""Those of them that a narrow terminal gets, as many as fit."""

_WIDE, _MIDDLE = 100, 60
"""Columns of a terminal from which it is wide, and from which cells of the main table have their intervals."""

_SHORT = {
    "tokens_per_byte": {"en": "tokens /byte", "ko": "토큰 /바이트"},
    "fertility": {"en": "tokens /eojeol", "ko": "토큰 /어절"},
    "one_token_eojeol": {"en": "eojeol 1 token", "ko": "한 토큰 어절"},
    "broken_syllables": {"en": "cut syllables", "ko": "잘린 음절"},
    "fallback_chars": {"en": "byte chars", "ko": "바이트 글자"},
    "premium": {"en": "× {}", "ko": "{}의 몇 배"},
    "bits_per_byte": {"en": "bits /byte", "ko": "비트 /바이트"},
    "relative": {"en": "beside the base", "ko": "기준과 견주면"},
    "verdict": {"en": "how sure", "ko": "얼마나 확실한지"},
    "bits_inside_syllable": {"en": "bits inside a syllable", "ko": "음절 안 비트"},
    "train_seconds": {"en": "seconds", "ko": "초"},
}

_WORDS = {
    "summary": {"en": "What to choose, and how sure", "ko": "무엇을 고를지, 얼마나 확실한지"},
    "intervals": {
        "en": "Brackets hold 95 % intervals, a bootstrap over documents. A dash: no value.",
        "ko": "괄호는 문서를 다시 뽑아 얻은 95 % 구간이다. 줄표는 값이 없음을 뜻한다.",
    },
    "notes": {"en": "Not ranked, and why", "ko": "순위에 없는 것과 까닭"},
    "train": {"en": "train: {}, {:,} bytes, {:,} documents", "ko": "학습 글: {}, {:,}바이트, 문서 {:,}건"},
    "eval": {"en": "eval: {}, {:,} bytes, {:,} documents", "ko": "잰 글: {}, {:,}바이트, 문서 {:,}건"},
    "lossy": {"en": "lossy", "ko": "손실"},
    "missing": {"en": "missing", "ko": "없음"},
    "failed": {"en": "failed", "ko": "실패"},
    "questions": {"en": "Questions", "ko": "질문"},
    "loss": {"en": "Loss of a language model", "ko": "언어 모델의 손실"},
    "loss_answers": {"en": "What the loss answers", "ko": "손실이 답하는 것"},
    "loss_intervals": {
        "en": "Brackets hold 95 % intervals: the wider of runs (seeds) and documents.",
        "ko": "괄호는 95 % 구간으로, 실행(시드)과 문서 가운데 넓은 쪽이다.",
    },
    "loss_resolved": {"en": "resolved", "ko": "가려짐"},
    "loss_leans": {"en": "leans", "ko": "기움"},
    "loss_unresolved": {"en": "open", "ko": "못 가림"},
    "loss_seeds": {"en": "{}, ~{} seeds", "ko": "{}, 시드 ~{}"},
    "below": {"en": "below, from models trained now", "ko": "지금 학습하는 모델로 아래에서 답한다"},
    "needs": {"en": "needs a model", "ko": "모델이 필요함"},
    "clear": {"en": "clear", "ko": "분명함"},
    "leans": {"en": "leans", "ko": "기움"},
    "unresolved": {"en": "unresolved", "ko": "못 가림"},
    "needs-model": {"en": "needs a model", "ko": "모델이 필요함"},
}


def show(data: Data, console: "Console", lang: str, *, loss_follows: bool = False) -> None:
    """Print a comparison, what to choose first. Where `loss_follows`, what needs a model is left to `show_loss`."""
    console.print(f"[bold]{_plain(data['title'][lang])}[/bold]")
    _heading(console, _WORDS["summary"][lang])
    for line in data["summary"]:
        console.print(f"- {_WORDS[line['strength']][lang]}: {_plain(line[lang])}")
    _texts(data, console, lang)
    _main_table(data, console, lang)
    _notes(data, console, lang)
    if data["questions"]:
        _heading(console, _WORDS["questions"][lang])
    for question in data["questions"]:
        _question(question, console, lang, loss_follows)
    for table in data["tables"]:
        if table["id"] in _SMALL:
            _heading(console, table["title"][lang])
            console.print(_table(table, console, lang))


def show_loss(data: Data, console: "Console", lang: str, *, answers: bool = True) -> None:
    """Print what language models made of the tokenizers: what it rests on, the table, and the `answers` it gives."""
    _heading(console, _WORDS["loss"][lang])
    console.print(_plain(data["loss"]["notice"][lang]))
    table = next(t for t in data["tables"] if t["id"] == "loss")
    console.print(_loss_table(data, table, console, lang))
    if console.width >= _MIDDLE:
        console.print(f"[dim]{_WORDS['loss_intervals'][lang]}[/dim]")
    _not_ranked(table, console, lang)
    _correlations(data, console, lang)
    for line in data["summary"]:
        if line.get("loss"):
            console.print(f"- {_WORDS[line['strength']][lang]}: {_plain(line[lang])}")
    if answers:
        _loss_answers(data, console, lang)


_LOSS = ("bits_per_byte", "relative", "verdict", "bits_inside_syllable", "train_seconds")
"""Columns of the loss on the terminal; the rest is in the files."""

_LOSS_NEEDED = 4
"""Columns that must have room before intervals get any."""


def _loss_table(data: Data, table: Data, console: "Console", lang: str) -> Any:
    """Return the loss, its differences in percent; without room for it without intervals and the last columns."""
    rows = [row | _loss_of(_candidate(data, row)) for row in table["rows"]]
    keys = [key for key in _LOSS if any(row.get(key) is not None for row in rows)]
    columns: list[Column] = [(table["columns"][0]["title"][lang], "left")]
    columns += [(_SHORT[key][lang], "left" if key == "verdict" else "right") for key in keys]
    whole, bare = (
        [[row["name"], *(_loss_cell(row.get(key), key, lang, ends) for key in keys)] for row in rows]
        for ends in (True, False)
    )
    has_room = fits(columns[:_LOSS_NEEDED], whole, console)
    return fitting(columns, whole if has_room else bare, console)


def _loss_of(candidate: Data) -> Data:
    """Return what a row of the table does not hold: the difference in percent, and the verdict in few words."""
    difference = (candidate["loss"] or {}).get("difference")
    if difference is None:
        return {}
    words = _WORDS[f"loss_{difference['verdict']}"]
    if needed := difference["seeds_needed"]:
        words = {lang: _WORDS["loss_seeds"][lang].format(words[lang], needed) for lang in words}
    return {"relative": difference["relative"], "verdict": words}


def _loss_cell(cell: Any, key: str, lang: str, with_interval: bool) -> str:
    if key == "relative" and cell is not None:
        low, high = cell["low"], cell["high"]
        ends = f" [{100 * low:+.1f}, {100 * high:+.1f}]" if with_interval and low is not None else ""
        return f"{100 * cell['value']:+.1f} %{ends}"
    return cell_text(cell, lang, "bits/byte", with_interval)


def _not_ranked(table: Data, console: "Console", lang: str) -> None:
    for row in table["rows"]:
        if row.get("note"):
            console.print(f"- {_plain(row['name'])}: {_plain(row['note'][lang])}")


_SHOWN_CORRELATIONS = 5


def _correlations(data: Data, console: "Console", lang: str) -> None:
    """Print the strongest rank correlations, or how many tokenizers they take."""
    spearman = data["loss"]["spearman"]
    table = next((t for t in data["tables"] if t["id"] == "spearman"), None)
    if table is None:
        told = say("too-few-arms", n=spearman["arms"], least=spearman["needed"])
        console.print(_plain(told[lang]))
        return
    _heading(console, table["title"][lang])
    console.print(_table(table | {"rows": table["rows"][:_SHOWN_CORRELATIONS]}, console, lang))


def _loss_answers(data: Data, console: "Console", lang: str) -> None:
    answered = [question for question in data["questions"] if question.get("loss")]
    if answered:
        _heading(console, _WORDS["loss_answers"][lang])
    for question in answered:
        console.print(f"[bold]{question['n']}. {_plain(question['question'][lang])}[/bold]")
        console.print(_plain(question["loss"][lang]))
        console.print()


def _texts(data: Data, console: "Console", lang: str) -> None:
    """Say what all of it was measured on, and what that is worth."""
    console.print()
    if data["notice"]:
        console.print(_plain(data["notice"][lang]))
    for name in ("train", "eval"):
        text = data["texts"][name]
        told = _WORDS[name][lang].format(text["name"], text["bytes"], text["documents"])
        console.print(f"[dim]{_plain(told)}[/dim]")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _heading(console: "Console", text: str) -> None:
    console.print(f"\n[bold]{_plain(text)}[/bold]")


def _question(question: Data, console: "Console", lang: str, loss_follows: bool) -> None:
    console.print(f"[bold]{question['n']}. {_plain(question['question'][lang])}[/bold]")
    console.print(_plain(question["answer"][lang]))
    if question["needs"] and loss_follows:
        console.print(f"{_plain(question['needs']['what'][lang])}: {_WORDS['below'][lang]}")
    elif question["needs"]:
        needs = question["needs"]
        console.print(f"{_WORDS['needs'][lang]}: {_plain(needs['what'][lang])}: {_plain(needs['command'])}")
    console.print()


def _main_table(data: Data, console: "Console", lang: str) -> None:
    table = next((t for t in data["tables"] if t["id"] == "main"), None)
    if table is None:
        return
    _heading(console, table["title"][lang])
    found = [(row, c) for row in table["rows"] if (c := _candidate(data, row))["values"]]
    names = [n for n in (_MAIN if console.width >= _WIDE else _NARROW) if any(n in c["values"] for _, c in found)]
    columns = [_main_column(data, table["columns"][0]["title"][lang], n, lang) for n in ("", *names)]
    rows = [
        [_named(row, c, lang), *(_main_cell(data, c, n, n == names[0] and console.width >= _MIDDLE) for n in names)]
        for row, c in found
    ]
    console.print(fitting(columns, rows, console))
    if console.width >= _MIDDLE:
        console.print(f"[dim]{_WORDS['intervals'][lang]}[/dim]")


def _candidate(data: Data, row: Data) -> Data:
    found: Data = next(c for c in data["candidates"] if c["id"] == row["candidate"])
    return found


def _named(row: Data, candidate: Data, lang: str) -> str:
    lossy = f" ({_WORDS['lossy'][lang]})" if candidate["status"] == "lossy" else ""
    return f"{row['name']}{lossy}"


def _main_column(data: Data, title: str, name: str, lang: str) -> Column:
    if not name:
        return title, "left"
    other = data["texts"].get("parallel", {"languages": ["", ""]})["languages"][1]
    return _SHORT[name][lang].format(language(other)[lang]), "right"


def _main_cell(data: Data, candidate: Data, name: str, with_interval: bool) -> str:
    return cell_text(candidate["values"].get(name), "en", data["metrics"][name]["unit"], with_interval)


def _notes(data: Data, console: "Console", lang: str) -> None:
    """Say of each tokenizer that has a note what it is; equal reasons once."""
    reasons: dict[str, list[str]] = {}
    for candidate in data["candidates"]:
        if candidate["note"]:
            reasons.setdefault(_reason(candidate, lang), []).append(candidate["name"])
    if reasons:
        _heading(console, _WORDS["notes"][lang])
    for reason, names in reasons.items():
        console.print(f"- {_plain(', '.join(names))}: {_plain(reason)}")


def _reason(candidate: Data, lang: str) -> str:
    return f"{_WORDS[candidate['status']][lang]}: {candidate['note'][lang]}"


def _table(table: Data, console: "Console", lang: str) -> Any:
    """Return a small table; notes are told elsewhere."""
    shown = [c for c in table["columns"] if c["key"] != "note"]
    columns = [(c["title"][lang], _side(table, c["key"])) for c in shown]
    whole, bare = (
        [[cell_text(row.get(c["key"]), lang, c["unit"], with_interval) for c in shown] for row in table["rows"]]
        for with_interval in (True, False)
    )
    return fitting(columns, whole if fits(columns, whole, console) else bare, console)


def _side(table: Data, key: str) -> Literal["left", "right"]:
    """Return where cells stand: words to the left, numbers to the right."""
    cells = [row.get(key) for row in table["rows"]]
    is_text = any(isinstance(cell, str) or (isinstance(cell, dict) and "en" in cell) for cell in cells)
    return "left" if is_text else "right"
