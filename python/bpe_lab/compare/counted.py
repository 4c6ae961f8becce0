"""Documents in memory to counted pieces, in one of the ways that recipes ask for. Trains nothing."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from bpe_lab import _core
from bpe_lab.tokenizer import pattern_from
from bpe_lab.training import checked_threads


class Counting(NamedTuple):
    """What decides how text is counted; recipes that cut alike share their counts."""

    pattern: str
    morphemes: str | None = None
    """The analyser at whose edges pieces get cut marks. By far the slowest part: 0.1 to 0.6 MB/s."""
    superword: bool = False
    """Whether superpieces are counted too."""


def count_documents(documents: Iterable[bytes], counting: Counting, threads: int | None = None) -> _core.PieceCounts:
    """Count the pieces of documents in memory."""
    counter = _counter(counting, threads)
    for document in documents:
        if document:
            counter.push(document)
        counter.end_of_file()
    counts: _core.PieceCounts = counter.finish()
    return counts


def _counter(counting: Counting, threads: int | None) -> Any:
    pattern = pattern_from(counting.pattern)
    more: dict[str, Any] = {"superword": True} if counting.superword else {}
    if counting.morphemes is None:
        return _core.Counter(pattern, "file", checked_threads(threads), **more)
    from bpe_lab.morphemes import load
    from bpe_lab.morphemes.counting import MorphemeCounter

    analyser = load(counting.morphemes)
    return MorphemeCounter(analyser, _core.MarkedCounter(pattern, "file", analyser.described, **more))
