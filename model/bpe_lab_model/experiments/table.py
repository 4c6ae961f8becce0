"""The table: every experiment, in the order in which they are listed. A row is added in one module of `rows`."""

import importlib
from collections.abc import Mapping

from bpe_lab.errors import ArgumentError
from bpe_lab_model.experiments.spec import Experiment

_TOPICS = ("training", "embedding", "positions", "parts", "objectives", "texts", "mixers", "truncation", "remembering")
"""Modules of `rows`; each has a tuple ROWS."""


def experiments() -> Mapping[str, Experiment]:
    """Return every experiment by name."""
    rows = [row for topic in _TOPICS for row in importlib.import_module(f"{__package__}.rows.{topic}").ROWS]
    return {row.name: row for row in rows}


def experiment(name: str) -> Experiment:
    """Return the experiment called `name`.

    Raises:
        ArgumentError: there is none.
    """
    rows = experiments()
    if name not in rows:
        raise ArgumentError(f"no experiment is called {name!r}", f"one of {', '.join(rows)}")
    return rows[name]
