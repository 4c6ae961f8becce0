"""BPE in sixty lines, to be believed by reading: what the fast code must agree with. Slow on purpose."""

from collections import Counter
from itertools import pairwise

Pair = tuple[int, int]


def gpt2_byte_order() -> list[int]:
    """Return the bytes in the order of their ids in GPT-2's table: printable ones first."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + [b for b in range(256) if b not in printable]


def merge(ids: list[int], pair: Pair, result: int) -> list[int]:
    """Replace every occurrence of `pair`, left to right."""
    out: list[int] = []
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(result)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def whole_or_prefix(spelling: bytes) -> bool:
    """The rule of unit byte-char: whole characters, or the beginning of exactly one."""
    try:
        spelling.decode()
        return True
    except UnicodeDecodeError as e:
        return e.start == 0 and e.reason == "unexpected end of data"


def train(
    counts: dict[bytes, int], n_ids: int, byte_order: list[int], char_safe: bool = False
) -> list[tuple[Pair, int, int]]:
    """Learn merges: (pair, result, count) in order. Ties go to the smallest left id, then the smallest right id."""
    spelling = [bytes([b]) for b in byte_order]
    id_of = {s: i for i, s in enumerate(spelling)}
    words = [([id_of[bytes([b])] for b in piece], weight) for piece, weight in counts.items()]
    learned: list[tuple[Pair, int, int]] = []
    while len(spelling) < n_ids:
        pairs: Counter[Pair] = Counter()
        for ids, weight in words:
            for pair in pairwise(ids):
                pairs[pair] += weight
        if char_safe:
            pairs = Counter({p: c for p, c in pairs.items() if whole_or_prefix(spelling[p[0]] + spelling[p[1]])})
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        joined = spelling[best[0]] + spelling[best[1]]
        result = id_of.setdefault(joined, len(spelling))
        if result == len(spelling):
            spelling.append(joined)
        words = [(merge(ids, best, result), weight) for ids, weight in words]
        learned.append((best, result, pairs[best]))
    return learned


def encode(piece: bytes, learned: list[tuple[Pair, int, int]], byte_order: list[int]) -> list[int]:
    """Apply the merges in order to one piece."""
    ids = [byte_order.index(b) for b in piece]
    for pair, result, _ in learned:
        ids = merge(ids, pair, result)
    return ids
