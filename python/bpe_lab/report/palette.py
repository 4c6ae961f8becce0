"""The page's colours, in one place for both themes. Knows nothing of what is drawn with them.

Series colours began as those of Okabe and Ito (2008) and were moved until every one has a contrast of at least 3:1
against the page, and any two stay at least 0.08 apart in OKLab as seen with protanopia, deuteranopia or tritanopia
(Machado et al. 2009); `tests/test_report.py` holds both. Shape and dash say the same again.
"""

SERIES = 7
"""How many series have a colour of their own; the next begin again with another shape."""

LIGHT = {
    "paper": "#fcfbf8",
    "raised": "#ffffff",
    "sunk": "#f3f1ec",
    "ink": "#1b1d21",
    "soft": "#565b64",
    "faint": "#666b74",
    "line": "#e2dfd7",
    "strong-line": "#8b8f96",
    "accent": "#2450c4",
    "accent-wash": "#e9eefb",
    "on-accent": "#ffffff",
    "warn": "#8f4a00",
    "warn-wash": "#fbf0df",
    "cut": "#b3261e",
    "s1": "#5b6470",
    "s2": "#2a60dc",
    "s3": "#b8361c",
    "s4": "#0a9a74",
    "s5": "#ac48aa",
    "s6": "#a08800",
    "s7": "#4d2678",
    "t1": "#dbe5fb",
    "t2": "#f7e6c8",
    "t3": "#d5eedf",
    "t4": "#f3dcec",
}
"""`s` are series, `t` the grounds of tokens in the explorer."""

DARK = {
    "paper": "#15171b",
    "raised": "#1c1f24",
    "sunk": "#111316",
    "ink": "#eceef1",
    "soft": "#b3b9c2",
    "faint": "#979ea8",
    "line": "#2f343b",
    "strong-line": "#6f7680",
    "accent": "#8fb1ff",
    "accent-wash": "#222c45",
    "on-accent": "#10131a",
    "warn": "#f0b267",
    "warn-wash": "#33281a",
    "cut": "#ff8f85",
    "s1": "#a3abb8",
    "s2": "#4690ff",
    "s3": "#ff8350",
    "s4": "#3fe0b4",
    "s5": "#f698f2",
    "s6": "#cfdc45",
    "s7": "#9a72bd",
    "t1": "#29396a",
    "t2": "#544019",
    "t3": "#1c4a37",
    "t4": "#54304c",
}

_UNITS = {"byte": 1, "byte-char": 5, "syllable": 3, "jamo": 2, "jamo-char": 7}
"""Units keep their colour from chart to chart."""


def css(colours: dict[str, str]) -> str:
    """Return declarations of custom properties.

    >>> css({"ink": "#000000"})
    '--ink:#000000'
    """
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


def slots(names: list[str]) -> list[int]:
    """Return the colour of each series, 1 to `SERIES`: a unit has its own, the others take what is free, in order.

    >>> slots(["byte", "jamo:filler 8k", "cl100k_base"])
    [1, 2, 3]
    """
    wanted = [_UNITS.get(_unit(name)) for name in names]
    kept = [slot if slot is not None and slot not in wanted[:i] else None for i, slot in enumerate(wanted)]
    free = [slot for slot in range(1, SERIES + 1) if slot not in kept]
    taken = 0
    for i, slot in enumerate(kept):
        if slot is None:
            kept[i] = free[taken] if taken < len(free) else i % SERIES + 1
            taken += 1
    return [slot or 1 for slot in kept]


def _unit(name: str) -> str:
    """Return the unit that a name begins with: `jamo:filler 8k` -> `jamo`."""
    return name.split(" ")[0].split(":")[0].split(",")[0].removeprefix("unit=")
