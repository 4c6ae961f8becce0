"""What a row of the table of experiments says: a question, claims about it, arms to train, columns and a figure.

Plain data that imports no torch, so that the list of experiments is there at once. Functions are named as
`module:function` of this package and looked up by whoever runs them (`found`). Runs nothing.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Said = dict[str, str]
"""`{"en": ..., "ko": ...}`: what people read, in both languages."""

Expected = Literal["lower", "higher", "same"]


@dataclass(frozen=True)
class Arm:
    """One thing that is tried. What is not named is the preset's."""

    name: str
    """Unique in its experiment; short, as in `std 0.02`."""
    tokenizer: str = ""
    """A recipe (docs/recipes.md); empty: the row's, or what `--tokenizers` names."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """Changes to `gpt.Config`."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Changes to `training.Settings`."""
    text: str = ""
    """What is trained on: empty for the whole text, `1` or `2` for the first or second domain alone."""
    text_share: float | None = None
    """At most this multiple of the preset's `bytes_an_arm` of training text, drawn by content hash."""
    tokenizer_text: str = ""
    """What the tokenizer learns from, as `text`."""
    tokenizer_share: float = 1.0
    """Part of that text, drawn by content hash."""
    budgets: tuple[float, ...] = ()
    """Multiples of `bytes_an_arm`; empty: the row's. One trunk with a branch for each."""
    probes: bool = True
    """Whether its learning rate is probed; else it is the preset's."""
    task: str = "tasks:train"
    """What is run: a function from `tasks.Job` to outcomes."""
    measures: tuple[str, ...] = ()
    """Functions from `tasks.Finished` to figures, called after training, once a budget."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """For the task and the measures."""


@dataclass(frozen=True)
class Column:
    """A figure of the table, taken from a record."""

    key: str
    """`bpb`, `train_bpb`, `gap`, `seconds`, `bytes_per_s`, `n_parameters`, `memory_bytes`, `lr`, `status`, `epochs`,
    `steps`, `flops_per_byte`, or a name in `RunRecord.measures`; a dot goes into a mapping, as in `ranks.table`."""
    title: Said
    form: str = ".4f"
    """Of `format`; `bytes` for 1.2 MB."""
    better: Literal["lower", "higher", ""] = ""
    value: str = ""
    """`module:function`: ({(arm, budget): RunRecord} of a seed, arm) -> a number at the arm's largest budget, where no
    record of its own has it; `key` is its name then."""


@dataclass(frozen=True)
class Claim:
    """A hypothesis about two arms, or about a value that a function makes of all records of a seed."""

    said: Said
    arm: str = ""
    base: str = ""
    column: str = "bpb"
    expected: Expected = "lower"
    """Of `arm` less `base`, or of `value`."""
    budget: float | None = None
    """A multiple of the row's; None is the largest."""
    margin: float = 0.01
    """`same`: how far apart, as a part of the base, is still the same."""
    value: str = ""
    """`module:function`: (records of one seed by (arm, budget)) -> float or None, judged against 0 instead of a
    difference."""
    what: Said = field(default_factory=dict)
    """With `value`: what the number is, with its unit, as in `doublings of text saved`."""
    among: tuple[str, ...] = ()
    """With `value`: the arms it is made of, which then have as many seeds as a claim needs; empty: all."""
    exact: bool = False
    """The value follows from arithmetic: one seed is enough, and there is no interval."""


@dataclass(frozen=True)
class Figure:
    """What is drawn: a row a record (or what `points` makes of it), averaged over seeds."""

    kind: Literal["line", "bar", "grouped-bar", "scatter"]
    title: Said
    x: str
    """`arm`, `budget`, or a column's key."""
    y: str
    x_title: Said
    y_title: Said
    series: str = ""
    """`arm`, `budget`, `tokenizer`, or empty."""
    points: str = ""
    """`module:function`: RunRecord -> [(x, y, series)], where a record is more than one point."""
    x_log: bool = False
    y_log: bool = False


@dataclass(frozen=True)
class Experiment:
    """A row of the table."""

    name: str
    questions: tuple[int, ...]
    """Numbers of docs/questions.md."""
    question: Said
    claims: tuple[Claim, ...]
    arms: tuple[Arm, ...]
    columns: tuple[Column, ...]
    figures: tuple[Figure, ...]
    tokenizer: str = "unit=byte,vocab=2048"
    """Of every arm that names none."""
    budgets: tuple[float, ...] = (1.0,)
    screen: int = 1
    """Seeds of every arm."""
    confirm: int = 5
    """Seeds of arms that a claim names."""
    minutes: float = 10.0
    """At preset `study` on two cores that do other work too, measured."""
    smoke: Mapping[str, Any] = field(default_factory=dict)
    """Changes to options where preset `smoke` runs it, so that a test takes seconds."""
    note: Said = field(default_factory=dict)
    """What a reader must know to read the figures right."""

    def arm(self, name: str) -> Arm:
        """Return the arm called `name`."""
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def decisive(self) -> frozenset[str]:
        """Names of arms that claims compare: they have the seeds of `confirm`."""
        named = {name for claim in self.claims for name in (claim.arm, claim.base, *claim.among) if name}
        takes_all = any(claim.value and not claim.among and not claim.exact for claim in self.claims)
        return frozenset(arm.name for arm in self.arms) if takes_all else frozenset(named)


def found(name: str) -> Callable[..., Any]:
    """Return the function called `module:function`, of this package.

    >>> found("spec:found") is found
    True
    """
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"{__package__}.{module}"), function)  # type: ignore[no-any-return]
