"""Trunks of equal size for unequal vocabularies: `match=params` shrinks the trunk until all parameters are equal.

The smallest vocabulary keeps the preset's trunk and sets the total; others give up width for their larger table. Depth
and heads stay, since they change what a trunk can do more than width does. Trains nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bpe_lab.errors import ArgumentError
from bpe_lab_model import cost
from bpe_lab_model.gpt import Config

WITHIN = 0.01
"""Totals differ by less than this part."""

_NARROWEST, _WIDEST = 1.5, 8.0
"""The MLP's width over the trunk's: what lies outside is another kind of model."""


def equalised(configs: Sequence[Config], total: int | None = None) -> list[Config]:
    """Return the configurations with trunks that give all of them the same number of parameters.

    Args:
        configs: of one preset, with the vocabularies of the arms.
        total: parameters of each; by default those of the smallest one.

    Raises:
        ArgumentError: an arm's table alone has about as many.
    """
    wanted = total or min(cost.parameters(config)["total"] for config in configs)
    return [shrunk(config, wanted) for config in configs]


def shrunk(config: Config, total: int) -> Config:
    """Return `config` with the width and the MLP's width that give `total` parameters, the MLP nearest to 4 widths.

    Raises:
        ArgumentError: no width does.
    """
    found = list(_fitting(config, total))
    if not found:
        table = cost.parameters(config)["embedding"]
        raise ArgumentError(
            f"a vocabulary of {config.vocab_size:,} and {config.n_layers} layers do not make {total:,} parameters: at"
            f" width {config.d_model} the table alone has {table:,}",
            "compare smaller vocabularies, or take a larger preset",
        )
    return min(found, key=lambda fit: max(fit.inner_width / (4 * fit.width), 4 * fit.width / fit.inner_width))


def _fitting(config: Config, total: int) -> Iterator[Config]:
    """Yield one configuration a width that comes within `WITHIN` of the total."""
    step = 2 * config.n_heads
    for d_model in range(step, 4 * config.d_model + 1, step):
        fit = _with_inner(replace(config, d_model=d_model, d_ff=None), total)
        if fit and abs(cost.parameters(fit)["total"] / total - 1) < WITHIN:
            yield fit


def _with_inner(config: Config, total: int) -> Config | None:
    """Return `config` with the MLP width that comes nearest to `total`; None where that is no sensible width."""
    one, two = (cost.parameters(replace(config, d_ff=n))["total"] for n in (1, 2))
    inner = 1 + round((total - one) / (two - one))
    if not _NARROWEST <= inner / config.width <= _WIDEST:
        return None
    return config if inner == config.inner_width else replace(config, d_ff=inner)
