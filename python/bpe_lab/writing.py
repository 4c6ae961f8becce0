"""Files and folders written whole or not at all. Knows nothing of what is in them."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bpe_lab.errors import FileError


def refuse_overwrite(path: str | os.PathLike[str], force: bool) -> Path:
    """Return `path` if it may be written: it is free or `force` is given, and its folder is there.

    Call it before long work, so that nobody waits an hour to learn that the name was taken.

    Raises:
        FileError: with what to do instead.
    """
    target = Path(path)
    if target.is_dir():
        raise FileError(f"{target} is a folder", "give the name of a file in it")
    if target.exists() and not target.is_file():
        raise FileError(f"{target} is no plain file", "give the name of a file")
    if target.exists() and not force:
        raise FileError(f"{target} exists already", "choose another name, or overwrite it with --force (force=True)")
    check_folder_of(target)
    return target


def check_folder_of(target: Path) -> None:
    """Refuse a file or folder to be written where the folder it is to lie in is missing or read-only.

    Raises:
        FileError: with what to do instead.
    """
    parent = target.absolute().parent
    if not parent.is_dir():
        raise FileError(f"the folder {parent} does not exist", "create it first")
    if not os.access(parent, os.W_OK):
        raise FileError(f"cannot write into the folder {parent}", "choose another")


def check_folder(
    folder: str | os.PathLike[str], force: bool, name: str, holds_one: Callable[[Path], bool], verb: str = "is"
) -> Path:
    """Return a folder, links followed, if it may be written whole: it is free, empty, or holds one of its kind.

    Args:
        force: replace one of its kind. Nothing else ever is replaced: no file, and no folder with other things.
        name: of its kind, as in `a checkpoint`.
        holds_one: tells whether a folder that is there is of its kind.
        verb: of `name`.

    Raises:
        FileError: with what to do instead.
    """
    target = Path(os.path.realpath(folder))
    if not target.exists():
        return target
    if not target.is_dir():
        raise FileError(f"{target} is a file, and {name} {verb} a folder", "choose another name")
    if not any(target.iterdir()):
        return target
    if not holds_one(target):
        raise FileError(f"{target} exists already and holds other things than {name}", "choose another name")
    if not force:
        raise FileError(f"{target} exists already", "choose another name, or overwrite it with --force (force=True)")
    return target


def write_whole(path: str | os.PathLike[str], data: bytes, force: bool = False) -> Path:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    Writes a temporary file in the same folder, syncs it, and renames it over `path`. Where any of that fails the old
    file stands as it was and the temporary one is gone.

    Raises:
        FileError: the file is there and `force` is not given, or writing failed (disk full, no permission).
    """
    return write_all({Path(path): data}, force)[0]


def write_all(files: Mapping[Path, bytes], force: bool = False) -> list[Path]:
    """Write several files; all of them reach the disk before the first is renamed into place.

    A symbolic link stays one: what it points to is replaced.
    """
    targets = [refuse_overwrite(path, force) for path in files]
    finished: list[tuple[str, Path]] = []
    try:
        for target, data in zip(targets, files.values(), strict=True):
            finished.append((_write_temporary(target, data), target))
        for temporary, target in finished:
            os.replace(temporary, os.path.realpath(target))
    except OSError as e:
        raise FileError(f"cannot write {e.filename or targets[0]}: {e.strerror or e}", "nothing was changed") from e
    finally:
        for temporary, _ in finished:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    return targets


def _write_temporary(target: Path, data: bytes) -> str:
    """Put `data` into a synced temporary file beside `target` and return its name."""
    place = Path(os.path.realpath(target))
    handle, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, 0o666 & ~umask())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    return name


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and see it reach the disk."""
    with path.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk, where the system knows such a thing."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def swap_folder(finished: Path, target: Path) -> None:
    """Rename a finished folder to `target`; what stood there goes away after that, and is put back where it fails.

    The folder gets the permissions that a plain new one has. A process killed in between leaves `.NAME.old`.
    """
    finished.chmod(0o777 & ~umask())
    if not target.exists():
        finished.rename(target)
        return
    aside = target.with_name(f".{target.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    target.rename(aside)
    try:
        finished.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
