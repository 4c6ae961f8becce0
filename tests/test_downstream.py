"""What run records say: known answers worked out by hand, properties, and how often an interval holds the truth."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab.downstream import Target, losses, matching, pairing, ranks, student, summarise
from bpe_lab.errors import FormatError
from bpe_lab.metrics import Estimate
from bpe_lab.runs import RunRecord
from fake_runs import arm, fake_records, record, scored

BYTE, JAMO, CHAR = arm("byte"), arm("jamo"), arm("byte-char")


# -- Student's t


@pytest.mark.parametrize(
    ("degrees", "share", "t"),
    # Printed tables of t.
    [(1, 0.975, 12.706), (2, 0.975, 4.303), (4, 0.975, 2.776), (9, 0.975, 2.262), (4, 0.8, 0.941), (30, 0.995, 2.750)],
)
def test_quantiles_are_those_of_printed_tables(degrees: int, share: float, t: float) -> None:
    assert student.quantile(share, degrees) == pytest.approx(t, abs=5e-4)


def test_one_and_two_degrees_have_closed_forms() -> None:
    """P(|T| > t) is 1 - 2/pi atan t with 1 degree (Cauchy), 1 - t/sqrt(t^2 + 2) with 2."""
    for t in (0.1, 1.0, 3.0, 40.0):
        assert student.two_sided_p(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-9)
        assert student.two_sided_p(t, 2) == pytest.approx(1 - t / math.sqrt(t * t + 2), rel=1e-9)
    assert student.two_sided_p(math.inf, 3) == 0 and student.two_sided_p(math.nan, 3) == 1


# -- Holm, paired t


@pytest.mark.parametrize(
    ("ps", "corrected"),
    [
        # sorted .01 .03 .04: 3 x .01 = .03, 2 x .03 = .06, 1 x .04 = .04 but never falling: .06
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.2], [0.2]),
        ([0.6, 0.7], [1.0, 1.0]),
        # equal p values get the same
        ([0.02, 0.02], [0.04, 0.04]),
        # an unknown one counts among the three: 3 x .01, 2 x .04
        ([0.01, None, 0.04], [0.03, None, 0.08]),
        ([], []),
    ],
)
def test_holm(ps: list[float | None], corrected: list[float | None]) -> None:
    found = pairing.holm(ps)
    assert [x if x is None else round(x, 12) for x in found] == corrected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(ps: list[float]) -> None:
    found = [x for x in pairing.holm(ps) if x is not None]
    for p, x in zip(ps, found, strict=True):
        assert p <= x + 1e-12 and x <= min(1.0, len(ps) * p) + 1e-12
    assert [ps[i] for i in np.argsort(found, kind="stable")] == pytest.approx(sorted(ps)) or len(set(found)) < len(ps)


def test_paired_t_by_hand() -> None:
    """-0.03, -0.01, -0.02: mean -0.02, s 0.01, t = -0.02 sqrt 3/0.01 = -3.464, so p = 1 - 3.464/sqrt(14) = 0.0742."""
    p = pairing.p_over_seeds([-0.03, -0.01, -0.02])
    assert p == pytest.approx(1 - math.sqrt(12) / math.sqrt(14), rel=1e-9)
    found = pairing.over_seeds([-0.03, -0.01, -0.02])
    assert found.value == pytest.approx(-0.02) and found.high == pytest.approx(-0.02 + 4.302653 * 0.01 / math.sqrt(3))


def test_one_seed_has_neither_interval_nor_p() -> None:
    assert pairing.over_seeds([2.0]) == Estimate(2.0) and pairing.p_over_seeds([2.0]) is None


def test_equal_differences_are_sure_and_no_difference_is_none() -> None:
    assert pairing.p_over_seeds([0.1, 0.1]) == 0 and pairing.p_over_seeds([0.0, 0.0]) == 1


def test_bootstrap_p_counts_itself() -> None:
    """Of 99 draws 4 lie at or above 0: 2 x (4 + 1)/100."""
    draws = np.array([-1.0] * 95 + [1.0] * 4)
    assert pairing.p_over_draws(draws, 10) == pytest.approx(0.1)
    assert pairing.p_over_draws(draws, 9) is None, "too few documents"
    assert pairing.p_over_draws(np.zeros(99), 10) == 1.0


# -- what would tell


def test_seeds_needed_by_hand() -> None:
    """Mean 0.02, s 0.02: n >= (t(.975) + t(.8))^2. n = 9: (2.306 + 0.889)^2 = 10.2; n = 10: (2.262 + 0.883)^2 = 9.9."""
    d = _difference([0.02 - 0.02, 0.02, 0.02 + 0.02])
    assert pairing.seeds_needed(d) == 10


def test_seeds_needed_are_at_least_those_of_a_claim_and_no_advice_beyond_a_thousand() -> None:
    assert pairing.seeds_needed(_difference([0.02, 0.0200001, 0.0199999])) == pairing.SEEDS_TO_CLAIM
    assert pairing.seeds_needed(_difference([-1.0, 1.0001])) is None
    assert pairing.seeds_needed(_difference([0.02])) is None
    assert pairing.seeds_needed(_difference([-1.0, 1.0])) is None


def test_more_arms_need_more_seeds() -> None:
    d = _difference([0.0, 0.02, 0.04])
    assert (pairing.seeds_needed(d, 6) or 0) > (pairing.seeds_needed(d, 1) or 0) > 0


def test_documents_needed_by_hand() -> None:
    """Of 100 documents, 0.01 with ends 0.02 away: 100 x 2^2."""
    assert pairing.documents_needed(Estimate(0.01, -0.01, 0.02), 100) == 400
    assert pairing.documents_needed(Estimate(-0.01, -0.02, 0.01), 100) == 400
    assert pairing.documents_needed(Estimate(0.01, 0.001, 0.02), 100) is None


def _difference(by_seed: Sequence[float]) -> pairing.Difference:
    return pairing.difference(by_seed, np.array([0.0]), 1, 2.0)


# -- Spearman


def test_ranks_share_the_mean_of_ties() -> None:
    assert ranks.ranks([3.0, 1.0, 1.0, 1.0, 2.0]) == [5, 2, 2, 2, 4]


def test_spearman_with_ties_by_hand() -> None:
    """Ranks of (1, 2, 2, 3): 1, 2.5, 2.5, 4; of (1, 3, 2, 4): 1, 3, 2, 4.

    Centred: (-1.5, 0, 0, 1.5) and (-1.5, .5, -.5, 1.5): 4.5/sqrt(4.5 x 5) = 0.9487.
    """
    assert ranks.spearman([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(4.5 / math.sqrt(22.5))


def test_spearman_without_ties_is_the_textbook_formula() -> None:
    """1 - 6 sum d^2/(n (n^2 - 1)); d = 2, 1, 1, 0, 0: 1 - 36/120."""
    assert ranks.spearman([1, 2, 3, 4, 5], [3, 1, 2, 4, 5]) == pytest.approx(0.7)
    assert math.isnan(ranks.spearman([1, 1, 1], [1, 2, 3]))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_rows_of_ranks_are_ranks_of_rows(pairs: list[tuple[int, int]]) -> None:
    a, b = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    rows = ranks._ranks_of_rows(np.array([a, b]))
    assert rows.tolist() == [ranks.ranks(a), ranks.ranks(b)]
    fast = float(ranks._correlated(rows[:1], rows[1:])[0])
    slow = ranks.spearman(a, b)
    assert (math.isnan(fast) and math.isnan(slow)) or fast == pytest.approx(slow)


def test_a_perfect_order_is_not_certain() -> None:
    drawn = np.arange(8.0)[:, None] + np.zeros((8, 10))
    (found,) = ranks.correlations({"m": list(range(8))}, list(range(8)), drawn)
    assert found.rho.value == pytest.approx(1) and found.rho.low is not None and 0.5 < found.rho.low < 1
    assert ranks.correlations({"constant": [1.0] * 8}, list(range(8)), drawn) == []


def test_correlations_need_eight_arms() -> None:
    def found(n: int) -> losses.Losses:
        arms = [arm("byte", 1000 + 100 * i) for i in range(n)]
        return summarise(fake_records(arms), {a.fingerprint: {"tokens_per_byte": -float(a.n_ids)} for a in arms})

    assert found(7).correlations == ()
    (eight,) = found(8).correlations
    assert eight.metric == "tokens_per_byte" and eight.n_arms == 8 and -1 <= eight.rho.value <= 1


# -- at equal work


def test_a_power_law_is_read_off_exactly() -> None:
    """b = 3 x^-0.1: between 100 and 400, at 200 and at 250."""
    xs = [100.0, 400.0, 1600.0]
    ys = [3 * x**-0.1 for x in xs]
    for x in (100.0, 200.0, 250.0, 1600.0):
        at = matching.between(xs, x)
        assert at is not None and matching.read_off(ys, at) == pytest.approx(3 * x**-0.1, rel=1e-12)
        drawn = matching.read_off_draws(np.array(ys)[:, None], at)
        assert drawn[0] == pytest.approx(3 * x**-0.1, rel=1e-12)


@pytest.mark.parametrize("x", [99.0, 1601.0, 1e-9])
def test_nothing_is_extrapolated(x: float) -> None:
    assert matching.between([100.0, 400.0, 1600.0], x) is None


def test_sums_in_another_order_are_the_same_place() -> None:
    assert matching.between([0.1 + 0.2], 0.3) == matching.Between(0, 0, 0.0)


def test_equal_flops_by_hand() -> None:
    """Byte: FLOPs 100, 200, 400 and 4, 3, 2 bits; jamo: 200, 400, 800 and 4, 3, 2.

    At 200 byte has 3, jamo 4; at 400 2 and 3; at 100 jamo lies outside. At 300 it would be between.
    """
    records = _grid({BYTE: (100, 200, 400), JAMO: (200, 400, 800)}, {BYTE: (4, 3, 2), JAMO: (4, 3, 2)})
    levels = summarise(records).at["flops"]
    assert [level.work for level in levels] == [100, 200, 400]
    assert [sorted(level.bpb) for level in levels] == [[BYTE.fingerprint], *[[BYTE.fingerprint, JAMO.fingerprint]] * 2]
    assert levels[1].bpb[JAMO.fingerprint].value == pytest.approx(4)
    assert levels[1].differences[JAMO.fingerprint].value.value == pytest.approx(1)


def test_the_largest_work_that_all_reach_is_a_level() -> None:
    """Jamo ends at 300 of byte's 400: 300 is a level, log-log between 3 at 200 and 2 at 400 for byte."""
    records = _grid({BYTE: (100, 200, 400), JAMO: (75, 150, 300)}, {BYTE: (4, 3, 2), JAMO: (4, 3, 2)})
    levels = {level.work: level for level in summarise(records).at["flops"]}
    share = math.log(300 / 200) / math.log(2)
    assert levels[300].bpb[BYTE.fingerprint].value == pytest.approx(3 * (2 / 3) ** share)
    assert JAMO.fingerprint not in levels[400].bpb


