"""Ctrl-C and SIGTERM at the right moment: before something begins, or after it is whole. Ends nothing by itself."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is done: what is inside happens whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = {n: signal.signal(n, lambda number, _: heard.append(number)) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for listened, handler in before.items():
            signal.signal(listened, handler)
        for number in heard[:1]:
            signal.raise_signal(number)
