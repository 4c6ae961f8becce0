"""A tokenizer as plain numbers that a web page can encode with. Only what the page can follow exactly.

The page numbers symbols as units do: bytes are 0..=255, then the unit's other base symbols in their order, then the
result of each merge. `bpe_lab/report/static/encoding.js` is the reader.
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpe_lab.tokenizer import Tokenizer

PATTERNS = ("gpt2", "cl100k", "llama3", "o200k", "none")
"""Patterns that the page has."""

_UNITS = ("byte", "byte-char", "syllable", "jamo", "jamo-char")
_N_BYTES = 256
_KNOWN_KEYS = {"unit", "atoms", "pattern", "rule", "byte_order", "unicode", "specials", "counts", "provenance"}
"""Parts of a native file that the page knows about; one with others may encode in ways that it does not follow."""


def browser_tables(tokenizer: "Tokenizer") -> dict[str, Any] | None:
    """Return what a comparison's `explorer.typing` holds of a tokenizer, None where the page could not follow it.

    `{"unicode": version, "pattern": name, "unit": name, "atoms": text, "merges": [left, right, left, right, ...]}`,
    with `"same": {"k": number}` for merges whose result is an earlier symbol. About 10 bytes of JSON a merge.

    It can follow tokenizers that merge listed pairs, with a named pattern, of every unit without `nfd-alias`.

    >>> import bpe_lab
    >>> tables = browser_tables(bpe_lab.train(texts=["가나가나"], vocab_size=258))
    >>> tables["pattern"], tables["merges"]      # 가 is EA B0 80: B0 and 80 merge first
    ('o200k', [176, 128])
    """
    from bpe_lab._core import UNICODE_VERSION

    core = tokenizer._core
    header, result_ids = _native_parts(core.to_native())
    unit = core.unit
    followed = (
        core.rule == "pairs"
        and core.pattern.name in PATTERNS
        and unit.split(":")[0] in _UNITS
        and "nfd-alias" not in unit
        and header.keys() <= _KNOWN_KEYS
    )
    if not followed or not result_ids:
        return None
    n_base = getattr(core, "n_base", _N_BYTES)
    tables = {
        "unicode": UNICODE_VERSION,
        "pattern": core.pattern.name,
        "unit": unit,
        "atoms": getattr(core, "atoms", ""),
    }
    return tables | _merges(core.merges(), result_ids, _base_numbers(tokenizer, n_base), n_base)


def _native_parts(native: bytes) -> tuple[dict[str, Any], list[int]]:
    """Return the header of a native file, and the id of each merge's result in order."""
    lines = native.decode("utf-8", "surrogateescape").split("\n")
    end = lines.index("}")
    header: dict[str, Any] = json.loads("\n".join(lines[1 : end + 1]))
    merges = lines[end + 1 : end + 1 + header["counts"]["merges"]]
    return header, [int(line.split("\t", 1)[0]) for line in merges]


def _base_numbers(tokenizer: "Tokenizer", n_base: int) -> dict[int, int]:
    """Return the page's number of each base id: a byte's value, or the id itself where the unit has more."""
    numbers = {id: id for id in range(_N_BYTES, n_base)}
    bytes_of = {id: tokenizer.token_bytes(id) for id in range(_N_BYTES)}
    return numbers | {id: token[0] for id, token in bytes_of.items()}


def _merges(
    pairs: list[tuple[int, int]], result_ids: list[int], numbers: dict[int, int], n_base: int
) -> dict[str, Any]:
    flat: list[int] = []
    same: dict[str, int] = {}
    for k, ((left, right), result) in enumerate(zip(pairs, result_ids, strict=True)):
        flat += [numbers[left], numbers[right]]
        if result in numbers:
            same[str(k)] = numbers[result]
        numbers.setdefault(result, n_base + k)
    return {"merges": flat, **({"same": same} if same else {})}
