"""What a tokenizer does to text, in numbers: counts in, numbers out. Knows no tokenizer.

`docs/metrics.md` has one entry a metric, `docs/words.md` the words.
"""

from bpe_lab.metrics.estimate import Estimate
from bpe_lab.metrics.table import BANDS, KINDS, METRICS, SCRIPTS, Metric

__all__ = ["BANDS", "KINDS", "METRICS", "SCRIPTS", "Estimate", "Metric"]