def test_one_budget_has_no_levels() -> None:
    assert summarise(fake_records()).at == {"flops": (), "seconds": ()}


def _grid(flops: dict, bpb: dict) -> list[RunRecord]:  # type: ignore[type-arg]
    return [
        record(of, seed, scored([b * 100] * 12, [100] * 12), budget, flops=float(f))
        for of in flops
        for seed in (0, 1)
        for budget, f, b in zip((1000, 2000, 4000), flops[of], bpb[of], strict=True)
    ]


# -- records to losses


def test_bits_per_byte_are_sums_over_sums() -> None:
    """Two documents: 10 bits in 10 bytes, 60 in 20: 70/30, and not the mean of 1 and 3."""
    (cell,) = summarise([record(BYTE, 0, scored([10, 60], [10, 20]))]).ranked()
    assert cell.bpb == Estimate(pytest.approx(70 / 30))
    assert cell.difference is None


def test_few_documents_leave_the_interval_of_seeds() -> None:
    found = summarise(fake_records(n_documents=9, seeds=3))
    for cell in found.ranked():
        if cell.difference:
            assert cell.difference.by_documents.low is None and cell.difference.value == cell.difference.by_seeds


def test_the_wider_interval_and_the_larger_p_are_taken() -> None:
    for noise, who in ((0.2, "by_seeds"), (0.0001, "by_documents")):
        found = summarise(fake_records(seeds=5, of_seeds=noise, of_documents=0.3))
        for cell in found.ranked():
            if d := cell.difference:
                assert d.value == getattr(d, who) and d.p is not None
                assert d.p >= 0.0009


