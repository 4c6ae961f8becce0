"""`bpe-lab cache`: what is kept from earlier runs, and how to be rid of it."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, duration, number
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab.compare.cache import Cache

_ACTIONS = ("show", "clear")


def add_to(commands: arguments.Commands) -> None:
    """Add `cache`."""
    parser = arguments.add_command(
        commands,
        "cache",
        run_cache,
        "show|clear",
        "show or clear what compare keeps: trained tokenizers and results",
        "bpe-lab cache show\nbpe-lab cache clear",
        more="It lies in the user's cache directory, or where BPE_LAB_CACHE says. What is used least goes first when "
        "it grows too large. Clearing it costs nothing but the time to compute it again.",
    )
    parser.add_argument("action", metavar="show|clear", help="list what is kept, or take it all away")
    parser.add_argument("--limit", type=arguments.limit, default=20, metavar="N", help="rows to show, or all")
    arguments.add_json(parser)


def run_cache(args: argparse.Namespace, terminal: Terminal) -> int:
    """Show or clear the cache."""
    from bpe_lab.compare.cache import Cache
    from bpe_lab.compare.recipe import nearest

    if args.action not in _ACTIONS:
        message = f"bpe-lab cache has no {args.action!r}; there are: {', '.join(_ACTIONS)}"
        raise ArgumentError(message, nearest(args.action, _ACTIONS))
    cache = Cache.of_user()
    assert cache.folder is not None
    if args.action == "clear":
        return _clear(cache.clear(), cache.folder, args.json, terminal)
    return _show(cache, args, terminal)


def _clear(cleared: tuple[int, int], folder: Path, as_json: bool, terminal: Terminal) -> int:
    n_entries, n_bytes = cleared
    if as_json:
        terminal.put_json("cache", {"folder": str(folder), "cleared": {"entries": n_entries, "bytes": n_bytes}})
    else:
        terminal.say(f"cleared {_entries(n_entries)}, {amount(n_bytes)}, from {folder}")
    return Exit.OK


def _show(cache: "Cache", args: argparse.Namespace, terminal: Terminal) -> int:
    from bpe_lab.cli.table import lines

    entries = cache.entries()
    n_bytes = sum(entry.n_bytes for entry in entries)
    if args.json:
        sums = {"n_entries": len(entries), "n_bytes": n_bytes, "limit_bytes": cache.limit_bytes}
        terminal.put_json("cache", {"folder": str(cache.folder), **sums, "entries": [vars(entry) for entry in entries]})
        return Exit.OK
    terminal.say(f"{cache.folder}: {_entries(len(entries))}, {amount(n_bytes)} of at most {amount(cache.limit_bytes)}")
    shown = entries[: args.limit]
    now = time.time()
    rows = [(e.kind, amount(e.n_bytes), f"{duration(max(0, now - e.used_at))} ago", e.label) for e in shown]
    for line in lines((">kind", ">size", ">used", "what"), rows) if rows else ():
        terminal.put(line)
    if len(shown) < len(entries):
        terminal.say(f"{len(entries) - len(shown)} more; --limit all shows them")
    return Exit.OK


def _entries(n: int) -> str:
    return number(n, "entry") if n == 1 else number(n, "entrie")
