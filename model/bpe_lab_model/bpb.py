"""Bits per byte of a model over held-out documents: sum of nats / (ln 2 x sum of bytes), and where they are spent.

Bytes come from the shards' manifest and from nowhere else. Each document is whole and independent, in windows of C
bytes with a stride of C/2, and every token and every end of text is scored once; docs/protocol.md says why each of
these matters, with the factor by which it is wrong otherwise. The trunk runs in the type of its parameters, logits and
log-sum-exp in fp32, sums in fp64.

Trains nothing, and never turns a single token into text.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from bpe_lab.errors import BpeLabError, CorpusError, UnsupportedError
from bpe_lab.runs import Scored
from bpe_lab_model.loss import DivergedError, token_nats
from bpe_lab_model.windows import IGNORE, WindowIndex

if TYPE_CHECKING:
    from bpe_lab.shards import ShardSplit
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.rows import Windows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POSITION_BINS = (0, 16, *(4**k for k in range(3, 31)))
"""First byte of each bin of `Scored.by_position`: 0-15, 16-63, 64-255, 256-1023, and so on."""

SYLLABLE_PLACES = ("outside", "first", "second", "third")

END_OF_TEXT = "end_of_text"

CLASSES = (
    "special",
    "fragment",
    "fragment",
    "jamo_fragment",
    "one_char",
    "part_word",
    "whole_word",
    "several_words",
    "other",
    "jamo_fragment",
    END_OF_TEXT,
)
"""Kind of an id (its number in docs/words.md) -> what `Scored.by_class` calls it; EOS is a class of its own."""


class Spelled(Protocol):
    """What of a tokenizer the breakdowns read; `bpe_lab.compare.candidates.Candidate` is one."""

    def kinds(self) -> bytes:
        """Return what each id is."""

    def decode_batch(self, ids: Any, offsets: Any) -> list[bytes]:
        """Return each document's bytes, from all of its ids at once."""


def score(
    model: "GPT",
    split: "ShardSplit",
    eos: int,
    *,
    candidate: Spelled | None = None,
    context_bytes: int,
    stride_bytes: int | None = None,
    max_tokens: int = 8192,
    documents: Sequence[bytes] | None = None,
) -> Scored:
    """Score every token of `split` once, and return the sums.

    Args:
        model: a causal one; a two-way model has no probability of a text.
        split: documents as tokens, of the tokenizer that the model was trained with.
        eos: the id before the first token of a document and behind its last.
        candidate: the tokenizer; without it nothing is said by class of token. One that loses text is scored as any
            other: to mark it is the caller's part.
        context_bytes: C. A longer one than in training is allowed where positions can be extended.
        stride_bytes: C/2 where not given; a window after the first scores what begins in its last `stride_bytes`.
        max_tokens: padded tokens of a batch; changes speed and memory, not the result.
        documents: the text, for `by_syllable`; where not given it is decoded by `candidate`, a document at a time.

    Raises:
        CorpusError: the split is empty, or it does not hold together. UnsupportedError: the model is not causal.
        BpeLabError: a token was scored twice or never, or its nats are not finite.

    Cost: with the default stride two forward passes over a long document, one over a document shorter than C.
    """
    if split.n_documents == 0 or split.n_bytes == 0:
        raise CorpusError("there is no text to score: the split is empty", "hold out more: --hold-out 10%")
    if documents is not None and not _is_text_of(split, documents):
        raise CorpusError("the documents given are not those of the split", "give the text that the shards are of")
    layout = Layout.of(split)
    nats = losses(model, split, eos, context_bytes, stride_bytes, max_tokens)
    if documents is None and candidate is not None:
        documents = decoded(split, candidate)
    return Scored(
        nats=tuple(np.add.reduceat(nats, layout.slots[:-1]).tolist()),
        bytes=tuple(layout.n_bytes.tolist()),
        tokens=tuple(np.diff(layout.slots).tolist()),
        domains=split.domains if len(split.domains) > 1 else (),
        domain_of=tuple(split.domain_of.tolist()) if len(split.domains) > 1 else (),
        by_position=_by_position(nats, layout),
        by_syllable={} if documents is None else _by_syllable(nats, layout, documents),
        by_class={} if candidate is None else _by_class(nats, layout, _ids(split, eos, layout), candidate.kinds(), eos),
    )


def decoded(split: "ShardSplit", candidate: Spelled) -> list[bytes] | None:
    """Return the split's documents as its tokens give them back; None where that is not the text they are of."""
    documents = list(documents_of(split, candidate))
    return documents if _is_text_of(split, documents) else None


def documents_of(split: "ShardSplit", candidate: Spelled, at_a_time: int = 4096) -> Iterator[bytes]:
    """Yield the documents of a split as its tokens spell them, decoded some thousand at a time."""
    for first in range(0, split.n_documents, at_a_time):
        offsets = np.asarray(split.token_offsets[first : first + at_a_time + 1], np.uint64)
        ids = np.asarray(split.ids[int(offsets[0]) : int(offsets[-1])], np.uint32)
        yield from candidate.decode_batch(ids, offsets - offsets[0])


