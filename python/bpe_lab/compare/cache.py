"""What was computed once and is kept: trained tokenizers and results, under keys of their content, on this machine.

An entry that is damaged counts as none, and a cache that cannot be written is no cache: neither stops the work. Several
processes may use one cache. Knows nothing of what it keeps.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpe_lab.errors import BpeLabError
from bpe_lab.writing import write_whole

PLACE_VARIABLE = "BPE_LAB_CACHE"
"""The environment variable that names the cache's folder. It changes no result."""

DEFAULT_LIMIT_BYTES = 2 * 10**9
"""What is used least goes when the cache grows beyond this."""

FORMAT = 1
"""Version of an entry's form; another version's entries are left alone."""

_MAGIC = b"BPECACHE"
_SUFFIX = ".entry"
_STALE_SECONDS = 3600
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Entry:
    """One kept result."""

    key: str
    kind: str
    """What it is, such as `tokenizer`."""
    label: str
    """For people: which recipe, which text."""
    n_bytes: int
    used_at: float
    """When it was last read or written, in seconds since 1970."""


class Cache:
    """Results under keys. `Cache(None)` keeps nothing.

    >>> import tempfile
    >>> cache = Cache(tempfile.mkdtemp())
    >>> cache.put(key_of("sum", 1, 2), b"3", "example")
    True
    >>> cache.get(key_of("sum", 1, 2))
    b'3'
    """

    def __init__(self, folder: str | os.PathLike[str] | None, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = None if folder is None else Path(folder) / f"v{FORMAT}"
        self.limit_bytes = limit_bytes

    @classmethod
    def of_user(cls) -> "Cache":
        """Return the cache in the user's cache directory."""
        return cls(default_folder())

    def get(self, key: str) -> bytes | None:
        """Return what is kept under `key`, None where there is nothing or it is damaged. Marks it as used."""
        path = self._path(key)
        if path is None:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _unpack(data)
        if found is None:
            _remove(path)
            return None
        _touch(path)
        return found[1]

    def put(self, key: str, data: bytes, kind: str, label: str = "") -> bool:
        """Keep `data` under `key`, then let go what was used least while the limit is passed; tell whether it is kept.

        What is larger than the limit is not kept.
        """
        path = self._path(key)
        packed = _pack(data, kind, label)
        if path is None or len(packed) > self.limit_bytes:
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, packed, force=True)
        except (OSError, BpeLabError):
            return False
        self._evict(keep=path)
        return True

    def get_json(self, key: str) -> Any:
        """Return the JSON value under `key`, None where there is none."""
        data = self.get(key)
        try:
            return None if data is None else json.loads(data)
        except ValueError:
            return None

    def put_json(self, key: str, value: Any, kind: str, label: str = "") -> bool:
        """Keep a JSON value."""
        return self.put(key, json.dumps(value, ensure_ascii=False).encode(), kind, label)

    def folder_of(self, key: str, kind: str) -> Path:
        """Return a folder that is kept under a key, made where it is not there; others go while the limit is passed.

        For work of many steps, each of which leaves a file. What lies in it is whoever asked's to check.
        """
        assert self.folder is not None, "a cache that keeps nothing has no folders"
        folder = self.folder / kind / key
        folder.mkdir(parents=True, exist_ok=True)
        _touch(folder)
        self._evict(keep=folder)
        return folder

    def _folders(self) -> list[Path]:
        return [] if self.folder is None else [path for path in self.folder.glob("*/*") if path.is_dir()]

    def entries(self) -> list[Entry]:
        """Return what is kept, the last used first."""
        found = [Entry(p.name, p.parent.name, "", _folder_size(p), _used_at(p)) for p in self._folders()]
        for path in self._files():
            try:
                stat = path.stat()
                with path.open("rb") as f:
                    head = _head(f.read(_HEAD_BYTES))
            except OSError:
                continue
            kind, label = head if head else ("damaged", "")
            found.append(Entry(path.name.removesuffix(_SUFFIX), kind, label, stat.st_size, stat.st_mtime))
        return sorted(found, key=lambda entry: (-entry.used_at, entry.key))

    def clear(self) -> tuple[int, int]:
        """Take away every entry; return how many there were and their bytes."""
        n_entries = n_bytes = 0
        for path in [*self._files(), *self._files(".part")]:
            size = _size(path)
            if _remove(path) and path.suffix == _SUFFIX:
                n_entries, n_bytes = n_entries + 1, n_bytes + size
        for folder in self._folders():
            n_entries, n_bytes = n_entries + 1, n_bytes + _folder_size(folder)
            shutil.rmtree(folder, ignore_errors=True)
        return n_entries, n_bytes

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / key[:2] / f"{key}{_SUFFIX}"

    def _files(self, suffix: str = _SUFFIX) -> Iterator[Path]:
        if self.folder is None:
            return iter(())
        try:
            return iter(sorted(self.folder.glob(f"??/*{suffix}")))
        except OSError:
            return iter(())

    def _evict(self, keep: Path) -> None:
        """Take away what was used least until nine tenths of the limit are left, and parts of writes that died."""
        _remove_stale(self._files(".part"))
        files = [(_used_at(path), path, _size(path)) for path in self._files()]
        files = sorted(files + [(_used_at(path), path, _folder_size(path)) for path in self._folders()])
        total = sum(size for _, _, size in files)
        if total <= self.limit_bytes:
            return
        for _, path, size in files:
            if path != keep and total > self.limit_bytes * 0.9 and _remove(path):
                total -= size


