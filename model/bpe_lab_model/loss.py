"""Cross-entropy over a large vocabulary in little memory: logits exist for a few hundred rows at a time.

`summed_nats` makes the gradients of hidden states and head weight in the forward, chunk by chunk, while the logits are
at hand, so nothing of size (rows, vocabulary) is kept: memory is one chunk of logits and one gradient of the weight,
whatever the batch. Logits, log-sum-exp and gradients are float32 also where hidden states are bfloat16, since bfloat16
logits are up to 0.04 nats off; nats are added up in float64. Under autocast the two products that make gradients are
bfloat16, and on CUDA the logits have bfloat16 factors, float32 sums and float32 results; scoring is never low.
Averages nothing: a caller divides by what it counted.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bpe_lab.errors import ArgumentError, BpeLabError, UnsupportedError

IGNORE = -100
"""Target of a position that is not scored."""

CHUNK_ROWS = 256
"""Logits of 256 rows and 8,192 tokens are 8 MB."""


class DivergedError(BpeLabError):
    """A loss, or what a model answers, is no number: training has diverged."""


def summed_nats(hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int, chunk: int = CHUNK_ROWS) -> Tensor:
    """Return the sum of -ln p(target) over the rows whose target is not IGNORE, differentiable once.

    Args:
        hidden: (N, d), float32 or bfloat16.
        weight: (at least n_vocab, d); rows from n_vocab on are padding, out of the softmax, and get a zero gradient.
        targets: (N,) int64, below n_vocab, or IGNORE.
        n_vocab: tokens that the softmax goes over.
        chunk: rows whose logits exist at once.

    Returns:
        A float64 scalar. Gradients reach `hidden` and `weight` only.

    Cost: three matrix products of 2 N d n_vocab FLOPs, all in the forward; 4 (chunk n_vocab + n_vocab d + N d) bytes.

    Raises:
        ArgumentError: n_vocab is more than the rows of the weight, or a shape does not fit.
        UnsupportedError: a second backward through the same loss.

    >>> hidden, weight = torch.zeros(2, 4, requires_grad=True), torch.zeros(8, 4)
    >>> summed_nats(hidden, weight, torch.tensor([3, IGNORE]), 5).item()  # one row scored, five tokens alike: ln 5
    1.6094379425048828
    """
    _check(hidden, weight, targets, n_vocab)
    if not (torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)):
        return token_nats(hidden, weight, targets, n_vocab, chunk).double().sum()
    return _SummedNats.apply(hidden, weight, targets, n_vocab, chunk)  # type: ignore[no-any-return, no-untyped-call]


@torch.no_grad()
def token_nats(hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int, chunk: int = CHUNK_ROWS) -> Tensor:
    """Return -ln p(target) of each row, 0 where the target is IGNORE: (N,) float32, no gradient.

    Arguments and errors as for `summed_nats`. Cost: one matrix product, 4 chunk n_vocab bytes.
    """
    _check(hidden, weight, targets, n_vocab)
    nats = torch.zeros(len(targets), dtype=torch.float32, device=hidden.device)  # (N,)
    with torch.autocast(hidden.device.type, enabled=False):
        vocabulary = weight[:n_vocab].float()  # (V, d)
        for rows in torch.split(_scored(targets), chunk):
            logits = hidden[rows].float() @ vocabulary.t()  # (rows, V)
            nats[rows] = logits.logsumexp(1) - logits.gather(1, targets[rows, None]).squeeze(1)
    return nats


class _SummedNats(torch.autograd.Function):
    """The gradient of sum(logsumexp(z) - z[target]) by z is softmax(z) - onehot(target), made before z is gone."""

    @staticmethod
    def forward(ctx, hidden, weight, targets, n_vocab, chunk):  # type: ignore[no-untyped-def]
        low = torch.is_autocast_enabled(hidden.device.type)
        with torch.autocast(hidden.device.type, enabled=False):
            nats, ctx.grad_hidden, ctx.grad_weight = _nats_and_gradients(hidden, weight, targets, n_vocab, chunk, low)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        if ctx.grad_hidden is None:
            raise UnsupportedError(
                "a second backward through the same summed_nats", "add losses up and call backward once, or recompute"
            )
        grad_hidden, grad_weight = ctx.grad_hidden.mul_(grad), ctx.grad_weight.mul_(grad)
        ctx.grad_hidden = ctx.grad_weight = None
        return grad_hidden, grad_weight, None, None, None


def _nats_and_gradients(
    hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int, chunk: int, low: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of nats in float64, and its gradients by hidden states and weight in their dtypes.

    All chunks share one buffer of logits: new megabytes for each would be new pages for each, 30 to 50 ms a step.
    """
    kept = _scored(targets)  # (n,)
    states, targets = (hidden, targets) if len(kept) == len(targets) else (hidden[kept], targets[kept])
    table = weight[:n_vocab].float()  # (V, d)
    low_table = table.bfloat16() if low else table  # (V, d)
    grads = torch.empty_like(states)  # (n, d)
    grad_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)  # (V_pad, d)
    chances = torch.empty(len(kept), 1, dtype=torch.float32, device=hidden.device)  # (n, 1)
    buffer = torch.empty(min(chunk, len(kept)), n_vocab, dtype=torch.float32, device=hidden.device)  # (chunk, V)
    for start in range(0, len(kept), chunk):
        rows = slice(start, start + chunk)
        factor = states[rows].float()  # (rows, d)
        low_factor = factor.bfloat16() if low else factor  # (rows, d)
        if low and hidden.is_cuda and _HAS_MIXED_PRODUCTS:
            logits = torch.mm(low_factor, low_table.t(), out_dtype=torch.float32)  # (rows, V)
        else:
            logits = torch.mm(factor, table.t(), out=buffer[: len(factor)])  # (rows, V)
        chances[rows] = _into_gradient(logits, targets[rows, None])
        by_logits = logits.bfloat16() if low else logits  # (rows, V)
        grads[rows] = by_logits @ low_table  # (rows, d)
        if low:
            grad_weight[:n_vocab] += by_logits.t() @ low_factor  # (V, d)
        else:
            grad_weight[:n_vocab].addmm_(by_logits.t(), factor)  # (V, d)
    nats = -chances.log().squeeze(1)  # (n,)
    lost = (chances.squeeze(1) < _LEAST_CHANCE).nonzero().squeeze(1)
    if len(lost):
        nats[lost] = token_nats(states[lost], weight, targets[lost], n_vocab, chunk)
    if states is not hidden:
        grads = torch.zeros_like(hidden).index_copy_(0, kept, grads)  # (N, d)
    return nats.double().sum(), grads, grad_weight.to(weight.dtype)