def _is_text_of(split: "ShardSplit", documents: Sequence[bytes]) -> bool:
    lengths = np.fromiter(map(len, documents), np.int64, len(documents))
    same_lengths = np.array_equal(lengths, _lengths(split))
    return same_lengths and hashlib.sha256(b"".join(documents)).hexdigest() == split.text_sha256


# -- where tokens lie


@dataclass(frozen=True)
class Layout:
    """Every scored token in one row: each document's tokens, then its EOS."""

    slots: Ints
    """[n_documents + 1]: where each document begins in the row."""
    starts: Ints
    """[n_slots]: first byte of each token in its document; an EOS begins where the document ends."""
    widths: Ints
    """[n_slots]: bytes of each token; an EOS has none."""
    n_bytes: Ints
    """[n_documents], from the manifest."""

    @classmethod
    def of(cls, split: "ShardSplit") -> "Layout":
        """Lay out a split.

        Raises:
            CorpusError: the bytes of some document's tokens do not sum to the bytes of the document.
        """
        token_offsets = np.asarray(split.token_offsets).astype(np.int64)
        n_bytes = _lengths(split)
        slots = token_offsets + np.arange(len(token_offsets))
        ends = np.empty(slots[-1], np.int64)
        is_token = np.ones(len(ends), np.bool_)
        is_token[slots[1:] - 1] = False
        ends[is_token] = split.ends
        ends[~is_token] = n_bytes
        starts = np.concatenate([[0], ends[:-1]])
        starts[slots[:-1]] = 0
        _check_bytes(starts, ends, slots, n_bytes)
        return cls(slots, starts, ends - starts, n_bytes)

    @property
    def document_of(self) -> Ints:
        """[n_slots]: the document of each token."""
        return np.repeat(np.arange(len(self.n_bytes)), np.diff(self.slots))


def _lengths(split: "ShardSplit") -> Ints:
    """Return the bytes of each document, from the manifest's side: the text that went in."""
    offsets = split.byte_offsets.astype(np.int64)
    return offsets[1:] - offsets[:-1]


def _check_bytes(starts: Ints, ends: Ints, slots: Ints, n_bytes: Ints) -> None:
    """Refuse tokens whose bytes do not tile their document: what follows would be a wrong figure."""
    eos = slots[1:] - 1
    wrong = np.flatnonzero(starts[eos] != n_bytes)
    if len(wrong):
        d = int(wrong[0])
        raise CorpusError(
            f"the tokens of document {d} have {int(starts[eos[d]])} bytes, the document has {int(n_bytes[d])}",
            "the tokenizer loses text, or the shards are damaged: write them again",
        )
    if np.any(ends < starts):
        raise CorpusError("the byte ends of a document's tokens fall", "write the shards again")


def _ids(split: "ShardSplit", eos: int, layout: Layout) -> Ints:
    """Return the id in each slot."""
    ids = np.full(len(layout.starts), eos, np.int64)
    is_token = np.ones(len(ids), np.bool_)
    is_token[layout.slots[1:] - 1] = False
    ids[is_token] = split.ids
    return ids


# -- the loss of every token


def losses(
    model: "GPT",
    split: "ShardSplit",
    eos: int,
    context_bytes: int,
    stride_bytes: int | None = None,
    max_tokens: int = 8192,
) -> Floats:
    """Return the nats of every token of a split, each document's EOS behind its tokens.

    Raises:
        UnsupportedError, BpeLabError: as `score`.
    """
    if model.config.mask == "two-way":
        raise UnsupportedError("a two-way model gives a text no probability", "bits per byte need a causal model")
    index = WindowIndex(split, eos, context_bytes, stride_bytes, evaluation=True)
    n_slots = split.n_tokens + split.n_documents
    nats, n_scored = np.zeros(n_slots), np.zeros(n_slots, np.int64)
    with scoring(model):
        for _, windows in index.groups(max_tokens):
            slots, found = _group_losses(model, index, windows)
            nats[slots] = found
            np.add.at(n_scored, slots, 1)
    _check_scores(nats, n_scored)
    return nats


@contextmanager
def scoring(model: "GPT") -> Iterator[None]:
    """Switch dropout, gradients and TF32 off, and back to what they were.

    Not `inference_mode`: what a model keeps from a forward in it could not be trained with afterwards.
    """
    was_training, precision = model.training, torch.get_float32_matmul_precision()
    model.eval()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
        torch.set_float32_matmul_precision(precision)


def _group_losses(model: "GPT", index: WindowIndex, windows: "Windows") -> tuple[Ints, Floats]:
    """Return the slots that some windows score, and their nats."""
    inputs, targets = (torch.from_numpy(part).to(model.head_weight.device) for part in index.gather(windows))  # (B, T)
    scored = targets != IGNORE  # (B, T)
    hidden = model(inputs)[scored]  # (N, d)
    nats = token_nats(hidden, model.head_weight, targets[scored], model.config.vocab_size)  # (N,)
    first = index.split.token_offsets[windows.document].astype(np.int64) + windows.document + windows.first  # (B,)
    slots = first[:, None] + np.arange(targets.shape[1])  # (B, T)
    return slots[scored.cpu().numpy()], nats.double().cpu().numpy()


