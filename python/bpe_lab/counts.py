"""Count files: pieces and how often they stand in a corpus. What the trainer learns from.

The file format is the core's (docs/formats.md); this opens the files.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from bpe_lab._core import PieceCounts
from bpe_lab.errors import BpeLabError, FileError, FormatError
from bpe_lab.writing import write_whole

MAGIC = b"BPECNTS\0"
"""How a count file of bpe-lab begins."""

SUFFIX = ".counts"
"""A file of this name must be one."""


def is_count_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether `path` is a file that begins like a count file of bpe-lab.

    Raises:
        FormatError: it is called .counts or nearly begins like one, but does not: it is no text either.
    """
    try:
        with Path(path).open("rb") as f:
            head = f.read(len(MAGIC))
    except OSError:
        return False
    alike = sum(a == b for a, b in zip(head, MAGIC, strict=False))
    if head != MAGIC and (Path(path).suffix == SUFFIX or alike >= len(MAGIC) - 2):
        raise FormatError(f"{path} looks like a count file but does not begin like one: it is damaged", "count again")
    return head == MAGIC


def load_counts(path: str | os.PathLike[str]) -> PieceCounts:
    r"""Read a count file: bpe-lab's own, or text lines `piece<TAB>count` made elsewhere.

    In the text form `\t`, `\n`, `\r`, `\\` and `\xHH` are escapes, and a piece that stands on two lines adds up.

    Raises:
        FileError: it cannot be opened. FormatError: it is damaged, newer, or a line is no `piece<TAB>count`.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}") from e
    try:
        return PieceCounts.from_bytes(data)
    except BpeLabError as e:
        raise e.within(path) from e


def save_counts(counts: PieceCounts, path: str | os.PathLike[str], force: bool = False) -> Path:
    """Write a count file; equal counts give equal bytes.

    Raises:
        FileError: `path` is taken and `force` is not given, or writing failed.
    """
    return write_whole(path, counts.to_bytes(), force)


def merge_counts(paths: Iterable[str | os.PathLike[str]]) -> PieceCounts:
    """Add up count files, in any order.

    Raises:
        ArgumentError: two of them were counted with different patterns.
    """
    total = None
    for path in paths:
        counts = load_counts(path)
        if total is None:
            total = counts
            continue
        try:
            total.absorb(counts)
        except BpeLabError as e:
            raise e.within(path) from e
    return PieceCounts() if total is None else total
