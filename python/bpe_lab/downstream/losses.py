"""Run records to losses: bits per byte of each arm and budget, differences to a base, at equal work, and by rank.

Nothing is trained here. A run that diverged or an arm that loses text is a cell that says so and is compared with
nothing. No arm is called best: `Losses` gives intervals and a curve over budgets, `compare` the words.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from bpe_lab.downstream import matching, pairing, ranks
from bpe_lab.downstream.matching import Between
from bpe_lab.downstream.pairing import Difference
from bpe_lab.errors import FormatError
from bpe_lab.metrics.estimate import Estimate
from bpe_lab.runs import Arm, RunRecord, Scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BASE_UNIT = "byte"
"""The unit whose first arm is the base, where none is named."""

Axis = Literal["flops", "seconds"]


@dataclass(frozen=True)
class Cell:
    """An arm at a budget."""

    arm: Arm
    budget_bytes: int
    status: str
    """`ok`, `diverged` (some seed did) or `lossy`."""
    note: str
    records: tuple[RunRecord, ...]
    """By seed, diverged ones included."""
    bpb: Estimate | None
    """Mean over seeds; the interval is the wider of seeds and documents. None where a seed diverged."""
    difference: Difference | None = None
    """To the base at the same budget; None for the base itself and for what is not ranked."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that were run."""
        return tuple(record.seed for record in self.records)


@dataclass(frozen=True)
class Level:
    """All arms at equal work."""

    work: float
    """FLOPs or seconds, the mean over seeds."""
    bpb: Mapping[str, Estimate]
    """By fingerprint; an arm is absent where the level lies outside of its budgets."""
    differences: Mapping[str, Difference]
    """To the base, by fingerprint."""


@dataclass(frozen=True)
class Standing:
    """Where an arm stands in what a grid held equal."""

    arm: Arm
    bpb: Estimate
    difference: Difference | None
    """To the base; None for the base."""


@dataclass(frozen=True)
class Losses:
    """What records say."""

    preset: str
    match: str
    arms: tuple[Arm, ...]
    base: Arm | None
    """What the others are compared with; None where nothing is ranked."""
    budgets: tuple[int, ...]
    """Rising."""
    seeds: tuple[int, ...]
    cells: Mapping[tuple[str, int], Cell]
    """By fingerprint and budget; absent where no run was made."""
    at: Mapping[Axis, tuple[Level, ...]]
    """At equal FLOPs and at equal seconds, least work first; empty with one budget."""
    domains: Mapping[str, Mapping[str, Estimate]]
    """At the largest budget: by fingerprint, bits per byte by domain; empty where there is one domain."""
    correlations: tuple[ranks.Correlation, ...]
    """Empty below `ranks.MIN_ARMS` ranked arms."""
    records: tuple[RunRecord, ...] = field(repr=False)
    seed: int = 0
    """Of the bootstrap."""

    def pair(self, arm: Arm, other: Arm, budget: int | None = None) -> Difference | None:
        """Return an arm's bits per byte less another's, judged alone: what a question about these two asks.

        None where one of them has no figure, or they share no seed.
        """
        found = self._runs.difference(arm, other, self.budget if budget is None else budget)
        return pairing.judged([found], self.n_documents)[0] if found else None

    @cached_property
    def _runs(self) -> "_Runs":
        return _Runs(self.records, (), self.seed)

    @property
    def budget(self) -> int:
        """The largest: what headlines are about."""
        return self.budgets[-1]

    def cell(self, arm: Arm, budget: int | None = None) -> Cell | None:
        """Return an arm at a budget, the largest by default."""
        return self.cells.get((arm.fingerprint, self.budget if budget is None else budget))

    def ranked(self, budget: int | None = None) -> list[Cell]:
        """Return the cells that have a figure, lowest first."""
        found = [cell for arm in self.arms if (cell := self.cell(arm, budget)) and cell.status == "ok" and cell.bpb]
        return sorted(found, key=lambda cell: cell.bpb.value if cell.bpb else math.inf)

    @property
    def level(self) -> Level | None:
        """Where `match` is `flops`: the most FLOPs that all ranked arms reach, None where they have none in common."""
        n = len(self.ranked())
        shared = [level for level in self.at.get("flops", ()) if len(level.bpb) == n] if self.match == "flops" else []
        return shared[-1] if shared else None

    def standings(self) -> list[Standing]:
        """Return the ranked arms, lowest first: at `level` where there is one, else at the largest budget."""
        cells = self.ranked()
        if level := self.level:
            found = [
                Standing(c.arm, level.bpb[c.arm.fingerprint], level.differences.get(c.arm.fingerprint)) for c in cells
            ]
            return sorted(found, key=lambda standing: standing.bpb.value)
        return [Standing(cell.arm, cell.bpb, cell.difference) for cell in cells if cell.bpb]

    def trend(self, arm: Arm) -> Literal["one", "same", "flips"]:
        """Return whether the difference to the base keeps its sign over budgets; one budget tells nothing of that."""
        cells = [self.cell(arm, budget) for budget in self.budgets]
        signs = [math.copysign(1, c.difference.value.value) for c in cells if c and c.difference]
        if len(signs) < 2:
            return "one"
        return "same" if len(set(signs)) == 1 else "flips"

    @property
    def n_documents(self) -> int:
        """Documents that were scored."""
        return next((len(r.scored.bytes) for r in self.records if r.scored), 0)

    @property
    def epochs(self) -> float | None:
        """Passes over the training text at the largest budget, where records tell."""
        known = [r.corpus.get("epochs") for r in self.records if r.budget_bytes == self.budget]
        return max((float(x) for x in known if x is not None), default=None)


