"""Low-rank adapters (LoRA, arXiv 2106.09685): linear layers W stay as they are, and B A beside them is trained.

    y = W x + (alpha / r) B A x        A: (r, in), B: (out, r), zero at first, so the model begins as it was

`attach` freezes a model and swaps layers of its blocks, `merge` adds (alpha / r) B A to each W and puts the plain
layers back: what is saved is an ordinary model. A layer of in x out numbers trains r (in + out). Queries, keys and
values of `gpt.Attention` are one layer, so they share A. Trains nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bpe_lab.errors import ArgumentError
from bpe_lab_model.embedding import hashes, normal

Layers = Literal["all", "attention", "mlp"]
LAYERS: tuple[Layers, ...] = get_args(Layers)


@dataclass(frozen=True)
class LoRA:
    """Which layers of the blocks get adapters, and how large these are."""

    rank: int
    layers: Layers = "all"
    """`attention`, `mlp`, or both."""
    alpha: float | None = None
    """The adapters' factor is alpha / rank; None is 2 rank, so the factor is 2 whatever the rank."""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ArgumentError(f"the rank of an adapter must be at least 1, got {self.rank}", "4 or 8 is usual")
        if self.layers not in LAYERS:
            raise ArgumentError(f"no layers are called {self.layers!r}", f"one of {', '.join(LAYERS)}")
        if self.alpha is not None and not 0 < self.alpha < float("inf"):
            raise ArgumentError(f"alpha must be above 0, got {self.alpha}", "twice the rank is usual")

    @property
    def factor(self) -> float:
        """What the product B A is multiplied by."""
        return 2.0 if self.alpha is None else self.alpha / self.rank


class Adapted(nn.Module):
    """A linear layer that is frozen, and the product of two thin matrices beside it."""

    def __init__(self, base: nn.Linear, rank: int, factor: float) -> None:
        super().__init__()
        self.base, self.factor = base, factor
        like = base.weight
        self.a = nn.Parameter(like.new_empty(rank, base.in_features))
        self.b = nn.Parameter(like.new_zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output: (..., out)."""
        found: Tensor = self.base(x) + self.factor * F.linear(F.linear(x, self.a), self.b)  # (..., out)
        return found

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return the plain layer, with the product added to its weights in float64, then rounded."""
        added = self.factor * self.b.double() @ self.a.double()  # (out, in)
        self.base.weight.copy_(self.base.weight.double() + added)
        return self.base


def attach(model: nn.Module, lora: LoRA, seed: int = 0) -> list[str]:
    """Freeze a model, give layers of its blocks adapters, and return the names of these layers.

    What the caller puts on the model afterwards, or sets `requires_grad` of, is trained beside the adapters.

    Args:
        model: has `blocks`, in which every `nn.Linear` under a module of the name `lora.layers` is adapted.
        lora: which layers, and the rank.
        seed: of the rows of A, which are drawn from hash(seed, name of the layer) with deviation 1 / sqrt(in).

    Raises:
        ArgumentError: the rank is more than a layer's smaller side, or no such layer is there.
    """
    layers = adapted_layers(model, lora)
    model.requires_grad_(False)
    for name, layer in layers.items():
        adapted = Adapted(layer, lora.rank, lora.factor)
        _start(adapted.a, name, seed)
        _put(model, name, adapted)
    return list(layers)


def adapted_layers(model: nn.Module, lora: LoRA) -> dict[str, nn.Linear]:
    """Return the layers that `attach` would adapt, by name; changes nothing.

    Raises:
        ArgumentError: as `attach`.
    """
    layers = dict(_layers(model, lora.layers))
    if not layers:
        raise ArgumentError(f"the model has no linear layers in {lora.layers}", f"one of {', '.join(LAYERS)}")
    most, tightest = min((min(layer.weight.shape), name) for name, layer in layers.items())
    if lora.rank > most:
        raise ArgumentError(
            f"the rank of an adapter must be at most {most}, the smaller side of {tightest}, got {lora.rank}",
            f"4 or 8 is usual; {most} trains more than full tuning does",
        )
    return layers


@torch.no_grad()
def _start(a: Tensor, name: str, seed: int) -> None:
    drawn = normal(hashes([f"lora {name}".encode()], seed), a.numel(), a.shape[1] ** -0.5)
    a.copy_(torch.from_numpy(drawn).view_as(a))


def merge(model: nn.Module) -> None:
    """Add every adapter to the layer that it stands beside, take it away, and let all parameters be trained again.

    Outputs stay the same within 1e-5; what was said before by two products is said by one.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, Adapted):
            _put(model, name, module.merged())
    model.requires_grad_(True)


def _layers(model: nn.Module, which: Layers) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in model.named_modules():
        parts = name.split(".")
        if isinstance(module, nn.Linear) and parts[0] == "blocks" and (which == "all" or which in parts):
            yield name, module


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
