"""Which tokens a window of text holds, as rows of numbers: inputs, and what is to be predicted from them.

The context is counted in bytes of the document, so every tokenizer's windows begin at the same places of the text.
numpy alone, on memory-mapped arrays: no Python object a window. Knows no torch, no order of training and no objective
but the next token.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.shards import ShardSplit

IGNORE = -100
"""The target of a position that is not scored; torch's own number for it."""

Ints = NDArray[np.int64]
Row = tuple[Ints, Ints]


@dataclass(frozen=True)
class Window:
    """The tokens of a document that a row predicts: `first` to `last`, the end of text being token n_tokens."""

    document: int
    first: int
    last: int
    skip: int
    """How many of them, from the first on, give context alone: an earlier window scored them."""


@dataclass(frozen=True)
class Windows:
    """Many windows as columns."""

    document: Ints
    first: Ints
    last: Ints
    skip: Ints

    @cached_property
    def n_tokens(self) -> Ints:
        """Length of each row."""
        return self.last - self.first

    @cached_property
    def n_scored(self) -> Ints:
        """Targets of each row."""
        return self.n_tokens - self.skip

    def __len__(self) -> int:
        return len(self.document)

    def take(self, places: NDArray[Any]) -> "Windows":
        """Return some of them."""
        return Windows(self.document[places], self.first[places], self.last[places], self.skip[places])


class WindowIndex:
    """The windows of a split, by number.

    Window k of a document begins at byte s = k x stride and holds the tokens that begin in [s, s + context); the last
    one, which is the first to reach the document's end, holds the end of text too. A window owns the bytes that no
    window before it reached, so the bytes of a document's windows sum to the document's.

    In training every token of a row is a target. In evaluation a token is scored in the first window that holds it,
    where it has the longest past, so each is scored exactly once. A window that scores nothing (one token is longer
    than the stride) is left out.

    Cost: 16 bytes a document; two binary searches a window of a document that is longer than the context.
    """

    def __init__(
        self,
        split: ShardSplit,
        eos: int | None = None,
        context_bytes: int = 1024,
        stride_bytes: int | None = None,
        *,
        evaluation: bool = False,
    ) -> None:
        self.split = split
        self.eos = split.eos if eos is None else eos
        self.context_bytes = _checked(context_bytes, "context_bytes")
        self.stride_bytes = _stride(stride_bytes, context_bytes, evaluation)
        self.evaluation = evaluation
        self._n_bytes_of = np.diff(split.byte_offsets.astype(np.int64))
        beyond = np.maximum(self._n_bytes_of - self.context_bytes, 0)
        n_windows_of = 1 + -(-beyond // self.stride_bytes)
        self._window_offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(n_windows_of)])

    @property
    def n_placed(self) -> int:
        """Windows by their place in the text, those included that score nothing: the same for every tokenizer."""
        return int(self._window_offsets[-1])

    @property
    def n_bytes(self) -> int:
        """Bytes of all documents."""
        return int(self.split.byte_offsets[-1])

    def places(self, numbers: NDArray[Any] | None = None) -> tuple[Ints, Ints]:
        """Return the document of each placed window and which of its windows it is."""
        if numbers is None:
            counts = np.diff(self._window_offsets)
            document = np.repeat(np.arange(len(counts)), counts)
            return document, np.arange(self.n_placed) - self._window_offsets[document]
        document = np.searchsorted(self._window_offsets, numbers, side="right") - 1
        return document, np.asarray(numbers, np.int64) - self._window_offsets[document]

    def bytes_of(self, numbers: NDArray[Any] | None = None) -> Ints:
        """Return how many bytes of text each placed window owns."""
        document, k = self.places(numbers)
        n = self._n_bytes_of[document]
        end = np.minimum(k * self.stride_bytes + self.context_bytes, n)
        before = np.minimum((k - 1) * self.stride_bytes + self.context_bytes, n)
        return end - np.where(k == 0, 0, before)

    def windows(self, numbers: NDArray[Any]) -> Windows:
        """Return the tokens of placed windows."""
        document, k = self.places(numbers)
        token_offsets, n_tokens = self.split.token_offsets, self.n_tokens_of(document)
        first = np.zeros(len(document), np.int64)
        last = n_tokens + 1
        fresh = first.copy()
        start = k * self.stride_bytes
        end = start + self.context_bytes
        # Documents of one window need no search, and most documents are such.
        for i in np.flatnonzero((k > 0) | (end < self._n_bytes_of[document])).tolist():
            base = int(token_offsets[document[i]])
            ends = self.split.ends[base : base + int(n_tokens[i])]
            if k[i]:
                first[i] = _token_at(ends, int(start[i]))
                fresh[i] = _token_at(ends, int(end[i]) - self.stride_bytes)
            if end[i] < self._n_bytes_of[document[i]]:
                last[i] = _token_at(ends, int(end[i]))
        skip = np.minimum(fresh, last) - first if self.evaluation else np.zeros_like(first)
        return Windows(document, first, last, skip)

    def n_tokens_of(self, document: Ints) -> Ints:
        """Return how many tokens documents have, ends of text not counted."""
        offsets = self.split.token_offsets
        return (offsets[document + 1] - offsets[document]).astype(np.int64)

    @cached_property
    def _kept(self) -> Ints | None:
        """The numbers of windows that score something; None where all do: no token is longer than the stride."""
        if self.split.max_token_bytes <= self.stride_bytes:
            return None
        parts = np.array_split(np.arange(self.n_placed), max(1, self.n_placed >> 16))
        return np.concatenate([part[self.windows(part).n_scored > 0] for part in parts])

    def __len__(self) -> int:
        return self.n_placed if self._kept is None else len(self._kept)

    def number(self, i: int) -> int:
        """Return which placed window the i-th one is that scores something."""
        if not 0 <= i < len(self):
            raise IndexError(f"window {i} of {len(self)}")
        return i if self._kept is None else int(self._kept[i])

    def window(self, i: int) -> Window:
        """Return the i-th window."""
        one = self.windows(np.array([self.number(i)]))
        return Window(int(one.document[0]), int(one.first[0]), int(one.last[0]), int(one.skip[0]))

    def row(self, i: int) -> Row:
        """Return inputs and targets [T] of the i-th window: the targets moved one place to the right are the inputs."""
        inputs, targets = self.gather(self.windows(np.array([self.number(i)])))
        return inputs[0], targets[0]

    def gather(self, windows: Windows) -> Row:
        """Return rows of windows, padded on the right with the end of text, whose targets are ignored: (B, T) each."""
        column = np.arange(int(windows.n_tokens.max()))  # (T,)
        j = windows.first[:, None] + column  # (B, T) token of the document
        base = self.split.token_offsets[windows.document].astype(np.int64)[:, None]  # (B, 1)
        n_tokens = self.n_tokens_of(windows.document)[:, None]  # (B, 1)
        is_row = column < windows.n_tokens[:, None]  # (B, T)
        targets = self._ids(base + j, is_row & (j < n_tokens))  # (B, T)
        inputs = self._ids(base + j - 1, is_row & (j > 0))  # (B, T)
        targets[~is_row | (column < windows.skip[:, None])] = IGNORE
        return inputs, targets

    def _ids(self, places: Ints, known: NDArray[np.bool_]) -> Ints:
        """Return the tokens at places of the split, the end of text where none is known."""
        found = np.full(places.shape, self.eos, np.int64)
        found[known] = self.split.ids[places[known]]
        return found

    def groups(self, max_tokens: int = 8192) -> Iterator[tuple[Ints, Windows]]:
        """Yield all windows that score something, sorted by length in stretches, as numbers and windows to `gather`.

        Each group has at most `max_tokens` places, padding included, or one row.
        """
        numbers = np.arange(self.n_placed) if self._kept is None else self._kept
        for part in np.array_split(numbers, max(1, len(numbers) >> 12)):
            windows = self.windows(part)
            order = np.argsort(-windows.n_tokens, kind="stable")
            for chosen in by_padded_size(windows.n_tokens[order], max_tokens):
                yield part[order[chosen]], windows.take(order[chosen])


