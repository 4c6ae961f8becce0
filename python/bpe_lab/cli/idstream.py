r"""Token ids as files and pipes, written and read.

| form | what it is |
|---|---|
| text | ids in decimal with spaces between, a line per document |
| JSON | `{"schema": 1, "command": "encode", "documents": [[…], …]}`; `[…]` and `[[…], …]` are read too |
| npy | one uint32 array of all documents |
| raw | the same as little-endian u16 or u32 without a header, for memory maps |

Knows no tokenizer.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from bpe_lab.cli.terminal import SCHEMA
from bpe_lab.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint32]
    Offsets = NDArray[np.uint64]
    Batches = Iterator[tuple[Ids, Offsets]]

RAW_KINDS = {"u16": "<u2", "u32": "<u4"}
_NPY_MAGIC = b"\x93NUMPY"
_MOST_ID = 2**32 - 1
_LONGEST_NUMBER = 20
_PART = 1 << 20


def check_raw(kind: str, n_ids: int) -> None:
    """Refuse 16 bits for ids that need more."""
    if kind not in RAW_KINDS:
        raise ArgumentError(f"--raw must be u16 or u32, got {kind!r}", "as in --raw u16 ids.bin")
    if kind == "u16" and n_ids > 1 << 16:
        raise ArgumentError(f"u16 holds ids below 65,536, and this tokenizer has {n_ids:,}", "use --raw u32")


# -- writing


def write_text(out: IO[bytes], batches: "Batches") -> None:
    """Write a line per document."""
    for document in _each(batches):
        for i, numbers in enumerate(document):
            out.write((b" " if i else b"") + " ".join(map(str, numbers)).encode())
        out.write(b"\n")
    out.flush()


def write_json(out: IO[bytes], batches: "Batches", about: dict[str, Any]) -> None:
    """Write one JSON object, a document a line."""
    head = json.dumps({"schema": SCHEMA, "command": "encode", **about}, ensure_ascii=False)
    out.write(head[:-1].encode() + b', "documents": [')
    for n, document in enumerate(_each(batches)):
        out.write(b",\n[" if n else b"\n[")
        for i, numbers in enumerate(document):
            out.write((b", " if i else b"") + ", ".join(map(str, numbers)).encode())
        out.write(b"]")
    out.write(b"\n]}\n")


def _each(batches: "Batches") -> Iterator[Iterator[list[int]]]:
    """Yield each document's ids in parts: a Python int per id is 36 bytes, and one document may be all there is."""
    for ids, offsets in batches:
        for start, end in pairwise(offsets.tolist()):
            yield (ids[i : min(i + _PART, end)].tolist() for i in range(start, end, _PART))


def write_npy(out: IO[bytes], batches: "Batches") -> None:
    """Write one array; holds all ids (4 bytes each) first, for its header says how many they are."""
    import numpy as np

    parts = [ids for ids, _ in batches]
    np.lib.format.write_array(out, np.concatenate(parts) if parts else np.zeros(0, np.uint32), allow_pickle=False)


def write_raw(out: IO[bytes], batches: "Batches", kind: str) -> None:
    """Write ids as little-endian numbers."""
    for ids, _ in batches:
        out.write(ids.astype(RAW_KINDS[kind]).tobytes())


# -- reading


def read_any(stream: IO[bytes], name: str) -> "Iterator[Ids]":
    """Yield the ids of a stream in parts; text, JSON or npy, told apart by the first bytes.

    Raises:
        FormatError: it is none of them; the message gives the line.
    """
    head = stream.read(1 << 16)
    start = head.lstrip()[:1]
    if head.startswith(_NPY_MAGIC):
        yield _npy(head + stream.read(), name)
    elif start in (b"{", b"["):
        yield from _from_json(head + stream.read(), name)
    else:
        yield from _from_text(head, stream, name)


