"""Who sees whom in attention: causal, two-way or prefix, inside a segment, with a position scheme's bias on top.

The common case, causal with nothing else, has no mask at all: the attention kernel knows it. Only the others make one
of (1|B, 1|H, T, S), T queries by S keys; the last T keys are the queries' own.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError


class Mask(NamedTuple):
    """What `scaled_dot_product_attention` takes, or a mixer of `mixers`."""

    bias: Tensor | None
    """(1|B, 1|H, T, S): bool, who is seen, or float, what is added to the logits."""
    is_causal: bool
    runs: Tensor | None = None
    """(B, T), for mixers that carry a state: 0 where it goes on from the cache, one more where each segment begins."""


def mask(
    kind: str, queries: Tensor, keys: Tensor, segments: tuple[Tensor, Tensor] | None, prefix: Tensor | None,
    bias: Tensor | None,
) -> Mask:  # fmt: skip
    """Return the mask of a call.

    Args:
        kind: `causal`, `two-way` or `prefix`.
        queries: (1|B, T), any tensor of that shape.
        keys: (1|B, S).
        segments: (B, T) of queries and (B, S) of keys.
        prefix: (B, S) bool, keys that all queries see.
        bias: (1|B, H, T, S) of the position scheme.
    """
    T, S = queries.shape[1], keys.shape[1]
    if segments is None and prefix is None and bias is None and (kind == "two-way" or T in (1, S)):
        return Mask(None, kind != "two-way" and T == S)
    seen = torch.ones(1, T, S, dtype=torch.bool, device=queries.device)
    if kind != "two-way":
        seen = seen.tril(S - T)  # (1, T, S)
    if prefix is not None:
        seen = seen | prefix[:, None]  # (B, T, S)
    if segments is not None:
        seen = seen & (segments[0][:, :, None] == segments[1][:, None])  # (B, T, S)
    if bias is None:
        return Mask(seen[:, None], False)
    return Mask(bias.masked_fill(~seen[:, None], -math.inf), False)


def begins(segments: Tensor, last: Tensor | None) -> Tensor:
    """Return where a segment begins, (B, T) bool.

    Args:
        segments: (B, T), equal where tokens belong together.
        last: (B, 1), the segment of the token before; None where there is none, and the first token begins one.
    """
    before = segments[:, :1] - 1 if last is None else last  # (B, 1)
    return segments != torch.cat((before, segments[:, :-1]), 1)  # (B, T)


def runs(segments: Tensor | None, last: Tensor | None) -> Tensor | None:
    """Return `Mask.runs` of segments (B, T) after the one of the token before, (B, 1); None where there are none."""
    return None if segments is None else begins(segments, last).cumsum(1)  # (B, T)


def prefix_keys(kind: str, prefix: Tensor | None, n_queries: int, n_keys: int, n_dropped: int) -> Tensor | None:
    """Return which keys belong to the prefix, (B, S) bool, from their number per row, (B,), or from themselves.

    Args:
        kind: must be `prefix` where one is given.
        prefix: (B,) positions at the beginning of each row, or (B, S) bool.
        n_queries: T.
        n_keys: S.
        n_dropped: keys that a rolling cache has let go before the first.

    Raises:
        ArgumentError: another kind of mask, or the first call does not hold the whole prefix.
    """
    if prefix is None:
        return None
    if kind != "prefix":
        raise ArgumentError(f"a prefix needs a model with mask='prefix', this one has {kind!r}")
    if prefix.dim() == 2:
        return prefix
    if n_queries == n_keys and not n_dropped and int(prefix.max()) > n_queries:
        raise ArgumentError(
            f"a prefix of {int(prefix.max())} positions does not fit into {n_queries}: all of it sees all of it",
            "give the whole prefix in one call",
        )
    return torch.arange(n_dropped, n_dropped + n_keys, device=prefix.device) < prefix[:, None]  # (B, S)
