"""Adds `lm` and its commands to bpe-lab's parser. Each command is a module with `add_to(commands)`."""

import argparse
import importlib
from importlib.util import find_spec

from bpe_lab.cli import arguments
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import UnsupportedError

_MODULES = (
    "training",
    "evaluating",
    "comparing",
    "batching",
    "sampling",
    "finetuning",
    "probing_models",
    "experiments",
)
"""In the order of `bpe-lab lm --help`."""


def add_to(commands: arguments.Commands, whole: bool = True) -> None:
    """Add `lm`; with `whole` also its commands, whose modules take 40 ms to import."""
    parser = commands.add_parser(
        "lm",
        prog="bpe-lab lm",
        help="train a small GPT on a tokenizer, and compare tokenizers by bits per byte",
        description="The companion model: what a tokenizer costs in bits per byte.",
        allow_abbrev=False,
    )
    if not whole:
        return
    inner = parser.add_subparsers(dest="lm_command", metavar="COMMAND", title="commands", required=True)
    for name in _MODULES:
        if find_spec(f"bpe_lab_model.cli.{name}"):
            importlib.import_module(f"bpe_lab_model.cli.{name}").add_to(inner)
    for command in inner.choices.values():
        _ask_for_torch(command)
        if command.get_default("run"):
            arguments.add_talk(command)


def _ask_for_torch(parser: argparse.ArgumentParser) -> None:
    """Let each command under a parser look for torch before it runs, so that a missing one is told as such."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _ask_for_torch(inner)
    if run := parser.get_default("run"):
        parser.set_defaults(run=_checked(run))


def _checked(run: arguments.Run) -> arguments.Run:
    def checked(args: argparse.Namespace, terminal: Terminal) -> int:
        if not _has_torch():
            raise UnsupportedError(
                "the companion model needs PyTorch, which is not installed", "pip install torch safetensors"
            )
        return run(args, terminal)

    return checked


def _has_torch() -> bool:
    return bool(find_spec("torch")) and bool(find_spec("safetensors"))
