"""Blocks of text through an analyser into a counter. Takes the place of the core's `Counter`, slower by far."""

from collections.abc import Callable

from bpe_lab import _core
from bpe_lab._core import PieceCounts
from bpe_lab.morphemes.analyser import Analyser

_GROUP_BYTES = 1 << 14
"""About so much is analysed between two words of progress: a tenth of a second with the slowest analyser."""


class MorphemeCounter:
    """Counts pieces with cut marks. Pushed blocks may be cut anywhere; lines are analysed when they are whole."""

    def __init__(self, analyser: Analyser, counter: _core.MarkedCounter) -> None:
        self._analyser = analyser
        self._counter = counter
        self.tell: Callable[[], None] = lambda: None
        """Called after every few lines."""
        self._open: list[bytes] = []
        self.n_waiting = 0
        """Bytes pushed and not counted yet."""

    def push(self, block: bytes) -> None:
        """Count the lines that end in `block`, and keep the rest."""
        self.n_waiting += len(block)
        whole, newline, rest = block.rpartition(b"\n")
        if newline:
            self._count(b"".join([*self._open, whole, newline]))
            self._open = []
        self._open.append(rest)

    def end_of_file(self) -> None:
        """Count the last line and end the document."""
        self._count(b"".join(self._open))
        self._open = []
        self._counter.end_of_file()

    def finish(self) -> PieceCounts:
        """Return the counts."""
        self.end_of_file()
        return self._counter.finish()

    @property
    def stats(self) -> dict[str, int]:
        """How far the counter is."""
        return self._counter.stats

    def _count(self, text: bytes) -> None:
        import numpy as np

        start = 0
        while start < len(text):
            end = text.find(b"\n", start + _GROUP_BYTES) + 1 or len(text)
            part = text[start:end]
            self._counter.push(part, np.array(self._analyser.edges(part), np.uint64))
            self.n_waiting -= len(part)
            self.tell()
            start = end
