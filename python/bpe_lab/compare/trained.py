"""Recipes and a training text to candidates: counts once for all recipes that cut text alike, trains each.

Trained tokenizers are kept in a cache by what decides them. Chooses no text: `texts` does.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from bpe_lab import _core
from bpe_lab.compare.candidates import Candidate, Failed, Ours
from bpe_lab.compare.recipe import Recipe
from bpe_lab.compare.texts import Texts
from bpe_lab.errors import BpeLabError
from bpe_lab.tokenizer import pattern_from
from bpe_lab.training import checked_threads, learn, train


class Trainer:
    """Trains recipes on one text after another; keeps the counts of the last texts, so that no text is cut twice."""

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads
        self._counts: dict[tuple[str, str], _core.PieceCounts] = {}

    def make(self, recipe: Recipe, texts: Texts) -> "Candidate | Failed":
        """Train `recipe` on all of `texts`, or take it from the cache."""
        try:
            return Ours(recipe.title, self._train(recipe, texts), "trained")
        except BpeLabError as e:
            return Failed(recipe.title, e.message, e.hint)

    def _train(self, recipe: Recipe, texts: Texts) -> Any:
        options: dict[str, Any] = {
            "pattern": recipe.pattern,
            "unit": recipe.unit,
            "tie": recipe.tie,
            "min_frequency": recipe.min_frequency,
            "max_token_bytes": recipe.max_token_bytes,
        }
        if recipe.superword or recipe.morphemes:
            options |= {"superword": recipe.superword} if recipe.superword else {}
            options |= {"morphemes": recipe.morphemes, "at": recipe.at} if recipe.morphemes else {}
            return train(texts=texts.documents, vocab_size=recipe.vocab, threads=self._threads, **options)
        return learn(self.counts(recipe.pattern, texts), recipe.vocab, **options)[0]

    def counts(self, pattern: str, texts: Texts) -> _core.PieceCounts:
        """Return the counted pieces of `texts`."""
        key = (pattern, texts.content_key)
        if key not in self._counts:
            self._counts[key] = count_documents(texts.documents, pattern, self._threads)
        return self._counts[key]


def count_documents(documents: Iterable[bytes], pattern: str, threads: int | None = None) -> _core.PieceCounts:
    """Count the pieces of documents in memory."""
    counter = _core.Counter(pattern_from(pattern), "file", checked_threads(threads))
    for document in documents:
        counter.push(document)
        counter.end_of_file()
    return counter.finish()


def train_candidates(recipes: Sequence[Recipe], texts: Texts, threads: int | None = None) -> "list[Candidate | Failed]":
    """Train each recipe on `texts`, in order."""
    trainer = Trainer(threads)
    return [trainer.make(recipe, texts) for recipe in recipes]
