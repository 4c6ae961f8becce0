"""What a comparison is: texts, entries to be measured on them, and studies that show what came out.

Plain data. Trains nothing, measures nothing, prints nothing; `run` does the work and `output` writes it down.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpe_lab.compare.texts import Texts

if TYPE_CHECKING:
    from bpe_lab.compare.run import Results
    from bpe_lab.metrics.gold import Gold

Both = dict[str, str]
"""A text in both languages of the interface: `{"en": ..., "ko": ...}`."""

EVAL = "eval"
"""The held-out text that most figures are about."""
SENTENCES = "sentences"
"""What the token explorer shows, one sentence a document."""
OLD_HANGUL = "old hangul"
"""Old Hangul as it is typed today."""
GOLD = "gold"
"""Sentences whose morphemes are known."""


def both(en: str, ko: str | None = None) -> Both:
    """Return a text in English and Korean; where Korean is not given, it is the same (names, formulas)."""
    return {"en": en, "ko": en if ko is None else ko}


def parallel(lang: str) -> str:
    """Return the name of one side of the line-aligned text."""
    return f"parallel:{lang}"


def variant(transform: str) -> str:
    """Return the name of the evaluation text after a transform."""
    return f"variant:{transform}"


@dataclass(frozen=True)
class Entry:
    """One tokenizer in one study: how it is made, and where it stands on the study's axis."""

    recipe: str
    """A recipe, a path or a published name."""
    name: str
    """What tables call it."""
    series: str
    """What it is a member of: its unit, or the set it was trained on."""
    x: float | str
    """Where it stands on the study's axis: vocabulary size, percent, a name."""


@dataclass(frozen=True)
class Shown:
    """What a study has to show: figures and tables as the JSON of a comparison has them, and facts for answers."""

    figures: tuple[dict[str, Any], ...] = ()
    tables: tuple[dict[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A list of entries, the texts that each is measured on or cut, and how what came out becomes rows."""

    name: str
    entries: tuple[Entry, ...]
    show: Callable[["Results", "Study", "Plan"], Shown]
    on: tuple[str, ...] = (EVAL,)
    """Names of texts in `Plan.texts` that each entry is measured on."""
    cuts: tuple[str, ...] = ()
    """Names of texts of which the tokens' places are kept."""


@dataclass(frozen=True)
class Job:
    """One tokenizer to make, and all that some study wants of it."""

    entry: Entry
    study: str
    on: tuple[str, ...]
    cuts: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that decides a comparison's figures, and what is shown beside them."""

    lang: str
    title: Both
    train: Texts
    texts: Mapping[str, Texts]
    """What is measured on, by name; a study that names another text is measured without it."""
    studies: tuple[Study, ...]
    sources: Mapping[str, Texts] = field(default_factory=dict)
    """What names in a recipe's `mix` mean."""
    languages: tuple[str, ...] | None = None
    """Of the parallel text, two or more, the one asked about first; premiums are the first's over the second's."""
    gold: "Gold | None" = None
    """Sentences with their morphemes: those of `texts["gold"]`."""
    notice: Both | None = None
    downstream: tuple[str, ...] = ()
    """Recipes that language models are trained for; empty means every lossless tokenizer of the main study."""
    model_text: Texts | None = None
    """What language models are trained on; None means `train`."""
    domains: tuple[str, ...] | None = None
    """The kind of text of each document of `texts["eval"]`; None where there is one kind."""
    command: str = "bpe-lab compare"
    seed: int = 0
    """Of the bootstrap."""
    threads: int | None = None

    def study(self, name: str) -> Study | None:
        """Return the study of that name, None where it is not part of this comparison."""
        return next((study for study in self.studies if study.name == name), None)

    def jobs(self) -> list[Job]:
        """Return each recipe once, under its first name, with every text that some study wants it on."""
        found: dict[str, Job] = {}
        for study in self.studies:
            on, cuts = self._there(study.on), self._there(study.cuts)
            for entry in study.entries:
                was = found.get(entry.recipe, Job(entry, study.name, (), ()))
                found[entry.recipe] = Job(was.entry, was.study, _joined(was.on, on), _joined(was.cuts, cuts))
        return list(found.values())

    def _there(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.texts)


def _joined(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*left, *right)))
