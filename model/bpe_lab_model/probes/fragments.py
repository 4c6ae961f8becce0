"""Does a fragment of a syllable carry information? From a state inside a Hangul syllable to the whole of it.

Where the edge of a token falls inside a precomposed syllable, the model has read one or two of its three bytes (for a
jamo unit its onset, or onset and vowel). A linear probe, a softmax regression, says from the hidden state there which
syllable it is: layer 0 is what the first block reads, layer k what the k-th block gives on. Beside it stand what one
would say who knows nothing, and who knows the bytes read so far and looks them up. Where the probe knows more than the
bytes, that is context; where it knows less, the state has not kept even them.

Place 3 is a control: all of a broken syllable has been read, so looking it up is always right, and the probe says
whether the model has put the pieces together. Hidden states come from hooks. The model is not changed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab_model import bpb
from bpe_lab_model.bpb import Layout, places_in_syllables
from bpe_lab_model.windows import IGNORE, WindowIndex

if TYPE_CHECKING:
    from bpe_lab.shards import ShardSplit
    from bpe_lab_model.gpt import GPT

Ints = NDArray[np.int64]

N_SYLLABLES = 64
MOST_STATES = 20_000
"""Of a place; more would take longer and say the same."""
LEAST_STATES = 30
"""Of a place, in training and in test; fewer say nothing."""
TEST_PART = 3
"""One document of so many is for the test, by its hash."""
PENALTY = 1e-3
"""Half of it times the squared weights is added to the mean nats: 64 syllables x 64 numbers would fit noise."""
STEPS = 60
"""Of L-BFGS, at most."""


@dataclass(frozen=True)
class States:
    """Places of a text where part of a broken syllable has been read."""

    slots: Ints
    """Place in `bpb.Layout`'s row: the state that predicts the token there has read all before it."""
    place: Ints
    """Bytes of the syllable that were read: 1, 2, 3."""
    syllable: Ints
    """Code point."""
    document: Ints

    def take(self, which: NDArray[Any]) -> "States":
        """Return some of them."""
        return States(*(part[which] for part in (self.slots, self.place, self.syllable, self.document)))


@dataclass(frozen=True)
class Row:
    """How well a syllable is told after `place` of its bytes, from a layer or without one."""

    place: int
    source: str
    """`nothing`, `bytes`, or the layer: `0` for the embedding."""
    accuracy: float
    bits: float
    """Of the syllable, still missing: cross-entropy on the test documents."""


@dataclass(frozen=True)
class Found:
    """What the probe came to."""

    n_syllables: int
    """Precomposed syllables of the text."""
    n_broken: int
    """Of them, those with the edge of a token inside."""
    syllables: str
    """Those that are told apart."""
    n_states: dict[int, tuple[int, int]]
    """Place -> states in training and in test."""
    rows: tuple[Row, ...]
    """Empty where there are too few states."""
    bits_of_place: dict[str, float]
    """What the model itself spends: bits of the tokens that begin outside, at the `first`, `second` or `third` byte, by
    syllable of the text (`outside`: by byte)."""

    @property
    def chance(self) -> float:
        """Accuracy of a guess among the syllables."""
        return 1 / len(self.syllables) if self.syllables else math.nan


