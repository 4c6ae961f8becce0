"""What a job of an experiment runs in a worker: train, score, and the figures of its measures.

A task is a function `Job, Say -> iterator of Outcome`, one outcome a budget. It trains with `training.Trainer` and has
no loop of its own. A measure is a function `Finished -> mapping of figures`, called on what was just trained; it
changes nothing. Both are named in the table's rows. Knows no records and no verdicts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.runs import Scored
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.presets import Preset

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.shards import Shards
    from bpe_lab_model.gpt import GPT, Config
    from bpe_lab_model.training import Settings, Trained, Trainer

Say = Callable[[float, float], None]
"""Called with the share of the job that is done (0 to 1) and the last training loss in bits per byte."""


@dataclass(frozen=True)
class Job:
    """One arm and one seed. Plain data that travels to a worker; equal jobs give equal outcomes, seconds apart."""

    experiment: str
    arm: Arm
    preset: Preset
    seed: int
    lr: float
    budgets: tuple[int, ...]
    """In bytes, ascending."""
    shards: Path
    """The arm's text in tokens of its tokenizer: train and validation, validation with its domains."""
    config: "Config"
    """With the arm's changes and the seed."""
    folder: Path
    """Its own, for what it keeps between stops; taken away when it is done."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The arm's, with those of preset `smoke` over them where that runs."""

    def settings(self, **changes: Any) -> "Settings":
        """Return the settings of its training, with `changes`."""
        from dataclasses import replace

        base = self.preset.settings(self.budgets, self.lr, self.seed)
        return replace(base, **{**self.arm.training, **changes})


@dataclass(frozen=True)
class Outcome:
    """What came of one budget."""

    budget: int
    status: str
    """`ok` or `diverged`."""
    trained: "Trained | None" = None
    scored: Scored | None = None
    """None where there are no bits per byte: it diverged, or the objective is not clm."""
    memory_bytes: int = 0
    measures: Mapping[str, Any] = field(default_factory=dict)
    """Numbers, texts, lists and mappings of them, by name."""
    note: str = ""


@dataclass(frozen=True)
class Finished:
    """What a measure looks at: one budget of a job, trained and scored."""

    job: Job
    budget: int
    model: "GPT"
    trainer: "Trainer"
    """Its `meter.curve` has the training loss; `shards` the text."""
    shards: "Shards"
    candidate: "Candidate"
    scored: Scored | None


Task = Callable[[Job, Say], Iterator[Outcome]]
Measure = Callable[[Finished], Mapping[str, Any]]
