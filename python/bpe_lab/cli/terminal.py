"""Where words go: data to standard output, talk to standard error, colour only where it is wanted. Knows no command."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1
"""Version of what `--json` prints. Keys may be added; one that is taken away or changes its meaning raises it."""

_RED, _YELLOW = "1;31", "1;33"


@dataclass
class Terminal:
    """How this run of the program speaks."""

    color: str = "auto"
    """`auto`, `always` or `never`."""
    quiet: bool = False
    """No talk on standard error except warnings and errors."""
    debug: bool = False
    """Errors come with a traceback."""
    owns_process: bool = False
    """The process is the program's own, so that it may end it; not where another program calls `main`."""
    pours: bool = False
    """Data goes to standard output as it comes, so that an interrupted run leaves the first part there."""
    written: list[Path] = field(default_factory=list)
    """Files that are finished and in place."""
    unfinished: set[str] = field(default_factory=set)
    """Temporary files that become outputs when all went well."""

    def coloured(self, stream: TextIO) -> bool:
        """Tell whether `stream` gets colour: `--color` decides, else a terminal does unless NO_COLOR is set."""
        if self.color != "auto":
            return self.color == "always"
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def say(self, text: str) -> None:
        """Print a line of talk."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str, hint: str | None = None) -> None:
        """Print a warning; `--quiet` does not silence it."""
        self._labelled("warning", _YELLOW, text, hint)

    def fail(self, text: str, hint: str | None = None) -> None:
        """Print an error."""
        self._labelled("error", _RED, text, hint)

    def wrote(self, paths: Iterable[Path], about: str = "") -> None:
        """Say which files are finished, and remember them."""
        for path in paths:
            self.written.append(path)
            self.say(f"wrote {path} ({amount(_size(path))}{', ' + about if about else ''})")
            about = ""

    def last_words(self, word: str) -> str:
        """Return what is said when the run is ended from outside, `word` being how."""
        if self.written:
            return f"{word}; {', '.join(map(str, self.written))} had been written"
        return word if self.pours else f"{word}, nothing was written"

    def put(self, text: str) -> None:
        """Print a line of data."""
        print(text)

    def put_json(self, command: str, values: Mapping[str, Any]) -> None:
        """Print the one JSON object of a command, as UTF-8 whatever the locale is."""
        text = json.dumps({"schema": SCHEMA, "command": command, **values}, ensure_ascii=False)
        binary_stdout().write(text.encode() + b"\n")

    def console(self, stream: TextIO | None = None) -> "Console":
        """Return rich's console on `stream` (standard output by default), with this run's colours."""
        from rich.console import Console

        stream = stream or sys.stdout
        if not self.coloured(stream):
            return Console(file=stream, no_color=True, color_system=None, highlight=False)
        found = Console(file=stream, force_terminal=True, no_color=False, highlight=False)
        if found.color_system:
            return found
        return Console(file=stream, force_terminal=True, no_color=False, highlight=False, color_system="256")

    def _labelled(self, label: str, colour: str, text: str, hint: str | None) -> None:
        shown = f"\x1b[{colour}m{label}:\x1b[0m" if self.coloured(sys.stderr) else f"{label}:"
        print(f"{shown} {text}", file=sys.stderr)
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
        sys.stderr.flush()


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def binary_stdout(what: str | None = None) -> BinaryIO:
    """Return standard output for bytes; where `what` is given, refuse to pour it over a terminal."""
    if what and sys.stdout.isatty():
        raise ArgumentError(f"{what} would be printed on the terminal", "give a file name, or pipe it somewhere")
    sys.stdout.flush()
    return sys.stdout.buffer


def binary_stdin(terminal: Terminal) -> BinaryIO:
    """Return standard input for bytes; says so where someone has to type it."""
    if sys.stdin.isatty():
        terminal.say("reading standard input; Ctrl-D ends it")
    return sys.stdin.buffer


_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def amount(n_bytes: float) -> str:
    """Return a size in words, units of 1000.

    >>> amount(312_000_000), amount(999)
    ('312 MB', '999 bytes')
    """
    if n_bytes == 1:
        return "1 byte"
    unit = 0
    while n_bytes >= 999.5 and unit < len(_UNITS) - 1:
        n_bytes, unit = n_bytes / 1000, unit + 1
    return f"{n_bytes:.3g} {_UNITS[unit]}" if n_bytes < 99.95 and unit else f"{n_bytes:.0f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(0.25), duration(83), duration(7300)
    ('250 ms', '1 min 23 s', '2 h 01 min')
    """
    if seconds < 0.95:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """Return a time as a clock shows it.

    >>> clock(7.4), clock(83), clock(7300)
    ('0:07', '1:23', '2:01:40')
    """
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def number(n: int, what: str) -> str:
    """Return how many there are of what.

    >>> number(1, "token"), number(2000, "token")
    ('1 token', '2,000 tokens')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def thousands(n: int) -> str:
    """Return a number in short.

    >>> thousands(999), thousands(12_345), thousands(12_345_678)
    ('999', '12.3k', '12.3M')
    """
    if n < 1000:
        return str(n)
    value, unit = (n / 1e3, "k") if n < 999_500 else (n / 1e6, "M")
    return f"{value:.3g}{unit}" if value < 999.5 else f"{value:,.0f}{unit}"


def peak_memory_bytes() -> int | None:
    """Return the most memory this process ever held; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
