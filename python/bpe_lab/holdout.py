"""Which documents are held out of training: decided by their content alone, one rule for every command.

`compare`, `shards`, `count --hold-out` and `train --hold-out` all leave out the same documents of the same text, so
nothing that is measured was ever trained on. Knows no tokenizer and no files.
"""

import hashlib
from collections.abc import Iterable

from bpe_lab.errors import ArgumentError, CorpusError

PURPOSE = "split"
"""The key of the hash, beside the seed."""


def content_hashes(documents: Iterable[bytes], purpose: str, seed: int) -> list[int]:
    """Return 64 bits of BLAKE2b of each document, keyed: another purpose or seed gives an unrelated order.

    About 1 us a document and 1 GB/s.
    """
    keyed = hashlib.blake2b(digest_size=8, key=f"{purpose} {seed}".encode())
    found = []
    for document in documents:
        digest = keyed.copy()
        digest.update(document)
        found.append(int.from_bytes(digest.digest(), "little"))
    return found


def split_hashes(documents: Iterable[bytes], seed: int = 0) -> list[int]:
    """Return the hashes that say on which side of a split each document lies."""
    return content_hashes(documents, PURPOSE, seed)


def border(hashes: Iterable[int], share: float, name: str = "the text") -> int:
    """Return the hash below which a document is held out, so that about `share` are, and at least one on each side.

    That is `share` of 2^64 wherever a document lies on each side of it: then no more hashes are read than it takes to
    see both, a few dozen. Else the document nearest to it crosses over.

    Raises:
        ArgumentError: a share that is not between 0 and 1. CorpusError: there are not two different documents.
    """
    if not 0 < share < 1:
        raise ArgumentError(f"the share to hold out must be between 0 and 1, got {share}")
    wanted = int(share * 2**64)
    low, high = 2**64, -1
    for value in hashes:
        low, high = min(low, value), max(high, value)
        if low < wanted <= high:
            return wanted
    if low >= high:
        raise CorpusError(
            f"{name} is one document, which cannot be both trained and measured on",
            "say what a document is with --documents, or give a text to measure on with --eval",
        )
    return min(max(wanted, low + 1), high)
