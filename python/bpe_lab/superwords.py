"""Where superwords begin: `6k:4` means from 6,000 ids on, with at most 4 spaces in a token.

Reads what is typed and checks it against the vocabulary; the learning is done in the core.
"""

import re
from typing import NamedTuple

from bpe_lab._core import PieceCounts
from bpe_lab.errors import ArgumentError

DEFAULT_MAX_SPACES = 4
"""As in SuperBPE (Liu et al. 2025, arXiv 2503.13423)."""

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "ki": 2**10, "mi": 2**20}
_FORM = re.compile(r"\s*([0-9]+)(k|m|ki|mi)?(?::([0-9]{1,9}))?\s*", re.ASCII | re.IGNORECASE)


class Superwords(NamedTuple):
    """When training leaves the walls between pieces behind.

    >>> Superwords.parse("6k"), str(Superwords.parse("6Ki:2"))
    (Superwords(first=6000, max_spaces=4), '6144:2')
    """

    first: int
    """The size of the vocabulary at which it does, specials included, like `vocab_size`."""
    max_spaces: int = DEFAULT_MAX_SPACES
    """The most spaces in a token from then on."""

    @classmethod
    def parse(cls, text: "str | int | Superwords") -> "Superwords":
        """Read `T` or `T:K`; T may end in k, M (thousands) or Ki, Mi (1024s).

        Raises:
            ArgumentError: it is neither, or K is 0.
        """
        if isinstance(text, Superwords):
            return text
        found = _FORM.fullmatch(str(text)) if not isinstance(text, bool) else None
        if not found:
            raise ArgumentError(f"superword must be T or T:K, as in 6k:4, got {text!r}", "6k:4 is 6,000 ids, 4 spaces")
        first = int(found[1]) * _FACTORS[(found[2] or "").lower()]
        max_spaces = int(found[3]) if found[3] else DEFAULT_MAX_SPACES
        if max_spaces < 1:
            raise ArgumentError(f"superwords must be allowed at least 1 space, got {text!r}")
        return cls(first, max_spaces)

    def __str__(self) -> str:
        """Return the one text of equal choices."""
        return f"{self.first}:{self.max_spaces}"

    def check(self, vocab_size: int, least: int = 0, unit: str = "byte") -> None:
        """Refuse a stage two that begins beyond the vocabulary, or below `least`: base symbols of `unit` and specials.

        Raises:
            ArgumentError: `first` is above `vocab_size` or below `least`.
        """
        if self.first < least:
            raise ArgumentError(
                f"superwords must begin at {least} ids (special tokens and base symbols of unit {unit}) or more, "
                f"got {self.first}",
                "with 8,000 ids, 6k is a usual place",
            )
        if self.first > vocab_size:
            raise ArgumentError(
                f"superwords must begin at {vocab_size} ids (the vocabulary) or fewer, got {self.first}",
                "with 8,000 ids, 6k is a usual place",
            )


def check_counted(counts: PieceCounts, pattern: str | None) -> None:
    """Refuse counts whose superpieces are missing, or were cut by another rule than `pattern`, the tokenizer's.

    Raises:
        ArgumentError: superwords cannot be learned from them.
    """
    if counts.n_superpieces is None:
        raise ArgumentError(
            "superwords are learned from superpieces, and these counts hold none",
            "count again with --superword (count_pieces(superword=True))",
        )
    recorded = counts.header.get("superwords")
    if recorded and pattern and recorded != pattern:
        raise ArgumentError(
            f"the superpieces were cut with pattern {recorded!r}, not {pattern!r}",
            "count again with this version of bpe-lab",
        )