def _token_at(ends: NDArray[Any], byte: int) -> int:
    """Return the first token that begins at `byte` or later, which is above 0; the end of text where none does."""
    return min(int(np.searchsorted(ends, np.uint32(byte))) + 1, len(ends))


BATCH_COST = 96
"""What a batch costs beside its places, in places: measured on two cores; on a GPU it is thousands."""


def by_padded_size(lengths: Ints, max_tokens: int, batch_cost: int = BATCH_COST) -> Iterator[slice]:
    """Cut lengths that fall into the cheapest groups.

    A group costs its places, every row padded to its first, and `batch_cost`; it has at most `max_tokens` places, or
    one row. Exact, by dynamic programming: the cheapest cut of the first n rows ends in a group that begins at some
    row, after the cheapest cut of the rows before it. Where texts of 15 tokens lie beside texts of 240, filling each
    group to the brim instead pads to 2.7 times the tokens.

    Cost: a pass over at most max_tokens / length rows for each row.

    >>> list(by_padded_size(np.array([100, 90, 2, 1]), 200, batch_cost=8))
    [slice(0, 2, None), slice(2, 4, None)]
    """
    width = np.maximum(lengths, 1)
    cheapest = np.zeros(len(lengths) + 1, np.int64)
    begins = np.zeros(len(lengths) + 1, np.int64)
    first = 0
    for n in range(1, len(lengths) + 1):
        while first < n - 1 and width[first] * (n - first) > max_tokens:
            first += 1
        cost = cheapest[first:n] + width[first:n] * np.arange(n - first, 0, -1)
        begins[n] = first + int(cost.argmin())
        cheapest[n] = cost.min() + batch_cost
    ends = [len(lengths)]
    while ends[-1]:
        ends.append(int(begins[ends[-1]]))
    yield from (slice(start, end) for start, end in pairwise(reversed(ends)))


def _checked(n: int, name: str) -> int:
    if n < 1:
        raise ArgumentError(f"{name} must be at least 1, got {n}", "1024 is usual")
    return n


def _stride(stride: int | None, context: int, evaluation: bool) -> int:
    """Return the stride: by default half the context in evaluation, all of it in training."""
    if stride is None:
        return max(1, context // 2) if evaluation else context
    if not 1 <= stride <= context:
        raise ArgumentError(
            f"stride_bytes must be from 1 to the context of {context} bytes, got {stride}",
            "a longer one leaves text out",
        )
    return stride


def check_text(index: WindowIndex) -> None:
    """Refuse a split without a byte of text: no step of it would ever be full."""
    if not index.n_bytes:
        raise CorpusError(f"the {index.split.name} split has 0 bytes of text", "write the shards from text")
