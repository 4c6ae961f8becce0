r"""Tokens side by side: on alternating backgrounds, or with `|` between them where there is no colour.

Black on pastels stays readable on light and on dark terminals. A line of text ends after its `\n`.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bpe_lab.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

SEPARATOR = "|"
"""Stands between tokens where there is no colour."""

_PASTELS = ("#a8d1ff", "#ffdf7e", "#b5e8b0", "#f9b8d4", "#d3c2fb", "#ffc29e")
_SIXTEEN = ("bright_cyan", "bright_yellow", "bright_green", "bright_magenta")


def coloured(tokens: Sequence[bytes], color_system: str, *, first: int = 0, breaks: bool = True) -> "Text":
    """Return `tokens` as rich text; neighbours never share a background. `first` is the place of the first one."""
    from rich.text import Text

    backgrounds = _SIXTEEN if color_system in ("standard", "windows") else _PASTELS
    text = Text()
    for i, token in enumerate(tokens, first):
        text.append(visible(token), style=f"#000000 on {backgrounds[i % len(backgrounds)]}")
        if breaks and token.endswith(b"\n"):
            text.append("\n")
    return text


def separated(tokens: Sequence[bytes], *, breaks: bool = True) -> str:
    r"""Return `tokens` with `|` between them.

    >>> print(separated([b"ab", b" c", b"\n"]))
    ab| c|\n
    """
    parts = [visible(token) + ("\n" if breaks and token.endswith(b"\n") else "") for token in tokens]
    return SEPARATOR.join(parts).removesuffix("\n")


def wrapped(tokens: Sequence[bytes], width: int, gap: int = len(SEPARATOR)) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield lines of tokens, with the place of the first one, at most `width` cells wide with `gap` after each."""
    from rich.cells import cell_len

    start = used = 0
    for i, token in enumerate(tokens):
        cells = cell_len(visible(token)) + gap
        if i > start and used + cells > width:
            yield start, tokens[start:i]
            start, used = i, 0
        used += cells
    yield start, tokens[start:]
