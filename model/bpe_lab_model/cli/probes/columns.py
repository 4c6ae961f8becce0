"""Rows to aligned lines where any cell may hold Hangul, which takes two cells of a terminal. Cuts nothing."""

from collections.abc import Iterable, Iterator, Sequence


def lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the header and the rows; under a header that begins with `>`, cells stand to the right.

    >>> for line in lines((">사과", "at"), [(0.5, "end")]):
    ...     print(line)
    사과  at
     0.5  end
    """
    names = [name.removeprefix(">") for name in header]
    shown = [names, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(cells, column)) for column in zip(*shown, strict=True)]
    rights = [name.startswith(">") for name in header]
    for row in shown:
        padded = [_padded(cell, width, right) for cell, width, right in zip(row, widths, rights, strict=True)]
        yield "  ".join(padded).rstrip()


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - cells(text))
    return gap + text if right else text + gap


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    from rich.cells import cell_len

    n: int = cell_len(text)
    return n