def key_of(*parts: object) -> str:
    """Return the key of what `parts` decide: texts, bytes, numbers; no two lists of parts have the same one."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True, ensure_ascii=False).encode()
        digest.update(b"b" if isinstance(part, bytes) else b"j")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def program_version() -> str:
    """Return the version of the program and of its compiled part: another build may give other results."""
    from bpe_lab import _core

    global _PROGRAM
    if _PROGRAM is None:
        core = hashlib.sha256(Path(_core.__file__).read_bytes()).hexdigest()
        _PROGRAM = f"{_core.__version__} {core[:16]}"
    return _PROGRAM


_PROGRAM: str | None = None


def default_folder() -> Path:
    """Return where the cache lies: `BPE_LAB_CACHE`, or `bpe-lab` in the user's cache directory."""
    if named := os.environ.get(PLACE_VARIABLE):
        return Path(named)
    return _user_caches() / "bpe-lab"


def _user_caches() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


# An entry: magic, SHA-256 of all that follows, length of the head (u32), head as JSON {kind, label}, data.

_HEAD_BYTES = 8192
_MAX_LABEL = 300
"""Characters; at most 12 bytes each in JSON, so that a head of two fits into `_HEAD_BYTES`."""


def _pack(data: bytes, kind: str, label: str) -> bytes:
    head = json.dumps({"kind": kind[:_MAX_LABEL], "label": label[:_MAX_LABEL]}).encode("ascii")
    rest = len(head).to_bytes(4, "little") + head + data
    return _MAGIC + hashlib.sha256(rest).digest() + rest


def _unpack(packed: bytes) -> tuple[bytes, bytes] | None:
    """Return head and data, None where anything is not as it was written."""
    start = len(_MAGIC) + _DIGEST_BYTES
    rest = packed[start:]
    if packed[: len(_MAGIC)] != _MAGIC or packed[len(_MAGIC) : start] != hashlib.sha256(rest).digest():
        return None
    n_head = int.from_bytes(rest[:4], "little")
    return rest[4 : 4 + n_head], rest[4 + n_head :]


def _head(beginning: bytes) -> tuple[str, str] | None:
    start = len(_MAGIC) + _DIGEST_BYTES
    n_head = int.from_bytes(beginning[start : start + 4], "little")
    try:
        head = json.loads(beginning[start + 4 : start + 4 + n_head])
        return str(head["kind"]), str(head["label"])
    except (ValueError, KeyError, TypeError):
        return None


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return


def _folder_size(folder: Path) -> int:
    return sum(_size(path) for path in folder.rglob("*") if path.is_file())


def _remove(path: Path) -> bool:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError:
        return False
    return True


def _remove_stale(parts: Iterable[Path]) -> None:
    for path in parts:
        if time.time() - _used_at(path) > _STALE_SECONDS:
            _remove(path)
