"""What is lost of a text that is longer than the context: its tail, after what each way to cut leaves before it.

A document of 4 C bytes is encoded once, C the context in bytes, and the same tokens are scored each time: those that
begin in its last C/4 bytes. Before them the model has read

    full      all of the document: beyond C the positions are longer than any in training
    left      the last C bytes, tail included: what a user does who keeps the newest tokens
    rolling   all of it through a cache that lets go what is older than C bytes (`Cache.crop_left`)
    right     the first 3C/4 bytes, then the tail: the beginning was kept, the middle is cut out, C bytes in all
    chunked   what training sees: windows of C bytes laid anywhere, so the tail stands in the first, second, third or
              last quarter of its window; the mean of the four. The last quarter is `left`, the first is
    alone     nothing but the token before it

Learned positions end at C, so `full` and `rolling` have no value there. The end of text is not scored. Trains nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bpe_lab.compare.candidates import Candidate
from bpe_lab.runs import RunRecord
from bpe_lab_model import bpb
from bpe_lab_model.cache import Cache
from bpe_lab_model.experiments.tasks import Finished
from bpe_lab_model.gpt import GPT
from bpe_lab_model.loss import token_nats
from bpe_lab_model.positions import Learned

WAYS = ("alone", "right", "chunked", "left", "rolling", "full")
"""From what should cost most to what should cost least."""

ENDLESS = ("rolling", "full")
"""Ways that go beyond the context, which learned positions cannot."""

N_DOCUMENTS = 24
TIMES = 4
"""Length of a document in contexts."""
ROLLING_TOKENS = 16
"""Tokens that are read between two cuts of the rolling cache: it holds C bytes with them, up to so many tokens less
before them. 1 is exact, and as many times slower."""


@dataclass(frozen=True)
class LongText:
    """A document with its tail."""

    ids: list[int]
    starts: list[int]
    """First byte of each token."""
    n_bytes: int
    first: int
    """The first token of the tail, never the document's first."""

    @classmethod
    def of(cls, candidate: Candidate, text: bytes, tail_bytes: int) -> "LongText":
        """Encode a document whose last `tail_bytes` bytes are the tail."""
        ids, ends, _ = candidate.encode_ends([text], 1)
        starts = [0, *ends.tolist()][: len(ids)]
        first = max(1, int(np.searchsorted(starts, len(text) - tail_bytes)))
        return cls(ids.tolist(), starts, len(text), first)

    @property
    def tail(self) -> list[int]:
        """The tokens that are scored."""
        return self.ids[self.first :]

    @property
    def tail_bytes(self) -> int:
        """Bytes of the tail's tokens."""
        return self.n_bytes - self.starts[self.first] if self.tail else 0

    def before(self, n_bytes: int) -> list[int]:
        """Return the tokens that begin in the `n_bytes` bytes before the tail, and the one before them."""
        begin = self.starts[self.first] - n_bytes
        return self.ids[max(0, int(np.searchsorted(self.starts, begin)) - 1) : self.first]

    def beginning(self, n_bytes: int) -> list[int]:
        """Return the tokens that end in the first `n_bytes` bytes."""
        return self.ids[: max(0, int(np.searchsorted(self.starts, n_bytes, side="right")) - 1)]


