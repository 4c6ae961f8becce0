r"""Tokens side by side: on alternating backgrounds, or with `|` between them where there is no colour.

Black on pastels stays readable on light and on dark terminals. A line of text ends after its `\n`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bpe_lab.show import ShownToken
from bpe_lab.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

SEPARATOR = "|"
"""Stands between tokens where there is no colour."""

Shown = bytes | ShownToken
"""A token alone, or in its text: then it is seen where it cuts a character."""

_PASTELS = ("#a8d1ff", "#ffdf7e", "#b5e8b0", "#f9b8d4", "#d3c2fb", "#ffc29e")
_SIXTEEN = ("bright_cyan", "bright_yellow", "bright_green", "bright_magenta")


def coloured(tokens: Sequence[Shown], color_system: str, *, first: int = 0, breaks: bool = True) -> "Text":
    """Return `tokens` as rich text; neighbours never share a background. `first` is the place of the first one."""
    from rich.text import Text

    text = Text()
    for place, token in enumerate(tokens, first):
        text.append_text(coloured_token(token, color_system, place))
        if breaks and _ends_line(token):
            text.append("\n")
    return text


def coloured_token(token: Shown, color_system: str, place: int) -> "Text":
    """Return the token at `place` of its text on its background; parts of characters stand out, in red if possible."""
    from rich.text import Text

    few = color_system in ("standard", "windows")
    backgrounds = _SIXTEEN if few else _PASTELS
    background = backgrounds[place % len(backgrounds)]
    text = Text()
    for part, is_cut in parts(token):
        letters = ("bold underline #000000" if few else "bold #b00000") if is_cut else "#000000"
        text.append(part, style=f"{letters} on {background}")
    return text


def separated(tokens: Sequence[Shown], *, breaks: bool = True) -> str:
    r"""Return `tokens` with `|` between them.

    >>> print(separated([b"ab", b" c", b"\n"]))
    ab| c|\n
    """
    shown = ["".join(text for text, _ in parts(t)) + ("\n" if breaks and _ends_line(t) else "") for t in tokens]
    return SEPARATOR.join(shown).removesuffix("\n")


def parts(token: Shown) -> Iterable[tuple[str, bool]]:
    """Return what is shown of a token, and of each part whether it is a cut character."""
    if isinstance(token, bytes):
        return [(visible(token), False)]
    return list(token.parts) or [(str(token), False)]


def _ends_line(token: Shown) -> bool:
    return (token if isinstance(token, bytes) else token.data).endswith(b"\n")


def wrapped(tokens: Sequence[Shown], width: int, gap: int = len(SEPARATOR)) -> Iterator[tuple[int, Sequence[Shown]]]:
    r"""Yield lines of tokens, with the place of the first one, at most `width` cells wide with `gap` after each.

    A line ends after a token that ends with `\n`. A token that fits on no line has one to itself.
    """
    from rich.cells import cell_len

    start = used = 0
    for i, token in enumerate(tokens):
        cells = cell_len("".join(text for text, _ in parts(token))) + gap
        if i > start and (used + cells > width or _ends_line(tokens[i - 1])):
            yield start, tokens[start:i]
            start, used = i, 0
        used += cells
    yield start, tokens[start:]