def read_raw(stream: IO[bytes], kind: str, name: str) -> "Iterator[Ids]":
    """Yield the ids of a raw stream in parts."""
    import numpy as np

    dtype = np.dtype(RAW_KINDS[kind])
    while data := _read_full(stream, 1 << 22):
        if len(data) % dtype.itemsize:
            raise FormatError(f"{name}: not a whole number of {kind} ids", f"is it {kind}, and complete?")
        yield np.frombuffer(data, dtype).astype(np.uint32)


def _read_full(stream: IO[bytes], size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a pipe may give less at a time."""
    parts: list[bytes] = []
    while size and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def from_words(words: Iterable[str], name: str) -> "Ids":
    """Return ids typed in decimal."""
    return _numbers(" ".join(words).encode("utf-8", "surrogateescape"), name, None)


def _from_text(data: bytes, stream: IO[bytes], name: str) -> "Iterator[Ids]":
    """Yield ids in parts that end between numbers; lines only matter for messages."""
    line, rest = 1, b""
    while data:
        data = rest + data
        cut = len(data.rstrip(b"0123456789"))
        rest = data[cut:]
        yield _numbers(data[:cut], name, line)
        line += data.count(b"\n")
        if len(rest) > _LONGEST_NUMBER:
            break
        data = stream.read(1 << 20)
    yield _numbers(rest, name, line)


def _numbers(data: bytes, name: str, line: int | None) -> "Ids":
    """Return the ids in `data`, which begins in `line` of the input called `name`."""
    import numpy as np

    words = data.split()
    if all(map(bytes.isdigit, words)) and max(map(len, words), default=0) <= _LONGEST_NUMBER:
        numbers = list(map(int, words))
        if max(numbers, default=0) <= _MOST_ID:
            return np.array(numbers, np.uint32)
    bad = next(w for w in words if not w.isdigit() or len(w) > _LONGEST_NUMBER or int(w) > _MOST_ID)
    n_before = data.count(b"\n", 0, data.index(bad))
    _refuse(bad, name if line is None else f"{name}, line {line + n_before}")


def _refuse(word: bytes, where: str) -> NoReturn:
    shown = word[:40].decode(errors="backslashreplace")
    raise FormatError(f"{where}: {shown!r} is not a token id", "ids are whole numbers from 0, in decimal")


def _npy(data: bytes, name: str) -> "Ids":
    import io

    import numpy as np

    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except ValueError as e:
        raise FormatError(f"{name}: damaged .npy data ({e})") from e
    if array.ndim != 1 or array.dtype.kind not in "ui":
        raise FormatError(f"{name}: ids must be one row of whole numbers, got {array.dtype} of shape {array.shape}")
    if array.size and (int(array.min()) < 0 or int(array.max()) > _MOST_ID):
        raise FormatError(f"{name}: an id is below 0 or above {_MOST_ID}")
    return array.astype(np.uint32)


def _from_json(data: bytes, name: str) -> "Iterator[Ids]":
    try:
        value = json.loads(data)
    except ValueError as e:
        raise FormatError(f"{name}: not JSON ({e})") from e
    rows = value.get("documents") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise FormatError(
            f"{name}: no list of ids in it", 'it should be [1, 2], [[1], [2]] or {"documents": [[1], [2]]}'
        )
    documents = rows if any(isinstance(row, list) for row in rows) else [rows]
    for index, row in enumerate(documents):
        yield _json_row(row, f"{name}, document {index}")


def _json_row(row: Any, where: str) -> "Ids":
    import numpy as np

    if not isinstance(row, list):
        raise FormatError(f"{where}: not a list of ids")
    bad = [i for i in row if type(i) is not int or not 0 <= i <= _MOST_ID]
    if bad:
        _refuse(json.dumps(bad[0]).encode(), where)
    return np.array(row, np.uint32)


def name_of(path: str) -> str:
    """Return how messages call an input."""
    return "standard input" if path == "-" else str(Path(path))
