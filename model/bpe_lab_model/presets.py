"""Sizes of a comparison by training: trunk, bytes an arm, bytes a step, learning rate, budgets, seeds.

One table for `lm train --preset`, `lm compare --preset` and `compare --downstream`. What is short needs many small
steps: docs/results.md tells which were tried. Trains nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab_model.gpt import Config
    from bpe_lab_model.training import Settings

DECAY_SHARE = 0.25
"""Of a budget: how much of it the learning rate falls over."""

WARMUP_SHARE = 0.05
"""Of the smallest budget: branches share the trunk's warm-up."""


@dataclass(frozen=True)
class Preset:
    """One size. Amounts are bytes of text, so that they mean the same for every tokenizer."""

    name: str
    about: str
    """For people: what it is good for."""
    n_layers: int
    n_heads: int
    d_model: int
    context_bytes: int
    bytes_an_arm: int
    bytes_per_step: int
    lr: float
    """The middle of the learning rates that are probed for each arm."""
    budgets: tuple[float, ...]
    """Multiples of `bytes_an_arm`, each with a decay of its own; the learning rate is probed at the smallest."""
    n_seeds: int
    validation_bytes: int
    """At most so much text is scored, drawn by content hash."""
    probing_bytes: int
    """At most so much of the training text is held back to choose the learning rate on."""
    sizes: tuple[int, ...]
    """Vocabularies that suit its bytes and its trunk."""
    max_tokens: int = 4096
    """Padded tokens of a batch."""

    def config(self, vocab_size: int, seed: int = 0, **changes: Any) -> "Config":
        """Return the model's configuration for a vocabulary."""
        from bpe_lab_model.gpt import Config

        shape = {name: getattr(self, name) for name in ("n_layers", "n_heads", "d_model", "context_bytes")}
        return Config(vocab_size=vocab_size, seed=seed, **(shape | changes))

    def budget_bytes(self, multiples: tuple[float, ...] = ()) -> tuple[int, ...]:
        """Return the budgets in bytes, smallest first.

        Raises:
            ArgumentError: a budget is not above 0, or is less than ten steps.
        """
        chosen = sorted(set(multiples or self.budgets))
        found = tuple(round(multiple * self.bytes_an_arm) for multiple in chosen if multiple > 0)
        if len(found) < len(chosen) or found[0] < 10 * self.bytes_per_step:
            raise ArgumentError(
                f"a budget must be at least ten steps of {self.bytes_per_step:,} bytes, got {chosen[0]:g} times"
                f" {self.bytes_an_arm:,} bytes",
                "--budgets 1,2,4",
            )
        return found

    def settings(self, budgets: tuple[int, ...] = (), lr: float | None = None, seed: int = 0) -> "Settings":
        """Return how a trunk is trained whose branches end at `budgets` (in bytes)."""
        from bpe_lab_model.training import Settings

        budgets = budgets or (self.bytes_an_arm,)
        return Settings(
            total_bytes=max(budgets),
            lr=self.lr if lr is None else lr,
            bytes_per_step=self.bytes_per_step,
            warmup_share=WARMUP_SHARE * min(budgets) / max(budgets),
            decay_share=DECAY_SHARE,
            seed=seed,
            max_tokens=self.max_tokens,
        )

    def trained_bytes(self, budgets: tuple[int, ...]) -> int:
        """Return the bytes that a trunk with branches at `budgets` trains on in all."""
        return trunk_bytes(budgets, DECAY_SHARE)

    def but(self, **changes: Any) -> "Preset":
        """Return the preset with some values changed."""
        return replace(self, **changes)


_EVERY = (
    Preset(
        "demo", "the embedded sample, several epochs: shows the table and proves nothing",
        2, 4, 64, 512, 400_000, 1_024, 6e-3, (0.25, 1.0), 2, 40_000, 12_000, (2_048,),
    ),
    Preset(
        "study", "many small questions: 200 KB an arm on a small trunk",
        2, 4, 64, 512, 200_000, 1_024, 6e-3, (1.0,), 3, 60_000, 30_000, (2_048, 4_096),
    ),
    Preset(
        "cpu-nano", "about a minute a run on two cores",
        2, 4, 128, 512, 1_000_000, 2_048, 2e-3, (0.5, 1.0), 3, 200_000, 60_000, (4_096,),
    ),
    Preset(
        "cpu-tiny", "2 to 5 minutes a run on two cores",
        4, 4, 256, 1_024, 3_000_000, 8_192, 2e-3, (0.25, 0.5, 1.0), 3, 256_000, 100_000, (8_000,),
    ),
    Preset(
        "gpu-s", "a GPU: 8 layers",
        8, 8, 512, 2_048, 100_000_000, 65_536, 1.5e-3, (0.25, 0.5, 1.0), 3, 1_000_000, 500_000, (16_000,), 32_768,
    ),
    Preset(
        "gpu-m", "a GPU: 12 layers, the shape of the smallest GPT-2",
        12, 12, 768, 4_096, 500_000_000, 262_144, 1e-3, (0.25, 0.5, 1.0), 3, 2_000_000, 10**6, (32_000,), 65_536,
    ),
    Preset(
        "smoke", "seconds: to see that everything runs, and nothing else",
        1, 2, 16, 64, 8_000, 192, 2e-2, (1.0,), 1, 2_000, 1_500, (512,), 1_024,
    ),
)  # fmt: skip

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _EVERY}


def check_match(match: str, budgets: Sequence[int]) -> None:
    """Refuse what is no way to hold equal, and equal FLOPs with one budget.

    Raises:
        ArgumentError: with what can be asked for.
    """
    if match not in ("bytes", "flops", "params"):
        raise ArgumentError(f"no match is called {match!r}", "bytes, flops or params")
    if match == "flops" and len(budgets) < 2:
        raise ArgumentError("equal FLOPs are read off between budgets: one is too few", "--budgets 1,2,4")


def trunk_bytes(budgets: tuple[int, ...], decay_share: float) -> int:
    """Return the bytes that a trunk trains on in all: to the last branch, and each branch's own decay."""
    return round((1 - decay_share) * max(budgets) + decay_share * sum(budgets))


def preset(name: str) -> Preset:
    """Return the preset called `name`.

    Raises:
        ArgumentError: there is none.
    """
    if name not in PRESETS:
        raise ArgumentError(f"no preset is called {name!r}", f"one of {', '.join(PRESETS)}")
    return PRESETS[name]
