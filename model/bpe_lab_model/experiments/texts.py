"""Measures and claims of experiments about texts: vocabularies, domains, sizes at equal work. Trains nothing."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from bpe_lab.downstream.matching import between, read_off
from bpe_lab.runs import RunRecord, Scored
from bpe_lab_model import cost
from bpe_lab_model.experiments.tasks import Finished
from bpe_lab_model.experiments.values import value_of

BySeed = Mapping[tuple[str, float], RunRecord]
"""(arm, budget as a multiple) -> record, of one seed."""


def vocabulary(done: Finished) -> dict[str, Any]:
    """Return how the vocabulary fits the validation text.

    `tokens`: how many tokens it has. `tokens_per_kb` of 1,000 bytes of text. `used`: share of its tokens that occur.
    `whole_words`: share of eojeol that are one token, the space before them counted with them. `cache_kb`: keys and
    values of 1,000 bytes of text while decoding.
    """
    split = done.shards.split("validation")
    ids = np.asarray(split.ids)
    per_kb = 1000 * split.n_tokens / split.n_bytes
    return {
        "tokens": done.candidate.n_tokens,
        "tokens_per_kb": per_kb,
        "used": len(np.unique(ids)) / done.candidate.n_tokens,
        "whole_words": _whole_words(done),
        "cache_kb": cost.cache_bytes_per_kb(done.model.config, per_kb) / 1000,
    }


def _whole_words(done: Finished) -> float | None:
    """Return the share of eojeol of the validation text that are one token; None without any."""
    from bpe_lab import _core

    split = done.shards.split("validation")
    n_whole = n_words = 0
    for start, end in pairwise(split.token_offsets.tolist()):
        document = done.candidate.decode(split.ids[start:end].tolist())
        _, ends, _ = done.candidate.encode_ends([document])
        edges = {0, *ends.tolist()}
        for first, last in _core.hangul_eojeols(document):
            n_words += 1
            opened = {first, first - 1} if first and document[first - 1 : first] == b" " else {first}
            inside = any(first < edge < last for edge in edges)
            n_whole += bool(opened & edges) and last in edges and not inside
    return n_whole / n_words if n_words else None


def domains(done: Finished) -> dict[str, Any]:
    """Return bits per byte of each domain, and a text that the model makes.

    `own`: of the domain that the arm's text is, `other`: of all others together; `by_domain`: of each by its name. The
    text is the first seed's.
    """
    assert done.scored is not None
    first = done.job.domains[int(done.job.arm.text or 1) - 1] if done.job.domains else ""
    return {
        "own": bpb_of(done.scored, {first}),
        "other": bpb_of(done.scored, set(done.scored.domains) - {first}),
        "by_domain": {name: bpb_of(done.scored, {name}) for name in done.scored.domains},
        **({"sample": sample(done)} if done.job.seed == 0 else {}),
    }


def bpb_of(scored: Scored, names: set[str]) -> float | None:
    """Return bits per byte of the documents of these domains; None without any.

    >>> scored = Scored((8.0, 2.0), (10, 10), (4, 4), ("a", "b"), (0, 1))
    >>> round(bpb_of(scored, {"a"}), 3)
    1.154
    """
    if not scored.domains:
        return scored.bpb
    wanted = {number for number, name in enumerate(scored.domains) if name in names}
    places = [i for i, number in enumerate(scored.domain_of) if number in wanted]
    n_bytes = sum(scored.bytes[i] for i in places)
    return math.fsum(scored.nats[i] for i in places) / (math.log(2) * n_bytes) if n_bytes else None


def sample(done: Finished) -> str:
    """Return a text of `options["sample_bytes"]` bytes from the model, at a temperature of 0.8."""
    from bpe_lab_model.generate import generate

    n_bytes = int(done.job.options.get("sample_bytes", 300))
    made = generate(done.model, done.candidate, n_bytes=n_bytes, temperature=0.8, seed=done.job.seed)
    for _ in made:
        pass
    return made.data.decode(errors="replace")


def by_work(record: RunRecord) -> list[tuple[float, Any, str]]:
    """Return a record's place by FLOPs, to two digits: seeds that cut their batches otherwise share it."""
    return [(float(f"{record.flops:.2g}"), value_of(record, "bpb"), record.label)]


