"""Measures a tokenizer on a text, and keeps what was measured under what decides it, so that it is done once.

The key holds the tokenizer's fingerprint, the text's content, the text whose frequencies make the bands, and the
version of program and core. Speed is never kept. Knows no study.
"""

import io
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from bpe_lab import _core
from bpe_lab.compare.cache import Cache, key_of, program_version
from bpe_lab.compare.candidates import Candidate, Encoded, examine
from bpe_lab.compare.texts import Texts
from bpe_lab.errors import FormatError
from bpe_lab.metrics import Measurement, vocabulary_anatomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.uint64]

FORMAT = 2
"""Version of what is kept; raise it where the same counts would be taken otherwise."""


class Kept(NamedTuple):
    """What measuring gave, or what was kept of it."""

    measurement: Measurement
    loss: dict[str, Any] | None
    """What the round trip lost (`candidates.Loss`), None where nothing."""
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
        key = self._key("measurement", candidate, text, self._train.content_key)
        found = _unpack(self._cache.get(key))
        if found:
            return found
        encoded = examine(candidate, text.documents, self._threads)
        loss = vars(candidate.loss) if candidate.loss else None
        kept = Kept(self._count(candidate, text, encoded), loss, text.n_bytes / 1e6 / max(encoded.seconds, 1e-9))
        self._cache.put(key, _pack(kept), "measurement", f"{candidate.name} on {text.name}")
        return kept

    def cuts(self, candidate: Candidate, text: Texts) -> "tuple[Places, Places]":
        """Return byte ends of tokens within each document, and offsets of documents."""
        import numpy as np

        key = self._key("cuts", candidate, text)
        if data := self._cache.get(key):
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return archive["ends"], archive["offsets"]
        _, ends, offsets = candidate.encode_ends(text.documents, self._threads)
        out = io.BytesIO()
        np.savez_compressed(out, ends=ends, offsets=offsets)
        self._cache.put(key, out.getvalue(), "cuts", f"{candidate.name} on {text.name}")
        return ends, offsets

    def _key(self, what: str, candidate: Candidate, text: Texts, *more: str) -> str:
        return key_of(what, FORMAT, program_version(), candidate.fingerprint, text.content_key, *more)

    def _count(self, candidate: Candidate, text: Texts, encoded: Encoded) -> Measurement:
        kinds = candidate.kinds()
        counts = _core.Measure(candidate.n_ids, kinds, candidate.is_jamo, self._bands)
        counts.add(list(text.documents), encoded.ids, encoded.ends, encoded.offsets, self._threads)
        anatomy = vocabulary_anatomy(candidate.vocab(), kinds) if kinds else None
        merges = candidate.tokenizer.merge_table() if candidate.tokenizer else None
        return Measurement.of(
            counts, candidate.n_tokens, anatomy, merges if merges is not None and len(merges) else None
        )

    @cached_property
    def _bands(self) -> _core.WordBands:
        return _core.WordBands.from_documents(list(self._train.documents))


def _pack(kept: Kept) -> bytes:
    """Return the loss as a line of JSON, then the measurement."""
    return json.dumps(kept.loss).encode() + b"\n" + kept.measurement.to_bytes()


def _unpack(data: bytes | None) -> Kept | None:
    if data is None:
        return None
    loss, _, measurement = data.partition(b"\n")
    try:
        return Kept(Measurement.from_bytes(measurement), json.loads(loss), None)
    except (FormatError, ValueError):
        return None
