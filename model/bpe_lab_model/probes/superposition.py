"""Two vectors in one: how nearly orthogonal random directions are, and how well a sum of token and position is read.

    E|cos| = Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2))     two random directions in d dimensions; about sqrt(2 / (pi d))

A linear probe reads which token and which position made a vector x = token row + position row. It is Fisher's linear
discriminant, least squares in closed form: the class c whose w_c.x + b_c is largest, with w_c = S^-1 m_c and
b_c = -m_c.w_c / 2 from the means m_c of the classes and the covariance S within them. It learns from four fifths of
the vectors and is asked about the others: of a token at positions where it was not learned, and the reverse.

Noise is added where the probe reads, in parts of what is there (1: as much noise as signal). Without noise a square
matrix hides nothing: what can be read before it can be read after it. With noise one sees what a matrix turns down.
Changes no model.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bpe_lab.errors import ArgumentError, UnsupportedError
from bpe_lab_model.embedding import hashes, normal
from bpe_lab_model.gpt import GPT, Attention

WIDTHS = (2, 3, 8, 32, 128, 768)
NOISES = (0.0, 0.5, 1.0, 2.0)
N_VECTORS = 1000
N_TOKENS, N_POSITIONS = 256, 128
_N_VECTORS_TOLD = 16_384
"""Vectors a probe sees in all: pairs of a token and a position, each once."""
_TEST_SHARE = 0.2
_ADDED = ("learned", "sinusoidal")


class Cosines(NamedTuple):
    """Sizes of the cosines between pairs of vectors."""

    mean: float
    largest: float
    n_pairs: int


@dataclass(frozen=True)
class Read:
    """How often a linear probe is right about vectors that it did not learn from."""

    place: str
    """Where it reads: `sum`, `W_q`, `W_k`, `W_v`, of one head from 1: `W_q head 1`."""
    noise: float
    """Its size over that of what is read."""
    token: float
    """Share of test vectors whose token is told."""
    position: float
    n_tokens: int
    n_positions: int
    n_train: int
    n_test: int


def expected_cosine(d: int) -> float:
    """Return the mean size of the cosine of two random directions in `d` dimensions, exactly.

    >>> [round(expected_cosine(d), 4) for d in (2, 3, 768)]
    [0.6366, 0.5, 0.0288]
    """
    if d < 1:
        raise ArgumentError(f"a direction needs at least 1 dimension, got {d}")
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


def directions(d: int, n: int = N_VECTORS, seed: int = 0, name: str = "vector") -> Tensor:
    """Return `n` random vectors, each number normal with deviation 1: (n, d)."""
    keys = [b"%s:%d" % (name.encode(), at) for at in range(n)]
    return torch.from_numpy(normal(hashes(keys, seed), d, 1.0))


def between(rows: Tensor, others: Tensor | None = None) -> Cosines:
    """Return the cosines of all pairs of rows (n, d); with `others` of each row with each of them."""
    units = torch.nn.functional.normalize(rows.double(), dim=1)
    sizes = (units @ (units if others is None else torch.nn.functional.normalize(others.double(), dim=1)).T).abs()
    found = sizes[tuple(torch.triu_indices(len(rows), len(rows), 1))] if others is None else sizes.flatten()
    return Cosines(float(found.mean()), float(found.max()), len(found))


# Reading the sum.


def pairs(n_tokens: int, n_positions: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return different pairs of token and position in random order: two arrays of equal length.

    Raises:
        ArgumentError: fewer than 2 of either: there is nothing to tell apart.
    """
    for name, n in (("tokens", n_tokens), ("positions", n_positions)):
        if n < 2:
            raise ArgumentError(f"{name} are told apart from 2 on, got {n}", f"{N_TOKENS} and {N_POSITIONS} are usual")
    n = min(_N_VECTORS_TOLD, n_tokens * n_positions)
    drawn = np.random.default_rng(seed).choice(n_tokens * n_positions, n, replace=False)
    return drawn // n_positions, drawn % n_positions


def read(
    vectors: Tensor, tokens: NDArray[np.int64], positions: NDArray[np.int64], noise: float, place: str, seed: int = 0
) -> Read:
    """Return how well token and position are read from vectors (n, d), with so much noise added.

    The last fifth is asked; the others are learned from.
    """
    if noise:
        draws = torch.Generator().manual_seed(seed)
        scale = noise * vectors.square().mean().sqrt()
        vectors = vectors + scale * torch.randn(vectors.shape, generator=draws, dtype=vectors.dtype)
    n_test = round(_TEST_SHARE * len(vectors))
    right = [accuracy(vectors.double(), torch.from_numpy(labels), n_test) for labels in (tokens, positions)]
    n_classes = [len(np.unique(labels)) for labels in (tokens, positions)]
    return Read(place, noise, right[0], right[1], n_classes[0], n_classes[1], len(vectors) - n_test, n_test)


