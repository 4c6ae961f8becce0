"""What the position schemes of a model are worth: loss by place, out to several training lengths, and what they cost.

Long texts are pieces of validation documents of `lengths` x C bytes. Each is scored twice: read on from its beginning,
as far as the scheme goes, and in windows of C bytes, which every scheme can do. The difference, over the same bytes, is
what reading on past the training length gains or costs. Trains nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpe_lab.downstream.matching import between, read_off
from bpe_lab.runs import RunRecord
from bpe_lab_model import bpb
from bpe_lab_model.experiments.values import value_of
from bpe_lab_model.positions import Learned

if TYPE_CHECKING:
    from bpe_lab.shards import ShardSplit
    from bpe_lab_model.experiments.tasks import Finished

LENGTHS = 4
"""Training lengths that a long text spans, where the arm's option `lengths` says nothing else."""

LONG_BYTES = 49_152
"""At most so much text is scored, where the option `long_bytes` says nothing else."""

STRETCHES = {"first": (0.0, 0.5), "inside": (0.5, 1.0), "next": (1.0, 2.0), "far": (2.0, 4.0)}
"""Parts of a long text that have a figure of their own, in training lengths."""

_STEPS = (0.0, 0.125, 0.25, 0.5, 1.0)
"""Edges of the places within the training length; from there on each half of it is a place."""

OfSeed = Mapping[tuple[str, float], RunRecord]
"""(arm, budget as a multiple) -> record, of one seed."""


def by_position(finished: "Finished") -> dict[str, Any]:
    """Return bits per byte by place in long texts, read on and in windows; nothing where there is too little text.

    `read` and `window` hold the stretches (None where the scheme does not reach), `excess` is `read` less `window`,
    `reach` how many training lengths can be read at all: a learned table ends after C tokens. At the largest budget
    `places` holds (middle of the place in training lengths, read on, in windows).

    Cost: three passes over `long_bytes`.
    """
    job, model = finished.job, finished.model
    context = model.config.context_bytes
    lengths = int(job.options.get("lengths", LENGTHS))
    n_bytes = int(job.options.get("long_bytes", LONG_BYTES))
    texts = long_texts(finished.shards.split("validation"), lengths * context, n_bytes)
    if texts is None:
        return {}
    ends = isinstance(model.position, Learned)
    readable = shortened(texts, context) if ends else texts
    read = _Spent(readable, bpb.losses(model, readable, finished.shards.eos, lengths * context))
    window = _Spent(texts, bpb.losses(model, texts, finished.shards.eos, context))
    stretches = {name: edges for name, edges in STRETCHES.items() if edges[1] <= lengths}
    found: dict[str, Any] = {
        side: {name: spent.bpb(a * context, b * context) for name, (a, b) in stretches.items()}
        for side, spent in (("read", read), ("window", window))
    }
    found["excess"] = {name: _less(found["read"][name], found["window"][name]) for name in stretches}
    found["reach"] = float(np.diff(readable.byte_offsets).mean()) / context if ends else float(lengths)
    if finished.budget == max(job.budgets):
        found["places"] = list(_places(read, window, context, lengths))
    return found


def _places(read: "_Spent", window: "_Spent", context: int, lengths: int) -> Iterator[list[float | None]]:
    edges = [*_STEPS, *np.arange(1.5, lengths + 0.25, 0.5).tolist()]
    for a, b in pairwise(edges):
        yield [(a + b) / 2, read.bpb(a * context, b * context), window.bpb(a * context, b * context)]


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


# -- long texts


