"""Tables that fit a terminal: numbers stand whole, words may break, and last columns go where there is no room.

Knows nothing of what is in them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

Column = tuple[str, Literal["left", "right"]]
"""Title, and where cells stand."""

_GAP = 2
"""Cells between columns."""

_WORD = 12
"""Cells from which on a word may be broken."""


def _frame(**options: Any) -> Any:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), **options)


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: "Console") -> Any:
    """Return a table of as many of the columns, from the left, as fit without a number being cut."""
    from rich.markup import escape

    n = next((n for n in range(len(columns), 1, -1) if fits(columns[:n], rows, console)), 1)
    drawn = _frame()
    # Every width is given: rich's own shrinking goes below the least ones, and cuts the last column for it.
    for (title, justify), width in zip(columns, _widths(columns[:n], rows, console.width), strict=False):
        drawn.add_column(escape(title), justify=justify, overflow="fold", width=width)
    for row in rows:
        drawn.add_row(*map(escape, row[:n]))
    return drawn


def fits(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: "Console") -> bool:
    """Tell whether the columns have room for their numbers and for words down to the length where they may break."""
    return sum(_least(column, i, rows) + _GAP for i, column in enumerate(columns)) < console.width


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], n_cells: int) -> list[int]:
    """Return the cells of each column: numbers as many as they take, and words what room is left, from the left."""
    from rich.cells import cell_len

    widths = [_least(column, i, rows) for i, column in enumerate(columns)]
    left = max(0, n_cells - 1 - sum(width + _GAP for width in widths))
    for i, (title, justify) in enumerate(columns):
        if justify == "left":
            more = min(left, max(map(cell_len, (title, *(row[i] for row in rows)))) - widths[i])
            widths[i] += more
            left -= more
    return widths


def _least(column: Column, i: int, rows: Sequence[Sequence[str]]) -> int:
    """Return the cells that column `i` takes at least: numbers stand whole, words of more than `_WORD` may break."""
    from rich.cells import cell_len

    title, justify = column
    heads = max(map(cell_len, title.split()), default=0)
    cells = [row[i] for row in rows]
    if justify == "right":
        return max([heads, *map(cell_len, cells)])
    return max(heads, min(_WORD, max([0, *(cell_len(word) for cell in cells for word in cell.split())])))
