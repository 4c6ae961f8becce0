"""Do tokens end where morphemes end? Precision, recall and F1 of token edges inside words against gold edges.

The whole sentence is encoded, with its spaces. A *predicted* edge is a place strictly inside an eojeol where a token
ends; a *gold* edge one where a morpheme does. Both are places between characters or, inside a syllable, between jamo:

    precision P = right / predicted      recall R = right / gold      F1 = 2 right / (predicted + gold)

Gold edges that fusion lost (봤다 = 보 + 았 + 다) count in R: no cut of the surface finds them. So each unit has a
*ceiling* of R: for byte-wise units and syllables gold edges between characters over all gold edges, for jamo units
those inside syllables as well. A token of a byte-wise unit that ends inside a character ends at no place of the word:
such an edge is predicted and never right.

No tokenizer is known here: byte ends come in. docs/morphology.md has the rule that places gold edges, with examples.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bpe_lab import _core
from bpe_lab.errors import ArgumentError
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.metrics.gold import Gold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLUMNS: tuple[str, ...] = (*_core.EDGE_COUNTS, "n_gold_lost", "n_tokens", "n_bytes")
"""Counts of each sentence; all of them add up."""

SCORES = ("precision", "recall", "f1", "ceiling", "f1_ceiling", "recall_inside", "broken_share", "tokens_per_eojeol")
"""What `BoundaryScore.value` knows."""


@dataclass(frozen=True)
class BoundaryScore:
    """Counts a sentence, and every score as a ratio of their sums."""

    counts: "NDArray[np.uint64]"
    """[n_sentences, n_columns], columns as `COLUMNS`."""
    is_jamo: bool

    def value(self, name: str) -> float:
        """Return one of `SCORES` over all sentences; NaN where nothing stands below the line."""
        return float(self._of(self.totals[None, :], name)[0])

    def interval(self, name: str, seed: int = 0, n_resamples: int = 1000, level: float = 0.95) -> Estimate:
        """Return one of `SCORES` with its percentile interval over resampled sentences.

        Cost: `n_resamples` times the number of sentences. Two tokenizers with the same seed see the same resamples.
        """
        import numpy as np

        drawn = self._of(self._resampled(seed, n_resamples), name)
        low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        return Estimate(self.value(name), float(low), float(high))

    def difference(
        self, other: "BoundaryScore", name: str, seed: int = 0, n_resamples: int = 1000, level: float = 0.95
    ) -> Estimate:
        """Return how much higher a score is than `other`'s, with its interval: both see the same resampled sentences.

        Raises:
            ArgumentError: the two were not measured on equally many sentences.
        """
        import numpy as np

        if len(self.counts) != len(other.counts):
            n = f"{len(self.counts):,} and {len(other.counts):,}"
            raise ArgumentError(f"scores of {n} sentences cannot be paired", "measure both on the same gold")
        drawn = [s._of(s._resampled(seed, n_resamples), name) for s in (self, other)]
        low, high = np.nanquantile(drawn[0] - drawn[1], [(1 - level) / 2, (1 + level) / 2])
        return Estimate(self.value(name) - other.value(name), float(low), float(high))

    @cached_property
    def totals(self) -> "NDArray[np.float64]":
        """Sums of the columns."""
        totals: NDArray[np.float64] = self.counts.sum(axis=0).astype(float)
        return totals

    def total(self, column: str) -> int:
        """Return the sum of one of `COLUMNS`."""
        return int(self.totals[COLUMNS.index(column)])

    @property
    def precision(self) -> float:
        """right / predicted; 0 to 1."""
        return self.value("precision")

    @property
    def recall(self) -> float:
        """right / gold, lost edges among the gold; 0 to `ceiling`."""
        return self.value("recall")

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 to `f1_ceiling`."""
        return self.value("f1")

    @property
    def ceiling(self) -> float:
        """The highest recall that any cut of the unit's symbols can have."""
        return self.value("ceiling")

    @property
    def n_edges(self) -> int:
        """Gold edges, the lost ones included."""
        return self.total("n_gold_character") + self.total("n_gold_inside") + self.total("n_gold_lost")

    def __str__(self) -> str:
        """Tell the scores beside their ceiling."""
        return (
            f"P {self.precision:.3f}, R {self.recall:.3f} (at most {self.ceiling:.3f}), F1 {self.f1:.3f} "
            f"(at most {self.value('f1_ceiling'):.3f}), {self.n_edges:,} gold edges"
        )

    def _resampled(self, seed: int, n_resamples: int) -> "NDArray[np.float64]":
        import numpy as np

        n = len(self.counts)
        random = np.random.default_rng(seed)
        counts = self.counts.astype(float)
        draws = [random.multinomial(n, np.full(n, 1 / n)) for _ in range(n_resamples)]
        sums: NDArray[np.float64] = np.array(draws) @ counts  # (n_resamples, n_columns)
        return sums

    def _of(self, sums: "NDArray[np.float64]", name: str) -> "NDArray[np.float64]":
        """Return a score for each row of sums."""
        import numpy as np

        if name not in SCORES:
            raise ArgumentError(f"unknown score {name!r}", f"one of {', '.join(SCORES)}")
        above, below = self._ratio(dict(zip(COLUMNS, sums.T, strict=True)), name)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(above / below)

    def _ratio(self, n: dict[str, Any], name: str) -> tuple[Any, Any]:
        gold = n["n_gold_character"] + n["n_gold_inside"] + n["n_gold_lost"]
        in_reach = n["n_gold_character"] + (n["n_gold_inside"] if self.is_jamo else 0)
        ratios: dict[str, tuple[Any, Any]] = {
            "precision": (n["n_right"], n["n_predicted"]),
            "recall": (n["n_right"], gold),
            "f1": (2 * n["n_right"], n["n_predicted"] + gold),
            "ceiling": (in_reach, gold),
            "f1_ceiling": (2 * in_reach, in_reach + gold),
            "recall_inside": (n["n_right_inside"], n["n_gold_inside"]),
            "broken_share": (n["n_predicted_broken"], n["n_predicted"]),
            "tokens_per_eojeol": (n["n_tokens"], n["n_eojeol"]),
        }
        return ratios[name]


