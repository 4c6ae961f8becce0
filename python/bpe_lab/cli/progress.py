"""How far long work has come: a bar on a terminal, a plain line every five seconds elsewhere, on standard error.

Says stage, amount, speed, time left and peak memory of `training.Progress`, or how many jobs of a list are done. Knows
nothing of the work itself.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bpe_lab.cli.terminal import Terminal, amount, clock, peak_memory_bytes, thousands

if TYPE_CHECKING:
    from bpe_lab.training import Progress

Watch = Callable[["Progress"], None]
Report = TypeVar("Report")

PLAIN_SECONDS = 5.0
"""Between two lines where there is no terminal."""

_RATE_SECONDS = 3.0
"""Speed and time left come from this much of the past: merges do not take equal time."""

_STAGES = {"hash": "choosing", "count": "counting", "merge": "merging", "encode": "encoding"}


class Pace:
    """Speed over the last few seconds, and the time left at that speed."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, seconds: float, done: int) -> None:
        """Note that `done` units were finished after `seconds`."""
        if self._points and done < self._points[-1][1]:
            self._points.clear()
        self._points.append((seconds, done))
        while len(self._points) > 2 and self._points[1][0] < seconds - _RATE_SECONDS:
            self._points.popleft()

    def per_second(self) -> float | None:
        """Return the speed, None before there is one."""
        if len(self._points) < 2:
            return None
        (start, before), (end, done) = self._points[0], self._points[-1]
        return (done - before) / (end - start) if end > start and done > before else None

    def seconds_left(self, total: int | None) -> float | None:
        """Return the time until `total`, None where that cannot be told."""
        speed = self.per_second()
        return None if total is None or speed is None else max(0.0, (total - self._points[-1][1]) / speed)


def describe(progress: "Progress", pace: Pace) -> str:
    """Return what is worth saying in one line: `counting 12.3 MB/28 MB, 53 MB/s, …`.

    Short, so that it stands beside a bar in 80 columns.
    """
    merging = progress.stage == "merge"
    done = progress.n_ids if merging else progress.n_bytes
    total = progress.n_ids_wanted if merging else progress.n_bytes_total
    pace.add(progress.seconds, done)
    parts = [_merged(progress, pace) if merging else _read(progress, pace)]
    left, memory = pace.seconds_left(total), peak_memory_bytes()
    parts += [f"{clock(left)} left"] if left is not None else []
    parts += [f"peak {amount(memory)}"] if memory is not None else []
    return f"{_STAGES.get(progress.stage, progress.stage)} {', '.join(parts)}"


def _read(progress: "Progress", pace: Pace) -> str:
    total = f"/{amount(progress.n_bytes_total)}" if progress.n_bytes_total is not None else ""
    speed = pace.per_second()
    rate = f", {amount(speed)}/s" if speed else ""
    pieces = f", {thousands(progress.n_pieces)} pieces" if progress.n_pieces else ""
    return f"{amount(progress.n_bytes)}{total}{rate}{pieces}"


def _merged(progress: "Progress", pace: Pace) -> str:
    speed = pace.per_second()
    rate = f", {thousands(round(speed)) if speed >= 1 else f'{speed:.1g}'}/s" if speed else ""
    return f"{progress.n_ids:,}/{progress.n_ids_wanted:,} tokens{rate}"


def fraction(progress: "Progress") -> float | None:
    """Return the part of the stage that is done, None where the end is not known."""
    if progress.stage == "merge":
        return progress.n_ids / max(1, progress.n_ids_wanted)
    return progress.n_bytes / max(1, progress.n_bytes_total) if progress.n_bytes_total is not None else None


@contextmanager
def watching(terminal: Terminal) -> Iterator[Watch | None]:
    """Give the function that long work reports to; None where nobody wants to know."""
    if terminal.quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(terminal) as watch:
            yield watch
    else:
        yield _plain(terminal)


def _plain(terminal: Terminal) -> Watch:
    pace, told = Pace(), 0.0

    def watch(progress: "Progress") -> None:
        nonlocal told
        line = describe(progress, pace)
        if progress.seconds < told:
            told = 0.0
        if progress.seconds - told >= PLAIN_SECONDS:
            told = progress.seconds
            terminal.say(line)

    return watch


@contextmanager
def _bar(terminal: Terminal) -> Iterator[Watch]:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = (BarColumn(bar_width=6), TextColumn("{task.description}", table_column=Column(no_wrap=True)))
    with Bars(*columns, console=terminal.console(sys.stderr), transient=True, refresh_per_second=8) as bars:
        task, pace = bars.add_task("starting", total=None), Pace()

        def watch(progress: "Progress") -> None:
            done = fraction(progress)
            bars.update(
                task,
                description=describe(progress, pace),
                total=None if done is None else 1.0,
                completed=done or 0.0,
            )

        yield watch


class Jobs(NamedTuple):
    """How many jobs of a list are done."""

    n_done: int
    n_jobs: int
    told: str
    """What is in work, in words."""
    is_idle: bool
    """Nothing is in work, so there is no line to print."""


@contextmanager
def watching_jobs(
    terminal: Terminal, noun: str, counted: Callable[[Report], Jobs], bar_width: int = 20
) -> Iterator[Callable[[Report], None] | None]:
    """Give what a list of jobs reports to: a bar on a terminal, a line every five seconds elsewhere.

    Args:
        terminal: who is told.
        noun: what the jobs are, as in `3/12 tokenizers`.
        counted: makes `Jobs` of a report.
        bar_width: of the bar, in columns.
    """
    if terminal.quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (BarColumn(bar_width=bar_width), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Bars(*columns, console=terminal.console(sys.stderr), transient=True) as bars:
            task = bars.add_task("starting")

            def draw(report: Report) -> None:
                jobs = counted(report)
                bars.update(task, completed=jobs.n_done, total=jobs.n_jobs, description=jobs.told)

            yield draw
    else:
        yield _plain_jobs(terminal, noun, counted)


def _plain_jobs(terminal: Terminal, noun: str, counted: Callable[[Report], Jobs]) -> Callable[[Report], None]:
    told = time.monotonic()

    def watch(report: Report) -> None:
        nonlocal told
        jobs = counted(report)
        if not jobs.is_idle and time.monotonic() - told >= PLAIN_SECONDS:
            told = time.monotonic()
            terminal.say(f"{jobs.n_done}/{jobs.n_jobs} {noun}, now {jobs.told}")

    return watch
