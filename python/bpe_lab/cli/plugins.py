"""Commands that other installed packages add, such as the companion model's `lm`.

A package offers them under the entry point group `bpe_lab.commands`: a function `add_to(commands, whole)`, which adds
its command, and with `whole` all that stands below it. Looking for them takes some milliseconds, so it is done only
where the first word is none of bpe-lab's own commands.
"""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from bpe_lab.cli import arguments

GROUP = "bpe_lab.commands"
"""What adds commands."""
DOWNSTREAM = "bpe_lab.downstream"
"""What trains models for `bpe-lab compare`."""


def named(argv: Sequence[str]) -> EntryPoint | None:
    """Return what adds the command that is the first word of `argv`, None where none of another package's is."""
    first = _first_word(argv)
    if first is None or first in arguments.COMMANDS:
        return None
    return next((entry for entry in _found(GROUP) if entry.name == first), None)


def add_to(commands: arguments.Commands, argv: Sequence[str]) -> None:
    """Add what is installed, where `argv` may want it: its first word is no command of bpe-lab's own."""
    first = _first_word(argv)
    if first != "completion" and first in commands.choices:
        return
    for entry in _found(GROUP):
        entry.load()(commands, whole=first is not None)


def _first_word(argv: Sequence[str]) -> str | None:
    return next((word for word in argv if not word.startswith("-")), None)


def downstream() -> Any:
    """Return what trains models for `bpe-lab compare`, None where the companion model is not installed."""
    return next((entry.load() for entry in _found(DOWNSTREAM)), None)


def has_downstream() -> bool:
    """Tell whether the companion model is installed; loads nothing."""
    return bool(_found(DOWNSTREAM))


def _found(group: str) -> list[EntryPoint]:
    """Return the entry points of a group, one of each name: a package may be found twice on a path."""
    return list({entry.name: entry for entry in entry_points(group=group)}.values())