_HAS_MIXED_PRODUCTS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)
"""Whether `torch.mm` takes `out_dtype`."""

_LEAST_CHANCE = 1e-30
"""Below it float32 has few digits or none, and the log-sum-exp is made from the logits again."""


def _into_gradient(logits: Tensor, target: Tensor) -> Tensor:
    """Turn logits (rows, V) into softmax - onehot in place, and return the targets' probabilities (rows, 1)."""
    torch.softmax(logits, 1, out=logits)
    chances = logits.gather(1, target)  # (rows, 1)
    logits.scatter_(1, target, chances - 1)
    return chances


def _scored(targets: Tensor) -> Tensor:
    """Return the rows that are scored: (n,)."""
    return (targets != IGNORE).nonzero().squeeze(1)


def _check(hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int) -> None:
    if not 1 <= n_vocab <= len(weight):
        raise ArgumentError(
            f"n_vocab must be 1 to {len(weight)} (rows of the head), got {n_vocab}",
            "the vocabulary is larger than the model's: take the tokenizer the model was made for",
        )
    if hidden.dim() != 2 or hidden.shape[1] != weight.shape[1] or targets.shape != hidden.shape[:1]:
        shapes = f"{tuple(hidden.shape)}, {tuple(weight.shape)}, {tuple(targets.shape)}"
        raise ArgumentError(f"hidden (N, d), weight (V, d) and targets (N,) must fit, got {shapes}")
    if targets.is_cpu and not torch.compiler.is_compiling() and len(targets) and int(targets.max()) >= n_vocab:
        raise ArgumentError(
            f"targets must be below {n_vocab}, got {int(targets.max())}",
            "take the tokenizer the model was made for",
        )
