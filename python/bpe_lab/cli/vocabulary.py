"""`bpe-lab vocab`: lists, searches and compares vocabularies."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, number
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab import Tokenizer

_DIFF_ROWS = 20
_N_BYTES = 256


@dataclass(frozen=True)
class Entry:
    """One token of a vocabulary."""

    id: int
    token: bytes
    kind: str
    """`byte`, `symbol` (another base symbol), `merge` or `special`."""
    name: str = ""
    """What a base symbol without bytes of its own is called: `filler`, `escape`, `closer`."""


@dataclass(frozen=True)
class Difference:
    """What two vocabularies have and have not in common, by bytes; special tokens are told apart from plain ones."""

    same: int
    """Same bytes, same id."""
    moved: list[tuple[Entry, int]]
    """Same bytes; the id here (in the entry) and the other one."""
    only_here: list[Entry]
    only_there: list[Entry]


def add_to(commands: arguments.Commands) -> None:
    """Add `vocab`."""
    parser = arguments.add_command(
        commands,
        "vocab",
        run_vocab,
        "TOKENIZER",
        "list, search or compare vocabularies",
        "bpe-lab vocab ko.bpe --limit 20\nbpe-lab vocab ko.bpe --find 사과\nbpe-lab vocab ko.bpe --diff o200k_base",
        more="A byte that is only a part of a character is shown as \\xEC.",
    )
    parser.add_argument("tokenizer", metavar="TOKENIZER", help="a tokenizer of any format, or a published name")
    parser.add_argument("--find", metavar="TEXT", help="only tokens that contain this")
    parser.add_argument("--diff", metavar="OTHER", help="compare with another tokenizer")
    parser.add_argument(
        "--limit",
        type=arguments.limit,
        default=0,
        metavar="N",
        help=f"rows printed, or all (default all; with --diff, {_DIFF_ROWS} of each kind)",
    )
    arguments.add_pattern(parser, "for a .tiktoken file of no known name")
    arguments.add_json(parser)


def run_vocab(args: argparse.Namespace, terminal: Terminal) -> int:
    """List, search or compare."""
    from bpe_lab.cli.loading import load

    if args.find == "":
        raise ArgumentError("--find needs something to look for")
    pattern = arguments.chosen_pattern(args)
    tokenizer = load(args.tokenizer, pattern)
    if args.diff:
        _diff(args, terminal, tokenizer, load(args.diff, pattern))
    else:
        _list(args, terminal, tokenizer)
    return Exit.OK


def entries(tokenizer: "Tokenizer", find: str | None = None) -> list[Entry]:
    """Return the tokens by id, all of them or those that contain `find`."""
    special_ids = set(tokenizer.special_tokens.values())
    symbols = _symbols(tokenizer)
    wanted = os.fsencode(find or "")
    return [
        Entry(id, token, _kind(id, token, special_ids, symbols), symbols.get(id, ""))
        for id, token in tokenizer.vocab()
        if wanted in token
    ]


def _kind(id: int, token: bytes, special_ids: set[int], symbols: dict[int, str]) -> str:
    if id in special_ids:
        return "special"
    if id in symbols:
        return "symbol"
    return "byte" if len(token) == 1 else "merge"


def _symbols(tokenizer: "Tokenizer") -> dict[int, str]:
    """Return the base symbols that are no bytes: id -> name, which is empty for those that have bytes."""
    if tokenizer.n_base == _N_BYTES:
        return {}
    made = {*tokenizer.merge_table()[:, 2].tolist(), *tokenizer.special_tokens.values()}
    symbols = [(id, token) for id, token in tokenizer.vocab() if id not in made and len(token) != 1]
    options = tokenizer.unit.split(":")
    names = iter(["filler"] * ("filler" in options) + ["escape", "closer"] * ("nfd-alias" in options))
    return {id: "" if token else next(names, "") for id, token in symbols}


def _list(args: argparse.Namespace, terminal: Terminal, tokenizer: "Tokenizer") -> None:
    from bpe_lab.cli.loading import about, summary

    found = entries(tokenizer, args.find)
    shown = found[: args.limit or None]
    if args.json:
        values = {"tokenizer": about(tokenizer), "found": len(found), "vocabulary": [_json_entry(e) for e in shown]}
        terminal.put_json("vocab", values)
        return
    terminal.say(summary(tokenizer))
    if args.find:
        terminal.say(f"{number(len(found), 'token')} with {args.find!r} in them")
    for line in _table(shown):
        terminal.put(line)


def _table(rows: list[Entry]) -> Iterator[str]:
    from bpe_lab.cli.table import lines, quoted

    shown = ((e.id, len(e.token), e.kind, quoted(_shown(e))) for e in rows)
    return lines((">id", ">bytes", "kind", "text"), shown)


def _shown(entry: Entry) -> str:
    """Return the token as one line: a symbol without bytes as the native file writes it."""
    from bpe_lab.visible import visible

    return f"\\{{{entry.name}}}" if entry.name else visible(entry.token)


def _json_entry(entry: Entry) -> dict[str, Any]:
    from bpe_lab.visible import text_or_none

    return {
        "id": entry.id,
        "bytes": entry.token.hex(),
        "text": text_or_none(entry.token),
        "length": len(entry.token),
        "kind": entry.kind,
        **({"name": entry.name} if entry.name else {}),
    }


def difference(here: list[Entry], there: list[Entry]) -> Difference:
    """Compare two vocabularies by the bytes of their tokens."""
    others = _identified(there)
    own = _identified(here)
    pairs = [(e, others.get(key)) for key, e in own.items()]
    return Difference(
        same=sum(other is not None and other.id == e.id for e, other in pairs),
        moved=[(e, other.id) for e, other in pairs if other is not None and other.id != e.id],
        only_here=[e for e, other in pairs if other is None],
        only_there=[e for key, e in others.items() if key not in own],
    )


def _identified(entries: list[Entry]) -> dict[tuple[bytes, str, bool, int], Entry]:
    """Key entries by their bytes; units of jamo have several of the same, such as a vowel and it with a filler."""
    seen: Counter[tuple[bytes, str, bool]] = Counter()
    found = {}
    for e in entries:
        key = (e.token, e.name, e.kind == "special")
        numbered = (*key, seen[key])
        found[numbered] = e
        seen[key] += 1
    return found


def _diff(args: argparse.Namespace, terminal: Terminal, tokenizer: "Tokenizer", other: "Tokenizer") -> None:
    here, there = entries(tokenizer, args.find), entries(other, args.find)
    found = difference(here, there)
    limit = _DIFF_ROWS if args.limit == 0 else args.limit
    if args.json:
        terminal.put_json("vocab", _diff_json(args, found, here, there, limit))
        return
    for line in _diff_lines(args, found, here, there, limit):
        terminal.put(line)


def _counts(found: Difference, n_here: int, n_there: int) -> list[tuple[str, int, float | None, float | None]]:
    """Return what is counted: its name, how many, the share of here, the share of there."""
    shares = [
        ("same bytes, same id", found.same, n_here, n_there),
        ("same bytes, other id", len(found.moved), n_here, n_there),
        ("only here", len(found.only_here), n_here, 0),
        ("only there", len(found.only_there), 0, n_there),
    ]
    return [(name, n, n / a if a else None, n / b if b else None) for name, n, a, b in shares]


def _diff_lines(
    args: argparse.Namespace, found: Difference, here: list[Entry], there: list[Entry], limit: int | None
) -> Iterator[str]:
    from bpe_lab.cli.table import lines, quoted

    yield f"here   {args.tokenizer}: {len(here):,} tokens"
    yield f"there  {args.diff}: {len(there):,} tokens"
    yield ""
    rows = [(f"{n:,}", _percent(a), _percent(b), name) for name, n, a, b in _counts(found, len(here), len(there))]
    yield from lines((">tokens", ">of here", ">of there", ""), rows)
    for name, some in (("only here", found.only_here), ("only there", found.only_there)):
        if some:
            yield f"\n{name}{_first(some, limit)}:"
            yield from _table(some[:limit])
    if found.moved:
        yield f"\nsame bytes, other id{_first(found.moved, limit)}:"
        moved = ((e.id, id, quoted(_shown(e))) for e, id in islice(found.moved, limit))
        yield from lines((">here", ">there", "text"), moved)


def _first(some: list[Any], limit: int | None) -> str:
    return f", the first {limit:,} of {len(some):,}" if limit is not None and len(some) > limit else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _diff_json(
    args: argparse.Namespace, found: Difference, here: list[Entry], there: list[Entry], limit: int | None
) -> dict[str, Any]:
    counts = [
        {"what": name, "tokens": n, "share_here": a, "share_there": b}
        for name, n, a, b in _counts(found, len(here), len(there))
    ]
    return {
        "here": {"name": args.tokenizer, "tokens": len(here)},
        "there": {"name": args.diff, "tokens": len(there)},
        "counts": counts,
        "only_here": [_json_entry(e) for e in found.only_here[:limit]],
        "only_there": [_json_entry(e) for e in found.only_there[:limit]],
        "other_id": [_json_entry(e) | {"id_there": id} for e, id in found.moved[:limit]],
    }