def tails(finished: Finished) -> Mapping[str, Any]:
    """Return `tail`, way -> bits per byte of the tails, None where it cannot be; and what they were taken from.

    Options: `tail_documents`, `tail_times` (a document's length in contexts), `rolling_tokens`, and `tail_join`:
    whether what is shorter than a document, or left over of one, is put together with others of its domain (true).
    """
    options = finished.job.options
    split, C = finished.shards.split("validation"), finished.model.config.context_bytes
    documents = bpb.decoded(split, finished.candidate)
    if documents is None:
        return {}
    domains = [split.domains[at] for at in split.domain_of.tolist()]
    n_bytes = options.get("tail_times", TIMES) * C
    texts = long_texts(documents, domains, n_bytes, bool(options.get("tail_join", True)))
    chosen = texts[: options.get("tail_documents", N_DOCUMENTS)]
    read = [LongText.of(finished.candidate, text, C // 4) for _, text in chosen]
    step = options.get("rolling_tokens", ROLLING_TOKENS)
    found = {way: bits_per_byte(finished.model, read, way, split.eos, step) for way in WAYS}
    return {
        "tail": found,
        "tail_documents": len(read),
        "tail_bytes": sum(text.tail_bytes for text in read),
        "tail_cannot": "" if found["full"] is not None else f"learned positions end at {C} bytes",
    }


def long_texts(
    documents: Sequence[bytes], domains: Sequence[str], n_bytes: int, join: bool = True
) -> list[tuple[str, bytes]]:
    """Return (domain, text) of about `n_bytes` bytes each, no character cut, of the domains in turn.

    A long document gives several. With `join` what is left over, and short documents, go one behind another, a newline
    between, and are cut alike; a rest is left out.
    """
    by_domain: dict[str, list[bytes]] = {}
    for document, domain in zip(documents, domains, strict=True):
        by_domain.setdefault(domain, []).append(document)
    found = {domain: list(_pieces(texts, n_bytes, join)) for domain, texts in by_domain.items()}
    longest = max(map(len, found.values()), default=0)
    return [(domain, texts[i]) for i in range(longest) for domain, texts in found.items() if i < len(texts)]


def _pieces(documents: Sequence[bytes], n_bytes: int, join: bool) -> Iterator[bytes]:
    rests = []
    for document in documents:
        pieces, rest = _cut(document, n_bytes)
        yield from pieces
        rests.append(rest)
    if join:
        yield from _cut(b"\n".join(filter(None, rests)), n_bytes)[0]


def _cut(text: bytes, n_bytes: int) -> tuple[list[bytes], bytes]:
    """Return pieces of `n_bytes` bytes, or up to three less where a character would be cut, and the rest."""
    pieces = []
    while len(text) >= n_bytes:
        end = n_bytes
        while end > n_bytes - 3 and end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(text[:end])
        text = text[end:]
    return pieces, text


def bits_per_byte(
    model: GPT, texts: Sequence[LongText], way: str, eos: int, rolling_tokens: int = ROLLING_TOKENS
) -> float | None:
    """Return bits per byte of the tails, one way; None without text, or where learned positions would not reach."""
    n_bytes = sum(text.tail_bytes for text in texts)
    if not n_bytes or (way in ENDLESS and isinstance(model.position, Learned)):
        return None
    with bpb.scoring(model):
        nats = math.fsum(tail_nats(model, text, way, eos, rolling_tokens) for text in texts)
    return nats / math.log(2) / n_bytes


def tail_nats(model: GPT, text: LongText, way: str, eos: int, rolling_tokens: int = ROLLING_TOKENS) -> float:
    """Return the nats of a tail after what a way leaves before it; see the module."""
    C = model.config.context_bytes
    if way == "rolling":
        return _nats(model, _rolled(model, text, eos, rolling_tokens), text.tail)
    befores = {
        "full": lambda: [[eos, *text.ids[: text.first]]],
        "left": lambda: [text.before(C - C // 4)],
        "right": lambda: [[eos, *text.beginning(C - C // 4)]],
        "chunked": lambda: [text.before(k * C // 4) for k in range(4)],
        "alone": lambda: [text.before(0)],
    }[way]()
    found = [_nats(model, _read(model, [*before, *text.tail[:-1]]), text.tail) for before in befores]
    return math.fsum(found) / len(found)


def _read(model: GPT, inputs: list[int]) -> Tensor:
    """Return the hidden states of a row: (T, d)."""
    row = torch.tensor([inputs], device=model.embedding.device)  # (1, T)
    return model(row)[0]  # type: ignore[no-any-return]  # (T, d)


def _rolled(model: GPT, text: LongText, eos: int, n_tokens: int) -> Tensor:
    """Return the hidden states of a document through a rolling cache of C bytes: (T, d)."""
    inputs, begins = [eos, *text.ids[:-1]], [0, *text.starts[:-1]]
    cache, parts = Cache(), []
    for a in range(0, len(inputs), n_tokens):
        b = min(a + n_tokens, len(inputs))
        oldest = int(np.searchsorted(begins, text.starts[b - 1] - model.config.context_bytes))
        cache.crop_left(min(oldest, a) - cache.n_dropped)
        row = torch.tensor([inputs[a:b]], device=model.embedding.device)  # (1, n)
        parts.append(model(row, cache=cache)[0])  # (n, d)
    return torch.cat(parts)  # (T, d)


def _nats(model: GPT, hidden: Tensor, tail: list[int]) -> float:
    targets = torch.tensor(tail, device=hidden.device)  # (n,)
    last = hidden[-len(tail) :]  # (n, d)
    return float(token_nats(last, model.head_weight, targets, model.config.vocab_size).double().sum())


# -- what claims and figures are made of


def _less(records: Mapping[tuple[str, float], RunRecord], arm: str, way: str, base: str) -> float | None:
    """Return how many more bits per byte a tail costs one way than another, in an arm."""
    tail: Mapping[str, Any] = next((r.measures.get("tail", {}) for (name, _), r in records.items() if name == arm), {})
    a, b = tail.get(way), tail.get(base)
    return None if a is None or b is None else a - b


rope_full_less_left = partial(_less, arm="rope", way="full", base="left")
alibi_full_less_left = partial(_less, arm="alibi", way="full", base="left")
none_full_less_left = partial(_less, arm="none", way="full", base="left")
rope_rolling_less_left = partial(_less, arm="rope", way="rolling", base="left")
rope_right_less_left = partial(_less, arm="rope", way="right", base="left")
rope_chunked_less_left = partial(_less, arm="rope", way="chunked", base="left")


def points(record: RunRecord) -> list[tuple[str, float, str]]:
    """Return (way, bits per byte, arm) of a record."""
    tail: Mapping[str, float | None] = record.measures.get("tail", {})
    return [(way, value, record.label) for way, value in tail.items() if value is not None]
