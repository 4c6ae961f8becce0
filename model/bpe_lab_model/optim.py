"""AdamW, fused, and the learning rate as a function of the bytes seen. Knows no data and takes no steps by itself.

Schedules count bytes of text, never steps or tokens: tokenizers that cut the same text into more or fewer tokens then
have the same learning rate at the same place of the text.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.optim import AdamW

from bpe_lab.errors import ArgumentError

Kind = Literal["wsd", "cosine", "constant"]
KINDS: tuple[Kind, ...] = ("wsd", "cosine", "constant")
Shape = Literal["linear", "1-sqrt"]
SHAPES: tuple[Shape, ...] = ("linear", "1-sqrt")


@dataclass(frozen=True)
class Schedule:
    """The learning rate's factor by bytes seen.

    `wsd` (warm-up, stable, decay; Hu et al. 2024, arXiv 2404.06395) rises linearly over `warmup_bytes`, stays at 1, and
    falls to `end` over the last `decay_bytes`. `cosine` rises alike and falls along half a cosine over all the rest.
    `constant` rises alike and stays. After `total_bytes` the factor is that of the end.

    >>> wsd = Schedule("wsd", total_bytes=1000, warmup_bytes=100, decay_bytes=400)
    >>> [wsd.factor(n) for n in (0, 50, 100, 600, 800, 1000)]
    [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    """

    kind: Kind
    total_bytes: int
    warmup_bytes: int = 0
    decay_bytes: int = 0
    """Of `wsd`; the others take no notice of it."""
    shape: Shape = "linear"
    """How `wsd` falls: `linear`, or `1-sqrt` (Hägele et al. 2024, arXiv 2405.18392), which falls faster at first."""
    end: float = 0.0
    """The factor at the end."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ArgumentError(f"no schedule is called {self.kind!r}", f"one of {', '.join(KINDS)}")
        if self.shape not in SHAPES:
            raise ArgumentError(f"no decay is called {self.shape!r}", f"one of {', '.join(SHAPES)}")
        falling = self.decay_bytes if self.kind == "wsd" else 0
        if self.total_bytes < 1 or self.warmup_bytes < 0 or falling < 0:
            raise ArgumentError(f"a schedule needs at least 1 byte and no negative parts, got {self}")
        if self.warmup_bytes + falling > self.total_bytes:
            parts = f"{self.warmup_bytes:,} of warm-up and {falling:,} of decay"
            raise ArgumentError(f"{self.total_bytes:,} bytes do not hold {parts}", "shorten them or train longer")

    @property
    def decay_starts(self) -> int:
        """Bytes seen when the factor begins to fall: where a branch for another budget may leave the trunk."""
        if self.kind == "constant":
            return self.total_bytes
        return self.warmup_bytes if self.kind == "cosine" else self.total_bytes - self.decay_bytes

    def factor(self, bytes_seen: float) -> float:
        """Return what the learning rate is multiplied with when `bytes_seen` bytes were seen.

        A step takes the middle of its bytes, so that neither its first (0) nor its last one (`end`) is lost.
        """
        if bytes_seen < self.warmup_bytes:
            return bytes_seen / self.warmup_bytes
        if bytes_seen <= self.decay_starts or self.kind == "constant":
            return 1.0
        fallen = min(1.0, (bytes_seen - self.decay_starts) / (self.total_bytes - self.decay_starts))
        return self.end + (1 - self.end) * self._height(fallen)

    def _height(self, fallen: float) -> float:
        """Return 1 ... 0 for the part of the fall that is done."""
        if self.kind == "cosine":
            return (1 + math.cos(math.pi * fallen)) / 2
        return 1 - math.sqrt(fallen) if self.shape == "1-sqrt" else 1 - fallen


def adamw(
    model: nn.Module, lr: float, weight_decay: float = 0.1, betas: tuple[float, float] = (0.9, 0.95), eps: float = 1e-8
) -> AdamW:
    """Return AdamW over the model's parameters, fused into one pass where torch can do that on their device.

    Only matrices of the blocks decay. Vectors (norms, biases) do not, as in nanoGPT; tables (tokens, positions, the
    head) do not either, unlike there: a row of the table gets a gradient when its token occurs but would decay at every
    step, so a large vocabulary would be pulled to zero more per occurrence than a small one.
    """
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decaying = [p for name, p in trained if _decays(name, p)]
    resting = [p for name, p in trained if not _decays(name, p)]
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": resting, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    try:
        return AdamW(groups, lr=lr, betas=betas, eps=eps, fused=True)
    except RuntimeError:  # torch names the device that has no fused version
        return AdamW(groups, lr=lr, betas=betas, eps=eps, fused=False)


_TABLES = {"embedding", "position", "head"}
"""The parts of a model that have a row per token or per position."""


def _decays(name: str, parameter: torch.Tensor) -> bool:
    return parameter.dim() >= 2 and not _TABLES & set(name.split("."))


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr
