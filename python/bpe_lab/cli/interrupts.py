"""Ctrl-C at once, also while the core is busy.

Python hears of a signal only between its own steps, and one call into the core (adding up tables, reading a count
file) may take longer than anybody waits; so may giving back gigabytes afterwards. So a thread hears of it too and ends
the process. Only for stretches of work in which no file is written, and only where the process is the program's own.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal

GRACE_SECONDS = 0.1
"""What the main thread has to come back by itself, and take its bar from the screen."""

MESSAGE = "interrupted, nothing was written"

_RESTORE_TERMINAL = "\r\x1b[2K\x1b[?25h"
"""Clears the line of the bar and shows the cursor that the bar has hidden."""


@contextmanager
def at_once(terminal: Terminal) -> Iterator[None]:
    """End the process on Ctrl-C even where the main thread does not listen. Write no files inside."""
    if not (terminal.owns_process and threading.current_thread() is threading.main_thread()):
        yield
        return
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    ending = threading.Lock()
    threading.Thread(target=_listen, args=(heard, ending), daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        _end(ending)
        raise
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)


def _listen(heard: int, ending: threading.Lock) -> None:
    """Wait for the signal, or for the end of the stretch, which closes the pipe."""
    with os.fdopen(heard, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == signal.SIGINT:
                time.sleep(GRACE_SECONDS)
                _end(ending)


def _end(ending: threading.Lock) -> None:
    """Say so and end the process; whoever comes second waits for that."""
    if not ending.acquire(blocking=False):
        time.sleep(60)
    restore = _RESTORE_TERMINAL if sys.stderr.isatty() else ""
    os.write(2, f"{restore}{MESSAGE}\n".encode())
    os._exit(Exit.INTERRUPTED)
