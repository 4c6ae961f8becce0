"""The norms of a block by name: LayerNorm, RMSNorm, DyT, none. Each takes and returns (..., width).

LayerNorm: Ba, Kiros, Hinton 2016 (arXiv 1607.06450). RMSNorm: Zhang and Sennrich 2019 (arXiv 1910.07467). DyT: Zhu et
al. 2025 (arXiv 2503.10622). They stand before attention, before the MLP and before the head (pre-norm).
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

NORMS = ("layernorm", "rmsnorm", "dyt", "none")

EPSILON = 1e-5
"""Added to the variance or the mean square."""


def norm(name: str, width: int, bias: bool) -> nn.Module:
    """Return the norm called `name`; `bias` is for LayerNorm and DyT, RMSNorm has none."""
    if name == "layernorm":
        return nn.LayerNorm(width, EPSILON, bias=bias)
    if name == "rmsnorm":
        return RMSNorm(width)
    if name == "dyt":
        return DyT(width, bias)
    return nn.Identity()


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normed x: (..., width)."""
        if x.is_cpu and x.dtype == torch.float32 and not torch.compiler.is_compiling():
            return _RMSNormOnCPU.apply(x, self.weight)  # type: ignore[no-any-return, no-untyped-call]
        return F.rms_norm(x, self.weight.shape, self.weight, EPSILON)


class _RMSNormOnCPU(torch.autograd.Function):
    """`F.rms_norm`, which is a row of small operations on a CPU: forward and backward take a third of its time."""

    @staticmethod
    def forward(ctx, x, weight):  # type: ignore[no-untyped-def]
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # (..., 1)
        scale = length.square_().div_(x.shape[-1]).add_(EPSILON).rsqrt_()  # (..., 1)
        normed = x * scale  # (..., width)
        ctx.save_for_backward(normed, weight, scale)
        return normed * weight

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        normed, weight, scale = ctx.saved_tensors
        products = grad * normed  # (..., width)
        grad_weight = products.flatten(0, -2).sum(0)  # (width,)
        along = (products @ weight)[..., None].div_(normed.shape[-1])  # (..., 1)
        grad_x = torch.mul(grad, weight, out=products).addcmul_(normed, along, value=-1).mul_(scale)
        return grad_x, grad_weight


class DyT(nn.Module):
    """tanh(alpha x) * weight + bias: no statistics. alpha is one learned number, at first 0.5 as in the paper."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 0.5))
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the squashed x: (..., width)."""
        y = torch.tanh(self.alpha * x) * self.weight
        return y if self.bias is None else y + self.bias