def summarise(
    records: Sequence[RunRecord],
    metrics: Mapping[str, Mapping[str, float]] | None = None,
    *,
    base: str | None = None,
    order: Sequence[str] = (),
    seed: int = 0,
) -> Losses:
    """Put records of one grid together.

    Args:
        records: of one preset, one `match` and one corpus.
        metrics: by fingerprint, intrinsic metrics to correlate with bits per byte.
        base: fingerprint of what the others are compared with; by default the first ranked arm of the unit `byte`,
            else the first ranked one.
        order: fingerprints in the order of tables; others follow as they come.
        seed: of the bootstrap.

    Raises:
        FormatError: there are no records, or they do not belong together.

    Cost: a bootstrap of 2,000 draws a run; 100 runs of 2,000 documents take about a second.
    """
    _check(records)
    runs = _Runs(records, order, seed)
    found = Losses(
        preset=records[0].preset,
        match=records[0].match,
        arms=runs.arms,
        base=None,
        budgets=runs.budgets,
        seeds=tuple(sorted({record.seed for record in records})),
        cells={(a.fingerprint, b): cell for a in runs.arms for b in runs.budgets if (cell := runs.cell(a, b))},
        at={},
        domains=runs.domains(),
        correlations=(),
        records=tuple(records),
        seed=seed,
    )
    chosen = _base(found, base)
    if chosen is None:
        return found
    found = replace(found, base=chosen, cells=_compared(runs, found, chosen))
    axes: tuple[Axis, ...] = ("flops", "seconds")
    return replace(
        found,
        at={axis: tuple(runs.levels(found, chosen, axis)) for axis in axes},
        correlations=tuple(_correlations(runs, found, metrics or {}, seed)),
    )


def _check(records: Sequence[RunRecord]) -> None:
    """Refuse records whose figures must not stand in one table."""
    if not records:
        raise FormatError("there are no run records", "train some: bpe-lab lm compare")
    told: dict[str, set[Any]] = {
        "preset": {record.preset for record in records},
        "match": {record.match for record in records},
        "validation text": {str(record.corpus.get("validation_sha256")) for record in records},
        "training text": {str(record.corpus.get("train_sha256")) for record in records},
        "scored documents": {record.scored.bytes for record in records if record.scored},
    }
    for what, values in told.items():
        if len(values) > 1:
            named = ", ".join(sorted(map(str, values))) if what in ("preset", "match") else f"{len(values)} of them"
            raise FormatError(f"the runs differ in their {what}: {named}", "keep each grid in a folder of its own")


