"""What a job of an experiment runs in a worker: train, score, and the figures of its measures.

A task is a function `Job, Say -> iterator of Outcome`, one outcome a budget. It trains with `training.Trainer` and has
no loop of its own. A measure is a function `Finished -> mapping of figures`, called on what was just trained; it
changes nothing. Both are named in the table's rows. Knows no records and no verdicts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bpe_lab.runs import Scored
from bpe_lab.shards import Shards
from bpe_lab_model import bpb, probing
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.experiments.spec import Arm, found
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.objectives import extra_ids
from bpe_lab_model.presets import Preset, trunk_bytes
from bpe_lab_model.running import forget_peak, peak_bytes, reporter
from bpe_lab_model.training import Settings, Trained, Trainer

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

Say = Callable[[float, float], None]
"""Called with the share of the job that is done (0 to 1) and the last training loss in bits per byte."""


@dataclass(frozen=True, eq=False)
class Job:
    """One arm and one seed. Plain data that travels to a worker; what is alike gives equal outcomes, seconds apart."""

    experiment: str
    arm: Arm
    preset: Preset
    seed: int
    lr: float
    budgets: tuple[int, ...]
    """In bytes, ascending."""
    shards: Path
    """The arm's text in tokens of its tokenizer: train and validation, validation with its domains."""
    config: Config
    """With the arm's changes and the seed."""
    folder: Path
    """Its own, for what it keeps between stops; taken away when it is done."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The arm's, with those of preset `smoke` over them where that runs."""
    domains: tuple[str, ...] = ()
    """Names of the text's domains, in the order in which arms call them `1` and `2`."""
    carried: "Candidate | None" = None
    """A tokenizer that the shards hold no copy of: another library's."""

    @property
    def name(self) -> str:
        """For people, as in `init, zeros, seed 2`; a trial has its learning rate there."""
        which = f"learning rate {self.lr:.2g}" if self.seed == probing.SEED else f"seed {self.seed}"
        return f"{self.experiment}, {self.arm.name}, {which}"

    def candidate(self) -> "Candidate":
        """Return its tokenizer."""
        return self.carried or Shards.open(self.shards).load_candidate()

    def carry_out(self, report: Say, tell: Callable[["Outcome"], None]) -> None:
        """Run its task, and tell what came of each budget."""
        forget_peak()
        for outcome in found(self.arm.task)(self, report):
            tell(outcome)

    def settings(self, **changes: Any) -> Settings:
        """Return the settings of its training, with `changes`."""
        base = self.preset.settings(self.budgets, self.lr, self.seed)
        return replace(base, **{**self.arm.training, **changes})


@dataclass(frozen=True)
class Outcome:
    """What came of one budget."""

    budget: int
    status: str
    """`ok` or `diverged`."""
    trained: Trained | None = None
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
    model: GPT
    trainer: Trainer
    """Its `meter.curve` has the training loss; `shards` the text."""
    shards: Shards
    candidate: "Candidate"
    scored: Scored | None


Task = Callable[[Job, Say], Iterator[Outcome]]
Measure = Callable[[Finished], Mapping[str, Any]]


def train(job: Job, say: Say) -> Iterator[Outcome]:
    """Train a trunk with a branch for each budget, score each, and measure it: what most arms do."""
    candidate = job.candidate()
    for budget, trainer, trained in train_branches(job, say, new_model(job, candidate)):
        yield finish(job, budget, trainer, trained, candidate)


def new_model(job: Job, candidate: "Candidate") -> GPT:
    """Return the job's model at its start. Rows that an objective needs are behind those of the tokens."""
    n_extra = extra_ids(job.settings().objective)
    keys = embedding_keys(candidate, job.config.vocab_size - n_extra)
    return GPT(job.config, keys + [b"x:%d" % i for i in range(n_extra)])


def train_branches(
    job: Job, say: Say, model: GPT | None = None, shards: Shards | None = None, **changes: Any
) -> Iterator[tuple[int, Trainer, Trained]]:
    """Train a trunk, and yield a trainer for each budget whose model has come to the end of its own decay.

    Args: as of `new_trunk`.
    """
    trunk = new_trunk(job, say, model, shards, **changes)
    for budget in job.budgets:
        branch = trunk.branch(budget)
        yield budget, branch, branch.run()


def new_trunk(job: Job, say: Say, model: GPT | None = None, shards: Shards | None = None, **changes: Any) -> Trainer:
    """Return the trainer that a branch for each budget leaves, at its start.

    Args:
        job: what is trained.
        say: told the share of the training that is done.
        model: trained on from where it stands; by default the job's, at its start.
        shards: by default the job's.
        changes: to the settings.
    """
    settings = job.settings(**changes)
    watch = reporter(max(1, trunk_bytes(job.budgets, settings.decay_share)), say)
    text = shards or Shards.open(job.shards)
    return Trainer(model or new_model(job, job.candidate()), text, settings, None, watch)


def finish(
    job: Job,
    budget: int,
    trainer: Trainer,
    trained: Trained,
    candidate: "Candidate",
    extra: Mapping[str, Any] | None = None,
) -> Outcome:
    """Score a trained model where it has bits per byte, take the arm's measures, and return the outcome.

    A model whose weights are no numbers any more has diverged, also where its last step was not yet refused.
    """
    memory = peak_bytes() or trained.memory_bytes
    if trained.status == "diverged" or not _is_finite(trainer.model):
        note = trained.note or "weights that are no numbers"
        return Outcome(budget, "diverged", trained, memory_bytes=memory, note=note, measures=dict(extra or {}))
    try:
        scored = _scored(job, trainer, candidate)
    except DivergedError as e:
        return Outcome(budget, "diverged", trained, memory_bytes=memory, note=e.message, measures=dict(extra or {}))
    looked_at = Finished(job, budget, trainer.model, trainer, trainer.shards, candidate, scored)
    measures = dict(extra or {})
    for name in job.arm.measures:
        measures |= found(name)(looked_at)
    return Outcome(budget, "ok", trained, scored, memory, measures)


def _is_finite(model: GPT) -> bool:
    return all(bool(torch.isfinite(p).all()) for p in model.parameters())


def _scored(job: Job, trainer: Trainer, candidate: "Candidate") -> Scored | None:
    """Return the sums over the validation text; None where the objective or the mask gives no bits per byte."""
    if trainer.settings.objective != "clm" or trainer.model.config.mask != "causal":
        return None
    return bpb.score(
        trainer.model,
        trainer.shards.split("validation"),
        trainer.shards.eos,
        candidate=candidate,
        context_bytes=trainer.model.config.context_bytes,
        max_tokens=2 * job.preset.max_tokens,
    )


def judged_by(outcome: Outcome) -> float | None:
    """Return what a trial of a learning rate is judged by, lower is better; None where it diverged.

    Bits per byte of text held back, or for other objectives nats per byte over the last quarter of training.
    """
    if outcome.status != "ok":
        return None
    if outcome.scored is not None:
        return outcome.scored.bpb
    return last_train_nats(outcome)


def last_train_nats(outcome: Outcome) -> float | None:
    """Return nats per byte of training text over the last quarter of the curve; None without one."""
    points = outcome.trained.curve if outcome.trained else ()
    last = points[-max(1, len(points) // 4) :]
    n_bytes = sum(point.train_bytes for point in last)
    return sum(point.train_nats for point in last) / n_bytes if n_bytes else None