def accuracy(x: Tensor, labels: Tensor, n_test: int) -> float:
    """Return the share of the last `n_test` rows of x (n, d) whose label Fisher's discriminant tells."""
    told, answers = x[:-n_test], labels[:-n_test]
    classes, at = torch.unique(answers, return_inverse=True)
    means = torch.zeros(len(classes), x.shape[1], dtype=x.dtype).index_add_(0, at, told)
    means /= at.bincount()[:, None]  # (classes, d)
    inside = told - means[at]  # (n, d)
    covariance = inside.T @ inside / len(told)  # (d, d)
    ridge = 1e-6 * (covariance.trace() + told.square().mean()) / len(covariance)
    covariance += ridge * torch.eye(len(covariance), dtype=x.dtype)
    weights = torch.linalg.solve(covariance, means.T)  # (d, classes)
    bias = -(means.T * weights).sum(0) / 2  # (classes,)
    guesses = classes[(x[-n_test:] @ weights + bias).argmax(1)]
    return float((guesses == labels[-n_test:]).double().mean())


def random_reads(
    d: int, noises: Sequence[float] = NOISES, n_tokens: int = N_TOKENS, n_positions: int = N_POSITIONS, seed: int = 0
) -> Iterator[Read]:
    """Yield how well the sum of two random tables is read, both with numbers of deviation 1."""
    tokens, positions = pairs(n_tokens, n_positions, seed)
    tables = directions(d, n_tokens, seed, "token"), directions(d, n_positions, seed, "position")
    x = tables[0][tokens] + tables[1][positions]  # (n, d)
    for noise in noises:
        yield read(x, tokens, positions, noise, "sum", seed)


# Of a model.


def check_adds(model: GPT) -> None:
    """Raise UnsupportedError where a model adds no position vectors to its token vectors."""
    position = model.config.position
    if position in _ADDED:
        return
    instead = {
        "rope": "it turns queries and keys",
        "alibi": "it weighs attention by distance",
        "relative": "it weighs attention by distance",
        "none": "it has no positions",
    }.get(position, "it sets them beside the tokens'")
    raise UnsupportedError(
        f"this model adds no position vectors to tell apart: with position={position} {instead}",
        "train one with --position learned or sinusoidal; without a run the random part is shown",
    )


@torch.no_grad()
def rows(model: GPT, ids: Sequence[int], n_positions: int) -> tuple[Tensor, Tensor]:
    """Return token rows and position rows as the model adds them: (n_tokens, d) and (n_positions, d)."""
    check_adds(model)
    nothing = torch.zeros(1, n_positions, model.config.token_width)
    places = model.position.embed(nothing, torch.arange(n_positions)[None])[0]  # (P, d)
    one = torch.zeros(len(ids), 1, dtype=torch.long)
    tokens = model.position.embed(model.embedding[list(ids)][:, None].float(), one)[:, 0] - places[:1]  # (n, d)
    return tokens, places


@torch.no_grad()
def model_reads(
    model: GPT, ids: Sequence[int], n_positions: int = N_POSITIONS, noises: Sequence[float] = NOISES,
    by_head: bool = False, seed: int = 0,
) -> Iterator[Read]:  # fmt: skip
    """Yield how well token and position are read from a model's sum, and behind W_q, W_k, W_v of its first block.

    Args:
        model: with positions that are added.
        ids: tokens that take part.
        n_positions: from 0; those that training windows never reach have rows that never moved.
        noises: as `read` takes them.
        by_head: read each head of the three matrices alone, which is narrower than the sum.
        seed: of the pairs and of the noise.
    """
    token_rows, position_rows = rows(model, ids, n_positions)
    tokens, positions = pairs(len(ids), n_positions, seed)
    x = token_rows[tokens] + position_rows[positions]  # (n, d)
    for place, vectors in _places(model, x, by_head):
        for noise in noises:
            yield read(vectors, tokens, positions, noise, place, seed)


def _normed(block: nn.Module, x: Tensor) -> Tensor:
    found: Tensor = block.get_submodule("norm_1")(x)  # (n, d)
    return found


def _places(model: GPT, x: Tensor, by_head: bool) -> Iterator[tuple[str, Tensor]]:
    """Yield what is read: the sum, and what the first block's attention makes of it."""
    yield "sum", x
    block = model.blocks[0]
    if not isinstance(block.attention, Attention):
        raise UnsupportedError("this model mixes tokens without attention", "take one with mixer=attention")
    made = block.attention.qkv(_normed(block, x))  # (n, 3 d)
    for name, part in zip(("W_q", "W_k", "W_v"), made.chunk(3, -1), strict=True):
        yield name, part  # (n, d)
        if by_head:
            for head, own in enumerate(part.chunk(model.config.n_heads, -1), 1):
                yield f"{name} head {head}", own  # (n, d/H)
