"""Rows to aligned lines. The last column may hold anything; the others hold ASCII, so that their width is their length.

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
    """
    names = [name.removeprefix(">") for name in header]
    shown = [names, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    align = [str.rjust if name.startswith(">") else str.ljust for name in header]
    for row in shown:
        cells = [put(cell, width) for put, cell, width in zip(align[:-1], row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()


def quoted(text: str) -> str:
    """Return `text` between quotes, so that spaces at its ends show. Quotes inside stand as they are."""
    return f'"{text}"'
