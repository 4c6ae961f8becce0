"""Fine-tuning, whatever the task: a model, windows of a text, and how much of the model is trained.

A task says which windows there are and what they ask for (an index), and what their loss is (the model). The loop is
`training.Trainer`'s, as it is. Scores nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch

from bpe_lab.runs import Point
from bpe_lab.shards import Shards
from bpe_lab_model import lora, optim
from bpe_lab_model.gpt import GPT
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.rows import WindowIndex
from bpe_lab_model.running import forget_peak, peak_bytes
from bpe_lab_model.training import Evaluate, Report, Settings, Trainer
from bpe_lab_model.windows import Step, steps

MakeIndex = Callable[[Shards, int], WindowIndex]
"""The windows of the text to train on, of so many bytes of context."""


@dataclass(frozen=True)
class Effort:
    """How a model is tuned."""

    epochs: float = 10
    lr: float = 1e-3
    bytes_per_step: int = 2048
    max_tokens: int = 8192
    seed: int = 0
    adapters: lora.LoRA | None = None
    """None trains all of the model."""
    frozen: bool = False
    """Only what is new is trained (`unfrozen`); not with adapters."""
    evaluate_every: float | None = None
    """Epochs from one scoring to the next, where something scores."""


@dataclass(frozen=True)
class Tuned:
    """What tuning took. The model itself was tuned in place, its adapters merged."""

    n_trainable: int
    """Parameters that training changed."""
    n_parameters: int
    """Of the whole model, without adapters."""
    optimizer_bytes: int
    """Of the moments that AdamW keeps: two numbers a trained parameter."""
    gradient_bytes: int
    memory_bytes: int | None
    """Peak while training less what was held before; None where the system does not tell."""
    seconds: float
    """Of the steps alone."""
    bytes: int
    curve: tuple[Point, ...]


class Tuner(Trainer):
    """The training loop over windows of a task's own."""

    make_index: MakeIndex

    def _steps(self) -> Iterator[Step]:
        s = self.settings
        index = self.make_index(self.shards, self.model.config.context_bytes)
        total, seen = self.schedule.total_bytes, self.meter.bytes
        return steps(index, s.bytes_per_step, s.seed, total_bytes=total, start_bytes=seen, max_tokens=s.max_tokens)


def tune(
    model: GPT,
    shards: Shards,
    make_index: MakeIndex,
    effort: Effort,
    *,
    unfrozen: tuple[str, ...] = (),
    report: Report | None = None,
    evaluate: Evaluate | None = None,
) -> Tuned:
    """Tune a model in place, and say what it took.

    With adapters, or `frozen`, all is frozen but they and the submodules `unfrozen`, which are new; adapters are merged
    at the end, so the model has the parameters that it came with.

    Raises:
        ArgumentError: a rank that does not fit the model.
        DivergedError: with where, and what to do.
    """
    trains = {name: p.requires_grad for name, p in model.named_parameters()}
    n_parameters = sum(p.numel() for p in model.parameters())
    _warmed_up()
    forget_peak()
    before = peak_bytes()  # nothing was held since: what is held now
    if effort.adapters is not None:
        lora.attach(model, effort.adapters, effort.seed)
    if effort.frozen:
        model.requires_grad_(False)
    for part in unfrozen:
        model.get_submodule(part).requires_grad_(True)
    n_trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    tuner = Tuner(model, shards, _settings(effort, shards), report=report, evaluate=evaluate)
    tuner.make_index = make_index
    done = tuner.run()
    peak = peak_bytes()
    if done.status == "diverged":
        raise DivergedError(done.note, "take a smaller --lr")
    state = _state_bytes(tuner.optimizer)
    model.zero_grad(set_to_none=True)
    lora.merge(model)
    for parameter_name, parameter in model.named_parameters():
        parameter.requires_grad_(trains[parameter_name])
    risen = None if peak is None or before is None else max(0, peak - before)
    return Tuned(n_trainable, n_parameters, state, 4 * n_trainable, risen, done.seconds, done.bytes, done.curve)


@cache
def _warmed_up() -> None:
    """Take a step of something tiny: torch's first one loads 150 MB of code, which would count for who is first."""
    layer = torch.nn.Linear(1, 1)
    optimizer = optim.adamw(layer, 1e-3)
    layer(torch.zeros(1, 1)).sum().backward()
    optimizer.step()


def _settings(effort: Effort, shards: Shards) -> Settings:
    n_bytes = shards.split("train").n_bytes
    every = effort.evaluate_every
    return Settings(
        total_bytes=max(round(effort.epochs * n_bytes), effort.bytes_per_step),
        lr=effort.lr,
        bytes_per_step=effort.bytes_per_step,
        schedule="cosine",
        max_tokens=effort.max_tokens,
        seed=effort.seed,
        eval_every_bytes=None if every is None else max(1, round(every * n_bytes)),
    )


def _state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Return the bytes of the moments; the count of steps, a number a tensor, is not worth counting."""
    kept = [t for state in optimizer.state.values() for t in state.values() if torch.is_tensor(t) and t.dim()]
    return sum(t.numel() * t.element_size() for t in kept)
