"""The JSON of a comparison, checked as far as the page relies on it. Knows nothing of how it was made or is shown.

Sections may be missing or empty, and keys that are not known are let through: a report is worth having of half a
comparison too. What is there must have the shape that docs/report.md describes.
"""

import math
from typing import Any

from bpe_lab.errors import FormatError

SCHEMA = 1
"""The version of a comparison's JSON that is read."""

KINDS = ("line", "band", "bar", "grouped-bar", "stacked-bar", "scatter")
"""Kinds of figures."""

_LISTS = ("summary", "questions", "candidates", "figures", "tables")
_NEEDED = {
    "questions": ("question", "answer"),
    "candidates": ("id", "name"),
    "figures": ("id", "kind", "title", "x", "y", "rows"),
    "tables": ("id", "title", "columns", "rows"),
}


def checked(comparison: Any) -> dict[str, Any]:
    """Return a copy of `comparison` with every section there and no number that is not finite.

    Raises:
        FormatError: it is no comparison, is of a newer schema, or a section has another shape; the message says which.
    """
    if not isinstance(comparison, dict) or comparison.get("kind") != "comparison":
        raise FormatError("this is no comparison", "give the file that `bpe-lab compare --json` wrote")
    if comparison.get("schema") != SCHEMA:
        found = comparison.get("schema")
        raise FormatError(f"the comparison has schema {found!r}, known is {SCHEMA}", "update bpe-lab, or compare again")
    clean: dict[str, Any] = _finite(comparison)
    for section in _LISTS:
        clean[section] = _list_of_objects(clean.get(section), section)
    for section in ("title", "made_by", "texts", "metrics", "loss", "explorer"):
        clean[section] = _mapping(clean.get(section), section)
    _check_parts(clean)
    return clean


def _check_parts(clean: dict[str, Any]) -> None:
    for section, needed in _NEEDED.items():
        for i, part in enumerate(clean[section]):
            for key in needed:
                if key not in part:
                    raise FormatError(f"{section}[{i}] has no {key!r}", "see docs/report.md for the schema")
    for i, figure in enumerate(clean["figures"]):
        if figure["kind"] not in KINDS:
            raise FormatError(f"figures[{i}] has the kind {figure['kind']!r}", f"known are {', '.join(KINDS)}")
        figure["rows"] = _list_of_objects(figure["rows"], f"figures[{i}].rows")
        for axis in ("x", "y"):
            figure[axis] = _mapping(figure[axis], f"figures[{i}].{axis}")
    for i, table in enumerate(clean["tables"]):
        for key in ("columns", "rows"):
            table[key] = _list_of_objects(table[key], f"tables[{i}].{key}")
        if not all(isinstance(column.get("key"), str) for column in table["columns"]):
            raise FormatError(f"tables[{i}].columns: every column needs a key", "see docs/report.md for the schema")
    _check_explorer(clean["explorer"])


def _check_explorer(explorer: dict[str, Any]) -> None:
    explorer["sentences"] = _list_of_objects(explorer.get("sentences"), "explorer.sentences")
    explorer["cuts"] = _mapping(explorer.get("cuts"), "explorer.cuts")
    explorer["typing"] = _mapping(explorer.get("typing"), "explorer.typing")
    for name, tables in explorer["typing"].items():
        _check_tables(name, tables)
    texts = [str(sentence.get("text", "")) for sentence in explorer["sentences"]]
    for name, cuts in explorer["cuts"].items():
        if not isinstance(cuts, list) or len(cuts) != len(texts):
            raise FormatError(f"explorer.cuts[{name!r}] must have one list for each of the {len(texts)} sentences")
        for text, ends in zip(texts, cuts, strict=True):
            _check_ends(name, text, ends)


def _check_tables(name: str, tables: Any) -> None:
    """Refuse tables that the page's encoder would stumble over."""
    keys = {"pattern": str, "unit": str, "atoms": str, "merges": list}
    if not isinstance(tables, dict) or not all(isinstance(tables.get(key), kind) for key, kind in keys.items()):
        raise FormatError(f"explorer.typing[{name!r}] has no tables", "see bpe_lab.interop.browser.browser_tables")
    if not all(type(number) is int for number in tables["merges"]) or len(tables["merges"]) % 2:
        raise FormatError(f"explorer.typing[{name!r}].merges must be pairs of numbers", "left, right, left, right, ...")


def _check_ends(name: str, text: str, ends: Any) -> None:
    """Refuse ends that do not tile the sentence: a page that shows them would lie."""
    n_bytes = len(text.encode("utf-8", "surrogatepass"))
    tiles = isinstance(ends, list) and all(type(end) is int for end in ends) and ends == sorted(ends)
    if not tiles or (ends[-1] if ends else 0) != n_bytes or (ends and ends[0] < 0):
        raise FormatError(
            f"explorer.cuts[{name!r}] does not tile the sentence {text[:20]!r} of {n_bytes} bytes",
            "byte ends must not decrease, and the last must be the length in bytes",
        )


def _finite(value: Any) -> Any:
    """Return a copy in which numbers that are not finite, which no JSON reader of a browser takes, are None."""
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _list_of_objects(value: Any, where: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise FormatError(f"{where} must be a list of objects", "see docs/report.md for the schema")
    return value


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FormatError(f"{where} must be an object, got {type(value).__name__}", "see docs/report.md for the schema")
    return value
