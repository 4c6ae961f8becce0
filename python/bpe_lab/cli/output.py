"""Files the program writes itself: checked before work begins, and whole or not at all. `-` is standard output.

Tokenizers and count files are written by the library; this only asks early whether it may.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bpe_lab.cli.terminal import Terminal, binary_stdout
from bpe_lab.errors import ArgumentError, FileError
from bpe_lab.tokenizer import Tokenizer
from bpe_lab.writing import umask

STDOUT = "-"
"""The output that means standard output."""


def check_file(out: str, force: bool, sources: Iterable[Path] = ()) -> None:
    """Refuse an output that is taken, has no folder or cannot be written; call it before the work.

    Raises:
        FileError, ArgumentError: with what to do instead.
    """
    from bpe_lab.writing import refuse_overwrite

    if out == STDOUT:
        return
    target = refuse_overwrite(out, force)
    if target.exists() and not target.is_file():
        raise FileError(f"{out} is no plain file", "write to standard output with -o - and redirect that")
    if target.exists() and any(source.exists() and target.samefile(source) for source in sources):
        raise ArgumentError(f"{out} is one of the inputs", "choose another name with -o")


def check_tokenizer(out: str, force: bool, sources: Iterable[Path] = (), form: str | None = None) -> None:
    """Do as `check_file` for a tokenizer, which may go into a folder."""
    if out == STDOUT:
        return
    if (form or format_of(out)) == "hf" and not out.endswith(".json"):
        check_folder(Path(out), force)
    else:
        check_file(out, force, sources)


def check_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that holds a tokenizer already, or that cannot be made."""
    if folder.is_dir():
        for name in ("tokenizer.json", "tokenizer_config.json"):
            check_file(str(folder / name), force)
    else:
        check_file(str(folder), force=False)


def format_of(out: str) -> str:
    """Return the format that a name means: `hf`, `tiktoken` or `native`."""
    from bpe_lab.interop.files import format_of

    return format_of(out)


def save_tokenizer(
    tokenizer: Tokenizer, out: str, terminal: Terminal, *, force: bool, form: str | None = None, about: str = ""
) -> list[Path]:
    """Write a tokenizer to a file, a folder or standard output; say so; return the files."""
    form = form or format_of(out)
    if out != STDOUT:
        paths = tokenizer.save(out, format=form, force=force)  # type: ignore[arg-type]
        terminal.wrote(paths, about)
        return paths
    stream = binary_stdout()
    with tempfile.TemporaryDirectory(prefix="bpe-lab-") as folder:
        written = tokenizer.save(Path(folder) / "tokenizer.json", format=form)  # type: ignore[arg-type]
        with written[0].open("rb") as f:
            shutil.copyfileobj(f, stream)
    return []


@contextmanager
def open_whole(out: str, terminal: Terminal, *, force: bool, binary: str | None = None) -> Iterator[IO[bytes]]:
    """Give a stream that becomes the file `out` when all went well; else nothing is left. `-` is standard output.

    `binary` names data that nobody wants on a terminal.
    """
    if out == STDOUT:
        terminal.pours = True
        yield binary_stdout(binary)
        return
    target = Path(os.path.realpath(out))
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.absolute().parent)
    terminal.unfinished.add(temporary)
    try:
        with os.fdopen(handle, "wb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temporary, _mode(target))
        check_file(out, force)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        terminal.unfinished.discard(temporary)
    terminal.wrote([Path(out)])


def _mode(target: Path) -> int:
    """Return the permissions that a plain new file, or the one that stands there, has."""
    if target.exists():
        return target.stat().st_mode & 0o777
    return 0o666 & ~umask()


def stdout_is_json(out: str, as_json: bool) -> None:
    """Refuse data and `--json` on the same stream."""
    if out == STDOUT and as_json:
        raise ArgumentError("--json and -o - both want standard output", "give -o a file name")