def long_texts(split: "ShardSplit", n_bytes: int, total_bytes: int) -> "ShardSplit | None":
    """Return pieces of at most `n_bytes` that end with a token, up to `total_bytes` in all; None where there is none.

    First pieces of every document that is long enough, then second ones, and so on. Where no document is, those of one
    domain are joined, one after another, without an end of text between them.
    """
    documents = [_slice(split, d, d + 1) for d in range(split.n_documents)]
    pieces = list(_pieces(documents, n_bytes))
    if not pieces:
        domains = [[documents[d] for d in np.flatnonzero(split.domain_of == i)] for i in range(len(split.domains))]
        pieces = list(_pieces([_joined(domain) for domain in domains if domain], n_bytes))
    kept = pieces[: max(1, total_bytes // n_bytes)]
    return _split_of(kept, split) if kept else None


def shortened(split: "ShardSplit", n_tokens: int) -> "ShardSplit":
    """Return the documents cut after `n_tokens`: what a learned table has places for."""
    cut = [_slice(split, d, d + 1) for d in range(split.n_documents)]
    return _split_of([(ids[:n_tokens], ends[:n_tokens]) for ids, ends in cut], split)


Piece = tuple[NDArray[Any], NDArray[Any]]
"""Ids, and their ends in bytes from the piece's beginning."""


def _slice(split: "ShardSplit", first: int, last: int) -> Piece:
    a, b = int(split.token_offsets[first]), int(split.token_offsets[last])
    return split.ids[a:b], split.ends[a:b].astype(np.int64)


def _joined(pieces: Sequence[Piece]) -> Piece:
    starts = np.cumsum([0, *(int(ends[-1]) if len(ends) else 0 for _, ends in pieces)])
    ids = np.concatenate([ids for ids, _ in pieces])
    return ids, np.concatenate([ends + start for (_, ends), start in zip(pieces, starts[:-1], strict=True)])


def _pieces(texts: Sequence[Piece], n_bytes: int) -> Iterator[Piece]:
    """Yield the pieces of texts that have room for one, first pieces first."""
    left = list(texts)
    while left := [text for text in left if len(text[1]) and text[1][-1] >= n_bytes]:
        rest = []
        for ids, ends in left:
            n = int(np.searchsorted(ends, n_bytes, side="right"))
            if n:
                yield ids[:n], ends[:n]
                rest.append((ids[n:], ends[n:] - ends[n - 1]))
        left = rest


def _split_of(pieces: Sequence[Piece], like: "ShardSplit") -> "ShardSplit":
    token_offsets = np.cumsum([0, *(len(ids) for ids, _ in pieces)]).astype(np.uint64)
    byte_offsets = np.cumsum([0, *(int(ends[-1]) for _, ends in pieces)]).astype(np.uint64)
    return replace(
        like,
        ids=np.concatenate([ids for ids, _ in pieces]),
        ends=np.concatenate([ends for _, ends in pieces]).astype(np.uint32),
        token_offsets=token_offsets,
        byte_offsets=byte_offsets,
        hashes=np.arange(len(pieces), dtype=np.uint64),
        domain_of=np.zeros(len(pieces), np.uint16),
        text_sha256="",
        folder=None,
    )


class _Spent:
    """Nats of every token of long texts, to be summed over stretches. Ends of text that cutting made do not count."""

    def __init__(self, split: "ShardSplit", nats: NDArray[np.float64]) -> None:
        layout = bpb.Layout.of(split)
        is_token = np.ones(len(nats), np.bool_)
        is_token[layout.slots[1:] - 1] = False
        self._starts, self._nats = layout.starts[is_token], nats[is_token]
        self._n_bytes = layout.n_bytes
        self._longest = split.max_token_bytes

    def bpb(self, first: float, last: float) -> float | None:
        """Return bits per byte from byte `first` to `last` of the texts; None where one of them ends before."""
        if int(self._n_bytes.min()) + self._longest < last:
            return None
        n_bytes = np.minimum(self._n_bytes, last) - np.minimum(self._n_bytes, first)
        spent = self._nats[(self._starts >= first) & (self._starts < last)]
        return float(spent.sum() / (np.log(2) * n_bytes.sum()))


# -- points of figures


def read_points(record: RunRecord) -> list[tuple[float, float | None, str]]:
    """Return bits per byte by place, read on."""
    return [(x, read, record.label) for x, read, _ in record.measures.get("places", [])]


def excess_points(record: RunRecord) -> list[tuple[float, float | None, str]]:
    """Return by place what reading on costs beside windows, in bits per byte."""
    return [(x, _less(read, window), record.label) for x, read, window in record.measures.get("places", [])]


# -- values of claims


def rope_far(records: OfSeed) -> float | None:
    """Return what reading on from 2 to 4 training lengths costs with rotary positions, in bits per byte."""
    found = _at_largest(records, "rope", "excess.far")
    return None if found is None else float(found)


def learned_catching_up(records: OfSeed) -> float | None:
    """Return how much less learned positions lag behind rotary ones at the largest budget than at the smallest."""
    budgets = sorted(budget for arm, budget in records if arm == "learned" and ("rope", budget) in records)
    lags = [
        _less(value_of(records["learned", b], "bpb"), value_of(records["rope", b], "bpb"))
        for b in (budgets[:1] + budgets[-1:] if len(budgets) > 1 else [])
    ]
    return _less(lags[1], lags[0]) if len(lags) == 2 else None


def doubling(records: OfSeed) -> float | None:
    """Return parameters with positions set beside / (2 x those with positions added) - 1: 0 where they are doubled."""
    wide, added = (_at_largest(records, arm, "n_parameters") for arm in ("concat-wide", "added"))
    return None if wide is None or added is None else wide / (2 * added) - 1


def wide_at_equal_flops(records: OfSeed) -> float | None:
    """Return bits per byte of `concat-wide` less those of `added` after as many FLOPs, between its budgets.

    At the largest budget of `concat-wide` that lies among those of `added`; None where none does.
    """
    wide, added = (
        sorted((r for (arm, _), r in records.items() if arm == name and value_of(r, "bpb")), key=lambda r: r.flops)
        for name in ("concat-wide", "added")
    )
    for record in reversed(wide):
        at = between([r.flops for r in added], record.flops)
        if at is not None:
            return float(value_of(record, "bpb")) - read_off([value_of(r, "bpb") for r in added], at)
    return None


def _at_largest(records: OfSeed, arm: str, key: str) -> Any:
    """Return a value at the largest budget of an arm, None where there is none."""
    budget = max((budget for name, budget in records if name == arm), default=None)
    return None if budget is None else value_of(records[arm, budget], key)
