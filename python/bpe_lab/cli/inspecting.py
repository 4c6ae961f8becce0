"""`bpe-lab inspect`: what a tokenizer makes of a text, token by token, and merge by merge."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdin
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from rich.text import Text

    from bpe_lab import Tokenizer
    from bpe_lab.cli.tokenview import Shown
    from bpe_lab.show import Cut, ShownToken, TokenView

_COLUMNS = (">index", ">id", ">bytes", ">chars", ">syllables", "jamo", "hex", "text")
_NARROW = tuple(column for column in _COLUMNS if column != "hex")


def add_to(commands: arguments.Commands) -> None:
    """Add `inspect`."""
    parser = arguments.add_command(
        commands,
        "inspect",
        run_inspect,
        "[TEXT] -t TOKENIZER",
        "show the tokens of a text, coloured, with ids and bytes",
        'bpe-lab inspect "사과나무에 사과가 열렸다" -t ko.bpe\nbpe-lab inspect --steps "사과나무" -t ko.bpe',
        more="⟨사:1/3⟩ is the first of three bytes of 사, ⟨사:ㅅ⟩ its onset; a byte of no character is \\xEC. "
        "Without TEXT, standard input is read.",
        spread="text",
    )
    parser.add_argument("text", nargs="*", metavar="TEXT")
    arguments.add_tokenizer(parser)
    parser.add_argument("--steps", action="store_true", help="the text after every merge applied to it, with its rank")
    parser.add_argument("--allow-special", action="store_true", help="special tokens in the text become their ids")
    arguments.add_json(parser)


def run_inspect(args: argparse.Namespace, terminal: Terminal) -> int:
    """Show the tokens of one text."""
    from bpe_lab.cli.loading import chosen_tokenizer
    from bpe_lab.show import view

    tokenizer = chosen_tokenizer(args)
    data = _text(args, terminal)
    shown = view(tokenizer, data, "all" if args.allow_special else ())
    if args.json:
        _put_json(args, terminal, tokenizer, shown)
        return Exit.OK
    if shown.tokens:
        _put_view(terminal, shown.tokens)
        terminal.put("")
        if args.steps:
            _put_steps(terminal, tokenizer, data)
        else:
            _put_table(terminal, shown.tokens)
        terminal.put("")
    for line in folded(shown.summary.split(", "), width() or sys.maxsize, ", "):
        terminal.put(line)
    return Exit.OK


def _text(args: argparse.Namespace, terminal: Terminal) -> bytes:
    if len(args.text) > 1:
        raise ArgumentError(f"one text was expected, got {len(args.text)}", 'quote it: bpe-lab inspect "a b c" -t …')
    if args.steps and args.allow_special:
        raise ArgumentError("--steps shows merges, and special tokens have none", "leave out --allow-special")
    return os.fsencode(args.text[0]) if args.text and args.text[0] != "-" else binary_stdin(terminal).read()


def _put_view(terminal: Terminal, tokens: "Sequence[Shown]", before: str = "", breaks: bool = True) -> None:
    """Print tokens side by side after `before`, in lines that end between tokens; in a pipe lines are not broken."""
    from bpe_lab.cli.tokenview import SEPARATOR, coloured, separated, wrapped

    console, limit = terminal.console(), width()
    if limit is None and not console.color_system:
        terminal.put(before + separated(tokens, breaks=breaks))
        return
    gap = 0 if console.color_system else len(SEPARATOR)
    room = max((limit or sys.maxsize) - len(before), 1)
    for start, line in wrapped(tokens, room, gap):
        lead = " " * len(before) if start else before
        if console.color_system:
            console.print(lead, coloured(line, console.color_system, first=start, breaks=False), sep="", soft_wrap=True)
        else:
            goes_on = SEPARATOR if start + len(line) < len(tokens) else ""
            terminal.put(lead + separated(line, breaks=False) + goes_on)


def width() -> int | None:
    """Return how many cells a line may have: those of the terminal, or of `COLUMNS`; None in a pipe: no bound."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return None


def _put_table(terminal: Terminal, tokens: "Sequence[ShownToken]") -> None:
    """Print a row a token: with bytes in hexadecimal where they fit, else without, else in two lines a token."""
    rows = [_cells(token) for token in tokens]
    texts = [_quoted(token, terminal.console().color_system) for token in tokens]
    limit = width() or sys.maxsize
    shapes = (_table(_COLUMNS, rows, texts), _table(_NARROW, rows, texts), _blocks(rows, texts, limit))
    lines: list[Text] = []
    for shape in shapes:
        lines = list(shape)
        if all(line.cell_len <= limit for line in lines):
            break
    console = terminal.console()
    for line in lines:
        console.print(line, soft_wrap=True) if console.color_system else terminal.put(line.plain)


def _cells(token: "ShownToken") -> dict[str, str]:
    """Return what the columns hold, except the text."""
    return {
        "index": str(token.index),
        "id": str(token.id),
        "bytes": _span(token.span),
        "chars": _span(token.char_span),
        "syllables": str(token.n_syllables),
        "jamo": token.jamo,
        "hex": token.data.hex(" ").upper(),
    }