def fragments(
    model: "GPT",
    split: "ShardSplit",
    candidate: bpb.Spelled,
    *,
    n_syllables: int = N_SYLLABLES,
    most_states: int = MOST_STATES,
    max_tokens: int = 8192,
) -> Found:
    """Probe the layers of a model over a split.

    Args:
        model: a causal one.
        split: text in tokens of its tokenizer; best what it was not trained on.
        candidate: the tokenizer.
        n_syllables: the probe tells apart so many, the commonest of those that are broken in the training documents.
        most_states: of a place; the first ones of the text.
        max_tokens: padded tokens of a batch.

    Raises:
        ArgumentError: fewer than 2 syllables.
        CorpusError: the text is no Hangul, its tokenizer loses text, or all of it is one document.

    Cost: one pass over the text, and a regression of (states x width x syllables) a layer and place.
    """
    if n_syllables < 2:
        raise ArgumentError(f"there is nothing to tell among fewer than 2 syllables, got {n_syllables}", "64 is usual")
    documents = bpb.decoded(split, candidate)
    if documents is None:
        raise CorpusError("the tokenizer loses text, so what its tokens spell is unknown", "take a lossless one")
    layout = Layout.of(split)
    states, n_all = broken(layout, documents)
    if not n_all:
        raise CorpusError("the text has no Hangul syllable", "give Korean text")
    scored = bpb.score(
        model, split, split.eos, candidate=candidate, context_bytes=model.config.context_bytes, documents=documents,
        max_tokens=max_tokens,
    )  # fmt: skip
    n_broken = len(np.unique(_syllable_at(states, layout)))
    is_test = np.asarray(split.hashes)[states.document] % np.uint64(TEST_PART) == 0
    chosen = _commonest(states.syllable[~is_test], n_syllables)
    told = np.isin(states.syllable, chosen)
    kept = np.concatenate([np.flatnonzero(told & (states.place == place))[:most_states] for place in (1, 2, 3)])
    kept.sort()
    states, is_test = states.take(kept), is_test[kept]
    n_states = {
        place: (int(((states.place == place) & ~is_test).sum()), int(((states.place == place) & is_test).sum()))
        for place in (1, 2, 3)
    }
    rows: list[Row] = []
    if places := [place for place, counts in n_states.items() if min(counts) >= LEAST_STATES]:
        wanted = np.flatnonzero(np.isin(states.place, places))
        states, is_test = states.take(wanted), is_test[wanted]
        layers = hidden_states(model, split, states.slots, max_tokens)
        for place in places:
            rows += _rows(states, is_test, layers, place, chosen)
    bits = {name: nats / math.log(2) for name, (_, nats) in scored.by_syllable.items()}
    n_outside = scored.by_syllable["outside"][0]
    of_place = {name: x / (n_outside if name == "outside" else n_all) for name, x in bits.items() if n_outside or x}
    return Found(n_all, n_broken, "".join(map(chr, chosen.tolist())), n_states, tuple(rows), of_place)


# -- where


def broken(layout: Layout, documents: Sequence[bytes]) -> tuple[States, int]:
    """Return the states inside and at the end of syllables that token edges cut, and how many syllables there are."""
    text = b"".join(documents)
    places = places_in_syllables(documents)
    document = layout.document_of
    origin = np.concatenate([[0], np.cumsum(layout.n_bytes)])[document]  # [n_slots]
    before = np.flatnonzero(layout.starts > 0)  # slots whose state has read something
    last = (origin + layout.starts)[before] - 1  # the last byte that was read
    place = places[last].astype(np.int64)
    begins = np.concatenate([[0], layout.starts[:-1]])[before] + origin[before]  # of the last token
    # After all three bytes the syllable is broken where the last token begins behind its first byte.
    inside = ((place == 1) | (place == 2)) | ((place == 3) & (begins > last - 2))
    # A token of no bytes (a filler) reads nothing new: the state after the one that ended there counts.
    fresh = layout.widths[before - 1] > 0
    at = np.flatnonzero(inside & fresh)
    lead = last[at] - place[at] + 1
    data = np.frombuffer(text, np.uint8).astype(np.int64)
    code = (data[lead] & 15) << 12 | (data[lead + 1] & 63) << 6 | data[lead + 2] & 63
    return States(before[at], place[at], code, document[before[at]]), int((places == 1).sum())


def _syllable_at(states: States, layout: Layout) -> Ints:
    """Return which syllable of the text each state is in: the byte where it begins, over all documents."""
    origin = np.concatenate([[0], np.cumsum(layout.n_bytes)])[states.document]
    found: Ints = origin + layout.starts[states.slots] - states.place
    return found


