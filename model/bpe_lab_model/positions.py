"""How a model knows the order of tokens. Each scheme acts at one place of three, and is nothing at the other two.

    place                scheme
    the embedding        learned, sinusoidal: added; concat-split, concat-wide: set beside the token's
    queries and keys     rope: rotated by their position
    attention logits     alibi, relative: a bias per head and distance

`none` acts nowhere: a causal model still tells order by how much it sees. A position is a number per token, counted
within its document; learned tables have one row more than the context has bytes, since no row of a window is longer.
Sources: learned (GPT-2), sinusoidal (arXiv 1706.03762), RoPE (arXiv 2104.09864), ALiBi (arXiv 2108.12409), relative
(T5, arXiv 1910.10683, with one bias a distance up to a bound), none (arXiv 2305.19466). Holds no attention.
"""

import math

import torch
from torch import Tensor, nn

from bpe_lab.errors import ArgumentError
from bpe_lab_model.masks import begins

POSITIONS = ("learned", "rope", "sinusoidal", "alibi", "relative", "none", "concat-split", "concat-wide")

IN_ATTENTION = ("rope", "alibi", "relative")
"""Those that act on nothing where there is no attention."""

FARTHEST = 128
"""`relative`: all greater distances share the bias of this one."""

_ROPE_BASE = 10_000.0


class Scheme(nn.Module):
    """The scheme `none`, and what the others differ from."""

    def embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Return what the first block reads, (B, T, width), from embedding rows (B, T, d) and positions (1|B, T)."""
        return tokens

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return cosines and sines for `rotate`, (1|B, T, 1, head/2) each, or None."""
        return None

    def bias(self, queries: Tensor, keys: Tensor) -> Tensor | None:
        """Return what is added to attention logits, (1|B, H, T, S), from positions (1|B, T) and (1|B, S), or None."""
        return None


class Learned(Scheme):
    """A table with a row a position: added to the token's row, or set beside it."""

    def __init__(self, n_rows: int, width: int, beside: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_rows, width))
        self.beside = beside

    def embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Add or append the rows of the positions."""
        rows = nn.functional.embedding(positions, self.weight)  # (1|B, T, width)
        if not self.beside:
            return tokens + rows  # (B, T, d)
        return torch.cat((tokens, rows.expand(len(tokens), -1, -1)), -1)  # (B, T, d + width)


class Sinusoidal(Scheme):
    """Sines and cosines of wavelengths 2 pi to 20,000 pi, added to the token's row times sqrt(d), as in the paper."""

    def embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Add the waves."""
        d = tokens.shape[-1]
        angles = _angles(positions, (d + 1) // 2)  # (1|B, T, d/2)
        waves = torch.stack((angles.sin(), angles.cos()), -1).flatten(-2)[..., :d]  # (1|B, T, d)
        return tokens * math.sqrt(d) + waves.to(tokens.dtype)  # (B, T, d)


class Rotary(Scheme):
    """Rotates pairs of numbers of each query and key by angles that grow with the position."""

    def __init__(self, head: int) -> None:
        super().__init__()
        self.n_pairs = head // 2

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines, (1|B, T, 1, head/2) each, in float32."""
        angles = _angles(positions, self.n_pairs)[:, :, None]  # (1|B, T, 1, head/2)
        return angles.cos(), angles.sin()


class Alibi(Scheme):
    """Takes slope x distance from the logits; each head has its slope."""

    slopes: Tensor

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.tensor(alibi_slopes(n_heads)), persistent=False)

    def bias(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return -slope |distance|."""
        distances = (queries[:, None, :, None] - keys[:, None, None, :]).abs()  # (1|B, 1, T, S)
        return distances * -self.slopes[:, None, None]  # (1|B, H, T, S)


class Relative(Scheme):
    """Adds a learned bias per head and distance to the logits, shared by the layers; far distances share one.

    A causal model looks back only and has FARTHEST + 1 rows, others twice as many less one.
    """

    def __init__(self, n_heads: int, causal: bool) -> None:
        super().__init__()
        self.lowest = 0 if causal else -FARTHEST
        self.distance_bias = nn.Parameter(torch.empty(FARTHEST - self.lowest + 1, n_heads))

    def bias(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Look the biases up."""
        distances = queries[:, :, None] - keys[:, None, :]  # (1|B, T, S)
        rows = distances.clamp(self.lowest, FARTHEST) - self.lowest  # (1|B, T, S)
        return nn.functional.embedding(rows, self.distance_bias).permute(0, 3, 1, 2)  # (1|B, H, T, S)


def scheme(name: str, *, n_rows: int, d_model: int, n_heads: int, head: int, causal: bool) -> Scheme:
    """Return the scheme called `name`, for a model of the given sizes; `n_rows` is the size of learned tables."""
    if name in ("learned", "concat-wide"):
        return Learned(n_rows, d_model, beside=name == "concat-wide")
    if name == "concat-split":
        return Learned(n_rows, d_model // 2, beside=True)
    if name == "sinusoidal":
        return Sinusoidal()
    if name == "rope":
        return Rotary(head)
    if name == "alibi":
        return Alibi(n_heads)
    return Relative(n_heads, causal) if name == "relative" else Scheme()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs (x[i], x[i + head/2]) of (B, T, H, head) by their angles."""
    cos, sin = (part.to(x.dtype) for part in angles)  # (1|B, T, 1, head/2)
    a, b = x.chunk(2, -1)  # (B, T, H, head/2)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)  # (B, T, H, head)


def alibi_slopes(n_heads: int) -> list[float]:
    """Return 2^(-8 i / n) for i = 1..n; where n is no power of two, the rest is the next one's odd places."""
    n = 2 ** int(math.log2(n_heads))
    slopes = [2 ** (-8 * i / n) for i in range(1, n + 1)]
    return slopes + [2 ** (-4 * i / n) for i in range(1, 2 * (n_heads - n), 2)]


def count(n_new: int, segments: Tensor | None, last: Tensor | None, last_segment: Tensor | None) -> Tensor:
    """Return the positions of `n_new` tokens: counted on from `last`, from 0 where a segment begins: (1|B, T).

    Args:
        n_new: T.
        segments: (B, T), equal where tokens belong together; None where each row is one text.
        last: (1|B, 1), position of the token before, None where there is none.
        last_segment: (B, 1), its segment.
    """
    if segments is None:
        index = torch.arange(n_new)[None]  # (1, T)
        return index if last is None else last + 1 + index.to(last.device)
    index = torch.arange(n_new, device=segments.device).expand_as(segments)  # (B, T)
    begin = begins(segments, last_segment)  # (B, T)
    positions = index - (index * begin).cummax(1).values  # (B, T)
    return positions if last is None else positions + (begin.cumsum(1) == 0) * (last + 1)


def check_rows(positions: Tensor, n_rows: int) -> None:
    """Raise ArgumentError where a position has no row in a learned table."""
    highest = int(positions.max())
    if highest >= n_rows:
        raise ArgumentError(
            f"position {highest} has no row: learned positions reach {n_rows - 1} (the context in bytes)",
            "give fewer tokens, cut them on the left and start anew, or train with position=rope, alibi or none",
        )


def _angles(positions: Tensor, n: int) -> Tensor:
    """Return position x 10000^(-i/n) for i below n: (..., n) float32."""
    rates = _ROPE_BASE ** (-torch.arange(n, dtype=torch.float32, device=positions.device) / n)  # (n,)
    return positions[..., None].float() * rates
