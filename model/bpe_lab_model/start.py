"""Where a model's parameters start: each from hash(seed, its name), rows of tokens from hash(seed, the token's key).

So the trunk is the same whatever the vocabulary, and no parameter depends on which others there are. Deviations from
zero are normal with `init_std`, as GPT-2's, rows of tokens with `table_std` where that is given; matrices that write
into the residual have 1/sqrt(2 layers) of it, biases are 0, and norms keep what their module gave them, as SSD's
decays, steps and skips do. Taps of SSD's convolution have 1/sqrt(3 x taps), as torch's convolutions; an LSTM's forget
gates start open (bias 1; Jozefowicz et al. 2015).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError
from bpe_lab_model.embedding import Floats, hashes, normal, rows

if TYPE_CHECKING:
    from bpe_lab_model.gpt import GPT, Config

_INTO_RESIDUAL = ("attention.out.weight", "mlp.down.weight")
_TAPS, _FORGET_GATES = "attention.taps", "attention.lstm.bias_ih_l0"


@torch.no_grad()
def start(model: "GPT", keys: Sequence[bytes]) -> None:
    """Set every parameter of a model; `keys` has one key a token of its vocabulary.

    Raises:
        ArgumentError: there are more or fewer keys than tokens.
    """
    config = model.config
    if len(keys) != config.vocab_size:
        raise ArgumentError(
            f"keys must be vocab_size = {config.vocab_size}, got {len(keys)}",
            "take embedding_keys(tokenizer, vocab_size)",
        )
    seed, std = config.seed, config.init_std
    for name, parameter in model.named_parameters():
        if name == "embedding":
            _set_rows(parameter, table(config, keys))
        elif name == "head":
            _set_rows(parameter, rows([b"head:" + key for key in keys], config.width, seed, std=std))
        elif "bias" in name.rpartition(".")[2]:
            parameter.zero_()
            if name.endswith(_FORGET_GATES):
                parameter.view(4, -1)[1] = 1.0  # torch's order: input, forget, cell, output
        elif parameter.dim() == 2:
            drawn = normal(hashes([name.encode()], seed), parameter.numel(), _deviation(name, parameter, config))
            parameter.copy_(torch.from_numpy(drawn).view_as(parameter))


def table(config: "Config", keys: Sequence[bytes]) -> Floats:
    """Return where the embedding rows of a model start, without those that pad them: (n_keys, token_width)."""
    std = config.init_std if config.table_std is None else config.table_std
    return rows(keys, config.token_width, config.seed, config.init, std)


def _deviation(name: str, parameter: torch.Tensor, config: "Config") -> float:
    """Return the standard deviation that a matrix starts with."""
    if name.endswith(_INTO_RESIDUAL):
        return config.init_std / math.sqrt(2 * config.n_layers)
    return 1 / math.sqrt(3 * parameter.shape[1]) if name.endswith(_TAPS) else config.init_std


def _set_rows(table: Tensor, start: Floats) -> None:
    """Copy rows into a table, and zeros into the padding below them."""
    table.zero_()[: len(start)] = torch.from_numpy(start)