def _quoted(token: "ShownToken", color_system: str | None) -> "Text":
    """Return the token between quotes, so that spaces at its ends show."""
    from rich.text import Text

    from bpe_lab.cli.table import quoted
    from bpe_lab.cli.tokenview import coloured_token

    if not color_system:
        return Text(quoted(str(token)))
    return Text('"') + coloured_token(token, color_system, token.index) + '"'


def _table(columns: Sequence[str], rows: Sequence[dict[str, str]], texts: "Sequence[Text]") -> "Iterator[Text]":
    """Yield header and rows, aligned by the cells that a terminal gives to their characters."""
    from rich.cells import cell_len
    from rich.text import Text

    names = [column.removeprefix(">") for column in columns[:-1]]
    widths = {name: max([len(name), *(cell_len(row[name]) for row in rows)]) for name in names}

    def line(row: dict[str, str]) -> str:
        pads = {name: " " * (widths[name] - cell_len(row[name])) for name in names}
        right = [column.startswith(">") for column in columns]
        cells = (pads[n] + row[n] if r else row[n] + pads[n] for n, r in zip(names, right, strict=False))
        return "  ".join(cells) + "  "

    yield Text(line({name: name for name in names}) + "text")
    yield from (Text(line(row)) + text for row, text in zip(rows, texts, strict=True))


def _blocks(rows: Sequence[dict[str, str]], texts: "Sequence[Text]", limit: int) -> "Iterator[Text]":
    """Yield each token in a line, and below it what the other columns hold."""
    from rich.text import Text

    before = max((len(row["index"]) for row in rows), default=0)
    for row, text in zip(rows, texts, strict=True):
        yield Text(f"{row['index']:>{before}}  ") + text
        facts = [f"id {row['id']}", f"bytes {row['bytes']}", f"chars {row['chars']}"]
        facts += [f"syllables {row['syllables']}"] * (row["syllables"] != "0")
        facts += [row["jamo"]] * (row["jamo"] != "")
        for line in folded(facts, limit - before - 2, "  "):
            yield Text(" " * (before + 2) + line)


def folded(parts: Iterable[str], limit: int, gap: str) -> Iterator[str]:
    """Yield lines of at most `limit` cells that hold whole `parts` with `gap` between them, where a part fits at all.

    >>> list(folded(["12 tokens", "3 syllables", "1 word"], 24, ", "))
    ['12 tokens, 3 syllables,', '1 word']
    """
    from rich.cells import cell_len

    line = ""
    for part in parts:
        if line and cell_len(line + gap + part + gap.rstrip()) > limit:
            yield line + gap.rstrip()
            line = part
        else:
            line = line + gap + part if line else part
    yield line


def _span(span: tuple[int, int]) -> str:
    return f"{span[0]}-{span[1]}"


def _put_steps(terminal: Terminal, tokenizer: "Tokenizer", data: bytes) -> None:
    """Print for each piece its states, one a line, the merge's rank before it."""
    pieces = tokenizer.steps(data)
    width = max((len(str(step.rank)) for states in pieces for step in states), default=4)
    for index, states in enumerate(pieces):
        terminal.put(f"{chr(10) if index else ''}{'rank'.rjust(width)}  piece {index}")
        for step in states:
            rank = "" if step.rank is None else str(step.rank)
            _put_view(terminal, step.tokens, f"{rank.rjust(width)}  ", breaks=False)


def _put_json(args: argparse.Namespace, terminal: Terminal, tokenizer: "Tokenizer", shown: "TokenView") -> None:
    from bpe_lab.cli.loading import about
    from bpe_lab.visible import text_or_none

    data = shown.data
    values: dict[str, Any] = {"tokenizer": about(tokenizer), "text": text_or_none(data), "n_bytes": len(data)}
    values["summary"] = {
        "n_tokens": len(shown.tokens),
        "n_chars": shown.n_chars,
        "bytes_per_token": shown.bytes_per_token if shown.tokens else None,
        "n_syllables": shown.n_syllables,
        "n_broken_syllables": shown.n_broken_syllables,
        "n_broken_chars": shown.n_broken_chars,
        "n_eojeol": shown.n_eojeol,
        "n_one_token_eojeol": shown.n_one_token_eojeol,
    }
    values["tokens"] = [_json_token(token) for token in shown.tokens]
    if args.steps:
        values["pieces"] = [
            [{"rank": step.rank, "tokens": [token.hex() for token in step.tokens]} for step in states]
            for states in tokenizer.steps(data)
        ]
    terminal.put_json("inspect", values)


def _json_token(token: "ShownToken") -> dict[str, Any]:
    from bpe_lab.visible import text_or_none

    return {
        "index": token.index,
        "id": token.id,
        "bytes": token.data.hex(),
        "text": text_or_none(token.data),
        "shown": str(token),
        "start": token.span[0],
        "end": token.span[1],
        "char_start": token.char_span[0],
        "char_end": token.char_span[1],
        "n_chars": token.n_chars,
        "n_syllables": token.n_syllables,
        "jamo": token.jamo,
        "cuts": [_json_cut(cut) for cut in token.cuts],
    }


def _json_cut(cut: "Cut") -> dict[str, Any]:
    return {
        "char": cut.char,
        "place": cut.place,
        "first": cut.first,
        "end": cut.end,
        "of": cut.n_bytes,
        "jamo": cut.letters or None,
    }
