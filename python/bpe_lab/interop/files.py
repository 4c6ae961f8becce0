"""Which format a file has, and which one to write. Knows paths; the formats have files of their own."""

import contextlib
import os
from pathlib import Path

from bpe_lab import _core
from bpe_lab.errors import ArgumentError, BpeLabError, FileError, FormatError
from bpe_lab.interop import huggingface, tiktoken
from bpe_lab.interop.published import PUBLISHED, find_ranks
from bpe_lab.writing import write_all

FORMATS = ("native", "hf", "tiktoken")
"""What `save` can write."""

_MAX_BYTES = 1 << 30


def load(
    path: str | os.PathLike[str], pattern: str | None = None, special_tokens: dict[str, int] | None = None
) -> _core.Tokenizer:
    """Load a tokenizer of any known format; see `Tokenizer.load`."""
    name = _checked_path(path)
    if name in PUBLISHED and not Path(name).exists():
        return tiktoken.load_ranks(find_ranks(name), name, pattern, special_tokens)
    file = Path(name) / huggingface.TOKENIZER if Path(name).is_dir() else Path(name)
    data = _read(file)
    try:
        return _parse(data, file, pattern, special_tokens)
    except BpeLabError as e:
        raise e.within(file) from e


def _checked_path(path: str | os.PathLike[str]) -> str:
    """Return `path` as text that the system can take for a name."""
    name = os.fspath(path)
    if not name or "\0" in name:
        raise ArgumentError(f"{name!r} is no file name", "name a file, a folder or a published vocabulary")
    try:
        Path(name).exists()
    except OSError as e:
        raise FileError(f"{name[:40]}…: {e.strerror}", "choose a shorter name") from e
    return name


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise FormatError(f"{path} has {size} bytes, more than any tokenizer file ({_MAX_BYTES})")
        return path.read_bytes()
    except FileNotFoundError as e:
        names = ", ".join(PUBLISHED)
        raise FileError(f"{path} does not exist", f"name a tokenizer file, its folder, or one of: {names}") from e
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}") from e


def _parse(data: bytes, path: Path, pattern: str | None, special_tokens: dict[str, int] | None) -> _core.Tokenizer:
    kind = _core.detect_format(data)
    if kind is None:
        raise FormatError(
            "not a tokenizer file: neither bpe-lab's own, nor a tokenizer.json, nor a tiktoken rank file",
            "a tokenizer is made by `bpe-lab train`; a corpus is no tokenizer",
        )
    if kind == "tiktoken":
        return tiktoken.load_ranks(data, path.name.removesuffix(".tiktoken"), pattern, special_tokens)
    if pattern is not None or special_tokens is not None:
        raise ArgumentError("pattern and special_tokens are for rank files; this file says them itself")
    if kind == "native":
        return _core.Tokenizer.from_native(data)
    return _core.Tokenizer.from_huggingface(data)


def save(
    tokenizer: _core.Tokenizer, path: str | os.PathLike[str], format: str | None = None, force: bool = False
) -> list[Path]:
    """Write a tokenizer; see `Tokenizer.save`."""
    name = _checked_path(path)
    target, kind = Path(name), format or format_of(name)
    if kind not in FORMATS:
        raise ArgumentError(f"unknown format {kind!r}", f"one of: {', '.join(FORMATS)}")
    files = _files(tokenizer, target, kind)
    made = kind == "hf" and target.suffix != ".json" and not target.exists()
    if made:
        _make_folder(target)
    try:
        return write_all(files, force)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                target.rmdir()
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as e:
        raise FileError(f"cannot make the folder {folder}: {e.strerror}", "create the folders above it first") from e


def format_of(name: str) -> str:
    """Return the format that a name asks for; a folder, and a name that ends like one, is `hf`."""
    if name.endswith(("/", os.sep)) or Path(name).suffix == ".json" or Path(name).is_dir():
        return "hf"
    return "tiktoken" if Path(name).suffix == ".tiktoken" else "native"


def _files(tokenizer: _core.Tokenizer, target: Path, kind: str) -> dict[Path, bytes]:
    if kind == "hf":
        return huggingface.files(tokenizer, target)
    if kind == "tiktoken":
        return tiktoken.files(tokenizer, target)
    return {target: tokenizer.to_native()}
