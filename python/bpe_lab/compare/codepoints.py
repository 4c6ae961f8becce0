"""Bytes as arrays of code points, and which of them are white space. Invalid UTF-8 has one code point a bad byte."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.uint32]
    Lengths = NDArray[np.int64]
    Flags = NDArray[np.bool_]

WHITE_SPACE = frozenset(
    [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
)
"""Unicode's White_Space, which is what `\\s` of the core means; Python's `str.isspace` also takes U+001C to U+001F."""

N_CODE_POINTS = 0x110000


def code_points(data: bytes) -> "Codes":
    """Return the code points of `data`; a byte that belongs to none is U+DC00 plus the byte."""
    import numpy as np

    return np.frombuffer(data.decode("utf-8", "surrogateescape").encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def lengths_in_bytes(codes: "Codes") -> "Lengths":
    """Return how many bytes each code point has in the text that `code_points` read."""
    import numpy as np

    lengths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    lengths[is_bad_byte(codes)] = 1
    return lengths


def is_bad_byte(codes: "Codes") -> "Flags":
    """Tell which code points stand for a byte that is no UTF-8."""
    return (codes >= 0xD800) & (codes < 0xE000)


def is_white(codes: "Codes") -> "Flags":
    """Tell which code points are white space."""
    return _white_table()[codes]


@cache
def _white_table() -> "Flags":
    import numpy as np

    table = np.zeros(N_CODE_POINTS, bool)
    table[list(WHITE_SPACE)] = True
    return table