def _check_scores(nats: Floats, n_scored: Ints) -> None:
    """Refuse a result in which a token was missed, counted twice, or has no number."""
    if np.any(n_scored != 1):
        missed, twice = int(np.sum(n_scored == 0)), int(np.sum(n_scored > 1))
        raise BpeLabError(f"{missed} tokens were not scored and {twice} more than once", "this is an error of bpe-lab")
    if not np.all(np.isfinite(nats)):
        n = int(np.sum(~np.isfinite(nats)))
        raise DivergedError(f"{n} tokens have no finite loss", "the model diverged in training: take a smaller --lr")


# -- where the nats are spent


def _by_position(nats: Floats, layout: Layout) -> tuple[tuple[int, int, float], ...]:
    """Return (first byte, bytes of text, nats) by bins of the byte within the document; EOS goes with the last byte.

    Up to byte C the position is also how much text the model sees before the token; from there on it sees C/2 to C.
    """
    edges = np.array(POSITION_BINS)
    last = np.maximum(layout.n_bytes[layout.document_of] - 1, 0)
    of = np.searchsorted(edges, np.minimum(layout.starts, last), side="right") - 1
    sums = np.bincount(of, nats)
    reached = np.array([int(np.minimum(layout.n_bytes, edge).sum()) for edge in POSITION_BINS[: len(sums) + 1]])
    n_bytes = np.diff(reached)
    return tuple((int(edges[k]), int(n_bytes[k]), float(sums[k])) for k in range(len(sums)))


def _by_syllable(nats: Floats, layout: Layout, documents: Sequence[bytes]) -> dict[str, tuple[float, float]]:
    """Return place within a syllable -> (bytes of text there, nats of the tokens that begin there)."""
    places = places_in_syllables(documents)
    begins = np.concatenate([[0], np.cumsum(layout.n_bytes)])[layout.document_of] + layout.starts
    inside = layout.starts < layout.n_bytes[layout.document_of]
    of = np.where(inside, np.append(places, 0)[np.where(inside, begins, -1)], 0)
    sums = np.bincount(of, nats, minlength=4)
    n_bytes = np.bincount(places, minlength=4)
    return {name: (float(n_bytes[k]), float(sums[k])) for k, name in enumerate(SYLLABLE_PLACES)}


def places_in_syllables(documents: Sequence[bytes]) -> NDArray[np.uint8]:
    """Return for each byte of the documents, one after another, which byte of a precomposed syllable it is; 0 for none.

    >>> places_in_syllables(["a 가ㅋ".encode()]).tolist()
    [0, 0, 1, 2, 3, 0, 0, 0]
    """
    data = np.frombuffer(b"".join(documents), np.uint8)
    places = np.zeros(len(data), np.uint8)
    if len(data) < 3:
        return places
    lead, second, third = data[:-2], data[1:-1], data[2:]
    at = np.flatnonzero((lead >= 0xEA) & (lead <= 0xED) & (second >> 6 == 2) & (third >> 6 == 2))
    code = (data[at] & 15).astype(np.uint32) << 12 | (data[at + 1] & 63).astype(np.uint32) << 6 | data[at + 2] & 63
    at = at[(code >= 0xAC00) & (code <= 0xD7A3)]
    ends = np.cumsum([len(document) for document in documents])
    at = at[at + 3 <= ends[np.searchsorted(ends, at, side="right")]]
    for k in range(3):
        places[at + k] = k + 1
    return places


def _by_class(nats: Floats, layout: Layout, ids: Ints, kinds: bytes, eos: int) -> dict[str, tuple[float, float, float]]:
    """Return class of token -> (tokens, bytes, nats); an id is of one class wherever it stands."""
    kind_of = np.zeros(max(len(kinds), int(ids.max()) + 1), np.int64)
    kind_of[: len(kinds)] = np.frombuffer(kinds, np.uint8)
    kind_of[eos] = CLASSES.index(END_OF_TEXT)
    kind = kind_of[ids]
    n = len(CLASSES)
    n_tokens, n_bytes, sums = (np.bincount(kind, w, minlength=n) for w in (None, layout.widths, nats))
    found: dict[str, tuple[float, float, float]] = {}
    for k, name in enumerate(CLASSES):
        if n_tokens[k]:
            before = found.get(name, (0.0, 0.0, 0.0))
            found[name] = (before[0] + float(n_tokens[k]), before[1] + float(n_bytes[k]), before[2] + float(sums[k]))
    return found


def uniform_bpb(vocab_size: int, n_tokens: int, n_bytes: int) -> float:
    """Return the bits per byte of a model that knows nothing: log2(V) x tokens / bytes."""
    return math.log2(vocab_size) * n_tokens / n_bytes
