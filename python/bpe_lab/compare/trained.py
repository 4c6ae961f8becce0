"""Recipes and a training text to candidates: counts once for all recipes that cut text alike, and trains each.

What was trained is kept in a cache under what decides it: recipe, documents and program. Chooses no text; `texts` does.
"""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from bpe_lab import _core
from bpe_lab.compare.cache import Cache, key_of, program_version
from bpe_lab.compare.candidates import Candidate, Failed, Missing, Ours
from bpe_lab.compare.closed import from_bytes, to_bytes, train_closed
from bpe_lab.compare.counted import Counting, count_documents
from bpe_lab.compare.recipe import Recipe
from bpe_lab.compare.texts import Texts
from bpe_lab.errors import BpeLabError, UnsupportedError
from bpe_lab.tokenizer import Tokenizer
from bpe_lab.training import learn

_ANALYSERS = {"mecab": ("python-mecab-ko", "python-mecab-ko-dic"), "kiwi": ("kiwipiepy", "kiwipiepy-model")}
"""The packages whose versions decide what an analyser says."""

_N_KEPT_COUNTS = 4


class Trainer:
    """Trains recipes. Keeps the counts of the last few texts, so that no text is cut twice for one pattern."""

    def __init__(self, cache: Cache | None = None, threads: int | None = None) -> None:
        self._cache = cache or Cache(None)
        self._threads = threads
        self._counts: dict[tuple[str, Counting], _core.PieceCounts] = {}

    def make(self, recipe: Recipe, texts: Texts) -> "Candidate | Missing | Failed":
        """Train `recipe` on all documents of `texts`, or take it from the cache. Raises nothing that is the recipe's.

        `recipe.train`, `mix` and `sample` are not looked at: `texts.training_text` does what they say.
        """
        try:
            return self._closed(recipe, texts) if recipe.closed else self._ours(recipe, texts)
        except BpeLabError as e:
            lacks_package = isinstance(e, UnsupportedError) and (e.hint or "").startswith("pip install")
            return (Missing if lacks_package else Failed)(recipe.title, e.message, e.hint)
        except Exception as e:
            return Failed(recipe.title, f"{type(e).__name__}: {e}")

    def counts(self, counting: Counting, texts: Texts) -> _core.PieceCounts:
        """Return the counted pieces of `texts`."""
        key = (texts.content_key, counting)
        if key not in self._counts:
            while len(self._counts) >= _N_KEPT_COUNTS:
                del self._counts[next(iter(self._counts))]
            self._counts[key] = count_documents(texts.documents, counting, self._threads)
        return self._counts[key]

    def _ours(self, recipe: Recipe, texts: Texts) -> Candidate:
        key = training_key(recipe, texts)
        if found := self._kept(key):
            return Ours(recipe.title, found, "trained")
        tokenizer = self._train(recipe, texts)
        self._cache.put(key, tokenizer._core.to_native(), "tokenizer", f"{recipe.title} on {texts.name}")
        return Ours(recipe.title, tokenizer, "trained")

    def _kept(self, key: str) -> Tokenizer | None:
        data = self._cache.get(key)
        try:
            return None if data is None else Tokenizer(_core.Tokenizer.from_native(data))
        except BpeLabError:
            return None

    def _train(self, recipe: Recipe, texts: Texts) -> Tokenizer:
        options: dict[str, Any] = {
            "pattern": recipe.pattern,
            "unit": recipe.unit,
            "tie": recipe.tie,
            "min_frequency": recipe.min_frequency,
            "max_token_bytes": recipe.max_token_bytes,
        }
        options |= {"superword": recipe.superword} if recipe.superword else {}
        options |= {"at": recipe.at} if recipe.morphemes else {}
        counting = Counting(recipe.pattern, recipe.morphemes, recipe.superword is not None)
        return learn(self.counts(counting, texts), recipe.vocab, **options)[0]

    def _closed(self, recipe: Recipe, texts: Texts) -> Candidate:
        key = training_key(recipe, texts)
        if (data := self._cache.get(key)) is not None:
            return from_bytes(recipe.title, data)
        closed = train_closed(recipe.title, recipe.unit, recipe.vocab, texts.documents, self._threads)
        self._cache.put(key, to_bytes(closed), "closed vocabulary", f"{recipe.title} on {texts.name}")
        return closed


def training_key(recipe: Recipe, texts: Texts) -> str:
    """Return what a trained tokenizer is kept under: what the recipe does, the documents, the program, the analyser."""
    versions = [_version(package) for package in _ANALYSERS.get(recipe.morphemes or "", ())]
    return key_of("trained", recipe.without_text().canonical(), texts.content_key, program_version(), versions)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def train_candidates(
    recipes: Sequence[Recipe], texts: Texts, cache: Cache | None = None, threads: int | None = None
) -> "list[Candidate | Missing | Failed]":
    """Train each recipe on `texts`, in order."""
    trainer = Trainer(cache, threads)
    return [trainer.make(recipe, texts) for recipe in recipes]
