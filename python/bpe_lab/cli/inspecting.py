"""`bpe-lab inspect`: what a tokenizer makes of a text, token by token, and merge by merge."""

import argparse
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdin, number
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab import Tokenizer
    from bpe_lab.tokenizer import Specials


@dataclass(frozen=True)
class TokenRow:
    """One token of a text."""

    index: int
    id: int
    token: bytes
    """What it is standing alone; with a unit `jamo` this is not always what it owns of the text."""
    span: tuple[int, int]
    """Bytes of the text; the spans tile it."""
    char_span: tuple[int, int]
    """Characters that the token holds a part of, so that neighbours may overlap."""


def add_to(commands: arguments.Commands) -> None:
    """Add `inspect`."""
    parser = arguments.add_command(
        commands,
        "inspect",
        run_inspect,
        "[TEXT] -t TOKENIZER",
        "show the tokens of a text, coloured, with ids and bytes",
        'bpe-lab inspect "사과나무에 사과가 열렸다" -t ko.bpe\nbpe-lab inspect --steps "사과나무" -t ko.bpe',
        more="A byte that is only a part of a character is shown as \\xEC. Without TEXT, standard input is read.",
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

    tokenizer = chosen_tokenizer(args)
    data = _text(args, terminal)
    rows = token_rows(tokenizer, data, args.allow_special)
    if args.json:
        _put_json(args, terminal, tokenizer, data, rows)
        return Exit.OK
    terminal.say(_summary(data, rows))
    _put_view(terminal, [row.token for row in rows])
    terminal.put("")
    if args.steps:
        _put_steps(terminal, tokenizer, data)
    else:
        for line in _table(rows):
            terminal.put(line)
    return Exit.OK


def _text(args: argparse.Namespace, terminal: Terminal) -> bytes:
    if len(args.text) > 1:
        raise ArgumentError(f"one text was expected, got {len(args.text)}", 'quote it: bpe-lab inspect "a b c" -t …')
    if args.steps and args.allow_special:
        raise ArgumentError("--steps shows merges, and special tokens have none", "leave out --allow-special")
    return os.fsencode(args.text[0]) if args.text and args.text[0] != "-" else binary_stdin(terminal).read()


def token_rows(tokenizer: "Tokenizer", data: bytes, allow_special: bool = False) -> list[TokenRow]:
    """Return the tokens of `data` with their places in bytes and in characters."""
    starts = _char_starts(data)
    allowed: Specials = "all" if allow_special else ()
    ids, ends, _ = tokenizer.encode_batch_ends([data], allowed_special=allowed, threads=1)
    rows, at = [], 0
    for index, (id, end) in enumerate(zip(ids.tolist(), ends.tolist(), strict=True)):
        chars = (bisect_right(starts, at) - 1, bisect_left(starts, end))
        rows.append(TokenRow(index, id, tokenizer.token_bytes(id), (at, end), chars))
        at = end
    return rows


def _char_starts(data: bytes) -> list[int]:
    """Return the byte at which each character begins; a byte that belongs to none counts as one."""
    starts, at = [], 0
    for char in data.decode("utf-8", "surrogateescape"):
        starts.append(at)
        at += len(char.encode("utf-8", "surrogateescape"))
    return starts


def _summary(data: bytes, rows: list[TokenRow]) -> str:
    n_chars = len(_char_starts(data))
    each = f", {len(data) / len(rows):.2f} bytes a token" if rows else ""
    return f"{number(len(rows), 'token')}, {number(n_chars, 'character')}, {number(len(data), 'byte')}{each}"


def _put_view(terminal: Terminal, tokens: list[bytes], before: str = "", breaks: bool = True) -> None:
    """Print tokens side by side after `before`; the terminal breaks long lines, so that nothing is lost."""
    from bpe_lab.cli.tokenview import coloured, separated

    console = terminal.console()
    if console.color_system:
        console.print(before, coloured(tokens, console.color_system, breaks=breaks), sep="", soft_wrap=True)
    else:
        terminal.put(before + separated(tokens, breaks=breaks))


def _table(rows: list[TokenRow]) -> Iterator[str]:
    from bpe_lab.cli.table import lines, quoted
    from bpe_lab.visible import visible

    header = (">index", ">id", ">bytes", ">chars", "hex", "text")
    shown = (
        (r.index, r.id, _span(r.span), _span(r.char_span), r.token.hex(" ").upper(), quoted(visible(r.token)))
        for r in rows
    )
    return lines(header, shown)


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


def _put_json(
    args: argparse.Namespace, terminal: Terminal, tokenizer: "Tokenizer", data: bytes, rows: list[TokenRow]
) -> None:
    from bpe_lab.cli.loading import about
    from bpe_lab.visible import text_or_none

    tokens = [
        {
            "index": r.index,
            "id": r.id,
            "bytes": r.token.hex(),
            "text": text_or_none(r.token),
            "start": r.span[0],
            "end": r.span[1],
            "char_start": r.char_span[0],
            "char_end": r.char_span[1],
        }
        for r in rows
    ]
    values: dict[str, Any] = {"tokenizer": about(tokenizer), "text": text_or_none(data), "n_bytes": len(data)}
    values["tokens"] = tokens
    if args.steps:
        values["pieces"] = [
            [{"rank": step.rank, "tokens": [token.hex() for token in step.tokens]} for step in states]
            for states in tokenizer.steps(data)
        ]
    terminal.put_json("inspect", values)
