"""Cross-entropy over a large vocabulary in little memory: logits exist for a few hundred rows at a time.

`summed_nats` makes the gradients of hidden states and head weight in the forward, chunk by chunk, while the logits are
at hand, so nothing of size (rows, vocabulary) is kept: memory is one chunk of logits and one gradient of the weight,
whatever the batch. Logits, log-sum-exp and gradients are float32 also where hidden states are bfloat16, since bfloat16
logits are up to 0.04 nats off; nats are added up in float64. Averages nothing: a caller divides by what it counted.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bpe_lab.errors import ArgumentError, UnsupportedError

IGNORE = -100
"""Target of a position that is not scored."""

CHUNK_ROWS = 256
"""Logits of 256 rows and 8,192 tokens are 8 MB."""


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
        with torch.autocast(hidden.device.type, enabled=False):
            nats, ctx.grad_hidden, ctx.grad_weight = _nats_and_gradients(hidden, weight, targets, n_vocab, chunk)
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
    hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int, chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of nats, and its gradients by hidden states and weight in their dtypes."""
    kept = _scored(targets)
    targets = targets[kept]  # (n,)
    vocabulary = weight[:n_vocab].float()  # (V, d)
    grad_hidden = torch.zeros_like(hidden)  # (N, d)
    grad_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)  # (V_pad, d)
    nats = torch.zeros((), dtype=torch.float64, device=hidden.device)
    buffer = torch.empty(min(chunk, len(kept)), n_vocab, dtype=torch.float32, device=hidden.device)  # (chunk, V)
    for rows, target in zip(torch.split(kept, chunk), torch.split(targets, chunk), strict=True):
        states = hidden[rows].float()  # (rows, d)
        logits = torch.mm(states, vocabulary.t(), out=buffer[: len(rows)])  # (rows, V)
        nats += _into_gradient(logits, target[:, None])
        grad_hidden[rows] = (logits @ vocabulary).to(hidden.dtype)  # (rows, d)
        grad_weight[:n_vocab].addmm_(logits.t(), states)  # (V, d)
    return nats, grad_hidden, grad_weight.to(weight.dtype)


def _into_gradient(logits: Tensor, target: Tensor) -> Tensor:
    """Turn logits (rows, V) into softmax - onehot in place, and return the sum of nats in float64.

    The log-sum-exp is the greatest logit less the log of its probability, which is at least 1/V: one exp an element.
    """
    picked = logits.gather(1, target)  # (rows, 1)
    highest = logits.amax(1, keepdim=True)  # (rows, 1)
    torch.softmax(logits, 1, out=logits)
    log_sum = highest - logits.amax(1, keepdim=True).log_()  # (rows, 1)
    logits.scatter_add_(1, target, torch.full_like(picked, -1))
    return (log_sum - picked).double().sum()


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
