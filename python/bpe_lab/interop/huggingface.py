"""Hugging Face: `tokenizer.json`, and the `tokenizer_config.json` that AutoTokenizer needs beside it."""

from pathlib import Path

from bpe_lab import _core

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