def test_arms_are_paired_by_seed() -> None:
    """Seeds lie 1 bit apart, the arms 0.1 within each: paired, the difference has no spread from seeds."""
    records = [
        record(of, seed, scored([100 * (2 + seed + extra)] * 12, [100] * 12))
        for seed in range(5)
        for of, extra in ((BYTE, 0.0), (JAMO, -0.1))
    ]
    (d,) = (c.difference for c in summarise(records).ranked() if c.difference)
    assert d.value.value == pytest.approx(-0.1) and d.value.high == pytest.approx(-0.1)
    assert d.relative.value == pytest.approx(-0.1 / 4) and d.n_seeds == 5 and d.verdict == "resolved"


@pytest.mark.parametrize(("seeds", "verdict"), [(1, "unresolved"), (2, "leans"), (4, "leans"), (5, "resolved")])
def test_below_five_seeds_a_verdict_leans(seeds: int, verdict: str) -> None:
    records = fake_records([BYTE, JAMO], seeds, of_seeds=1e-6, of_documents=0.01)
    (d,) = (c.difference for c in summarise(records).ranked() if c.difference)
    assert d.verdict == verdict


def test_what_is_not_resolved_says_what_it_takes() -> None:
    records = fake_records([BYTE, JAMO], 3, of_seeds=0.1, of_documents=0.01)
    (d,) = (c.difference for c in summarise(records).ranked() if c.difference)
    assert d.verdict == "unresolved" and d.seeds_needed and d.seeds_needed > 5 and d.documents_needed is None


