"""One tokenizer over one text: its counts, and every metric with its interval.

Divides what `bpe_lab._core.Measure` counted. Reads no text and knows no tokenizer.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bpe_lab.errors import ArgumentError, FormatError
from bpe_lab.metrics import resampling
from bpe_lab.metrics.distribution import RARE, occurrences_while_merging, renyi_efficiency
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.metrics.table import METRICS, Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpe_lab._core import Measure

    Floats = NDArray[np.float64]
    Counts = NDArray[np.uint64]

DOCUMENT_COLUMNS = ("bytes", "chars", "syllables", "eojeol", "tokens")
"""Kept for every document: what percentiles over documents read."""

WINDOW_COLUMNS = ("bytes", "syllables", "eojeol")

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Measurement:
    """The counts of one tokenizer over one text.

    Made by `Measurement.of`; `value` and `interval` give any metric of the table that needs no second measurement.
    """

    columns: tuple[str, ...]
    blocks: "Counts"
    """Sums of the columns over at most 2,048 blocks of neighbouring documents; few documents are a block each."""
    documents: "Counts"
    """Every document's DOCUMENT_COLUMNS."""
    windows: "Counts"
    """Bytes, syllables and eojeol of every full window of 1,024 tokens."""
    words: "Counts"
    """Of every word type how often it occurs, and how often as one token; by first occurrence."""
    ids: "NDArray[np.uint32]"
    """The ids that occur, ascending."""
    groups: "Counts"
    """How often each of these occurs, in 16 groups of documents (document i in group i mod 16)."""
    n_ids: int
    n_tokens: int
    """The declared size of the vocabulary: what |V| means."""
    anatomy: Mapping[str, int] = field(default_factory=dict)
    """What the vocabulary is made of (`vocabulary_anatomy`); empty where unknown."""
    merges: "NDArray[np.uint32] | None" = None
    """Rows (left, right, result), where the tokenizer has listed merges."""
    _drawn: "dict[tuple[int, int], Floats]" = field(default_factory=dict, repr=False)
    """Column sums over bootstrap samples by (seed, n_resamples): all columns at once cost what two do."""

    @classmethod
    def of(
        cls,
        counts: "Measure",
        n_tokens: int,
        anatomy: Mapping[str, int] | None = None,
        merges: "NDArray[np.uint32] | None" = None,
    ) -> "Measurement":
        """Take the counts of the core, and what is known of the vocabulary."""
        import numpy as np

        by_group = counts.group_counts()
        ids = np.flatnonzero(by_group.sum(axis=0)).astype(np.uint32)
        return cls(
            columns=tuple(counts.columns),
            blocks=counts.blocks(resampling.N_BLOCKS),
            documents=np.stack([counts.column(name) for name in DOCUMENT_COLUMNS], axis=1),
            windows=counts.windows(),
            words=counts.words(),
            ids=ids,
            groups=by_group[:, ids],
            n_ids=by_group.shape[1],
            n_tokens=n_tokens,
            anatomy=dict(anatomy or {}),
            merges=merges,
        )

    @property
    def n_documents(self) -> int:
        """How many documents were counted."""
        return len(self.documents)

    @property
    def token_counts(self) -> "Counts":
        """How often each of `ids` occurs."""
        import numpy as np

        counts: Counts = self.groups.sum(axis=0, dtype=np.uint64)
        return counts

    def total(self, *columns: str) -> int:
        """Return the sum of columns over the text."""
        return int(sum(self._column(column).sum() for column in columns))

    def value(self, name: str) -> float:
        """Return a metric; not a number where its denominator is 0 or what it needs is unknown.

        >>> measurement.value("fertility")  # doctest: +SKIP
        2.13

        Raises:
            ArgumentError: no metric has this name, or it needs more than one measurement.
        """
        metric = self._metric(name)
        return _VALUES[metric.reads](self, metric)

    def interval(self, name: str, *, seed: int = 0, n_resamples: int = 1000, level: float = 0.95) -> Estimate:
        """Return a metric with its interval; which kind of interval stands in docs/metrics.md.

        Raises:
            ArgumentError: as `value`, or `level` is not between 0 and 1.
        """
        metric = self._metric(name)
        _check(level, n_resamples)
        value = self.value(name)
        if value != value:
            return Estimate(value)
        match metric.reads:
            case "counts":
                return Estimate(value, *resampling.percentile_interval(self.resampled(name, seed, n_resamples), level))
            case "documents" | "windows":
                ordered = _ordered(self, metric)
                return Estimate(value, *resampling.quantile_interval(ordered, metric.argument, level))
            case "words":
                return Estimate(value, *self._words_interval(level))
            case "ids":
                return Estimate(value, *resampling.jackknife_interval(value, self.without_groups(name), level))
            case _:
                return Estimate(value)

    def names(self) -> list[str]:
        """Return the metrics that have a value here, in the order of the table."""
        values = {name: self.value(name) for name, m in METRICS.items() if m.reads in _VALUES}
        return [name for name, value in values.items() if value == value]

    def resampled(self, name: str, seed: int = 0, n_resamples: int = 1000) -> "Floats":
        """Return the metric, a ratio of sums, over each bootstrap sample of the documents.

        Equal seeds draw the same documents from texts of as many documents.
        """
        metric = self._metric(name)
        drawn = self._drawn_sums(seed, n_resamples)
        values: Floats = _divide(self._add(drawn, metric.numerator), self._add(drawn, metric.denominator))
        return values

    def without_groups(self, name: str) -> "Floats":
        """Return the metric, one of how often ids occur, with each group of documents left out in turn."""
        import numpy as np

        metric, total = self._metric(name), self.token_counts
        kept = [_of_ids(self, metric, total - group) for group in self.groups if group.any()]
        return np.asarray(kept, dtype=np.float64)

    def to_bytes(self) -> bytes:
        """Return everything as one NumPy archive; no pickle inside."""
        import numpy as np

        facts = {"columns": self.columns, "n_ids": self.n_ids, "n_tokens": self.n_tokens, "anatomy": dict(self.anatomy)}
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        if self.merges is not None:
            arrays["merges"] = self.merges
        out = io.BytesIO()
        np.savez_compressed(out, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Measurement":
        """Read what `to_bytes` made.

        Raises:
            FormatError: it is something else, or damaged.
        """
        import numpy as np

        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                facts = json.loads(archive["facts"].tobytes())
                arrays = {name: archive[name] for name in _ARRAYS}
                merges = archive.get("merges", None)
            facts["columns"] = tuple(facts["columns"])
            return cls(**facts, **arrays, merges=merges)
        except Exception as e:
            raise FormatError(f"this is no stored measurement: {e}", "measure again") from e

    def _metric(self, name: str) -> Metric:
        metric = METRICS.get(name)
        if metric is None:
            raise ArgumentError(f"no metric is called {name!r}", "bpe_lab.metrics.METRICS lists them")
        if metric.reads not in _VALUES:
            hint = {"pair": "use paired(a, b, name)", "several": "use gini()"}.get(
                metric.reads, "it is measured elsewhere"
            )
            raise ArgumentError(f"{name} does not come from one measurement", hint)
        return metric

    def _column(self, name: str) -> "Counts":
        return self.blocks[:, self.columns.index(name)]

    def _add(self, sums: "Floats", columns: tuple[str, ...]) -> "Floats":
        """Return the sum of some columns of `sums`, row by row."""
        picked: Floats = sums[:, [self.columns.index(column) for column in columns]].sum(axis=1)
        return picked

    def _drawn_sums(self, seed: int, n_resamples: int) -> "Floats":
        """Return the sums of all columns over each bootstrap sample of the documents."""
        key = (seed, n_resamples)
        if key not in self._drawn:
            drawn = resampling.weights(len(self.blocks), n_resamples, seed)
            self._drawn[key] = drawn @ self.blocks.astype("f8")
        return self._drawn[key]

    def _words_interval(self, level: float) -> tuple[float, float]:
        """Return the interval of a mean over word types, each a draw of its own."""
        shares = self._one_token_shares()
        half = resampling.student(level, max(len(shares) - 1, 1)) * float(shares.std() / len(shares) ** 0.5)
        mean = float(shares.mean())
        return max(0.0, mean - half), min(1.0, mean + half)

    def _one_token_shares(self) -> "Floats":
        import numpy as np

        return self.words[:, 1].astype(np.float64) / self.words[:, 0]


_ARRAYS = ("blocks", "documents", "windows", "words", "ids", "groups")


def paired(
    a: Measurement,
    b: Measurement,
    name: str,
    *,
    how: Literal["difference", "ratio"] | None = None,
    seed: int = 0,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Return by how much `a` differs from `b`, with an interval over documents that both share.

    The documents must match one by one: one text by two tokenizers, or one tokenizer over two versions or
    translations. `how` is a ratio for metrics of pairs (premium, robustness), else a difference `a - b` unless told
    otherwise. Both are resampled by the same draws, so what documents have in common cancels. Metrics that are
    percentiles have no interval.

    Raises:
        ArgumentError: the numbers of documents differ, or the metric is none of one or two measurements.
    """
    if a.n_documents != b.n_documents:
        raise ArgumentError(f"documents must match one by one, got {a.n_documents} and {b.n_documents}")
    _check(level, n_resamples)
    metric = METRICS.get(name)
    if metric is not None and metric.reads == "pair":
        return _ratio_of_sums(a, b, metric, seed, n_resamples, level)
    combine: Callable[[Any, Any], Any] = _divide if how == "ratio" else lambda x, y: x - y
    value = float(combine(a.value(name), b.value(name)))
    match a._metric(name).reads:
        case "counts":
            drawn = combine(a.resampled(name, seed, n_resamples), b.resampled(name, seed, n_resamples))
            return Estimate(value, *resampling.percentile_interval(drawn, level))
        case "ids":
            without = combine(a.without_groups(name), b.without_groups(name))
            return Estimate(value, *resampling.jackknife_interval(value, without, level))
        case "words" if how != "ratio" and len(a.words) == len(b.words):
            shares = a._one_token_shares() - b._one_token_shares()
            half = resampling.student(level, max(len(shares) - 1, 1)) * float(shares.std() / max(len(shares), 1) ** 0.5)
            return Estimate(value, value - half, value + half)
        case _:
            return Estimate(value)


def _ratio_of_sums(a: Measurement, b: Measurement, metric: Metric, seed: int, n: int, level: float) -> Estimate:
    top, below = a._add(a._drawn_sums(seed, n), metric.numerator), b._add(b._drawn_sums(seed, n), metric.denominator)
    value = float(_divide(a.total(*metric.numerator), b.total(*metric.denominator)))
    return Estimate(value, *resampling.percentile_interval(_divide(top, below), level))


def _check(level: float, n_resamples: int) -> None:
    if not 0 < level < 1:
        raise ArgumentError(f"level must lie between 0 and 1, got {level}", "0.95 is usual")
    if n_resamples < 2:
        raise ArgumentError(f"n_resamples must be at least 2, got {n_resamples}", "1000 is usual")


def _divide(top: Any, below: Any) -> Any:
    """Divide numbers or arrays; not a number where the denominator is 0."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(below) == 0, NAN, np.true_divide(top, below))[()]


def _of_counts(m: Measurement, metric: Metric) -> float:
    return float(_divide(m.total(*metric.numerator), m.total(*metric.denominator)))


def _ordered(m: Measurement, metric: Metric) -> "Floats":
    """Return the values whose percentile the metric is, ascending; documents without a denominator have none."""
    import numpy as np

    if metric.reads == "windows":
        return np.sort(m.windows[:, WINDOW_COLUMNS.index(metric.numerator[0])].astype(np.float64))
    top, below = (m.documents[:, DOCUMENT_COLUMNS.index(c[0])] for c in (metric.numerator, metric.denominator))
    kept = below > 0
    return np.sort(top[kept].astype(np.float64) / below[kept])


def _of_percentile(m: Measurement, metric: Metric) -> float:
    ordered = _ordered(m, metric)
    return resampling.quantile(ordered, metric.argument) if len(ordered) else NAN


def _of_words(m: Measurement, metric: Metric) -> float:
    return float(m._one_token_shares().mean()) if len(m.words) else NAN


def _of_all_ids(m: Measurement, metric: Metric) -> float:
    return _of_ids(m, metric, m.token_counts)


def _of_ids(m: Measurement, metric: Metric, counts: "Counts") -> float:
    """Return a metric of how often ids occur; `counts` are those of `m.ids`."""
    n_used = int((counts > 0).sum())
    match metric.numerator[0]:
        case "renyi":
            n_tokens = m.n_tokens if metric.numerator[1] == "declared" else n_used
            return renyi_efficiency(counts, metric.argument, n_tokens)
        case "vocab_used":
            return n_used / m.n_tokens
        case "vocab_unused":
            return 1 - n_used / m.n_tokens
        case "vocab_rare":
            return int(((counts > 0) & (counts < RARE)).sum()) / m.n_tokens
        case quantity:
            return _of_merging(m, quantity, counts)


def _of_merging(m: Measurement, quantity: str, counts: "Counts") -> float:
    import numpy as np

    if m.merges is None or not len(m.merges):
        return NAN
    emitted = np.zeros(m.n_ids, dtype=np.uint64)
    emitted[m.ids] = counts
    total, ios = occurrences_while_merging(emitted, m.merges)
    found = (emitted == 0) & (total > 0) if quantity == "vocab_intermediate" else ios >= 0.9
    return int(found.sum()) / m.n_tokens


def _of_vocabulary(m: Measurement, metric: Metric) -> float:
    if not m.anatomy:
        return NAN
    top = m.anatomy[metric.numerator[0]]
    return float(_divide(top, m.anatomy[metric.denominator[0]])) if metric.denominator else float(top)


_VALUES: dict[str, Callable[[Measurement, Metric], float]] = {
    "counts": _of_counts,
    "documents": _of_percentile,
    "windows": _of_percentile,
    "words": _of_words,
    "ids": _of_all_ids,
    "vocabulary": _of_vocabulary,
}
