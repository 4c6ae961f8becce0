"""The loss columns of `bpe-lab compare`: whether models are trained, which, and what is told meanwhile.

The models are the companion package's (`bpe_lab.cli.plugins`); what their losses say is in `bpe_lab.compare.loss`.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpe_lab.cli import arguments
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import BpeLabError, UnsupportedError

if TYPE_CHECKING:
    from bpe_lab.compare.cache import Cache
    from bpe_lab.compare.loss import Models
    from bpe_lab.compare.output import Comparison, Measured
    from bpe_lab.compare.plan import Plan
    from bpe_lab.downstream import RunProgress

MODEL_PRESETS = ("demo", "study", "cpu-nano", "cpu-tiny", "gpu-s", "gpu-m")
"""Of the companion model, smallest first."""


def add_to(parser: arguments.Parser) -> None:
    """Add the options of the loss to `compare`."""
    group = parser.add_argument_group("loss of a language model (pip install bpe-lab-model)")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--downstream",
        choices=MODEL_PRESETS,
        metavar="PRESET",
        help=f"train models of this preset for the loss columns: {', '.join(MODEL_PRESETS)} (default: demo where"
        " nothing but --lang ko is asked for, else none)",
    )
    which.add_argument("--no-downstream", action="store_true", help="train no models")


def preset_of(args: argparse.Namespace) -> str | None:
    """Return the preset of the models to train, None for none.

    Raises:
        UnsupportedError: one was asked for, and the companion model is not installed.
    """
    from bpe_lab.cli import plugins

    if args.no_downstream:
        return None
    installed = plugins.has_downstream()
    if args.downstream and not installed:
        from bpe_lab.compare.loss import INSTALL

        raise UnsupportedError("--downstream needs the companion model, which is not installed", INSTALL)
    plain = args.lang == "ko" and not any(getattr(args, name) for name in _NOT_PLAIN)
    found: str | None = args.downstream or (MODEL_PRESETS[0] if installed and plain else None)
    return found


_NOT_PLAIN = ("corpus", "eval", "parallel", "source", "gold", "tokenizers", "train_sets", "samples", "mix")
"""Who asks for any of these has a question of their own, and is not kept waiting by a demonstration."""


def how_to_train() -> str:
    """Return how to get the loss columns that are empty now."""
    from bpe_lab.cli import plugins
    from bpe_lab.compare.loss import INSTALL

    if plugins.has_downstream():
        return "--downstream cpu-nano trains small models for the loss columns, about a minute for each run"
    return f"the loss columns take the companion model: {INSTALL}"


@dataclass(frozen=True)
class Training:
    """What decides how models are trained, beside the plan."""

    preset: str
    args: argparse.Namespace
    cache: "Cache"


def with_models(
    plan: "Plan",
    measured: "Measured",
    found: "Comparison",
    training: Training,
    terminal: Terminal,
) -> "tuple[Comparison, Exception | None]":
    """Train models and return the comparison with their loss, or without it and why not."""
    from bpe_lab.compare.output import comparison

    started = time.monotonic()
    try:
        models = _trained(plan, measured, training, terminal)
    except MemoryError:
        raise
    except Exception as e:
        reason = e.message if isinstance(e, BpeLabError) else f"{type(e).__name__}: {e}"
        terminal.warn(f"no loss: {reason}", e.hint if isinstance(e, BpeLabError) else None)
        return found, e
    seconds = measured.seconds + time.monotonic() - started
    return comparison(plan, measured.results, seconds, models), None


def _trained(plan: "Plan", measured: "Measured", training: Training, terminal: Terminal) -> "Models":
    """Train models, or take those that were trained before."""
    from bpe_lab.cli import plugins
    from bpe_lab.compare.downstream import Wanted, run_folder, train_models

    args = training.args
    train = plugins.downstream()
    if training.preset == MODEL_PRESETS[0]:
        terminal.say(
            "training small models for the loss columns; minutes, and it proves nothing (--no-downstream: none)"
        )
    with run_folder(plan, training.preset, train, args.out and Path(args.out), training.cache) as folder:
        wanted = Wanted(training.preset, folder, resume=not args.no_cache, threads=args.threads)
        with watching_runs(terminal) as progress, resumable(folder, terminal, kept=not args.no_cache):
            return train_models(plan, measured.results, measured.make, train, wanted, progress)


@contextmanager
def resumable(folder: Path, terminal: Terminal, *, kept: bool) -> Iterator[None]:
    """Say, where training is ended from outside and what is done is `kept`, that the same command goes on."""
    from bpe_lab.cli.interrupts import Terminated

    try:
        yield
    except (KeyboardInterrupt, Terminated):
        if kept:
            terminal.say("the same command goes on from here")
            terminal.written.append(folder)
        raise


def watching_runs(terminal: Terminal) -> "AbstractContextManager[Callable[[RunProgress], None] | None]":
    """Give what training reports to."""
    from bpe_lab.cli.progress import Jobs, watching_jobs

    def counted(progress: "RunProgress") -> Jobs:
        return Jobs(progress.n_done, progress.n_runs, _run_told(progress), not progress.what)

    return watching_jobs(terminal, "models", counted, bar_width=12)


def _run_told(progress: "RunProgress") -> str:
    """Return the run in work, how far it is, its loss, and the time left."""
    from bpe_lab.cli.terminal import clock

    parts = [progress.what] + ([f"{100 * progress.share:.0f} %"] if progress.what else [])
    parts += [f"{progress.bpb:.2f} bits/byte"] if progress.bpb is not None else []
    parts += [f"{clock(progress.seconds_left)} left"] if progress.seconds_left is not None else []
    return ", ".join(part for part in parts if part)
