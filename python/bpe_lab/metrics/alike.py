"""Whether two tokenizers cut the same eojeol alike. Compares byte ends, never ids or spellings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpe_lab import _core
from bpe_lab.metrics import resampling
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.visible import visible

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Cuts = tuple[NDArray[np.uint64], NDArray[np.uint64]]


@dataclass(frozen=True)
class CutDifferently:
    """A word type that two tokenizers cut in different places."""

    word: str
    count: int
    """How often it occurs."""
    n_different: int
    """How often it is cut differently."""
    a: tuple[str, ...]
    """How the first cut it, at the first such place; bytes of a part that are no UTF-8 stand as `\\xEC`."""
    b: tuple[str, ...]


@dataclass(frozen=True)
class CutAlike:
    """How alike two tokenizers cut a text."""

    share: Estimate
    """Share of eojeol, each with its one preceding space, in which both end tokens at the same bytes."""
    different: tuple[CutDifferently, ...]
    """The word types that most often are not."""


def cut_alike(
    documents: Sequence[bytes], a: "Cuts", b: "Cuts", *, top: int = 10, seed: int = 0, n_resamples: int = 1000
) -> CutAlike:
    """Compare two tokenizers' cuts over the same documents; `a` and `b` are (ends, offsets) of `encode_batch_ends`.

    Raises:
        ArgumentError: ends do not tile the documents.
    """
    counts, different = _core.cut_alike(list(documents), *a, *b, top)
    n_eojeol, n_alike = (counts[:, i].astype("f8") for i in (0, 1))
    value = float(n_alike.sum() / n_eojeol.sum()) if n_eojeol.sum() else float("nan")
    low, high = resampling.ratio_interval(n_alike, n_eojeol, seed, n_resamples)
    rows = (
        CutDifferently(word.decode(errors="replace"), n, m, _parts(word, x), _parts(word, y))
        for word, n, m, x, y in different
    )
    return CutAlike(Estimate(value, low, high), tuple(rows))


def _parts(word: bytes, cuts: Sequence[int]) -> tuple[str, ...]:
    """Return the parts between the cuts; a cut at 0 (between the space and the word) shows the space as a part."""
    edges = [cut for cut in cuts if cut > 0]
    starts, ends = [0, *edges], [*edges, len(word)]
    parts = tuple(visible(word[start:end]) for start, end in zip(starts, ends, strict=True))
    return (" ", *parts) if 0 in cuts else parts
