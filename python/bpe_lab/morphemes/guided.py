"""The core's tokenizer with an analyser in front of it: what `train+infer` needs to encode.

Stands where the core's own stands; what does not encode goes straight through.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from bpe_lab import _core
from bpe_lab.errors import ArgumentError, BpeLabError, UnsupportedError
from bpe_lab.morphemes.analyser import load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint32]
    Offsets = NDArray[np.uint64]

Text = str | bytes | bytearray | memoryview
Texts = Sequence[str]


def guided(core: _core.Tokenizer) -> _core.Tokenizer:
    """Return `core`, behind its analyser if it has one."""
    return core if core.analyser is None else cast(_core.Tokenizer, GuidedTokenizer(core))


def unguided(core: _core.Tokenizer) -> _core.Tokenizer:
    """Return the core's own tokenizer."""
    return core._inner if isinstance(core, GuidedTokenizer) else core


class GuidedTokenizer:
    """Encodes with the edges that the analyser finds. Loads it when it is first needed; decoding never needs it."""

    def __init__(self, inner: _core.Tokenizer) -> None:
        self._inner = inner
        self._has_warned = False

    def __getattr__(self, name: str) -> Any:
        """Return what the core's tokenizer has under this name."""
        return getattr(self._inner, name)

    def _edges(self, data: bytes) -> "Offsets":
        """Return the edges of a text.

        Raises:
            UnsupportedError: the analyser is not installed.
        """
        import numpy as np

        name, trained_with = cast("tuple[str, str]", self._inner.analyser)
        analyser = load(name)
        if analyser.version != trained_with and not self._has_warned:
            self._has_warned = True
            message = f"the tokenizer was trained with {trained_with}, and {analyser.version} may cut words elsewhere"
            warnings.warn(message, stacklevel=4)
        return np.array(analyser.edges(data), np.uint64)

    def encode_array(self, text: Text, allowed: Texts, refused: Texts, dropout: object = None) -> "Ids":
        """As the core's, cut at morphemes."""
        _no_dropout(dropout)
        data = _bytes(text)
        return self._inner.encode_edges(data, self._edges(data), allowed, refused)

    def encode(self, text: Text, allowed: Texts, refused: Texts, dropout: object = None) -> list[int]:
        """As the core's, cut at morphemes."""
        return cast("list[int]", self.encode_array(text, allowed, refused, dropout).tolist())

    def count(self, text: Text, allowed: Texts, refused: Texts) -> int:
        """As the core's, cut at morphemes."""
        return len(self.encode_array(text, allowed, refused))

    def encode_batch(
        self, documents: Sequence[Text], allowed: Texts, refused: Texts, threads: int, dropout: object = None
    ) -> "tuple[Ids, Offsets]":
        """As the core's, cut at morphemes; one document after the other."""
        import numpy as np

        _no_dropout(dropout)
        ids = [np.empty(0, np.uint32)]
        for index, document in enumerate(documents):
            try:
                ids.append(self.encode_array(document, allowed, refused))
            except BpeLabError as e:
                raise e if isinstance(e, UnsupportedError) else e.within(f"document {index}") from e
        return np.concatenate(ids), np.cumsum([len(part) for part in ids], dtype=np.uint64)

    def encode_batch_ends(
        self, documents: Sequence[Text], allowed: Texts, refused: Texts, threads: int
    ) -> "tuple[Ids, Offsets, Offsets]":
        """As the core's, cut at morphemes."""
        import numpy as np

        ids, offsets = self.encode_batch(documents, allowed, refused, threads)
        starts, stops = offsets[:-1].tolist(), offsets[1:].tolist()
        ends = [self._inner.byte_ends(ids[start:stop]) for start, stop in zip(starts, stops, strict=True)]
        return ids, np.concatenate([np.empty(0, np.uint64), *ends]), offsets

    def piece_steps(self, data: bytes) -> list[list[tuple[int | None, list[int]]]]:
        """Return the states of each part of `data` between edges while it merges."""
        return self._inner.steps_edges(data, self._edges(data))


def _no_dropout(dropout: object) -> None:
    if dropout is not None:
        raise UnsupportedError(
            "dropout is not there for a tokenizer that cuts text at morphemes when it encodes",
            "use one that was trained with --at train",
        )


def _bytes(text: Text) -> bytes:
    from bpe_lab.tokenizer import _utf8

    if not isinstance(text, (str, bytes, bytearray, memoryview)):
        raise ArgumentError(f"text must be str or bytes, got {type(text).__name__}")
    return _utf8(text, "strict")
