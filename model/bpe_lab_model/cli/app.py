"""Adds `lm` and its commands to bpe-lab's parser. Each command is a module with `add_to(commands)`."""

import importlib
from importlib.util import find_spec

from bpe_lab.cli import arguments

_MODULES = ("training", "evaluating", "comparing", "batching", "sampling", "finetuning")
"""In the order of `bpe-lab lm --help`."""


def add_to(commands: arguments.Commands) -> None:
    """Add `lm` with its commands."""
    parser = commands.add_parser(
        "lm",
        prog="bpe-lab lm",
        help="train a small GPT on a tokenizer, and compare tokenizers by bits per byte",
        description="The companion model: what a tokenizer costs in bits per byte.",
        allow_abbrev=False,
    )
    inner = parser.add_subparsers(dest="lm_command", metavar="COMMAND", title="commands", required=True)
    for name in _MODULES:
        if find_spec(f"bpe_lab_model.cli.{name}"):
            importlib.import_module(f"bpe_lab_model.cli.{name}").add_to(inner)
    for command in inner.choices.values():
        arguments.add_talk(command)
