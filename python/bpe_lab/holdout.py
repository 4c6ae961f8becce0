"""Which documents are held out of training: decided by their content alone, one rule for every command.

`compare`, `shards`, `count --hold-out` and `train --hold-out` all leave out the same documents of the same text, so
nothing that is measured was ever trained on. The core has the same hash (`ingest::split_hash`). Knows no tokenizer and
no files.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from bpe_lab.errors import ArgumentError, CorpusError

PURPOSE = "split"
"""The key of the hash, beside the seed."""


def content_hashes(documents: Iterable[bytes], purpose: str, seed: int) -> Iterator[int]:
    """Yield 64 bits of BLAKE2b of each document, keyed: another purpose or seed gives an unrelated order.

    About 1 us a document and 1 GB/s.
    """
    import hashlib

    keyed = hashlib.blake2b(digest_size=8, key=f"{purpose} {seed}".encode())
    for document in documents:
        digest = keyed.copy()
        digest.update(document)
        yield int.from_bytes(digest.digest(), "little")


def split_hashes(documents: Iterable[bytes], seed: int = 0) -> Iterator[int]:
    """Yield the hashes that say on which side of a split each document lies."""
    return content_hashes(documents, PURPOSE, seed)


def parse_share(text: str | float) -> float:
    """Read `10%` or `0.1`.

    >>> parse_share("10%"), parse_share(0.1)
    (0.1, 0.1)

    Raises:
        ArgumentError: it is neither, or not between 0 and 1.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(%?)\s*", str(text), re.ASCII)
    share = float(found[1]) / (100 if found[2] else 1) if found else math.nan
    if not 0 < share < 1:
        raise ArgumentError(f"the share to hold out must be between 0 and 1, got {text}", "10% or 0.1 is usual")
    return share


def n_held_out(n: int, share: float) -> int:
    """Return how many of `n` >= 2 make about `share`, at least one on each side.

    >>> n_held_out(10, 0.2), n_held_out(2, 0.01), n_held_out(3, 0.99)
    (2, 1, 2)
    """
    return min(max(1, round(share * n)), n - 1)


def check_apart(train: Sequence[bytes], test: Sequence[bytes], names: tuple[str, str], what: str) -> None:
    """Refuse a test of its own that holds what was trained on.

    Args:
        names: of the training and of the test, for the message.
        what: they are, in the plural.

    Raises:
        CorpusError: with how many and the first of them.
    """
    both = set(train) & set(test)
    if both:
        first = min(both, key=test.index).decode(errors="replace")
        raise CorpusError(
            f"{len(both)} {what} are both in {names[0]} and in {names[1]}, first {first[:40]!r}",
            "take them away from one: what was trained on tells nothing of what was learned",
        )


def wanted_border(share: float) -> int:
    """Return the hash below which a document is held out where there are many."""
    return int(share * 2**64)


def border(hashes: Iterable[int], share: float, name: str = "the text", otherwise: str = "") -> int:
    """Return the hash below which a document is held out, so that about `share` are, and at least one on each side.

    That is `share` of 2^64 wherever a document lies on each side of it: then no more hashes are read than it takes to
    see both, a few dozen. Else the document nearest to it crosses over.

    Args:
        otherwise: what can be done, beside cutting the text into documents, where there is one.

    Raises:
        ArgumentError: a share that is not between 0 and 1. CorpusError: there are not two different documents.
    """
    wanted = wanted_border(parse_share(share))
    low, high = 2**64, -1
    for value in hashes:
        low, high = min(low, value), max(high, value)
        if low < wanted <= high:
            return wanted
    if low >= high:
        raise CorpusError(
            f"{name} is one document, which cannot be both trained and measured on",
            f"say what a document is with --documents{otherwise and ', or '}{otherwise}",
        )
    return min(max(wanted, low + 1), high)
