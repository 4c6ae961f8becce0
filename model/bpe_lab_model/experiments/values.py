"""Figures of a record by the key of a column: what tables, claims and figures are made of. Reads records alone."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from bpe_lab.runs import Point, RunRecord

LAST_SHARE = 0.1
"""Of the bytes seen: what `train_bpb` is a mean of."""


def value_of(record: RunRecord, key: str) -> Any:
    """Return the value, None where the record has none: it diverged, or was not measured.

    Args:
        record: one run.
        key: `bpb`, `train_bpb`, `gap`, `diverged` (1 where it did, else 0), `bytes_per_s`, `flops_per_byte`,
            `n_parameters`, `tokens_per_kb`, a field of the record (`seconds`, `memory_bytes`, `status`, `bytes`,
            `tokens`), of its `training` (`lr`, `steps`) or `model`, or a name in `measures`, where a dot goes into a
            mapping.
    """
    if key in _MADE:
        return _MADE[key](record)
    for holder in (record.measures, record.training, record.model, record.decoding):
        inside = _inside(holder, key)
        if inside is not None:
            return inside
    return getattr(record, key, None)


def _inside(holder: Mapping[str, Any], key: str) -> Any:
    """Return what a mapping has under a dotted key."""
    if key in holder:
        return _finite(holder[key])
    first, dot, rest = key.partition(".")
    inner = holder.get(first)
    return _inside(inner, rest) if dot and isinstance(inner, Mapping) else None


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bpb(record: RunRecord) -> float | None:
    bpb = record.scored.bpb if record.scored else math.nan
    return bpb if math.isfinite(bpb) else None


def train_bpb(record: RunRecord) -> float | None:
    """Return bits per byte of the training text over the last tenth of the bytes seen, None where it diverged."""
    if record.status != "ok" or not record.curve:
        return None
    last = _last(record.curve)
    n_bytes = sum(point.train_bytes for point in last)
    found = math.fsum(point.train_nats for point in last) / (math.log(2) * n_bytes) if n_bytes else math.nan
    return found if math.isfinite(found) else None


def _last(curve: tuple[Point, ...]) -> list[Point]:
    starts = curve[-1].bytes * (1 - LAST_SHARE)
    return [point for point in curve if point.bytes > starts]


def _gap(record: RunRecord) -> float | None:
    a, b = _bpb(record), train_bpb(record)
    return None if a is None or b is None else a - b


_MADE: dict[str, Callable[[RunRecord], float | None]] = {
    "bpb": _bpb,
    "train_bpb": train_bpb,
    "gap": _gap,
    "bytes_per_s": lambda r: r.bytes / r.seconds if r.seconds else None,
    "flops_per_byte": lambda r: r.flops / r.bytes if r.bytes else None,
    "diverged": lambda r: float(r.status == "diverged"),
    "tokens_per_kb": lambda r: 1000 * r.tokens / r.bytes if r.bytes else None,
}
