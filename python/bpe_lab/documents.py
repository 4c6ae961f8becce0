"""Sources to documents, for commands that need the text itself. Streams: holds a document, never the corpus.

The core cuts documents for counting; this is the same rule for encoding, and a test holds the two together.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bpe_lab.corpus import Block, ReadFrom, read_blocks
from bpe_lab.errors import ArgumentError

Cuts = Callable[[bytes, bool], list[int]]
"""Bytes, and whether the file ends with them -> the ends of the documents in them that nothing to come can move."""

HOW = ("file", "line", "blank-line", "separator:STR", "prefix:STR")


def cuts_for(how: str) -> Cuts:
    """Return the function that finds the ends of documents.

    Raises:
        ArgumentError: `how` is none of the ways.
    """
    kind, _, text = how.partition(":")
    if how == "file":
        return lambda _data, _final: []
    if how == "line":
        return _after(b"\n")
    if how == "blank-line":
        return _after_blank_lines
    if kind not in ("separator", "prefix"):
        raise ArgumentError(f"there is no --documents {how!r}", f"one of {', '.join(HOW)}")
    mark = _mark(kind, text)
    return _after(mark) if kind == "separator" else _before_lines(mark)


_ESCAPES = re.compile(r"(\\x[0-9A-Fa-f]{2}|\\.?)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def _mark(kind: str, text: str) -> bytes:
    """Return the bytes of a separator or a prefix, escapes resolved."""
    mark = b"".join(_bytes_of(kind, part) for part in _ESCAPES.split(text))
    if not mark:
        raise ArgumentError(f"--documents {kind} needs bytes after a colon", f"as in {kind}:---")
    if kind == "prefix" and b"\n" in mark:
        raise ArgumentError("no line begins with bytes that hold a line feed", "use separator:, or a prefix without it")
    return mark


def _bytes_of(kind: str, part: str) -> bytes:
    if not part.startswith("\\"):
        return part.encode("utf-8", "surrogateescape")
    if part[1:] in _ESCAPED:
        return _ESCAPED[part[1:]].encode()
    if len(part) == 4:
        return bytes.fromhex(part[2:])
    raise ArgumentError(f"--documents {kind}: unknown escape {part!r}", r"there are \n, \r, \t, \\ and \xHH")


def _after(mark: bytes) -> Cuts:
    pattern = re.compile(re.escape(mark))
    return lambda data, _final: [found.end() for found in pattern.finditer(data)]


_BLANK_LINES = re.compile(rb"(?:\A|(?<=\n))(?:\r?\n)+")


def _after_blank_lines(data: bytes, final: bool) -> list[int]:
    """Return the ends of runs of blank lines; `data` begins where a line does."""
    ends = [found.end() for found in _BLANK_LINES.finditer(data)]
    goes_on = not final and ends and data[ends[-1] :] in (b"", b"\r")
    return ends[:-1] if goes_on else ends


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


def documents(paths: Iterable[Path], how: str, field: str, progress: ReadFrom | None = None) -> Iterator[bytes]:
    """Yield the documents of files, in order; `progress` is told how far reading has come."""
    cuts = cuts_for(how)
    for path in paths:
        yield from split(read_blocks(path, field, progress), cuts)


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
