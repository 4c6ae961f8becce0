"""Texts of data sets, streamed by the library `datasets`: `dataset:json?data_files=x.jsonl&split=train&field=text`.

The word after the colon and the keys are those of `datasets.load_dataset`; `field` names the column of the text and
`take` ends after so many rows. The library may fetch what is not on this machine. Downloads nothing itself.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from bpe_lab.compare.recipe import nearest
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError, FileError, UnsupportedError

PREFIX = "dataset:"
"""How the name of a data set begins."""

_TEXT_KEYS = ("data_dir", "data_files", "encoding", "name", "revision", "sample_by")
_KEYS = ("field", "keep_linebreaks", "split", "take", *_TEXT_KEYS)


def read_rows(source: str, text_field: str = "text") -> Iterator[bytes]:
    """Yield the text of each row of the data set `source`.

    Several `data_files` are several keys. `keep_linebreaks=true` and `sample_by=document|line|paragraph` are those of
    the `text` builder.

    Raises:
        UnsupportedError: the package `datasets` is not installed. FileError: the data set cannot be read.
        ArgumentError: an unknown key. CorpusError: a row has no text in the field.
    """
    name, options = _parse(source)
    column = options.pop("field", text_field)
    take = int(options.pop("take", 0))
    try:
        rows = _load(name, options)
        for number, row in enumerate(rows, start=1):
            yield _text(row, column, f"{source}, row {number}")
            if number == take:
                return
    except BpeLabError:
        raise
    except Exception as e:
        raise FileError(f"cannot read {source}: {_reason(e)}", "see datasets.load_dataset for what may be said") from e


def _parse(source: str) -> tuple[str, dict[str, Any]]:
    name, _, query = source.removeprefix(PREFIX).partition("?")
    if not name:
        raise ArgumentError(f"{source!r} names no data set", "as in dataset:json?data_files=x.jsonl")
    options: dict[str, Any] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _KEYS:
            raise ArgumentError(f"{source}: no key {key!r}; there are: {', '.join(_KEYS)}", nearest(key, _KEYS))
        if key == "data_files":
            options.setdefault(key, []).append(value)
        elif key in options:
            raise ArgumentError(f"{source}: {key} stands twice")
        else:
            options[key] = value
    return name, _read_options(source, options)


def _read_options(source: str, options: dict[str, Any]) -> dict[str, Any]:
    if "take" in options and not (options["take"].isdecimal() and int(options["take"])):
        raise ArgumentError(f"{source}: take must be a whole number from 1, got {options['take']!r}")
    if "keep_linebreaks" in options:
        if options["keep_linebreaks"] not in ("true", "false"):
            raise ArgumentError(f"{source}: keep_linebreaks must be true or false, got {options['keep_linebreaks']!r}")
        options["keep_linebreaks"] = options["keep_linebreaks"] == "true"
    return {"split": "train"} | options


def _load(name: str, options: dict[str, Any]) -> Any:
    try:
        import datasets
    except ImportError as e:
        raise UnsupportedError("data sets need the package datasets", "pip install 'bpe-lab[data]'") from e
    return datasets.load_dataset(name, streaming=True, **options)


def _text(row: Any, column: str, where: str) -> bytes:
    value = row.get(column)
    if not isinstance(value, str):
        raise CorpusError(f"{where}: no text in {column!r} (the row has: {', '.join(row)})", "name it with field=")
    try:
        return value.encode()
    except UnicodeEncodeError as e:
        raise CorpusError(f"{where}: a lone surrogate in {column!r}", "mend or drop the row") from e


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