def test_diverged_and_lossy_arms_are_cells_that_say_so_and_count_nowhere() -> None:
    good = fake_records([BYTE, JAMO], 2)
    bad = [
        record(CHAR, 0, good[0].scored),
        record(CHAR, 1, None, status="diverged", note="NaN at 40 kB"),
        record(arm("word"), 0, good[0].scored, status="lossy", note="3 documents do not come back"),
    ]
    found = summarise(good + bad)
    char, word = found.cell(CHAR), found.cell(arm("word"))
    assert char and (char.status, char.bpb, char.difference, char.note) == ("diverged", None, None, "NaN at 40 kB")
    assert word and (word.status, word.bpb) == ("lossy", None) and "come back" in word.note
    assert {c.arm for c in found.ranked()} == {BYTE, JAMO}
    before = {c.arm: c for c in summarise(good).ranked()}
    assert {c.arm: c for c in found.ranked()} == before, "no p value is corrected for what was not compared"


def test_the_base_is_the_first_byte_unit_or_what_is_named() -> None:
    records = fake_records([JAMO, BYTE, CHAR])
    assert summarise(records).base == BYTE
    assert summarise(records, base=JAMO.fingerprint).base == JAMO
    assert summarise([r for r in records if r.arm != BYTE]).base == JAMO
    assert summarise(records, order=[CHAR.fingerprint]).arms == (CHAR, JAMO, BYTE)
    assert summarise([record(BYTE, 0, None, status="diverged")]).base is None


def test_a_half_done_grid_is_paired_over_the_seeds_that_are_there() -> None:
    records = fake_records([BYTE, JAMO], 4)
    found = summarise(records[:-1])
    (d,) = (c.difference for c in found.ranked() if c.difference)
    assert d.n_seeds == 3


def test_budgets_tell_whether_a_sign_flips() -> None:
    budgets = (1000, 4000)
    records = [
        record(of, seed, scored([100 * b] * 12, [100] * 12), budget)
        for seed in (0, 1)
        for of, bpbs in ((BYTE, (3.0, 2.0)), (JAMO, (2.9, 2.1)), (CHAR, (3.1, 2.1)))
        for budget, b in zip(budgets, bpbs, strict=True)
    ]
    found = summarise(records)
    assert (found.trend(JAMO), found.trend(CHAR), found.budget) == ("flips", "same", 4000)
    assert summarise([r for r in records if r.budget_bytes == 1000]).trend(JAMO) == "one"


def test_domains_are_over_their_own_documents() -> None:
    """Documents 0 and 2 are news: 30 and 10 bits of 10 bytes each; document 1 is chat: 50 of 10."""
    found = scored([30, 50, 10], [10, 10, 10], domains=("news", "chat"), domain_of=(0, 1, 0))
    domains = summarise([record(BYTE, 0, found)]).domains[BYTE.fingerprint]
    assert {name: e.value for name, e in domains.items()} == pytest.approx({"news": 2.0, "chat": 5.0})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"preset": "study"}, "preset: demo, study"),
        ({"match": "flops"}, "match: bytes, flops"),
        ({"corpus": {"train_sha256": "aa" * 32, "validation_sha256": "cc"}}, "validation text"),
    ],
)
def test_records_of_two_grids_are_refused(change: dict, says: str) -> None:  # type: ignore[type-arg]
    first, second = fake_records([BYTE, JAMO], 1)
    with pytest.raises(FormatError, match=says):
        summarise([first, replace(second, **change)])
    with pytest.raises(FormatError, match="no run records"):
        summarise([])


