"""A short training in remembering: documents of lines such as `물=7`, then how far back a value is still found.

The task trains on text that `probes.recall` makes, written as shards of the arm's tokenizer, through the same `Trainer`
as everything else; its validation text is of the same kind with another seed, so `bpb` is that of such lines and of no
other experiment. The measure asks. Both see the same text and the same questions whatever the tokenizer.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model.experiments.tasks import Finished, Job, Outcome, Say, finish, train_branches
from bpe_lab_model.probes import recall

N_QUESTIONS = 50
"""At each distance. One share of 50 has a standard error of up to 0.07; its mean over distances and seeds has less."""

RIVALS = 3
"""Other facts between, in the second round: who says any of the four values is right 1/4 + 3/4 x 1/10 = 0.325 of the
time, so only above that are keys told apart."""

_VALIDATION_SEED = 1_000_003
_VALIDATION_BYTES = 8_000


def learn(job: Job, say: Say) -> Iterator[Outcome]:
    """Train on lines of keys and values in place of the job's text."""
    candidate = job.candidate()
    job.folder.mkdir(parents=True, exist_ok=True)
    shards = _shards(job)
    for budget, trainer, trained in train_branches(job, say, shards=shards):
        yield finish(job, budget, trainer, trained, candidate)


def _shards(job: Job) -> Shards:
    C = job.config.context_bytes
    texts = {
        "train": recall.lesson(max(job.budgets), C, job.seed),
        "validation": recall.lesson(_VALIDATION_BYTES, C, _VALIDATION_SEED),
    }
    encoded = {name: [text.encode() for text in lesson] for name, lesson in texts.items()}
    return write_shards(job.folder / "lines", job.candidate(), encoded, force=True)  # type: ignore[arg-type]


def recalled(finished: Finished) -> Mapping[str, Any]:
    """Return `recall`, one entry a distance, `recall_rivals` the same within the context with other facts between, and
    means within and beyond the context.

    `best` is the share whose answer is the best of the ten values, `exact` that of all tokens, `bits` what the answer
    cost. Options: `distances`, `questions`, `rivals`.
    """
    options, model, candidate = finished.job.options, finished.model, finished.candidate
    C = model.config.context_bytes
    distances = options.get("distances", recall.DISTANCES)
    n, rivals = options.get("questions", N_QUESTIONS), options.get("rivals", RIVALS)
    read, eos = recall.reader(model, candidate), finished.shards.eos
    plain = recall.curve(read, candidate, eos, distances, n)
    within = [each for distance, each in plain if distance < C]
    beyond = [each for distance, each in plain if distance > C]
    hard = recall.curve(read, candidate, eos, [distance for distance in distances if distance < C], n, rivals=rivals)
    return {
        "recall": [_row(*pair) for pair in plain],
        "recall_rivals": [_row(*pair) for pair in hard],
        "recall_near": plain[0][1].choice,
        "recall_within": _mean([each.choice for each in within]),
        "recall_exact": _mean([each.exact for each in within]),
        "recall_bits": _mean([each.bits for each in within]),
        "recall_beyond": _mean([each.choice for each in beyond]),
        "recall_of_rivals": _mean([each.choice for _, each in hard]),
    }


def _row(distance: int, each: recall.Recall) -> dict[str, float]:
    return {
        "distance": distance,
        "bytes": each.distance,
        "exact": each.exact,
        "best": each.choice,
        "bits": each.bits,
    }


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def points(record: RunRecord) -> list[tuple[int, float, str]]:
    """Return (bytes back, share right, arm) of a record."""
    return [(row["distance"], row["best"], record.label) for row in record.measures.get("recall", ())]
