"""What the tasks of `lm finetune` share on the command line: how much of a model is tuned, and what that took."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bpe_lab.cli import arguments
from bpe_lab.cli.terminal import Terminal, amount, clock
from bpe_lab.errors import ArgumentError, BpeLabError, FileError
from bpe_lab.writing import check_folder_of

if TYPE_CHECKING:
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.lora import LoRA
    from bpe_lab_model.progress import Progress
    from bpe_lab_model.training import Report
    from bpe_lab_model.tuning import Tuned

FASTER = 3.0
"""By how much the default learning rate of adapters is above that of full tuning: docs/finetuning.md has the trials."""

_TOLD_EVERY_SECONDS = 5.0

_Work = TypeVar("_Work")
_Done = TypeVar("_Done")


class Way(NamedTuple):
    """One way to tune a model."""

    name: str
    adapters: "LoRA | None"
    lr: float


def add_lora(parser: arguments.Parser) -> None:
    """Add the options of adapters."""
    add = parser.add_argument_group("adapters").add_argument
    add("--lora", dest="ranks", type=arguments.positive, nargs="+", default=[], metavar="RANK",
        help="train low-rank adapters beside the model's linear layers, and full tuning to compare")  # fmt: skip
    add("--lora-layers", choices=("all", "attention", "mlp"), help="which layers get adapters (default all)")
    add("--lora-alpha", type=above_zero, metavar="X", help="their factor is X / RANK (default twice the rank)")
    add("--lora-lr", type=above_zero, metavar="RATE", help=f"their highest learning rate (default {FASTER:g} x --lr)")
    add("--no-full", action="store_true", help="leave full tuning out")


def check_lora(args: argparse.Namespace) -> None:
    """Refuse options of adapters without adapters."""
    given = [name for name in ("lora_layers", "lora_alpha", "lora_lr", "no_full") if getattr(args, name)]
    if given and not args.ranks:
        raise ArgumentError(f"--{given[0].replace('_', '-')} goes with --lora", "--lora 8")


def ways(args: argparse.Namespace) -> list[Way]:
    """Return full tuning, unless it is left out, and adapters of each rank."""
    from bpe_lab_model.lora import LoRA

    lr = args.lora_lr or FASTER * args.lr
    adapters = [LoRA(rank, args.lora_layers or "all", args.lora_alpha) for rank in dict.fromkeys(args.ranks)]
    full = [] if args.no_full else [Way("full", None, args.lr)]
    return [*full, *(Way(f"LoRA {one.rank}", one, lr) for one in adapters)]


def n_ways(args: argparse.Namespace) -> int:
    """Return how many `ways` there are; the learning rate need not be known yet."""
    return len(set(args.ranks)) + (not args.no_full)


def check_ranks(ways: Sequence[Way], model: "GPT") -> None:
    """Refuse a rank that does not fit the model, before anything is tuned.

    Raises:
        ArgumentError: with the largest that does.
    """
    from bpe_lab_model.lora import adapted_layers

    for way in ways:
        if way.adapters is not None:
            adapted_layers(model, way.adapters)


def above_zero(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


COST = (">trained", ">of all", ">optimizer", ">memory", ">seconds")
"""Columns of `cost_of`."""


def cost_of(tuned: "Tuned") -> tuple[str, ...]:
    """Return what tuning took: parameters, bytes of the optimizer's state, the peak's rise, seconds of the steps."""
    return (
        f"{tuned.n_trainable:,}",
        f"{tuned.n_trainable / tuned.n_parameters:.1%}",
        amount(tuned.optimizer_bytes),
        "?" if tuned.memory_bytes is None else amount(tuned.memory_bytes),
        f"{tuned.seconds:.1f}",
    )


def cost_json(tuned: "Tuned") -> dict[str, object]:
    """Return the same as JSON."""
    return {
        "trainable_parameters": tuned.n_trainable,
        "parameters": tuned.n_parameters,
        "optimizer_bytes": tuned.optimizer_bytes,
        "gradient_bytes": tuned.gradient_bytes,
        "memory_bytes": tuned.memory_bytes,
        "training_seconds": round(tuned.seconds, 3),
    }


def check_out(out: Path, force: bool, *, several: bool = False) -> None:
    """Refuse a folder that is taken or cannot be made, so that nobody tunes a model to learn it.

    Args:
        several: it gets a folder for each model; with `force` there may be checkpoints in it, and nothing else.
    """
    check_folder_of(out)
    if not os.path.lexists(out):
        return
    from bpe_lab_model.checkpoint import check_target  # loads torch, which a free name need not wait for

    if not several or not out.is_dir():
        check_target(out, force)
        return
    for inside in out.iterdir():
        if not inside.is_dir():
            raise FileError(
                f"{out} holds {inside.name}, and each model is to have a folder in it", "choose another name"
            )
        check_target(inside, force)


def each(
    works: Sequence[tuple[str, _Work]], tune: Callable[[_Work], _Done], terminal: Terminal
) -> tuple[list[_Done], list[str]]:
    """Tune one after the other; what diverges is told at once, and the others go on.

    Args:
        works: with their names, which may be equal.

    Returns:
        What came out, and of each that diverged a line that says so.

    Raises:
        DivergedError: all did.
    """
    from bpe_lab_model.loss import DivergedError

    done: list[_Done] = []
    diverged: list[BpeLabError] = []
    for name, work in works:
        try:
            done.append(tune(work))
        except DivergedError as e:
            diverged.append(e.within(name))
            if len(works) > 1:
                terminal.warn(diverged[-1].message, e.hint)
    if not done:
        raise diverged[0]
    return done, [e.message for e in diverged]


def watcher(name: str, nats_of: str, left_of: str, terminal: Terminal) -> "Report":
    """Return what says every few seconds how far a model is, as in `full: 3 kB/9 kB, 2.3 nats a window, ...`.

    Args:
        nats_of: what the loss is, behind its figure.
        left_of: what is said behind the time that is left.
    """
    told = time.monotonic()

    def watch(row: "Progress") -> None:
        nonlocal told
        if time.monotonic() - told >= _TOLD_EVERY_SECONDS:
            told = time.monotonic()
            terminal.say(
                f"{name}: {amount(row.bytes)}/{amount(row.total_bytes)}, {row.nats_per_token:.3f} {nats_of}, "
                f"{amount(row.bytes_per_s)}/s, {clock(row.seconds_left)} {left_of}"
            )

    return watch
