"""Numbers that follow from names: the start of every parameter is drawn from hash(seed, key), never from a stream.

A token's embedding row has its bytes as key, so two vocabularies share the rows of the tokens they share, and a trunk
parameter has its name, so the trunk is the same whatever the vocabulary. Generator: splitmix64 in counter mode (Steele,
Lea, Flood 2014), then Box-Muller in float32; 200,000 rows of 256 take about a second on one core. Equal on one machine;
between machines sine and logarithm may differ in the last bit. Trains nothing, knows no model.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.tokenizer import Tokenizer

Floats = NDArray[np.float32]

END_OF_TEXT = "<|endoftext|>"
"""Name of the token that ends a document, the same for every tokenizer, its own or the model's."""

_TOKEN, _SPECIAL, _HOLE = b"t:", b"s:", b"h:"


def embedding_keys(source: "Candidate | Tokenizer", vocab_size: int) -> list[bytes]:
    """Return the key of each embedding row: what its start is drawn from.

    A token's key is its bytes. Special tokens have their name, and so has the end of text that the model adds where
    the tokenizer has none. Where several tokens spell the same bytes, as jamo units have, the second gets `#1` behind
    it, and so on by id. An id that no token has gets a key of its own.

    Args:
        source: a tokenizer, or a candidate of `compare`.
        vocab_size: rows of the model: the tokenizer's ids, or one more.

    Raises:
        ArgumentError: the tokenizer has more ids than the model has rows, or two fewer.
    """
    if not 0 <= vocab_size - source.n_ids <= 1:
        raise ArgumentError(
            f"vocab_size must be {source.n_ids} or {source.n_ids + 1} for this tokenizer, got {vocab_size}",
            "take the tokenizer that the model was made for",
        )
    kinds = source.kinds() if hasattr(source, "kinds") else source.token_kinds()
    keys = [_HOLE + b"%d" % id for id in range(source.n_ids)]
    n_before: Counter[bytes] = Counter()
    for id, spelling in sorted(source.vocab()):
        if kinds[id] == 0:
            keys[id] = _SPECIAL + spelling
            continue
        n = n_before[spelling]
        n_before[spelling] += 1
        keys[id] = _TOKEN + spelling + (b"#%d" % n if n else b"")
    return keys + [_SPECIAL + END_OF_TEXT.encode()] * (vocab_size - source.n_ids)


def rows(keys: Sequence[bytes], width: int, seed: int, init: str = "byte-keyed", std: float = 0.02) -> Floats:
    """Return the start of an embedding table, one row a key: (n_keys, width).

    Args:
        keys: from `embedding_keys`.
        width: numbers a row.
        seed: another seed, other rows.
        init: `byte-keyed` draws each row from its key, `normal` from its number, so that no vocabulary shares rows by
            meaning; `zeros`; `constant`, all numbers `std`; `mean-of-bytes`, the mean of the byte-keyed rows of the
            token's single bytes, times the root of their number so that its size stays `std`.
        std: of the normal distribution.
    """
    return INITS[init](keys, width, seed, std)


def _byte_keyed(keys: Sequence[bytes], width: int, seed: int, std: float) -> Floats:
    return normal(hashes(keys, seed), width, std)


def _by_number(keys: Sequence[bytes], width: int, seed: int, std: float) -> Floats:
    return normal(hashes([b"row:%d" % i for i in range(len(keys))], seed), width, std)


def _zeros(keys: Sequence[bytes], width: int, seed: int, std: float) -> Floats:
    return np.zeros((len(keys), width), np.float32)


def _constant(keys: Sequence[bytes], width: int, seed: int, std: float) -> Floats:
    return np.full((len(keys), width), std, np.float32)


def _mean_of_bytes(keys: Sequence[bytes], width: int, seed: int, std: float) -> Floats:
    table = _byte_keyed(keys, width, seed, std)
    single = _byte_keyed([_TOKEN + bytes([byte]) for byte in range(256)], width, seed, std)  # (256, width)
    for row, key in zip(table, keys, strict=True):
        if key.startswith(_TOKEN) and len(key) > len(_TOKEN):
            spelling = np.frombuffer(key[len(_TOKEN) :], np.uint8)
            row[:] = single[spelling].sum(0) / np.sqrt(len(spelling))
    return table


INITS = {
    "byte-keyed": _byte_keyed,
    "normal": _by_number,
    "zeros": _zeros,
    "constant": _constant,
    "mean-of-bytes": _mean_of_bytes,
}


def hashes(keys: Sequence[bytes], seed: int) -> NDArray[np.uint64]:
    """Return a 64-bit hash of (seed, key) for each key (BLAKE2b)."""
    salt = (seed % 2**64).to_bytes(16, "little")
    digests = b"".join([hashlib.blake2b(key, digest_size=8, salt=salt).digest() for key in keys])
    return np.frombuffer(digests, "<u8").astype(np.uint64)


_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 1 << 15
"""Numbers drawn at once: a few arrays of this length stay in a core's cache."""


def normal(states: NDArray[np.uint64], width: int, std: float) -> Floats:
    """Return `width` normal numbers from each 64-bit state: (n_states, width).

    Number 2j and 2j+1 of a row come from the hash of (state, j), so a wider row begins with the narrower one.
    """
    n_pairs = (width + 1) // 2
    steps = np.arange(1, n_pairs + 1, dtype=np.uint64) * _GAMMA  # (n_pairs,)
    out = np.empty((len(states), n_pairs, 2), np.float32)
    n_rows = max(1, _BLOCK // n_pairs)
    for start in range(0, len(states), n_rows):
        counters = states[start : start + n_rows, None] + steps  # (rows, n_pairs)
        out[start : start + n_rows] = _box_muller(_splitmix64(counters), std)
    return np.ascontiguousarray(out.reshape(len(states), -1)[:, :width])


def _splitmix64(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix counters in place; arithmetic is modulo 2^64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return z


def _box_muller(bits: NDArray[np.uint64], std: float) -> Floats:
    """Turn each 64-bit word into two independent normal numbers: (..., 2)."""
    u = ((bits >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-24)  # in (0, 1)
    angle = (bits & np.uint64(0xFFFFFF)).astype(np.float32) * np.float32(2 * np.pi * 2**-24)
    radius = np.sqrt(np.log(u) * np.float32(-2)) * np.float32(std)
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), -1)
