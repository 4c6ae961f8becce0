"""Run records as a companion model would write them, made up: for statistics, tables and pages. Nothing is trained."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from bpe_lab.runs import Arm, Point, RunRecord, Scored

LN2 = math.log(2)


def arm(unit: str = "byte", n_ids: int = 2048, **more: Any) -> Arm:
    name = f"{unit} {n_ids:,}"
    found = {"name": name, "recipe": f"unit={unit},vocab={n_ids}", "fingerprint": f"{unit}-{n_ids}", "unit": unit}
    return Arm(**{**found, "n_ids": n_ids, **more})


def scored(bits: Sequence[float], n_bytes: Sequence[int], **more: Any) -> Scored:
    """Return documents with so many bits in all each."""
    nats = tuple(b * LN2 for b in bits)
    return Scored(nats, tuple(n_bytes), more.pop("tokens", tuple(n // 3 + 1 for n in n_bytes)), **more)


def record(of: Arm, seed: int, found: Scored | None, budget: int = 100_000, **more: Any) -> RunRecord:
    """Return a record; `more` overrides its fields."""
    tokens = budget // 3
    filled: dict[str, Any] = {
        "preset": "demo",
        "match": "bytes",
        "corpus": {
            "train_sha256": "aa" * 32,
            "validation_sha256": "bb" * 32,
            "train_bytes": 150_000,
            "validation_bytes": sum(found.bytes) if found else 0,
            "epochs": budget / 150_000,
        },
        "model": {"n_layers": 2, "d_model": 64, "n_block": 98_304, "n_embedding": of.n_ids * 64, "n_positions": 0},
        "training": {"lr": 0.002, "lr_factor": 1.0, "probed": {"0.5": 3.1, "1.0": 3.0, "2.0": 3.2}, "context_bytes": 512},
        "bytes": budget,
        "tokens": tokens,
        "flops": 6.0 * tokens * (98_304 + of.n_ids * 64),
        "seconds": budget / 5_000 * (1 + of.n_ids / 20_000),
        "memory_bytes": 300_000_000,
        "curve": (Point(budget // 2, tokens // 2, 1e9, 5.0, 1000.0, 500, 0.002),),
        "decoding": {"bytes_per_s": 900.0, "tokens_per_s": 300.0, "invalid_utf8": 0.01, "cache_bytes_per_kb": 180_000.0},
        "machine": {"cpu": "made up"},
        "versions": {"bpe_lab": "0", "torch": "0"},
    }  # fmt: skip
    return RunRecord(arm=of, seed=seed, budget_bytes=budget, scored=found, **{**filled, **more})


BPB = {"byte": 2.30, "byte-char": 2.29, "syllable": 2.34, "jamo": 2.22, "jamo-char": 2.25}
"""What the made-up arms come to at 100 kB with 2,048 ids."""

DOMAINS = ("chat", "news", "essay")


def fake_records(
    arms: Sequence[Arm] | None = None,
    seeds: int = 2,
    budgets: Sequence[int] = (100_000,),
    n_documents: int = 24,
    of_seeds: float = 0.01,
    of_documents: float = 0.15,
    apart: Mapping[str, float] = BPB,
    seed: int = 0,
    **more: Any,
) -> list[RunRecord]:
    """Return the records of a grid.

    Bits per byte of a document: the arm's, times a power law of the budget, plus luck of the document (the same for all
    arms), of arm and document, and of the seed.
    """
    chance = random.Random(seed)
    sizes = [chance.randrange(200, 1500) for _ in range(n_documents)]
    hard = [chance.gauss(0, of_documents) for _ in sizes]
    domain_of = tuple(i % len(DOMAINS) for i in range(n_documents))
    found = []
    for of in arms or [arm(unit) for unit in ("byte", "byte-char", "jamo")]:
        taste = [chance.gauss(0, of_documents / 10) for _ in sizes]
        level = apart.get(of.unit, 2.3) * (of.n_ids / 2048) ** -0.02
        for s in range(seeds):
            luck = chance.gauss(0, of_seeds)
            for budget in budgets:
                mean = level * (budget / 100_000) ** -0.08 + luck
                bits = [n * (mean + h + t) for n, h, t in zip(sizes, hard, taste, strict=True)]
                found.append(record(of, s, _scored(of, bits, sizes, domain_of), budget, **more))
    return found


def _scored(of: Arm, bits: Sequence[float], sizes: Sequence[int], domain_of: tuple[int, ...]) -> Scored:
    total = sum(bits) * LN2
    inside = 0.22 if of.unit == "byte" else 0.12
    syllables = {
        "outside": (0.2 * sum(sizes), 0.2 * total),
        "first": (0.27 * sum(sizes), (0.8 - inside) * total),
        "second": (0.27 * sum(sizes), 0.6 * inside * total),
        "third": (0.26 * sum(sizes), 0.4 * inside * total),
    }
    tokens = tuple(round(n * 0.34 * (2048 / of.n_ids) ** 0.15) + 1 for n in sizes)
    return scored(bits, sizes, tokens=tokens, domains=DOMAINS, domain_of=domain_of, by_syllable=syllables)
