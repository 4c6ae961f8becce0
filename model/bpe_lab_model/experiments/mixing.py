"""What a mixer costs by the length of the text, and what it makes of a longer context.

`contexts` trains the arm once for each context, on the same bytes in as many updates. `lengths` times forward and
backward, and single tokens behind a filled cache, at several lengths of text; the exponent is the slope of log time
over log length, and the errors say which curve fits the times better: a power of the length, or an exponential of it.
Seconds are the processor's, medians of a few steps: ratios of mixers say more than the seconds themselves.
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards
from bpe_lab_model.cache import Cache
from bpe_lab_model.experiments.tasks import Finished, Job, Outcome, Say, finish, train_branches
from bpe_lab_model.gpt import GPT
from bpe_lab_model.windows import Batch

CONTEXTS = (1, 2, 8)
"""Contexts that are trained, as multiples of the preset's: 0.5, 1 and 4 KB of `study`."""

LENGTHS = (512, 1024, 4096, 16_384)
"""Bytes of text that a timed row spans."""

KB = 1000

Points = list[tuple[float, float, str]]


def contexts(job: Job, say: Say) -> Iterator[Outcome]:
    """Train and score the arm at each context with one learning rate; the outcome is that of the shortest.

    Adds `bpb_at` (context in bytes -> BPB) and `bpb_longest`. Option `contexts`: multiples of the configuration's.
    """
    multiples: Sequence[int] = job.options.get("contexts", CONTEXTS)
    found = []
    for n, multiple in enumerate(multiples):
        here = replace(job, config=replace(job.config, context_bytes=multiple * job.config.context_bytes))
        if n:
            here = replace(here, arm=replace(here.arm, measures=()))
        found.append((here.config.context_bytes, _trained(here, partial(_part, say, n, len(multiples)))))
    at = {str(context): outcome.scored.bpb for context, outcome in found if outcome.scored is not None}
    last = found[-1][1].scored
    more = {"bpb_at": at, "bpb_longest": last.bpb if last else None}
    yield replace(found[0][1], measures={**found[0][1].measures, **more})


def _trained(job: Job, say: Say) -> Outcome:
    """Return the outcome of the largest budget."""
    *_, (budget, trainer, trained) = train_branches(job, say)
    return finish(job, budget, trainer, trained, job.candidate())


def _part(say: Say, n: int, of: int, share: float, bpb: float) -> None:
    say((n + share) / of, bpb)


def lengths(finished: Finished) -> Mapping[str, Any]:
    """Return what time and memory the model takes by length of text.

    By length in bytes: `train_bytes_per_s` (forward and backward), `train_bytes_per_byte` (kept for the backward),
    `decode_bytes_per_s` (one token after so much text), `cache_bytes_per_kb` (held then). Of the longest: with
    `_longest`. Of all: `exponent`, `decode_exponent`, `power_error`, `exponential_error` (root mean squares, log time).

    Options: `lengths` in bytes, `repeats` of each step, `decoded` tokens.
    """
    options = finished.job.options
    sizes: Sequence[int] = options.get("lengths", LENGTHS)
    model = copy.deepcopy(finished.model)
    figures = [_at(model, finished.shards, n, options.get("repeats", 3), options.get("decoded", 16)) for n in sizes]
    by_length = {key: {str(n): at[key] for n, at in zip(sizes, figures, strict=True)} for key in figures[0]}
    seconds = [n / at["train_bytes_per_s"] for n, at in zip(sizes, figures, strict=True)]
    waits = [1 / at["decode_bytes_per_s"] for at in figures]
    exponent, power_error = fitted(np.log(sizes), np.log(seconds))
    return {
        **by_length,
        **{f"{key}_longest": value for key, value in figures[-1].items()},
        "exponent": exponent,
        "decode_exponent": fitted(np.log(sizes), np.log(waits))[0],
        "power_error": power_error,
        "exponential_error": fitted(np.asarray(sizes, np.float64), np.log(seconds))[1],
    }


