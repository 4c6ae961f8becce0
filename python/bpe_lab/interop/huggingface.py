"""Hugging Face: `tokenizer.json`, the `tokenizer_config.json` that AutoTokenizer needs beside it, the hub's cache."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from bpe_lab import _core
from bpe_lab.errors import FileError

TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"


def files(tokenizer: _core.Tokenizer, path: Path) -> dict[Path, bytes]:
    """Return what to write: both files for a folder, the tokenizer alone for a name of its own.

    A folder is what `AutoTokenizer.from_pretrained` loads. `tokenizer.json` as a name means its folder.
    """
    if path.suffix == ".json" and path.name != TOKENIZER:
        return {path: tokenizer.to_huggingface()}
    folder = path.parent if path.name == TOKENIZER else path
    return {folder / TOKENIZER: tokenizer.to_huggingface(), folder / CONFIG: tokenizer.to_huggingface_config()}


_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_SUFFIXES = (".json", ".model", ".tiktoken", ".bpe")


def cached_folder(name: str, files: Sequence[str]) -> Path | None:
    """Return the folder of the hub's cache that holds one of `files` of the repository `org/name`; None for a path.

    Raises:
        FileError: it looks like such a name, is no path, and is not there; the hint says how to get it.
    """
    path = Path(name)
    if not _HUB_NAME.fullmatch(name) or path.suffix in _SUFFIXES or path.exists() or path.parent.exists():
        return None
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    model = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / f"models--{name.replace('/', '--')}"
    for folder in sorted(model.glob("snapshots/*"), key=lambda folder: folder.stat().st_mtime, reverse=True):
        if any((folder / file).is_file() for file in files):
            return folder
    raise FileError(
        f"{name} is no file, and the hub's tokenizer of that name is not on this machine",
        f"where there is a network: hf download {name} {TOKENIZER}; or give the path of its {TOKENIZER}",
    )
