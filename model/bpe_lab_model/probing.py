"""Which learning rate suits an arm: the best of a few factors, extended where the best one lies at an edge.

Arms differ in tokens, rows and length of rows, so one learning rate for all would favour whoever it suits. Chosen on
text held back from training for this alone, never on the text that the tokenizers are judged by. Trains nothing: asks
for trials and is told what came out.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from bpe_lab.compare.texts import Texts
from bpe_lab.errors import CorpusError, FormatError
from bpe_lab.holdout import content_hashes
from bpe_lab.writing import write_whole

FACTORS = (0.5, 1.0, 2.0)
"""Multiples of the preset's learning rate that are tried first."""

FARTHEST = 16.0
"""No factor above this or below its inverse is tried."""

HELD_BACK = 0.1
"""At most this part of the training text is held back for probing."""

SEED = 1_000_003
"""Of every probing run: none that a comparison counts."""

Found = Mapping[float, float | None]
"""Factor -> bits per byte; None where training diverged."""


def best(found: Found) -> float | None:
    """Return the factor with the fewest bits, the smaller of equal ones; None where all diverged.

    >>> best({0.5: 2.1, 1.0: 2.0, 2.0: None})
    1.0
    """
    held = {factor: bits for factor, bits in found.items() if bits is not None}
    return min(sorted(held), key=lambda factor: held[factor]) if held else None


def wanted(found: Found) -> tuple[float, ...]:
    """Return the factors to try next; none where the best one has a neighbour on both sides, or none may be tried.

    >>> wanted({}), wanted({0.5: 2.1, 1.0: 2.0, 2.0: 2.2}), wanted({0.5: 2.3, 1.0: 2.2, 2.0: 2.1})
    ((0.5, 1.0, 2.0), (), (4.0,))
    >>> wanted({0.5: None, 1.0: None, 2.0: None})
    (0.25,)
    """
    if first := tuple(factor for factor in FACTORS if factor not in found):
        return first
    at = best(found)
    if at is None or at == min(found):
        beyond = min(found) / 2
    elif at == max(found):
        beyond = max(found) * 2
    else:
        return ()
    return (beyond,) if 1 / FARTHEST <= beyond <= FARTHEST else ()


class Tried:
    """Learning rates that were tried for an arm, and how they did; kept in a file as they come."""

    def __init__(self, path: Path, resume: bool = True) -> None:
        self.path = path
        self.found: dict[float, float | None] = self._read() if resume else {}

    def _read(self) -> dict[float, float | None]:
        if not self.path.is_file():
            return {}
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            found = {float(factor): None if value is None else float(value) for factor, value in data.items()}
            if not all(factor > 0 and math.isfinite(value or 0) for factor, value in found.items()):
                raise ValueError
            return found
        except (ValueError, AttributeError, TypeError):
            raise FormatError(
                f"{self.path.name} is damaged", "take the file away, and its runs are done again"
            ) from None

    def add(self, factor: float, value: float | None) -> None:
        """Keep what came out."""
        self.found = dict(sorted({**self.found, factor: value}.items()))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = {f"{factor:g}": value for factor, value in self.found.items()}
        write_whole(self.path, json.dumps(data).encode() + b"\n", force=True)

    @property
    def factor(self) -> float:
        """The factor that is trained with: the best, or the smallest where all diverged."""
        at = best(self.found)
        return min(self.found) if at is None else at


def hold_back(texts: Texts, n_bytes: int) -> tuple[Texts, Texts]:
    """Return what a probing run trains on, and what it is judged by: documents of the lowest hash, equal ones together.

    The latter is at most `n_bytes` and at most a tenth of the text, and one document at least.

    Raises:
        CorpusError: all documents are the same.
    """
    hashes = list(content_hashes(texts.documents, "probe", 0))
    limit = min(n_bytes, HELD_BACK * texts.n_bytes)
    held: set[int] = set()
    total = 0
    for value, document in sorted(zip(hashes, texts.documents, strict=True)):
        if value not in held:
            if held and total + len(document) > limit:
                break
            held.add(value)
        total += len(document)
    pairs = list(zip(hashes, texts.documents, strict=True))
    rest = [document for value, document in pairs if value not in held]
    if not rest:
        raise CorpusError(
            f"{texts.name} holds no two different documents: none can be held back to choose the learning rate",
            "say what a document is with --documents, or give more text",
        )
    back = [document for value, document in pairs if value in held]
    return Texts(f"{texts.name} (probing)", rest), Texts(f"{texts.name} (held back for probing)", back)
