"""From logits to the next token: greedy, temperature, top-k, top-p. Knows neither models nor tokenizers.

| setting | what is drawn from |
|---|---|
| `temperature` t | softmax(logits / t): below 1 sharper, above 1 flatter, 0 the heaviest alone (greedy) |
| `top_k` k | the k heaviest (Fan et al. 2018, arXiv 1805.04833) |
| `top_p` p | the fewest of the heaviest whose mass reaches p: the nucleus (Holtzman et al. 2020, arXiv 1904.09751) |

They apply in this order, each to what the one before left, scaled to 1 again. Of equally heavy tokens the one with the
lower id goes first, so that nothing depends on the order in which a sort meets them. All in fp64: a table of 32,000
probabilities in fp32 is 1e-5 off its sum.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen. The default draws from the model's own distribution.

    Raises:
        ArgumentError: a value outside its bounds.
    """

    temperature: float = 1.0
    """From 0, which is greedy."""
    top_k: int | None = None
    """From 1; more than there are tokens keeps all."""
    top_p: float | None = None
    """Above 0, at most 1, which keeps all."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ArgumentError(f"temperature must be a number from 0, got {self.temperature}", "0 is greedy, 1 plain")
        if self.top_k is not None and self.top_k < 1:
            raise ArgumentError(f"top_k must be at least 1, got {self.top_k}", "1 keeps the heaviest token alone")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ArgumentError(f"top_p must be above 0 and at most 1, got {self.top_p}", "0.9 is usual; 1 keeps all")

    @property
    def is_greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0 or self.top_k == 1


GREEDY = Sampling(temperature=0)
PLAINLY = Sampling()
"""As the model has it."""


def distribution(logits: Tensor, sampling: Sampling) -> Tensor:
    """Return the probabilities (..., V), fp64, from which `sampling` draws; each row sums to 1.

    A token with logit -inf has probability 0. Cost: a softmax; with `top_k` or `top_p` a sort of each row.

    >>> logits = torch.tensor([4.0, 2.0, 1.0]).log()
    >>> distribution(logits, Sampling(top_k=2)).tolist()
    [0.6666666666666666, 0.33333333333333337, 0.0]
    """
    logits = logits.double()  # (..., V)
    if sampling.is_greedy:
        return torch.zeros_like(logits).scatter_(-1, greedy(logits).unsqueeze(-1), 1.0)
    # Subtracted before the division: with a tiny temperature logits / t would overflow.
    heaviest = logits.max(-1, keepdim=True).values
    probabilities = ((logits - heaviest) / sampling.temperature).softmax(-1)  # (..., V)
    if sampling.top_k is None and sampling.top_p is None:
        return probabilities
    ordered, ids = probabilities.sort(dim=-1, descending=True, stable=True)  # (..., V), (..., V)
    ordered = ordered * _kept(ordered, sampling)
    return torch.zeros_like(ordered).scatter_(-1, ids, ordered / ordered.sum(-1, keepdim=True))


def _kept(ordered: Tensor, sampling: Sampling) -> Tensor:
    """Tell which of the probabilities (..., V), the heaviest first, are drawn from."""
    kept = torch.ones_like(ordered, dtype=torch.bool)
    if sampling.top_k is not None:
        kept[..., sampling.top_k :] = False
    if sampling.top_p is not None and sampling.top_p < 1:
        left = ordered * kept
        left = left / left.sum(-1, keepdim=True)
        kept[..., 1:] &= left.cumsum(-1)[..., :-1] < sampling.top_p  # the mass of all that are heavier
    return kept


def greedy(logits: Tensor) -> Tensor:
    """Return the heaviest token of each row (...), the lowest id among equals."""
    heaviest = logits == logits.max(-1, keepdim=True).values
    return heaviest.to(torch.uint8).argmax(-1)


def draw(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """Return one token for each row of `probabilities` (B, V): where a uniform number falls in their running sum.

    One number a row, drawn on the CPU, so that a seed draws the same on every device. Never a token of probability 0.
    """
    uniform = torch.rand((*probabilities.shape[:-1], 1), generator=generator, dtype=torch.float64)  # (B, 1)
    running = probabilities.double().cumsum(-1)  # (B, V)
    # Scaled by the whole sum, so that rounding leaves no gap at the end; `right` steps over tokens of probability 0.
    place = torch.searchsorted(running, uniform.to(running.device) * running[..., -1:], right=True)
    last = running.shape[-1] - 1 - (probabilities.flip(-1) > 0).to(torch.uint8).argmax(-1, keepdim=True)
    return torch.minimum(place, last).squeeze(-1)  # (B,)


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a token for each row of `logits` (B, V), and the distributions (B, V) from which they came.

    Greedy draws no number, so the generator stands as it stood.
    """
    probabilities = distribution(logits, sampling)
    ids = greedy(logits) if sampling.is_greedy else draw(probabilities, generator)
    return ids, probabilities