def _commonest(syllables: Ints, n: int) -> Ints:
    """Return the `n` commonest code points, by code point; of equally common ones the lower."""
    counted = sorted(Counter(syllables.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
    return np.array(sorted(code for code, _ in counted[:n]), np.int64)


# -- hidden states


@contextmanager
def listening(model: "GPT") -> Iterator[list[Tensor]]:
    """Collect, in a list that each forward fills anew, the first block's input and every block's output: (B, T, d)."""
    heard: list[Tensor] = []

    def first(_: Any, args: tuple[Any, ...]) -> None:
        heard[:] = [args[0]]

    def after(_: Any, __: Any, output: Tensor) -> None:
        heard.append(output)

    hooks = [model.blocks[0].register_forward_pre_hook(first)]
    hooks += [block.register_forward_hook(after) for block in model.blocks]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def hidden_states(model: "GPT", split: "ShardSplit", slots: Ints, max_tokens: int = 8192) -> Tensor:
    """Return the states that predict the tokens of some slots, in ascending order of slots: (layers + 1, N, width)."""
    index = WindowIndex(split, split.eos, model.config.context_bytes, evaluation=True)
    found: Tensor | None = None
    with bpb.scoring(model), listening(model) as heard:
        for _, windows in index.groups(max_tokens):
            inputs, targets = index.gather(windows)  # (B, T)
            first = split.token_offsets[windows.document].astype(np.int64) + windows.document + windows.first  # (B,)
            own = np.where(targets != IGNORE, first[:, None] + np.arange(targets.shape[1]), -1)  # (B, T)
            at = np.searchsorted(slots, own)  # (B, T)
            wanted = (own >= 0) & (slots[np.minimum(at, len(slots) - 1)] == own)  # (B, T)
            if not wanted.any():
                continue
            model(torch.from_numpy(inputs).to(model.embedding.device))
            mask = torch.from_numpy(wanted).to(heard[0].device)  # (B, T)
            states = torch.stack([layer[mask] for layer in heard]).float().cpu()  # (layers + 1, n, width)
            if found is None:
                found = states.new_zeros(len(heard), len(slots), states.shape[2])  # (layers + 1, N, width)
            found[:, torch.from_numpy(at[wanted])] = states
    assert found is not None
    return found


# -- telling syllables


def _rows(states: States, is_test: NDArray[np.bool_], layers: Tensor, place: int, chosen: Ints) -> Iterator[Row]:
    """Yield how well the syllable is told after `place` bytes: knowing nothing, from its bytes, from each layer."""
    here = states.place == place
    labels = np.searchsorted(chosen, states.syllable)
    train, test = np.flatnonzero(here & ~is_test), np.flatnonzero(here & is_test)
    keys = np.array([_prefix(code, place) for code in states.syllable.tolist()])
    yield Row(place, "nothing", *looked_up(labels, np.zeros_like(keys), train, test, len(chosen)))
    yield Row(place, "bytes", *looked_up(labels, keys, train, test, len(chosen)))
    y = torch.from_numpy(labels)
    for layer, x in enumerate(layers):
        yield Row(place, str(layer), *probed(x[train], y[train], x[test], y[test], len(chosen)))


def _prefix(code: int, place: int) -> int:
    """Return the first `place` bytes of a syllable as a number.

    >>> hex(_prefix(ord("가"), 2))  # 가 is EA B0 80
    '0xeab0'
    """
    return int.from_bytes(chr(code).encode()[:place], "big")


def looked_up(labels: Ints, keys: Ints, train: Ints, test: Ints, n_classes: int) -> tuple[float, float]:
    """Return accuracy and bits of saying, for each key, what was commonest there in training.

    Probabilities are counts shrunk towards those of all keys, as one observation; a key never seen takes these.
    """
    counts = np.bincount(labels[train], minlength=n_classes) + 1.0
    base = counts / counts.sum()  # (n_classes,)
    rows, at = np.unique(keys, return_inverse=True)
    table = np.zeros((len(rows), n_classes))
    np.add.at(table, (at[train], labels[train]), 1)
    table = (table + base) / (table.sum(1, keepdims=True) + 1)  # (keys, n_classes)
    said = table[at[test]]  # (N, n_classes)
    right = said[np.arange(len(test)), labels[test]]
    return float((said.argmax(1) == labels[test]).mean()), float(-np.log2(right).mean())


def probed(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor, n_classes: int) -> tuple[float, float]:
    """Return accuracy and bits, on the test, of a softmax regression from x (N, d) to y (N,). Deterministic.

    Numbers are scaled by mean and deviation in training; the fit is convex, by L-BFGS from zero.
    """
    mean, deviation = x.mean(0), x.std(0).clamp_min(1e-6)  # (d,)
    x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    weight = torch.zeros(n_classes, x.shape[1] + 1, requires_grad=True)  # (classes, d + 1)
    optimizer = torch.optim.LBFGS([weight], max_iter=STEPS, line_search_fn="strong_wolfe")

    def logits(x: Tensor) -> Tensor:
        return F.linear(x, weight[:, :-1], weight[:, -1])  # (N, classes)

    def nats() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(logits(x), y) + PENALTY / 2 * weight[:, :-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimizer.step(nats)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        said = logits(x_test).double().log_softmax(1)  # (N, classes)
    right = said[torch.arange(len(y_test)), y_test]
    return float((said.argmax(1) == y_test).double().mean()), float(-right.mean() / math.log(2))
