"""What training has done so far, a line of it for people, and `log.jsonl` for programs. Trains nothing."""

import errno
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bpe_lab.cli.progress import PLAIN_SECONDS
from bpe_lab.cli.terminal import Terminal, amount, clock, thousands
from bpe_lab.errors import FileError
from bpe_lab.runs import Point
from bpe_lab.writing import write_whole

_RECENT = 20
"""Steps that speeds and the shown loss are of."""


@dataclass(frozen=True)
class Progress:
    """Where training stands after a step."""

    bytes: int
    total_bytes: int
    tokens: int
    flops: float
    seconds: float
    step: int
    epoch: int
    lr: float
    gradient_norm: float
    """Before clipping."""
    step_nats: float
    step_tokens: int
    step_bytes: int
    nats_per_token: float
    """Of the last steps; from tokenizer to tokenizer it means different things."""
    train_bpb: float
    """Bits per byte of the text of the last steps, before they were learned from."""
    validation_bpb: float | None
    """As last scored."""
    tokens_per_s: float
    bytes_per_s: float
    mfu: float
    """FLOP/s as a share of the machine's peak (`devices.peak_flops`)."""
    warning: str = ""

    @property
    def seconds_left(self) -> float:
        """Time to the end at the speed of the last steps."""
        return max(0, self.total_bytes - self.bytes) / self.bytes_per_s if self.bytes_per_s else math.inf


