"""tiktoken's rank files: which pattern and special tokens belong to one, and the module written beside it."""

from pathlib import Path

from bpe_lab import _core
from bpe_lab.errors import ArgumentError
from bpe_lab.interop.published import PUBLISHED
from bpe_lab.tokenizer import pattern_from


def load_ranks(data: bytes, name: str, pattern: str | None, special_tokens: dict[str, int] | None) -> _core.Tokenizer:
    """Load a rank file called `name`; pattern and specials follow from a known name unless given.

    Raises:
        ArgumentError: the name is not known and no pattern is given.
    """
    known = PUBLISHED.get(name)
    if pattern is None and known is None:
        raise ArgumentError(
            f"a rank file does not say how text is cut, and {name!r} is no known name",
            'pass pattern="o200k", "cl100k", "gpt2", "none" or a regex (on the command line --pattern)',
        )
    if special_tokens is None:
        special_tokens = known.special_tokens if known else {}
    chosen = pattern if pattern is not None else (known.pattern if known else "none")
    return _core.Tokenizer.from_tiktoken(data, pattern_from(chosen), special_tokens)


def files(tokenizer: _core.Tokenizer, path: Path) -> dict[Path, bytes]:
    """Return the rank file and, beside it, the Python module that constructs the `tiktoken.Encoding`."""
    module = path.with_name(f"{path.stem.replace('-', '_').replace('.', '_')}_tiktoken.py")
    source = tokenizer.to_tiktoken_python(path.stem, path.name)
    return {path: tokenizer.to_tiktoken(), module: source.encode()}