def morphology(
    gold: Gold, ends: "NDArray[np.uint64]", offsets: "NDArray[np.uint64]", is_jamo: bool = False
) -> BoundaryScore:
    """Score token ends against gold edges.

    Args:
        gold: sentences with their morphemes; a tokenizer is given `gold.documents`, each whole.
        ends: the byte where each token ends within its sentence, sentence after sentence.
        offsets: sentence i has `ends[offsets[i]:offsets[i + 1]]`.
        is_jamo: tokens may end between the jamo of a syllable (units `jamo` and `jamo-char`).

    Raises:
        ArgumentError: ends or offsets that do not fit the sentences.

    >>> import numpy as np
    >>> from bpe_lab.metrics.gold import Gold, GoldWord
    >>> gold = Gold.of([[GoldWord("공정한", ("공정", "하", "ㄴ")), GoldWord("봤다", ("보", "았", "다"))]])
    >>> tokens = ["공정", "한", " 봤다"]
    >>> ends = np.cumsum([len(t.encode()) for t in tokens]).astype(np.uint64)
    >>> print(morphology(gold, ends, np.array([0, 3], dtype=np.uint64)))
    P 1.000, R 0.250 (at most 0.500), F1 0.400 (at most 0.667), 4 gold edges
    """
    import numpy as np

    counts = _core.count_edges(gold.documents, gold.edges, gold.offsets, ends, offsets, is_jamo)
    n_bytes = np.array([len(document) for document in gold.documents], dtype=np.uint64)
    return BoundaryScore(np.column_stack([counts, gold.n_lost, np.diff(offsets), n_bytes]), is_jamo)