# What claims are about: numbers made of all records of a seed.


def model_more_than_tokenizer(records: BySeed) -> float | None:
    """Return how much more a foreign model costs than a foreign tokenizer: bits per byte, mean over both domains.

    Each against tokenizer and model of the domain that is scored.
    """
    found = {arm: record for (arm, _), record in records.items()}
    cost_of_model, cost_of_tokenizer = [], []
    for own, foreign in (("1", "2"), ("2", "1")):
        home = _own(found, own, own, own)
        other_model, other_tokenizer = _own(found, own, foreign, own), _own(found, foreign, own, own)
        if home is None or other_model is None or other_tokenizer is None:
            return None
        cost_of_model.append(other_model - home)
        cost_of_tokenizer.append(other_tokenizer - home)
    return sum(cost_of_model) / 2 - sum(cost_of_tokenizer) / 2


def tokenizer_costs(records: BySeed) -> float | None:
    """Return what the other domain's tokenizer costs a model on its own domain, bits per byte, mean over both."""
    found = {arm: record for (arm, _), record in records.items()}
    costs = []
    for own, foreign in (("1", "2"), ("2", "1")):
        home, away = _own(found, own, own, own), _own(found, foreign, own, own)
        if home is None or away is None:
            return None
        costs.append(away - home)
    return sum(costs) / 2


def _own(found: Mapping[str, RunRecord], tokenizer: str, model: str, scored: str) -> float | None:
    """Return bits per byte on a domain of the arm with this tokenizer and this model."""
    record = found.get(domain_arm(tokenizer, model))
    value = None if record is None else value_of(record, "own" if model == scored else "other")
    return None if value is None else float(value)


def domain_arm(tokenizer: str, model: str) -> str:
    """Return the name of the arm of two domains."""
    return f"tokenizer {tokenizer}, model {model}"


def larger_at_equal_flops(records: BySeed) -> float | None:
    """Return bits per byte of the large trunk less those of the small one, at as many FLOPs, mean over tokenizers.

    At the most FLOPs that both were given; read off between budgets.
    """
    gaps = []
    for vocabulary in SIZES_OF_VOCABULARY:
        small, large = (_by_flops(records, size_arm(trunk, vocabulary)) for trunk in ("small", "large"))
        if len(small) < 2 or len(large) < 2:
            return None
        flops = min(small[-1][0], large[-1][0])
        there = [_at(curve, flops) for curve in (large, small)]
        if there[0] is None or there[1] is None:
            return None
        gaps.append(there[0] - there[1])
    return sum(gaps) / len(gaps)


def vocabulary_turns_with_size(records: BySeed) -> float | None:
    """Return what the large vocabulary gains in the large trunk beyond what it gains in the small one, at equal bytes.

    Bits per byte, at the largest budget that all have; above 0: the larger trunk likes the larger vocabulary better.
    """
    small, large = SIZES_OF_VOCABULARY
    budgets = [{b for a, b in records if a == size_arm(t, v)} for t in ("small", "large") for v in SIZES_OF_VOCABULARY]
    shared = set.intersection(*budgets)
    if not shared:
        return None
    at = max(shared)
    gain = {}
    for trunk in ("small", "large"):
        sides = [value_of(records[size_arm(trunk, v), at], "bpb") for v in (small, large)]
        if None in sides:
            return None
        gain[trunk] = sides[0] - sides[1]
    return float(gain["large"] - gain["small"])


SIZES_OF_VOCABULARY = (512, 4096)
"""Those of `size`."""


def size_arm(trunk: str, vocabulary: int) -> str:
    """Return the name of an arm of `size`."""
    return f"{trunk}, {vocabulary} tokens"


def _by_flops(records: BySeed, arm: str) -> list[tuple[float, float]]:
    """Return (FLOPs, bits per byte) of an arm, by rising FLOPs."""
    found = [(record.flops, value_of(record, "bpb")) for (name, _), record in records.items() if name == arm]
    return sorted((flops, float(bpb)) for flops, bpb in found if bpb is not None)


def _at(curve: list[tuple[float, float]], flops: float) -> float | None:
    place = between([x for x, _ in curve], flops)
    return None if place is None else read_off([y for _, y in curve], place)