@dataclass
class Meter:
    """Sums over the steps taken, and the curve of points that a record keeps."""

    bytes: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    steps: int = 0
    curve: list[Point] = field(default_factory=list)
    pending_nats: float = 0.0
    """Since the last point."""
    pending_bytes: int = 0
    validation_bpb: float | None = None
    recent: list[tuple[int, int, float, float, float, float, float]] = field(default_factory=list)
    """Bytes, tokens, FLOPs, seconds, nats, gradient norm and learning rate of the last steps."""

    def add(
        self, n_bytes: int, n_tokens: int, flops: float, seconds: float, nats: float, norm: float, lr: float
    ) -> None:
        """Note a step."""
        self.bytes += n_bytes
        self.tokens += n_tokens
        self.flops += flops
        self.seconds += seconds
        self.steps += 1
        self.pending_nats += nats
        self.pending_bytes += n_bytes
        self.recent = [*self.recent[1 - _RECENT :], (n_bytes, n_tokens, flops, seconds, nats, norm, lr)]

    def mark(self, validation_bpb: float | None = None) -> None:
        """Set a point of the curve here."""
        if validation_bpb is not None:
            self.validation_bpb = validation_bpb
        lr = self.recent[-1][6]
        here = (self.bytes, self.tokens, self.flops, self.seconds)
        if self.pending_bytes == 0 and self.curve:  # a point stands here already: it gets the score
            last = self.curve.pop()
            self.curve.append(Point(*here, last.train_nats, last.train_bytes, lr, validation_bpb))
        else:
            self.curve.append(Point(*here, self.pending_nats, self.pending_bytes, lr, validation_bpb))
        self.pending_nats, self.pending_bytes = 0.0, 0

    def row(self, total_bytes: int, epoch: int, peak_flops: float, warning: str = "") -> Progress:
        """Return where training stands."""
        n_bytes, n_tokens, flops, seconds, nats, _, _ = (sum(column) for column in zip(*self.recent, strict=True))
        last = self.recent[-1]
        seconds = max(seconds, 1e-9)
        return Progress(
            bytes=self.bytes,
            total_bytes=total_bytes,
            tokens=self.tokens,
            flops=self.flops,
            seconds=self.seconds,
            step=self.steps,
            epoch=epoch,
            lr=last[6],
            gradient_norm=last[5],
            step_nats=last[4],
            step_tokens=last[1],
            step_bytes=last[0],
            nats_per_token=nats / n_tokens,
            train_bpb=nats / (math.log(2) * n_bytes),
            validation_bpb=self.validation_bpb,
            tokens_per_s=n_tokens / seconds,
            bytes_per_s=n_bytes / seconds,
            mfu=flops / seconds / peak_flops,
            warning=warning,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Meter":
        """Return the meter that `to_json` was asked of."""
        curve = [Point(**point) for point in data["curve"]]
        recent = [tuple(row) for row in data["recent"]]
        return cls(**{**data, "curve": curve, "recent": recent})


class Log:
    """`log.jsonl` in a run's folder: an object a step, so that it can be read while training goes on."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"

    def add(self, row: Progress) -> None:
        """Append a step.

        Raises:
            FileError: it cannot be written.
        """
        line = json.dumps(asdict(row), allow_nan=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as f:
                start = f.tell()
                if f.write(line) < len(line):  # the disk is full: no half of a line stays
                    f.truncate(start)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as e:
            raise FileError(f"cannot write {self.path}: {e.strerror or e}", "what was saved before stands") from e

    def cut(self, n_bytes: int) -> None:
        """Take away the steps after `n_bytes`, which a resumed run takes again, and a line that was cut short."""
        if self.path.exists():
            lines = self.path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith(b"\n") and _bytes_of(line) <= n_bytes]
            write_whole(self.path, b"".join(kept), force=True)


def _bytes_of(line: bytes) -> float:
    """Return where a line of the log stands; infinity where it is damaged."""
    try:
        return float(json.loads(line)["bytes"])
    except (ValueError, TypeError, KeyError):
        return math.inf


def describe(row: Progress) -> str:
    """Return a step in one line.

    >>> describe(Progress(1_500_000, 3_000_000, 500_000, 1e12, 60.0, 90, 0, 1e-3, 0.5, 9e3, 5461, 16384, 4.2, 2.0, None,
    ...     9100.0, 25_000.0, 0.4))
    '1.5 MB/3 MB, loss 4.200, train 2.000 BPB, 9.1k tok/s, 25 kB/s, MFU 40 %, 1:00 left'
    """
    validated = f", validation {row.validation_bpb:.3f}" if row.validation_bpb is not None else ""
    return (
        f"{amount(row.bytes)}/{amount(row.total_bytes)}, loss {row.nats_per_token:.3f}, "
        f"train {row.train_bpb:.3f}{validated} BPB, {thousands(round(row.tokens_per_s))} tok/s, "
        f"{amount(row.bytes_per_s)}/s, MFU {row.mfu:.0%}, ".replace("%", " %")
        + f"{clock(row.seconds_left)} left"
    )


@contextmanager
def watching(terminal: Terminal) -> Iterator[Callable[[Progress], None]]:
    """Give the function that training reports to: a bar on a terminal, a plain line every five seconds elsewhere."""
    if terminal.quiet:
        yield _warner(terminal)
    elif sys.stderr.isatty():
        with _bar(terminal) as watch:
            yield watch
    else:
        yield _plain(terminal)


def _warner(terminal: Terminal) -> Callable[[Progress], None]:
    """Return what warns, but not of the same at each of many steps."""
    told = ""

    def warn(row: Progress) -> None:
        nonlocal told
        if row.warning and row.warning != told:
            terminal.warn(row.warning)
        told = row.warning

    return warn


def _plain(terminal: Terminal) -> Callable[[Progress], None]:
    told, warn = -math.inf, _warner(terminal)

    def watch(row: Progress) -> None:
        nonlocal told
        warn(row)
        if row.seconds - told >= PLAIN_SECONDS:
            told = row.seconds
            terminal.say(describe(row))

    return watch


@contextmanager
def _bar(terminal: Terminal) -> Iterator[Callable[[Progress], None]]:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = (BarColumn(bar_width=6), TextColumn("{task.description}", table_column=Column(no_wrap=True)))
    with Bars(*columns, console=terminal.console(sys.stderr), transient=True, refresh_per_second=8) as bars:
        task, warn = bars.add_task("starting", total=None), _warner(terminal)

        def watch(row: Progress) -> None:
            warn(row)
            bars.update(task, description=describe(row), total=row.total_bytes, completed=row.bytes)

        yield watch
