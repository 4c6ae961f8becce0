"""Items made by a thread while those before them are used. Knows nothing of what they are."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], n_ready: int = 2) -> Iterator[T]:
    """Yield `items`, of which up to `n_ready` wait; an error in making one is raised where it would have come."""
    ready: queue.Queue[T | BaseException | None] = queue.Queue(n_ready)
    closed = threading.Event()

    def put(item: T | BaseException | None) -> None:
        while not closed.is_set():
            with suppress(queue.Full):
                return ready.put(item, timeout=0.1)

    def work() -> None:
        try:
            for item in items:
                put(item)
                if closed.is_set():
                    return
            put(None)
        except BaseException as e:
            put(e)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closed.set()
