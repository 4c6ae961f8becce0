"""Sources to documents, for commands that need the text itself. Streams: holds a document, never the corpus.

The core cuts documents for counting; this is the same rule for encoding, and a test holds the two together.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bpe_lab.corpus import Block, read_blocks
from bpe_lab.errors import ArgumentError

Cuts = Callable[[bytes, bool], list[int]]
"""Bytes, and whether the file ends with them -> the ends of the documents in them that nothing to come can move."""

HOW = ("file", "line", "blank-line", "separator:STR", "prefix:STR")


def cuts_for(how: str) -> Cuts:
    """Return the function that finds the ends of documents.

    Raises:
        ArgumentError: `how` is none of the ways.
    """
    kind, colon, text = how.partition(":")
    mark = text.encode("utf-8", "surrogateescape")
    if how == "file":
        return lambda _data, _final: []
    if how == "line":
        return _after(re.compile(rb"\n"))
    if how == "blank-line":
        return _after_blank_lines
    if kind == "separator" and mark:
        return _after(re.compile(re.escape(mark)))
    if kind == "prefix" and mark:
        return _before_lines(mark)
    empty = colon and kind in ("separator", "prefix")
    problem = "nothing stands after the colon" if empty else "there is no such way"
    raise ArgumentError(f"--documents {how!r}: {problem}", f"one of {', '.join(HOW)}")


def _after(pattern: re.Pattern[bytes]) -> Cuts:
    return lambda data, _final: [found.end() for found in pattern.finditer(data)]


_BLANK_LINES = re.compile(rb"\n(?:[ \t]*\r?\n)+")


def _after_blank_lines(data: bytes, final: bool) -> list[int]:
    ends = [found.end() for found in _BLANK_LINES.finditer(data)]
    tail = len(data.rstrip(b" \t\r\n"))
    return ends if final else [end for end in ends if end <= tail]


def _before_lines(prefix: bytes) -> Cuts:
    pattern = re.compile(rb"(?<=\n)" + re.escape(prefix))
    return lambda data, _final: [found.start() for found in pattern.finditer(data)]


def split(blocks: Iterable[Block], cuts: Cuts) -> Iterator[bytes]:
    """Yield the documents of blocks; they tile the text, and none is empty.

    Cost: linear. A document that does not end yet is searched again only when the bytes behind it have doubled it.
    """
    rest, waiting, n_waiting = b"", [], 0
    for block in blocks:
        waiting.append(block.data)
        n_waiting += len(block.data)
        if n_waiting < len(rest) and not block.ends:
            continue
        data, start = b"".join([rest, *waiting]), 0
        for end in cuts(data, block.ends):
            if end > start:
                yield data[start:end]
                start = end
        rest, waiting, n_waiting = data[start:], [], 0
        if block.ends:
            if rest:
                yield rest
            rest = b""


def documents(paths: Iterable[Path], how: str, field: str) -> Iterator[bytes]:
    """Yield the documents of files, in order."""
    cuts = cuts_for(how)
    for path in paths:
        yield from split(read_blocks(path, field), cuts)


def batches(texts: Iterable[bytes], size_bytes: int = 8_000_000) -> Iterator[list[bytes]]:
    """Yield lists of documents that together are about `size_bytes` long."""
    batch: list[bytes] = []
    total = 0
    for text in texts:
        batch.append(text)
        total += len(text)
        if total >= size_bytes:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
