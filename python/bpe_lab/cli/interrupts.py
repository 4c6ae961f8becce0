"""Ctrl-C (and SIGTERM) at once, also while the core is busy.

Python hears of a signal only between its own steps, and one call into the core (adding up tables, reading a count
file) may take longer than anybody waits; so may giving back gigabytes afterwards. So a thread hears of it too and ends
the process. Only for stretches of work in which the library writes no file (those of `output.open_whole` are taken
away), and only where the process is the program's own.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal

GRACE_SECONDS = 0.1
"""What the main thread has to come back by itself, and take its bar from the screen."""

ENDINGS = {signal.SIGINT: ("interrupted", Exit.INTERRUPTED), signal.SIGTERM: ("terminated", Exit.TERMINATED)}
"""What is said and the exit code."""


class Terminated(BaseException):
    """SIGTERM, as `KeyboardInterrupt` is SIGINT: cleans up on its way out."""


_RESTORE_TERMINAL = "\r\x1b[2K\x1b[?25h"
"""Clears the line of the bar and shows the cursor that the bar has hidden."""


def hear_sigterm() -> None:
    """Turn SIGTERM into an exception, so that no part of a file stays behind; only where nobody else has a handler."""

    def handle(_number: int, _frame: object) -> None:
        raise Terminated

    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, handle)


@contextmanager
def at_once(terminal: Terminal) -> Iterator[None]:
    """End the process on a signal though the main thread does not listen. Only `output.open_whole` may write inside."""
    if not (terminal.owns_process and threading.current_thread() is threading.main_thread()):
        yield
        return
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    ending = threading.Lock()
    threading.Thread(target=_listen, args=(terminal, heard, ending), daemon=True).start()
    try:
        yield
    except (KeyboardInterrupt, Terminated) as e:
        _end(terminal, ending, signal.SIGTERM if isinstance(e, Terminated) else signal.SIGINT)
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)


def _listen(terminal: Terminal, heard: int, ending: threading.Lock) -> None:
    """Wait for the signal, or for the end of the stretch, which closes the pipe."""
    with os.fdopen(heard, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] in ENDINGS:
                time.sleep(GRACE_SECONDS)
                _end(terminal, ending, signal.Signals(number[0]))


def _end(terminal: Terminal, ending: threading.Lock, number: signal.Signals) -> NoReturn:
    """Say so and end the process; whoever comes second waits for that."""
    if not ending.acquire(blocking=False):
        time.sleep(60)
    restore = _RESTORE_TERMINAL if sys.stderr.isatty() else ""
    word, code = ENDINGS[number]
    for temporary in tuple(terminal.unfinished):
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    with contextlib.suppress(OSError):
        os.write(2, f"{restore}{terminal.last_words(word)}\n".encode())
    os._exit(code)