def _base(found: Losses, wanted: str | None) -> Arm | None:
    ranked = {cell.arm.fingerprint for cell in found.ranked()}
    arms = [arm for arm in found.arms if arm.fingerprint in ranked]
    named = [arm for arm in arms if arm.fingerprint == wanted]
    return next(iter([*named, *(arm for arm in arms if arm.unit == BASE_UNIT), *arms]), None)


def _compared(runs: "_Runs", found: Losses, base: Arm) -> dict[tuple[str, int], Cell]:
    """Return the cells with their differences to the base, judged together at each budget."""
    cells = dict(found.cells)
    for budget in found.budgets:
        against = [c.arm for c in found.ranked(budget) if c.arm.fingerprint != base.fingerprint]
        pairs = [(arm, runs.difference(arm, base, budget)) for arm in found.arms if arm in against]
        known = [(arm, d) for arm, d in pairs if d]
        judged = pairing.judged([d for _, d in known], runs.n_documents)
        for (arm, _), difference in zip(known, judged, strict=True):
            key = (arm.fingerprint, budget)
            cells[key] = replace(cells[key], difference=difference)
    return cells


def _correlations(
    runs: "_Runs", found: Losses, metrics: Mapping[str, Mapping[str, float]], seed: int
) -> list[ranks.Correlation]:
    """Return the correlations of every metric that all ranked arms have; none where the arms are too few."""
    import numpy as np

    cells = [cell for cell in found.ranked() if cell.arm.fingerprint in metrics]
    if len(cells) < ranks.MIN_ARMS:
        return []
    values = [metrics[cell.arm.fingerprint] for cell in cells]
    shared = [name for name in values[0] if all(name in of_arm for of_arm in values)]
    drawn = np.stack([runs.draws(cell.arm, found.budget, cell.seeds) for cell in cells])
    table = {name: [of_arm[name] for of_arm in values] for name in shared}
    return ranks.correlations(table, [cell.bpb.value for cell in cells if cell.bpb], drawn, seed)


