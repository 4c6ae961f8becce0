"""Classes of code points as the core's patterns see them, for a page that must not ask the reader's browser.

A browser has the Unicode version it was built with; the core has another, and a letter that only one of them knows
would be cut differently. So the page gets the core's own tables.
"""

import functools
import itertools

_CLASSES = {
    "letter": r"\p{L}",
    "number": r"\p{N}",
    "space": r"\s",
    "not_lower": r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}",
    "not_upper": r"\p{Ll}\p{Lm}\p{Lo}\p{M}",
}
_SURROGATES = range(0xD800, 0xE000)


@functools.cache
def code_point_classes() -> dict[str, list[int]]:
    """Return each class as steps: code points outside of it, then inside, then outside, and so on from U+0000.

    Asks the core to cut a text of all code points (1.5 s, once a process). Surrogates are in no class.
    """
    chars = "".join(chr(code) for code in range(0x110000) if code not in _SURROGATES)
    text = chars.encode()
    return {name: _steps(text, pattern) for name, pattern in _CLASSES.items()}


def unicode_version() -> str:
    """Return the version of the core's tables."""
    from bpe_lab._core import UNICODE_VERSION

    return UNICODE_VERSION


def _steps(text: bytes, members: str) -> list[int]:
    """Return the steps of one class. U+0000 is in none, so pieces are by turns outside and inside."""
    from bpe_lab._core import Pattern

    ends = Pattern.regex(f"[{members}]+|[^{members}]+").split(text).tolist()
    edges = [0, *(_code_at(text, end) for end in ends)]
    return [after - before for before, after in itertools.pairwise(edges)]


def _code_at(text: bytes, end: int) -> int:
    """Return the code point that begins at a byte of the text of all code points, one past the last at its end."""
    return ord(text[end : end + 4].decode(errors="ignore")[0]) if end < len(text) else 0x110000