def test_records_scored_on_other_documents_are_refused() -> None:
    with pytest.raises(FormatError, match="scored documents"):
        summarise([record(BYTE, 0, scored([1.0], [1])), record(JAMO, 0, scored([1.0], [2]))])


# -- properties


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_swapping_the_base_turns_the_sign_and_keeps_p(seed: int, seeds: int) -> None:
    records = fake_records([BYTE, JAMO], seeds, seed=seed)
    a, b = (summarise(records, base=of.fingerprint) for of in (BYTE, JAMO))
    (x,) = (c.difference for c in a.ranked() if c.difference)
    (y,) = (c.difference for c in b.ranked() if c.difference)
    assert x.value.value == pytest.approx(-y.value.value) and x.p == pytest.approx(y.p, abs=1e-9)
    assert x.value.low == pytest.approx(-(y.value.high or 0)) and x.verdict == y.verdict


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_another_unit_of_loss_scales_everything(seed: int, factor: float) -> None:
    records = fake_records([BYTE, JAMO], 3, seed=seed)
    scaled = [
        replace(r, scored=replace(r.scored, nats=tuple(factor * x for x in r.scored.nats))) for r in records if r.scored
    ]
    (x,) = (c.difference for c in summarise(records).ranked() if c.difference)
    (y,) = (c.difference for c in summarise(scaled).ranked() if c.difference)
    assert y.value.value == pytest.approx(factor * x.value.value) and y.relative.value == pytest.approx(
        x.relative.value
    )
    assert y.p == pytest.approx(x.p) and y.verdict == x.verdict


def test_the_order_of_records_changes_nothing() -> None:
    records = fake_records(seeds=3, budgets=(1000, 4000))
    shuffled = random.Random(1).sample(records, len(records))
    order = [a.fingerprint for a in (BYTE, CHAR, JAMO)]
    a, b = (summarise(x, order=order) for x in (records, shuffled))
    assert a.cells == b.cells and a.at == b.at and a.domains == b.domains


def test_memory_per_token_of_a_target() -> None:
    """Keys and values, 2 bytes each, 32 layers of 4,096: 2 x 32 x 4,096 x 2 = 512 KiB a token."""
    assert Target().bytes_per_token == 512 * 1024 and Target(1, 1, 4).bytes_per_token == 8


# -- does an interval of 95 % hold the truth so often?


def _coverage(seeds: int, n_documents: int, of_seeds: float, of_documents: float, n: int = 300) -> float:
    """Return how often the interval of a difference holds the true one, 0: arms differ by luck alone.

    Luck of the seed is each arm's own (it does not cancel in the pair); so is what a document means to an arm.
    """
    held = 0
    for i in range(n):
        chance = np.random.default_rng(i)
        sizes = np.full(n_documents, 500)
        luck, taste = chance.normal(0, of_seeds, (2, seeds)), chance.normal(0, of_documents, (2, n_documents))
        hard = chance.normal(0, 0.3, n_documents)
        records = [
            record(of, s, scored((sizes * (2 + hard + taste[a] + luck[a, s])).tolist(), sizes.tolist()))
            for a, of in enumerate((BYTE, JAMO))
            for s in range(seeds)
        ]
        (d,) = (c.difference for c in summarise(records).ranked() if c.difference)
        held += d.value.low is not None and d.value.high is not None and d.value.low <= 0 <= d.value.high
    return held / n


@pytest.mark.full
@pytest.mark.parametrize(
    ("seeds", "n_documents", "of_seeds", "of_documents", "least"),
    [
        (5, 40, 0.02, 0.001, 0.93),  # luck of the run alone
        (5, 40, 0.0005, 0.1, 0.91),  # luck of the documents alone; a percentile bootstrap of 40 is a little short
        (2, 40, 0.02, 0.1, 0.93),  # two seeds: t with one degree is very wide
        (5, 40, 0.02, 0.1, 0.85),  # both, alike: the wider of two is short of both together
    ],
)
def test_coverage(seeds: int, n_documents: int, of_seeds: float, of_documents: float, least: float) -> None:
    assert _coverage(seeds, n_documents, of_seeds, of_documents) >= least
