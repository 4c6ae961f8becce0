"""Where text comes from: files, folders, globs, standard input, compressed or not. Yields blocks of bytes.

Opens and reads; cuts nothing, counts nothing, and never holds more than a block. What a document is, is decided in
the core (`documents=`), except that each row of a .jsonl file ends one.
"""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from bpe_lab.errors import ArgumentError, CorpusError, FileError

BLOCK_BYTES = 1 << 21
"""Text is handed on in blocks of this size."""

STDIN = "-"
"""The source that means standard input."""

_COMPRESSIONS = (".gz", ".zst")
_SUFFIXES = (".txt", ".jsonl")

# What gzip and zstandard raise on damaged data; by name, so that neither is imported for plain text.
_DAMAGED = ("zlib.error", "zstd.ZstdError", "zstandard.backend_c.ZstdError", "zstandard.ZstdError")

Source = str | os.PathLike[str]


class Block(NamedTuple):
    """A run of bytes of one file, and whether the file (or the row of a .jsonl file) ends with it."""

    data: bytes
    ends: bool


def find_files(sources: Iterable[Source]) -> list[Path]:
    """Resolve `sources` to files, in the order given; folders are searched for text files, sorted by name.

    A folder gives its .txt and .jsonl files, also .gz and .zst ones, at any depth, hidden ones left out. A file that
    is named is taken whatever its name. `-` stays as it is. A file that is reached twice is taken once.

    Raises:
        FileError: a source that does not exist. CorpusError: a folder or a glob that gives nothing.
    """
    found: dict[Path, None] = {}
    for source in sources:
        for path in _resolve(os.fspath(source)):
            found.setdefault(path)
    if not found:
        raise CorpusError("no input files", "name files, folders, globs, or - for standard input")
    return list(found)


def _resolve(source: str) -> list[Path]:
    path = Path(source)
    if source == STDIN or path.is_file() or (path.exists() and not path.is_dir()):
        return [path]
    if not source:
        raise ArgumentError("a source is empty", "name a file or a folder; . is this folder")
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if _is_text(p, path))
        if not files:
            raise CorpusError(f"the folder {source} holds no .txt or .jsonl file (.gz and .zst count too)")
        return files
    matches = sorted(glob.glob(source, recursive=True)) if glob.has_magic(source) else []
    if not matches:
        raise FileError(f"{source} does not exist", "check the spelling; quote a glob that the shell should not expand")
    return [file for match in matches for file in _resolve(glob.escape(match) if Path(match).is_dir() else match)]


def _is_text(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    if hidden or _kind(path) not in _SUFFIXES or path.is_dir():
        return False
    if not path.is_file():
        what = "a link to nothing" if path.is_symlink() else "no plain file"
        raise FileError(f"cannot read {path}: it is {what}", "mend it, take it away, or name the files one by one")
    return True


def _kind(path: Path) -> str:
    """Return the suffix that tells the kind of text, under a compression suffix."""
    return Path(path.stem).suffix if path.suffix in _COMPRESSIONS else path.suffix


def size_bytes(paths: Iterable[Path]) -> int | None:
    """Return the bytes on disk of all `paths`; None where one is standard input or a device."""
    paths = list(paths)
    if not all(path != Path(STDIN) and path.is_file() for path in paths):
        return None
    return sum(path.stat().st_size for path in paths)


class ReadFrom:
    """How far reading has come, in bytes on disk (compressed bytes for compressed files)."""

    def __init__(self) -> None:
        self.n_bytes = 0


def read_blocks(path: Path, field: str = "text", progress: ReadFrom | None = None) -> Iterator[Block]:
    """Yield the text of one file in blocks; the last one (or each row of a .jsonl file) has `ends` set.

    Raises:
        FileError: the file cannot be opened or read, or its compressed data is damaged or cut short.
        CorpusError: a row of a .jsonl file is no JSON object or lacks `field`; the message gives its line.
    """
    name = "standard input" if path == Path(STDIN) else str(path)
    try:
        with _open(path) as raw:
            counted = _Counted(raw, progress or ReadFrom())
            stream = _decompress(counted, path)
            rows = _kind(path) == ".jsonl"
            yield from _read_rows(stream, name, field) if rows else _read_plain(stream)
    except (OSError, EOFError) as e:
        raise _unreadable(name, e) from e
    except Exception as e:
        if f"{type(e).__module__}.{type(e).__name__}" in _DAMAGED:
            raise _unreadable(name, e) from e
        raise


def _unreadable(name: str, e: Exception) -> FileError:
    reason = getattr(e, "strerror", None) or str(e) or type(e).__name__
    return FileError(f"cannot read {name}: {reason}", "check that the file is complete and readable, or leave it out")


def _open(path: Path) -> IO[bytes]:
    if path == Path(STDIN):
        return cast("IO[bytes]", os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0))
    return open(path, "rb", buffering=0)  # noqa: PTH123


class _Counted:
    """A raw stream that tells how many bytes went through it."""

    def __init__(self, raw: IO[bytes], progress: ReadFrom) -> None:
        self._raw = raw
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size) or b""
        self._progress.n_bytes += len(data)
        return data


def _decompress(stream: Any, path: Path) -> Any:
    if path.suffix == ".gz":
        import gzip

        return gzip.GzipFile(fileobj=stream, mode="rb")
    if path.suffix == ".zst":
        return _ZstdStream(stream)
    return stream


class _ZstdStream:
    """Every frame of a .zst stream, one after another; a stream that stops inside a frame is an error."""

    def __init__(self, stream: Any) -> None:
        import zstandard

        self._stream = stream
        self._context = zstandard.ZstdDecompressor()
        self._frame: Any = None
        self._rest = b""
        self._any = False

    def read(self, size: int) -> bytes:
        while True:
            data = self._rest or self._stream.read(1 << 17)
            self._rest = b""
            if not data:
                if self._frame is not None or not self._any:
                    raise EOFError("the .zst data ends before its frame does")
                return b""
            self._frame = self._frame or self._context.decompressobj()
            self._any = True
            out: bytes = self._frame.decompress(data)
            if self._frame.eof:
                self._rest = self._frame.unused_data
                self._frame = None
            if out:
                return out


def _read_plain(stream: Any) -> Iterator[Block]:
    while data := stream.read(BLOCK_BYTES):
        yield Block(data, ends=False)
    yield Block(b"", ends=True)


def _read_rows(stream: Any, name: str, field: str) -> Iterator[Block]:
    for number, line in enumerate(_lines(stream), start=1):
        if not line.strip():
            continue
        yield Block(_field(line, f"{name}, line {number}", field), ends=True)


def _lines(stream: Any) -> Iterator[bytes]:
    parts: list[bytes] = []
    while data := stream.read(BLOCK_BYTES):
        head, *rest = data.split(b"\n")
        parts.append(head)
        for line in rest:
            yield b"".join(parts)
            parts = [line]
    if any(parts):
        yield b"".join(parts)


def _field(line: bytes, where: str, field: str) -> bytes:
    import json

    try:
        row = json.loads(line)
    except ValueError as e:
        raise CorpusError(f"{where}: not JSON ({e})", "a .jsonl file holds one JSON object a line") from e
    if not isinstance(row, dict) or not isinstance(row.get(field), str):
        have = ", ".join(row) if isinstance(row, dict) else type(row).__name__
        raise CorpusError(f"{where}: no text in field {field!r} (the row has: {have})", "name the field with --field")
    try:
        return cast(str, row[field]).encode()
    except UnicodeEncodeError as e:
        raise CorpusError(f"{where}: a lone surrogate in field {field!r}", "mend or drop the row") from e
