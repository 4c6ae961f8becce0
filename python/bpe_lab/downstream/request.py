"""What is asked of whoever trains language models: which tokenizers, on which text, how often and how long.

Plain data; the companion model answers with run records (`bpe_lab.runs`). Trains nothing, imports no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.compare.texts import Texts

Match = Literal["bytes", "flops", "params"]


@dataclass(frozen=True)
class Target:
    """The model whose decoding memory is asked about: the small one says nothing of gigabytes."""

    layers: int = 32
    d_model: int = 4096
    dtype_bytes: int = 2

    @property
    def bytes_per_token(self) -> int:
        """Keys and values of one token: 2 x layers x d x bytes of the type. Full attention, no grouped heads.

        >>> Target(32, 4096, 2).bytes_per_token
        524288
        """
        return 2 * self.layers * self.d_model * self.dtype_bytes


@dataclass(frozen=True)
class RunProgress:
    """Where a grid of runs stands."""

    n_done: int
    """Runs that are finished, those that were kept from before included."""
    n_runs: int
    what: str
    """The run in work, as in `byte 4,096, seed 2, probing the learning rate`; empty at the end."""
    share: float = 0.0
    """Of the run in work, 0 to 1."""
    seconds_left: float | None = None
    """Of the whole grid."""
    bpb: float | None = None
    """The last training loss of the run in work, in bits per byte."""


@dataclass(frozen=True)
class Request:
    """Everything that decides a grid of runs. Equal requests give equal records on one machine."""

    candidates: "Sequence[Candidate]"
    """The arms, in the order of tables; the first is the base of differences. Lossless over the texts."""
    train: "Texts"
    validation: "Texts"
    """Never trained on, neither by the models nor by the tokenizers."""
    folder: Path
    """Where records go and come from: a run whose record lies there is not run again."""
    preset: str = "demo"
    seeds: int | None = None
    """How many; None means what the preset says."""
    budgets: tuple[float, ...] = ()
    """Multiples of the preset's bytes; empty means what the preset says."""
    match: Match = "bytes"
    domains: Sequence[str] | None = None
    """The domain of each validation document (a register, a source); None where there is one."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """By fingerprint of a candidate, what `compare` calls it: its canonical recipe, path or published name."""
    names: Mapping[str, str] = field(default_factory=dict)
    """By fingerprint, the name that tables show; the candidate's own where there is none."""
    target: Target = Target()
    progress: Callable[[RunProgress], None] | None = None
    """Called at least once a second while something runs."""
    threads: int | None = None
    """Processors to use; None means all."""
    resume: bool = True
    """Whether records that lie in the folder are taken."""

    def name_of(self, candidate: "Candidate") -> str:
        """Return the name that tables show of a candidate."""
        return self.names.get(candidate.fingerprint, candidate.name)

    def recipe_of(self, candidate: "Candidate") -> str:
        """Return what makes a candidate again."""
        return self.recipes.get(candidate.fingerprint, candidate.name)
