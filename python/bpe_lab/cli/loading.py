"""From `-t FILE|NAME` to a tokenizer, and what `--json` says about one."""

import argparse
from typing import TYPE_CHECKING, Any

from bpe_lab.cli.arguments import chosen_pattern
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab import Tokenizer


def chosen_tokenizer(args: argparse.Namespace) -> "Tokenizer":
    """Load what `-t` names.

    Raises:
        ArgumentError: there is no `-t`. FileError, FormatError, UnsupportedError: it cannot be loaded.
    """
    if args.tokenizer is None:
        raise ArgumentError(
            "which tokenizer? none was given",
            "-t FILE, made by bpe-lab train, or -t o200k_base and its like",
        )
    return load(args.tokenizer, chosen_pattern(args))


def load(name: str, pattern: str | None = None, special_tokens: dict[str, int] | None = None) -> "Tokenizer":
    """Load a tokenizer from a file of any format, or by its published name."""
    from bpe_lab import Tokenizer

    return Tokenizer.load(name, pattern=pattern, special_tokens=special_tokens)


def about(tokenizer: "Tokenizer") -> dict[str, Any]:
    """Return what JSON says about a tokenizer."""
    return {
        "tokens": tokenizer.n_tokens,
        "ids": tokenizer.n_ids,
        "merges": tokenizer.n_merges,
        "unit": tokenizer.unit,
        "pattern": tokenizer.pattern,
        "rule": tokenizer.rule,
        "special_tokens": tokenizer.special_tokens,
        "fingerprint": tokenizer.fingerprint,
    }


def summary(tokenizer: "Tokenizer") -> str:
    """Return a tokenizer in one line."""
    n_special = len(tokenizer.special_tokens)
    return (
        f"{tokenizer.n_tokens:,} tokens, {n_special} special, unit {tokenizer.unit}, "
        f"pattern {tokenizer.pattern}, merges by {tokenizer.rule}"
    )
