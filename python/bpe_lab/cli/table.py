"""Rows to aligned lines, where any cell may hold Hangul, which takes two cells of a terminal.

Never cuts a cell: what is piped is whole.
"""

from collections.abc import Iterable, Iterator, Sequence


def lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the header and the rows; under a header that begins with `>`, cells stand to the right.

    >>> for line in lines((">id", "text"), [(7, "a"), (100, "b")]):
    ...     print(line)
     id  text
      7  a
    100  b
    >>> print(*lines((">사과", "at"), [(0.5, "end")]), sep="\\n")
    사과  at
     0.5  end
    """
    names = [name.removeprefix(">") for name in header]
    shown = [names, *([str(cell) for cell in row] for row in rows)]
    rights = [name.startswith(">") for name in header]
    widths = [max(map(cells, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        padded = [_padded(cell, width, right) for cell, width, right in zip(row, widths, rights, strict=True)]
        yield "  ".join(padded).rstrip()


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - cells(text))
    return gap + text if right else text + gap


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    n: int = cell_len(text)
    return n


def quoted(text: str) -> str:
    """Return `text` between quotes, so that spaces at its ends show. Quotes inside stand as they are."""
    return f'"{text}"'