class _Runs:
    """Records by arm, budget and seed, and the draws of their documents."""

    def __init__(self, records: Sequence[RunRecord], order: Sequence[str], seed: int) -> None:
        arms = {record.arm.fingerprint: record.arm for record in records}
        first = [arms[fingerprint] for fingerprint in order if fingerprint in arms]
        self.arms = tuple(dict.fromkeys([*first, *arms.values()]))
        self.budgets = tuple(sorted({record.budget_bytes for record in records}))
        self._seed = seed
        self._runs = {(r.arm.fingerprint, r.budget_bytes, r.seed): r for r in records}
        self._drawn: dict[tuple[str, int, int], Floats] = {}

    @cached_property
    def _n_bytes(self) -> "Floats":
        import numpy as np

        scored = next((r.scored for r in self._runs.values() if r.scored), None)
        return np.asarray(scored.bytes if scored else (), np.float64)

    @property
    def n_documents(self) -> int:
        return len(self._n_bytes)

    def of(self, arm: Arm, budget: int) -> list[RunRecord]:
        """Return the records of an arm at a budget, by seed."""
        found = [r for (a, b, _), r in self._runs.items() if (a, b) == (arm.fingerprint, budget)]
        return sorted(found, key=lambda record: record.seed)

    def scored(self, arm: Arm, budget: int) -> dict[int, Scored]:
        """Return what was scored, by seed."""
        return {r.seed: r.scored for r in self.of(arm, budget) if r.scored and r.status == "ok"}

    def cell(self, arm: Arm, budget: int) -> Cell | None:
        records = self.of(arm, budget)
        if not records:
            return None
        status = next((s for s in ("lossy", "diverged") if any(r.status == s for r in records)), "ok")
        if status == "ok" and any(r.scored is None for r in records):
            status = "diverged"
        note = "; ".join(dict.fromkeys(r.note for r in records if r.note))
        bpb = self._estimate(arm, budget) if status == "ok" else None
        return Cell(arm, budget, status, note, tuple(records), bpb)

    def _estimate(self, arm: Arm, budget: int) -> Estimate:
        by_seed = self.scored(arm, budget)
        seeds = pairing.over_seeds([scored.bpb for scored in by_seed.values()])
        draws = self.draws(arm, budget, tuple(by_seed))
        return pairing.wider(seeds, pairing.over_draws(seeds.value, draws, self.n_documents))

    def draws(self, arm: Arm, budget: int, seeds: Sequence[int]) -> "Floats":
        """Return bits per byte of resampled documents, nats averaged over seeds: [n_draws]."""
        return sum(self._draws_of(arm, budget, seed) for seed in seeds) / len(seeds)  # type: ignore[return-value]

    def _draws_of(self, arm: Arm, budget: int, seed: int) -> "Floats":
        import numpy as np

        key = (arm.fingerprint, budget, seed)
        if key not in self._drawn:
            scored = self._runs[key].scored
            nats = np.asarray(scored.nats if scored else (), np.float64)
            self._drawn[key] = pairing.drawn_bpb(nats, self._n_bytes, self._seed)
        return self._drawn[key]

    def difference(self, arm: Arm, base: Arm, budget: int) -> Difference | None:
        """Return the paired difference over the seeds that both have; None where they share none."""
        a, b = self.scored(arm, budget), self.scored(base, budget)
        seeds = [seed for seed in a if seed in b]
        if not seeds:
            return None
        draws = self.draws(arm, budget, seeds) - self.draws(base, budget, seeds)
        of_base = math.fsum(b[seed].bpb for seed in seeds) / len(seeds)
        return pairing.difference([a[s].bpb - b[s].bpb for s in seeds], draws, self.n_documents, of_base)

    def domains(self) -> dict[str, dict[str, Estimate]]:
        """Return bits per byte by domain at the largest budget, over the documents of each domain alone."""
        found = {}
        for arm in self.arms:
            by_seed = self.scored(arm, self.budgets[-1])
            first = next(iter(by_seed.values()), None)
            if first and len(first.domains) > 1:
                found[arm.fingerprint] = {
                    name: self._of_domain(list(by_seed.values()), i) for i, name in enumerate(first.domains)
                }
        return found

    def _of_domain(self, every: Sequence[Scored], domain: int) -> Estimate:
        import numpy as np

        where = np.asarray(every[0].domain_of) == domain
        nats = np.asarray([scored.nats for scored in every], np.float64)[:, where]
        n_bytes = self._n_bytes[where]
        seeds = pairing.over_seeds((nats.sum(1) / (math.log(2) * n_bytes.sum())).tolist())
        draws = pairing.drawn_bpb(nats.mean(0), n_bytes, self._seed)
        return pairing.wider(seeds, pairing.over_draws(seeds.value, draws, len(n_bytes)))

    # -- at equal work

    def levels(self, found: Losses, base: Arm, axis: Axis) -> Iterable[Level]:
        """Yield a level for each budget of the base, and the largest that all arms reach, where there are budgets."""
        curves = {cell.arm: self._curves(cell.arm, axis) for cell in found.ranked()}
        curves = {arm: by_seed for arm, by_seed in curves.items() if by_seed}
        if base not in curves:
            return
        for works in sorted(self._works(curves, base), key=_mean):
            level = self._level(curves, base, works)
            if level.bpb:
                yield level

    def _curves(self, arm: Arm, axis: Axis) -> "dict[int, _Curve]":
        """Return the curve of each seed that has two budgets or more, all with a figure, with rising work."""
        records: dict[int, list[RunRecord]] = {}
        for budget in self.budgets:
            for record in self.of(arm, budget):
                if record.scored and record.status == "ok":
                    records.setdefault(record.seed, []).append(record)
        curves = {seed: _Curve.of(every, axis, self) for seed, every in records.items() if len(every) > 1}
        return {seed: curve for seed, curve in curves.items() if curve.rises}

    def _works(self, curves: "Mapping[Arm, Mapping[int, _Curve]]", base: Arm) -> list[dict[int, float]]:
        """Return levels of work, each by seed: the base's own at each of its budgets, and the least of all tops."""
        own = curves[base]
        n = min(len(curve.work) for curve in own.values())
        works = [{seed: curve.work[i] for seed, curve in own.items()} for i in range(n)]
        seeds = [seed for seed in own if all(seed in by_seed for by_seed in curves.values())]
        tops = {seed: min(by_seed[seed].work[-1] for by_seed in curves.values()) for seed in seeds}
        if tops and not any(math.isclose(_mean(tops), _mean(work), rel_tol=1e-6) for work in works):
            works.append(tops)
        return works

    def _level(self, curves: "Mapping[Arm, Mapping[int, _Curve]]", base: Arm, works: Mapping[int, float]) -> Level:
        places = {arm: _places(by_seed, works) for arm, by_seed in curves.items()}
        inside = {arm: place for arm, place in places.items() if place}
        values = {arm.fingerprint: self._at(curves[arm], place) for arm, place in inside.items()}
        others = [arm for arm in inside if arm != base] if base in inside else []
        pairs = [(arm, self._apart(curves, inside, arm, base)) for arm in others]
        known = [(arm, d) for arm, d in pairs if d]
        judged = pairing.judged([d for _, d in known], self.n_documents)
        return Level(_mean(works), values, {arm.fingerprint: d for (arm, _), d in zip(known, judged, strict=True)})

    def _at(self, by_seed: "Mapping[int, _Curve]", places: Mapping[int, Between]) -> Estimate:
        seeds = pairing.over_seeds([by_seed[s].bpb_at(at) for s, at in places.items()])
        draws = sum(by_seed[s].draws_at(at) for s, at in places.items()) / len(places)
        return pairing.wider(seeds, pairing.over_draws(seeds.value, draws, self.n_documents))  # type: ignore[arg-type]

    def _apart(
        self,
        curves: "Mapping[Arm, Mapping[int, _Curve]]",
        places: Mapping[Arm, Mapping[int, Between]],
        arm: Arm,
        base: Arm,
    ) -> Difference | None:
        seeds = [seed for seed in places[arm] if seed in places[base]]
        if not seeds:
            return None
        a, b = ([(curves[side][seed], places[side][seed]) for seed in seeds] for side in (arm, base))
        by_seed = [x.bpb_at(p) - y.bpb_at(q) for (x, p), (y, q) in zip(a, b, strict=True)]
        draws = sum(x.draws_at(p) - y.draws_at(q) for (x, p), (y, q) in zip(a, b, strict=True)) / len(seeds)
        of_base = math.fsum(y.bpb_at(q) for y, q in b) / len(seeds)
        return pairing.difference(by_seed, draws, self.n_documents, of_base)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Curve:
    """One seed of an arm over budgets."""

    work: tuple[float, ...]
    bpb: tuple[float, ...]
    drawn: "Floats"
    """[n_budgets, n_draws]"""

    @classmethod
    def of(cls, records: Sequence[RunRecord], axis: Axis, runs: _Runs) -> "_Curve":
        import numpy as np

        return cls(
            tuple(float(getattr(record, axis)) for record in records),
            tuple(record.scored.bpb for record in records if record.scored),
            np.stack([runs._draws_of(record.arm, record.budget_bytes, record.seed) for record in records]),
        )

    @property
    def rises(self) -> bool:
        """Whether more bytes were more work, as they must be to read off between them."""
        return self.work[0] > 0 and all(a < b for a, b in zip(self.work, self.work[1:], strict=False))

    def bpb_at(self, at: Between) -> float:
        return matching.read_off(self.bpb, at)

    def draws_at(self, at: Between) -> "Floats":
        return matching.read_off_draws(self.drawn, at)


def _places(by_seed: Mapping[int, _Curve], works: Mapping[int, float]) -> dict[int, Between]:
    """Return where the level lies for each seed; empty where it lies outside for any."""
    found = {s: matching.between(by_seed[s].work, work) for s, work in works.items() if s in by_seed}
    inside = {seed: at for seed, at in found.items() if at}
    return inside if len(inside) == len(found) else {}


def _mean(values: Mapping[int, float]) -> float:
    return math.fsum(values.values()) / len(values)
