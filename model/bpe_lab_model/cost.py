"""What a model costs by its configuration alone: parameters, FLOPs a token, bytes of cache. Builds no model.

Counts are those that docs/model.md works out by hand; a test compares them with the tensors.
"""

from bpe_lab_model.gpt import Config
from bpe_lab_model.positions import FARTHEST

KB = 1000


def parameters(config: Config) -> dict[str, int]:
    """Return the numbers that are learned, by where they stand.

    `block` is all blocks and the last norm, `embedding` the table with its padding rows, `positions` what a position
    scheme learns, `head` a head of its own (0 where tied), `total` their sum.
    """
    width = config.width
    gated = 2 if config.feed_forward == "swiglu" else 1
    matrices = 4 * width**2 + (gated + 1) * width * config.inner_width
    biases = (5 * width + gated * config.inner_width) if config.bias else 0
    parts = {
        "block": config.n_layers * (matrices + biases) + (2 * config.n_layers + 1) * _norm(config),
        "embedding": config.vocab_rows * config.token_width,
        "positions": _positions(config),
        "head": 0 if config.tied else config.vocab_rows * width,
    }
    return parts | {"total": sum(parts.values())}


def _norm(config: Config) -> int:
    width, bias = config.width, config.width * config.bias
    return {"layernorm": width + bias, "rmsnorm": width, "dyt": width + bias + 1, "none": 0}[config.norm]


def _positions(config: Config) -> int:
    rows = config.context_bytes + 1
    distances = FARTHEST + 1 if config.mask == "causal" else 2 * FARTHEST + 1
    return {
        "learned": rows * config.d_model,
        "concat-wide": rows * config.d_model,
        "concat-split": rows * (config.d_model - config.token_width),
        "relative": distances * config.n_heads,
    }.get(config.position, 0)


def flops_per_token(config: Config, n_tokens: float, training: bool = True) -> float:
    """Return the floating-point operations a token costs: 6 (N_block + V_pad d) + 6 L d T; forward alone is a third.

    Two per parameter and token in the forward, twice that in the backward. Attention to T / 2 tokens on average costs
    2 L d T in the forward; where the mask is not causal each token sees all T, and it is twice that. Looking rows up is
    free, so are norms, softmax and activations.

    Args:
        config: the model.
        n_tokens: T, tokens in a row; a mean will do.
        training: forward and backward, or forward alone.
    """
    head = config.vocab_rows * (config.token_width if config.tied else config.width)
    sights = 1 if config.mask == "causal" else 2
    attention = sights * config.n_layers * config.width * n_tokens
    return (6 if training else 2) * (parameters(config)["block"] + head + attention)


def cache_bytes_per_token(config: Config, dtype_bytes: int = 4) -> int:
    """Return what keys and values of one token take: 2 x layers x width x bytes of the type."""
    return 2 * config.n_layers * config.width * dtype_bytes


def cache_bytes_per_kb(config: Config, tokens_per_kb: float, dtype_bytes: int = 4) -> float:
    """Return the memory that 1,000 bytes of text take while decoding: bytes a token x tokens per KB."""
    return cache_bytes_per_token(config, dtype_bytes) * tokens_per_kb
