"""Measures of a text that a model made: is it valid, does it repeat itself, does it repeat its training text?

| measure | is |
|---|---|
| `invalid_utf8` | characters that came out broken / characters, of bytes decoded with replacement |
| `stray_jamo` | conjoining jamo / characters: what a unit `jamo` says where no syllable comes together |
| `distinct_2` | distinct pairs of neighbouring eojeol / pairs (distinct-n, Li et al. 2016, arXiv 1510.03055) |
| `copied` | strings of 20 characters that stand in the training text / strings of 20 characters |

Knows no model and no tokenizer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

COPIED_CHARS = 20

_REPLACEMENT = "\ufffd".encode()


def broken_characters(data: bytes, is_cut: bool = True) -> tuple[int, int]:
    r"""Return how many characters of `data` came out broken, and how many there are, these included.

    A broken one is a longest run of bytes that begins a character and does not end it, or else a byte: what decodes to
    one U+FFFD (Unicode, "maximal subparts"). U+FFFD that stands in the text is whole.

    Args:
        data: the text.
        is_cut: it was stopped by a bound, so the beginning of a character at its end is not counted.

    >>> broken_characters("나무".encode()[:-1] + b"\xffa", is_cut=False)
    (2, 4)
    """
    from bpe_lab_model.healing import split_tail

    whole = split_tail(data)[0] if is_cut else data
    text = whole.decode(errors="replace")
    return text.count("\ufffd") - whole.count(_REPLACEMENT), len(text)


def stray_jamo(text: str) -> int:
    """Return how many conjoining jamo (U+1100 to U+11FF) a text has."""
    return sum("\u1100" <= char <= "\u11ff" for char in text)


def distinct_2(texts: Iterable[str]) -> float | None:
    """Return the share of distinct ones among the pairs of neighbouring eojeol; None where there is no pair.

    Falls as a text grows, so compare texts of one length.

    >>> distinct_2(["나는 간다 나는 간다 집에"])
    0.75
    """
    pairs = [pair for text in texts for pair in pairwise(text.split())]
    return len(set(pairs)) / len(pairs) if pairs else None


@dataclass
class Copies:
    """Looks for the strings of 20 characters of samples in a text that streams by, exactly.

    Memory is that of the samples and of one block: the text is hashed as it passes, and a string of it is compared
    where its hash is one of a sample's. About 10 MB of Korean a second.
    """

    samples: Sequence[str]
    n_chars: int = COPIED_CHARS
    _wanted: dict[int, set[str]] = field(default_factory=dict, init=False)
    _found: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        for sample in self.samples:
            for at, key in enumerate(_hashes(sample, self.n_chars).tolist()):
                self._wanted.setdefault(key, set()).add(sample[at : at + self.n_chars])
        self._keys = np.array(sorted(self._wanted), np.uint64)
        self._seen = np.zeros(1 << 16, bool)
        self._seen[self._keys >> np.uint64(48)] = True

    def look(self, documents: Iterable[str]) -> None:
        """Look in documents; no string crosses the end of one."""
        for block in _blocks(documents, self.n_chars):
            if not len(self._keys):
                return
            hashes = _hashes(block, self.n_chars)
            # Two sieves: the hash's upper 16 bits, then the whole.
            maybe = np.flatnonzero(self._seen[hashes >> np.uint64(48)])
            places = np.searchsorted(self._keys, hashes[maybe]).clip(max=len(self._keys) - 1)
            for at in maybe[self._keys[places] == hashes[maybe]].tolist():
                string = block[at : at + self.n_chars]
                if string in self._wanted[int(hashes[at])]:
                    self._found.add(string)

    def share(self, sample: str) -> float | None:
        """Return the share of a sample's strings that were found; None where it is shorter than one."""
        strings = [sample[at : at + self.n_chars] for at in range(len(sample) - self.n_chars + 1)]
        return sum(string in self._found for string in strings) / len(strings) if strings else None


_BLOCK_CHARS = 1 << 18
_BETWEEN = "\x00"
"""Between documents of a block. A string that holds it is none of a sample's unless the sample holds it too."""


def _blocks(documents: Iterable[str], n_chars: int) -> Iterator[str]:
    """Yield documents put together, and long ones in parts that overlap by less than a string."""
    waiting: list[str] = []
    size = 0
    for document in documents:
        for start in range(0, max(len(document) - n_chars, 0) + 1, _BLOCK_CHARS):
            part = document[start : start + _BLOCK_CHARS + n_chars - 1]
            waiting += (part, _BETWEEN * n_chars)
            size += len(part)
            if size >= _BLOCK_CHARS:
                yield "".join(waiting)
                waiting, size = [], 0
    if waiting:
        yield "".join(waiting)


def _hashes(text: str, n_chars: int) -> NDArray[np.uint64]:
    """Return a hash of every string of `n_chars` characters: sum of code point x factor^place, modulo 2^64, mixed.

    By doubling: hashes of 2n characters from those of n, so 20 characters cost 5 passes.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    n = len(codes) - n_chars + 1
    if n < 1:
        return np.empty(0, np.uint64)
    with np.errstate(over="ignore"):
        total, covered = np.zeros(n, np.uint64), 0
        power, length = codes, 1
        while True:
            if n_chars & length:
                total = total * _factor(length) + power[covered : covered + n]
                covered += length
            if covered == n_chars:
                break
            power = power[:-length] * _factor(length) + power[length:]
            length *= 2
        # The upper bits of a product mix all lower ones.
        mixed: NDArray[np.uint64] = (total ^ (total >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
        return mixed


def _factor(length: int) -> NDArray[np.uint64]:
    return np.array(pow(0xD6E8FEB86659FD93, length, 1 << 64), np.uint64)
