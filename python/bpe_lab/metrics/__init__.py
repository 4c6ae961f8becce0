"""What a tokenizer does to text, in numbers: counts in, numbers out. Knows no tokenizer.

`bpe_lab._core.Measure` counts; this divides. `docs/metrics.md` has one entry a metric, `docs/words.md` the words.
"""

from bpe_lab.metrics.alike import CutAlike, CutDifferently, cut_alike
from bpe_lab.metrics.distribution import gini, occurrences_while_merging, renyi_efficiency, renyi_entropy
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.metrics.measurement import Measurement, paired
from bpe_lab.metrics.table import BANDS, KINDS, METRICS, SCRIPTS, Metric
from bpe_lab.metrics.texts import OLD_HANGUL, TRANSFORMS, premium_documents
from bpe_lab.metrics.vocabulary import kinds_of, ksx1001_syllables, vocabulary_anatomy

__all__ = [
    "BANDS",
    "KINDS",
    "METRICS",
    "OLD_HANGUL",
    "SCRIPTS",
    "TRANSFORMS",
    "CutAlike",
    "CutDifferently",
    "Estimate",
    "Measurement",
    "Metric",
    "cut_alike",
    "gini",
    "kinds_of",
    "ksx1001_syllables",
    "occurrences_while_merging",
    "paired",
    "premium_documents",
    "renyi_efficiency",
    "renyi_entropy",
    "vocabulary_anatomy",
]
