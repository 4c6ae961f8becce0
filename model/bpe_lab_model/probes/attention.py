"""Who looks at whom: attention weights of every layer and head, and how far back they reach in bytes.

    weights = softmax(q k^T / sqrt(head) + bias), zero where the mask hides     (B, H, T, S)
    reach of a token = sum over the tokens it sees of weight x (its first byte - theirs) / sum of the weights

Attention runs in one kernel that shows no weights, so they are made again from each layer's input by the layer's own
matrices; a test holds weights x values against what the layer gave. The token before the text (`start`) has no place in
it: what it draws is told apart, and reach is over the rest. Bytes, since tokens of two tokenizers are not as long.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bpe_lab.errors import ArgumentError, UnsupportedError
from bpe_lab_model.gpt import GPT, Attention
from bpe_lab_model.masks import Mask
from bpe_lab_model.positions import rotate

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.shards import ShardSplit

Floats = NDArray[np.float64]


class Looked(NamedTuple):
    """What one layer's attention did in one call."""

    weights: Tensor
    """(B, H, T, S); each row sums to 1."""
    values: Tensor
    """(B, H, S, head)."""
    added: Tensor
    """What the layer returned: (B, T, width)."""


class Row(NamedTuple):
    """A text as the model reads it."""

    ids: list[int]
    starts: NDArray[np.int64]
    """First byte of each token in the text; -1 for one that stands for no text."""
    n_bytes: NDArray[np.int64]
    """Of each token; 0 for those."""
    prefix: int | None
    """How many tokens all see, with mask `prefix`."""


@torch.no_grad()
def looks(model: GPT, inputs: Tensor, **given: Any) -> list[Looked]:
    """Return the attention of each layer for inputs (B, T); `given` goes to the model (segments, prefix, positions).

    Raises:
        UnsupportedError: a layer mixes tokens without attention.
    """
    seen: list[Looked] = []
    model.eval()
    with _listening(model, seen):
        model(inputs, **given)
    return seen


@contextmanager
def _listening(model: GPT, seen: list[Looked]) -> Iterator[None]:
    """Note what each attention layer gets and gives; the model runs as ever."""
    mixers = [block.attention for block in model.blocks]
    layers = [layer for layer in mixers if isinstance(layer, Attention)]
    if len(layers) < len(mixers):
        raise UnsupportedError("this model mixes tokens without attention", "take one with mixer=attention")

    def note(layer: Attention, given: tuple[Any, ...], added: Tensor) -> None:
        x, angles, mask = given[:3]
        weights, values = attention(layer, x, angles, mask)
        seen.append(Looked(weights, values, added))

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def attention(layer: Attention, x: Tensor, angles: tuple[Tensor, Tensor] | None, mask: Mask) -> tuple[Tensor, Tensor]:
    """Return the weights (B, H, T, T) and the values (B, H, T, head) of a layer for its input (B, T, width)."""
    B, T, _ = x.shape
    q, k, v = layer.qkv(x).view(B, T, 3, layer.n_heads, -1).unbind(2)  # (B, T, H, head) each
    if angles is not None:
        q, k = rotate(q, angles), rotate(k, angles)
    q, k, v = (part.transpose(1, 2).float() for part in (q, k, v))  # (B, H, T, head) each
    logits = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, T, T)
    if mask.is_causal:
        logits = logits.masked_fill(torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1), -math.inf)
    elif mask.bias is not None and mask.bias.dtype == torch.bool:
        logits = logits.masked_fill(~mask.bias, -math.inf)
    elif mask.bias is not None:
        logits = logits + mask.bias
    return logits.softmax(-1), v


# Texts.


def row(text: bytes, candidate: "Candidate", model: GPT, eos: int, n_rows: int) -> Row:
    """Return a text as the model is trained to read one.

    A causal model reads the end of the text before it first; a two-way model reads the text alone; one with a prefix
    reads it as a source, all of which sees all, and a separator.

    Args:
        text: at least one byte.
        candidate: the model's tokenizer.
        model: any.
        eos: the end of text.
        n_rows: ids of the tokenizer and the end of text; the separator comes after them.

    Raises:
        ArgumentError: there is no text.
    """
    if not text:
        raise ArgumentError("there is no text to look at", 'bpe-lab lm probe attention run/ "오늘 날씨가 좋다"')
    ids, ends, _ = candidate.encode_ends([text])
    return _row(np.asarray(ids, np.int64), np.asarray(ends, np.int64), model, eos, n_rows)