def fitted(x: Any, y: Any) -> tuple[float, float]:
    """Return the slope of the least-squares line through points, and the root mean square of what it misses.

    >>> fitted([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])[0]
    2.0
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    x = x - x.mean()
    slope = float(x @ (y - y.mean()) / (x @ x))
    missed = y - y.mean() - slope * x
    return round(slope, 12), float(np.sqrt(np.mean(missed**2)))


def _at(model: GPT, shards: Shards, n_bytes: int, repeats: int, n_decoded: int) -> dict[str, float]:
    """Return the figures of one length: as many rows side by side as the longest default has fourths."""
    split = shards.split("train")
    bytes_per_token = split.n_bytes / max(1, split.n_tokens)
    n_tokens = max(2, round(n_bytes / bytes_per_token))
    row = np.resize(np.asarray(split.ids[:n_tokens], np.int64), n_tokens + 1)
    rows = torch.from_numpy(row)[None].expand(max(1, LENGTHS[-1] // 4 // n_bytes), -1)  # (B, T + 1)
    batch = Batch(rows[:, :-1].contiguous(), rows[:, 1:].contiguous()).to(model.embedding.device)
    seconds = timed(lambda: model.loss(batch).backward(), repeats)  # type: ignore[no-untyped-call]
    cache, wait = _decoded(model, batch.inputs[:1], n_decoded)
    return {
        "train_bytes_per_s": len(rows) * n_bytes / seconds,
        "train_bytes_per_byte": kept_for_backward(model, batch.inputs[:1]) / n_bytes,
        "decode_bytes_per_s": bytes_per_token / wait,
        "cache_bytes_per_kb": cache.size_bytes / (n_bytes / KB),
    }


def timed(step: Callable[[], object], repeats: int) -> float:
    """Return the median of the seconds that a step takes, after one that does not count unless it takes a second."""
    seconds = [_seconds(step)]
    if seconds[0] < 1:
        seconds = []
    seconds += [_seconds(step) for _ in range(repeats - len(seconds))]
    return median(seconds)


def _seconds(step: Callable[[], object]) -> float:
    """Return the seconds of a step: the processor's, which a busy machine changes little; the clock's with a GPU."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    started = clock()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return max(clock() - started, 1e-9)


def _decoded(model: GPT, inputs: Tensor, n: int) -> tuple[Cache, float]:
    """Return the cache after all inputs, and the median of the seconds that one more token takes."""
    cache = Cache(chunk=n + 1)
    with torch.inference_mode():
        model.eval()
        model(inputs, cache=cache)
        after = copy.deepcopy(cache)
        token = inputs[:, -1:]
        wait = timed(lambda: model.logits(model(token, cache=cache)), n)
    return after, wait


def kept_for_backward(model: GPT, inputs: Tensor) -> int:
    """Return the bytes of tensors that a forward keeps for its backward, weights left out: the activations."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        hidden = model(inputs)
    del hidden
    return sum(kept.values())


# -- claims and figures


def exponential_fits(records: Mapping[tuple[str, float], RunRecord]) -> float | None:
    """Return by how much an exponential fits attention's times in bytes better than a power: above 0 where it does."""
    found = next((record.measures for (arm, _), record in records.items() if arm == "attention, bytes"), {})
    return found["power_error"] - found["exponential_error"] if "power_error" in found else None


def seconds_by_length(record: RunRecord) -> Points:
    """Return (length in bytes, microseconds a byte of training) of a record."""
    return _points(record, "train_bytes_per_s", lambda speed: 1e6 / speed)


def waits_by_length(record: RunRecord) -> Points:
    """Return (length in bytes, milliseconds a byte of decoding) of a record."""
    return _points(record, "decode_bytes_per_s", lambda speed: 1e3 / speed)


def bpb_by_context(record: RunRecord) -> Points:
    """Return (context in bytes, BPB) of a record."""
    return _points(record, "bpb_at", float)


def _points(record: RunRecord, key: str, made: Callable[[float], float]) -> Points:
    by_length: Mapping[str, float] = record.measures.get(key, {})
    return [(float(n), made(value), record.label) for n, value in by_length.items()]
