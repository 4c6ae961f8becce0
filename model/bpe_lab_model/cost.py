"""What a model costs by its configuration alone: parameters, FLOPs a token, bytes of cache. Builds no model.

Counts are those that docs/model.md works out by hand; a test compares them with the tensors.
"""

from bpe_lab_model import mixers
from bpe_lab_model.gpt import Config
from bpe_lab_model.positions import FARTHEST

KB = 1000


def parameters(config: Config) -> dict[str, int]:
    """Return the numbers that are learned, by where they stand.

    `block` is all blocks and the last norm, `embedding` the table with its padding rows, `positions` what a position
    scheme learns, `head` a head of its own (0 where tied), `total` their sum.
    """
    n_norms = 1 if config.feed_forward == "none" else 2
    matrices = mixers.parameters(config) + _mlp(config)
    parts = {
        "block": config.n_layers * matrices + (n_norms * config.n_layers + 1) * _norm(config),
        "embedding": config.vocab_rows * config.token_width,
        "positions": _positions(config),
        "head": 0 if config.tied else config.vocab_rows * config.width,
    }
    return parts | {"total": sum(parts.values())}


def _mlp(config: Config) -> int:
    if config.feed_forward == "none":
        return 0
    width, inner = config.width, config.inner_width
    up = inner * (2 if config.feed_forward == "swiglu" else 1)
    return width * up + inner * width + (up + width if config.bias else 0)


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
    2 L d T in the forward; where the mask is not causal each token sees all T, and it is twice that. SSD costs the same
    at any T: by products over whole chunks of Q tokens 2 Q (N + inner) + 4 N inner a layer; an LSTM costs no more than
    its parameters. Looking rows up is free, so are norms, softmax and activations.

    Args:
        config: the model.
        n_tokens: T, tokens in a row; a mean will do.
        training: forward and backward, or forward alone.
    """
    head = config.vocab_rows * (config.token_width if config.tied else config.width)
    return (6 if training else 2) * (parameters(config)["block"] + head + config.n_layers * _mixing(config, n_tokens))


def _mixing(config: Config, n_tokens: float) -> float:
    """Return the multiplications of a layer's mixer a token that are not by parameters."""
    if config.mixer == "lstm":
        return 0
    if config.mixer == "ssd":
        N, inner = mixers.state_width(config), mixers.EXPAND * config.width
        return mixers.CHUNK * (N + inner) + 2 * N * inner
    return (1 if config.mask == "causal" else 2) * config.width * n_tokens


def cache_bytes_per_token(config: Config, dtype_bytes: int = 4) -> int:
    """Return what keys and values of one token take: 2 x layers x width x bytes of the type; 0 beside a state."""
    return 2 * config.n_layers * config.width * dtype_bytes if config.mixer == "attention" else 0


def state_bytes(config: Config, dtype_bytes: int = 4) -> int:
    """Return what a cache takes however long the text: the states of SSD or an LSTM, 0 with attention.

    SSD: N x inner numbers a layer, and the convolution's last 3 tokens, 3 (inner + 2 N). LSTM: 2 x width.
    """
    if config.mixer == "attention":
        return 0
    N, inner = mixers.state_width(config), mixers.EXPAND * config.width
    ssd = N * inner + (mixers.TAPS - 1) * (inner + 2 * N)
    return config.n_layers * dtype_bytes * (ssd if config.mixer == "ssd" else 2 * config.width)


def cache_bytes(config: Config, n_tokens: float, dtype_bytes: int = 4) -> float:
    """Return what a cache takes after so many tokens: of keys and values, or of states."""
    return state_bytes(config, dtype_bytes) + cache_bytes_per_token(config, dtype_bytes) * n_tokens


def cache_bytes_per_kb(config: Config, tokens_per_kb: float, dtype_bytes: int = 4) -> float:
    """Return the memory that each 1,000 bytes of text add while decoding: bytes a token x tokens per KB."""
    return cache_bytes_per_token(config, dtype_bytes) * tokens_per_kb