def _row(ids: NDArray[np.int64], ends: NDArray[np.int64], model: GPT, eos: int, n_rows: int) -> Row:
    starts = np.concatenate([[0], ends[:-1]])
    kind, sizes = model.config.mask, ends - starts
    if kind == "two-way":
        return Row(ids.tolist(), starts, sizes, None)
    if kind == "causal":
        return Row([eos, *ids.tolist()], np.append(-1, starts), np.append(0, sizes), None)
    return Row([*ids.tolist(), n_rows], np.append(starts, -1), np.append(sizes, 0), len(ids) + 1)


def weights(model: GPT, row: Row) -> Tensor:
    """Return the weights of a text: (L, H, T, T)."""
    prefix = {} if row.prefix is None else {"prefix": torch.tensor([row.prefix])}
    return torch.stack([look.weights[0] for look in looks(model, torch.tensor([row.ids]), **prefix)])


# How far.


@dataclass(frozen=True)
class Reach:
    """How far heads look, over texts. Each byte of text counts alike: a token's row as often as it has bytes."""

    bytes_back: Floats
    """(L, H): mean distance to what is looked at in the text, itself included."""
    evenly: float
    """The same of a head that looks at all it sees alike."""
    on_start: Floats
    """(L, H): share of the weight that goes to the token before the text; it is not in `bytes_back`."""
    on_itself: Floats
    """(L, H): share that stays on the token itself, at distance 0."""
    n_bytes: int
    n_tokens: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "bytes_back": self.bytes_back.tolist(),
            "evenly": self.evenly,
            "on_start": self.on_start.tolist(),
            "on_itself": self.on_itself.tolist(),
            "n_bytes": self.n_bytes,
            "n_tokens": self.n_tokens,
        }


def reach(model: GPT, rows: Sequence[Row]) -> Reach:
    """Return how far each head looks over texts, each read by itself.

    Raises:
        ArgumentError: no text has a byte.
    """
    causal = model.config.mask == "causal"
    sums = [_sums(weights(model, one).double().numpy(), one, causal) for one in rows]
    total = sum(int(one.n_bytes.sum()) for one in rows)
    if not total:
        raise ArgumentError("there is no text to look at")
    far, evenly, on_start, on_itself = (sum(parts) / total for parts in zip(*sums, strict=True))
    n_tokens = sum(int((one.starts >= 0).sum()) for one in rows)
    return Reach(far, float(evenly), on_start, on_itself, total, n_tokens)


def _sums(weights: Floats, row: Row, causal: bool) -> tuple[Floats, Any, Floats, Floats]:
    """Return of a text, over its tokens and times their bytes: reach, that of even looks, on start, on itself."""
    is_text = row.starts >= 0
    distances = np.abs(row.starts[:, None] - row.starts)[is_text][:, is_text]  # (t, t)
    looked = weights[:, :, is_text][..., is_text]  # (L, H, t, t)
    on_text = looked.sum(-1)  # (L, H, t)
    far = (looked * distances).sum(-1) / np.where(on_text > 0, on_text, 1)
    seen = np.tri(len(distances)) if causal else np.ones_like(distances)
    evenly = (seen * distances).sum(-1) / seen.sum(-1)  # (t,)
    times = row.n_bytes[is_text]
    itself = np.diagonal(looked, axis1=-2, axis2=-1)
    return far @ times, evenly @ times, (1 - on_text) @ times, itself @ times


def rows_of(split: "ShardSplit", model: GPT, n_rows: int, most_bytes: int) -> list[Row]:
    """Return the first window of documents, `most_bytes` in all or a little more."""
    found: list[Row] = []
    for d in range(split.n_documents):
        first, last = int(split.token_offsets[d]), int(split.token_offsets[d + 1])
        ends = np.asarray(split.ends[first:last], np.int64)
        n = int(np.searchsorted(np.append(0, ends[:-1]), model.config.context_bytes)) if len(ends) else 0
        if n and ends[n - 1]:
            found.append(_row(np.asarray(split.ids[first : first + n], np.int64), ends[:n], model, split.eos, n_rows))
            most_bytes -= int(ends[n - 1])
        if most_bytes <= 0:
            break
    return found
