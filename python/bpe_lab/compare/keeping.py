"""Measures a tokenizer on a text, and keeps what was measured under what decides it, so that it is done once.

The key holds the tokenizer's fingerprint, the text's content, the bands and the version of program and core. Speed is
never kept. Knows no study.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from bpe_lab.compare.cache import Cache
from bpe_lab.compare.candidates import Candidate, examine
from bpe_lab.compare.texts import Texts
from bpe_lab.metrics import Measurement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Kept(NamedTuple):
    """What measuring gave, or what was kept of it."""

    measurement: Measurement
    loss: dict[str, Any] | None
    """What the round trip lost, None where nothing."""
    mb_per_s: float | None
    """Speed of encoding, None where nothing was encoded now."""


class Keeper:
    """Measures, or takes from the cache what was measured before."""

    def __init__(self, cache: Cache, train: Texts, threads: int | None = None) -> None:
        self._cache = cache
        self._train = train
        self._threads = threads

    def measured(self, candidate: Candidate, text: Texts) -> Kept:
        """Return the measurement of `candidate` on `text`."""
        encoded = examine(candidate, text.documents, self._threads)
        rows = []
        for i, document in enumerate(text.documents):
            ends = [int(e) for e in encoded.ends[int(encoded.offsets[i]) : int(encoded.offsets[i + 1])]]
            s = document.decode("utf-8", "replace")
            at, syl, broken, edges = 0, 0, 0, set(ends)
            for c in s:
                n = len(c.encode())
                if "가" <= c <= "힣":
                    syl += 1
                    broken += any(e in edges for e in range(at + 1, at + n))
                at += n
            rows.append((len(document), len(ends), len(s), syl, len(s.split()), broken))
        m = Measurement(("bytes", "tokens", "chars", "syllables", "eojeol", "broken_syllables"), rows)
        loss = candidate.loss
        return Kept(m, vars(loss) if loss else None, text.n_bytes / 1e6 / max(encoded.seconds, 1e-9))

    def cuts(self, candidate: Candidate, text: Texts) -> "tuple[NDArray[np.uint64], NDArray[np.uint64]]":
        """Return byte ends of tokens within each document, and offsets of documents."""
        _, ends, offsets = candidate.encode_ends(text.documents, self._threads)
        return ends, offsets
