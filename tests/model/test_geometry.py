"""Ranks of tables worked out by hand, where a table starts, what zeros do, and who is first at a loss."""

import math

import numpy as np
import pytest
import torch
from experiment_jobs import job, record, silent
from hypothesis import given
from hypothesis import strategies as st
from small import model, shards, trainer

from bpe_lab.shards import Shards
from bpe_lab_model.experiments import geometry, tasks
from bpe_lab_model.experiments.geometry import bytes_until, doublings, effective_rank, ranks
from bpe_lab_model.experiments.spec import Arm


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


# -- ranks


def test_ranks_worked_out_by_hand() -> None:
    # Rows +-2 e1 and +-2 e2: mean 0, singular values sqrt(8) twice, shares 1/2 each.
    crossed = np.array([[2.0, 0, 0], [-2.0, 0, 0], [0, 2.0, 0], [0, -2.0, 0]])
    assert ranks(crossed) == {"rank": 2, "effective": pytest.approx(2.0), "shared": 0.0}
    # The same moved by (0, 0, 2): a shift that all rows share is no rank. Squares 16 + 4 x 4 = 32, of the mean 16.
    assert ranks(crossed + np.array([0, 0, 2.0])) == {
        "rank": 2,
        "effective": pytest.approx(2.0),
        "shared": pytest.approx(0.5),
    }
    # Shares 3/4 and 1/4: exp(0.75 ln(4/3) + 0.25 ln 4) = exp(0.21576 + 0.34657) = 1.7548.
    uneven = np.array([[3.0, 0], [-3.0, 0], [0, 1.0], [0, -1.0]])
    assert ranks(uneven)["effective"] == pytest.approx(1.7548, abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.02, -7.3])
def test_rows_that_are_alike_have_no_rank(value: float) -> None:
    found = ranks(np.full((300, 16), value, np.float32))
    assert found == {"rank": 0, "effective": 0.0, "shared": pytest.approx(1.0)}


@given(st.integers(1, 8), st.integers(0, 10**6))
def test_a_product_of_thin_matrices_has_their_width_as_rank(k: int, seed: int) -> None:
    drawn = np.random.default_rng(seed)
    rows = (drawn.normal(size=(60, k)) @ drawn.normal(size=(k, 12))).astype(np.float32)
    found = ranks(rows)
    assert found["rank"] == k and 1 <= found["effective"] <= k + 1e-9


def test_a_random_table_fills_nearly_all_directions() -> None:
    found = ranks(np.random.default_rng(0).normal(0, 0.02, (2048, 64)))
    assert found["rank"] == 64 and 63 < found["effective"] <= 64


def test_equal_singular_values_count_all() -> None:
    assert effective_rank(np.full(7, 0.3)) == pytest.approx(7.0)
    assert effective_rank(np.zeros(0)) == 0.0


# -- where a table starts


def test_the_deviation_of_the_table_leaves_the_trunk_as_it_is(text: Shards) -> None:
    usual, wide = model(text, init="normal"), model(text, init="normal", table_std=1.0)
    n = text.vocab_size
    torch.testing.assert_close(wide.embedding[:n], 50 * usual.embedding[:n])  # 1.0 / 0.02
    for name, parameter in usual.named_parameters():
        if name != "embedding":
            assert torch.equal(parameter, wide.get_parameter(name)), name


def test_zeros_under_a_tied_head_never_move_and_score_as_equal_chances(text: Shards) -> None:
    given = job(text, Arm("zeros", model={"init": "zeros"}, measures=("geometry:table",)))
    (outcome,) = tasks.train(given, silent)
    assert outcome.measures["table"] == {"rank": 0, "effective": 0.0, "shared": 1.0}
    assert outcome.scored is not None
    expected = math.log(text.vocab_size) * sum(outcome.scored.tokens)  # log V nats a token
    assert sum(outcome.scored.nats) == pytest.approx(expected, rel=1e-6)


def test_zeros_under_a_head_of_their_own_part_at_the_first_step(text: Shards) -> None:
    one = trainer(text, shape={"init": "zeros", "tied": False, "dropout_residual": 0.0})
    before = ranks(one.model.embedding.detach().numpy()[: text.vocab_size])
    one.run_to(400)
    after = ranks(one.model.embedding.detach().numpy()[: text.vocab_size])
    assert before["rank"] == 0 and after["rank"] > 4


def test_ones_move_apart_by_how_often_tokens_occur(text: Shards) -> None:
    """All hidden states are alike, so the first gradient is the head's: (p - frequency) x one vector, of rank 1."""
    one = trainer(text, shape={"init": "constant", "table_std": 1.0, "dropout_residual": 0.0, "position": "none"})
    step = next(one._steps())
    n, d = one.model.embedding.shape
    one.gradient(step)
    assert one.model.embedding.grad is not None
    values = torch.linalg.svdvals(one.model.embedding.grad[: text.vocab_size])  # (d,)
    assert n > d and values[0] > 0 and values[1] < 1e-3 * values[0]


def test_the_measure_tells_the_table_and_its_start(text: Shards) -> None:
    arm = Arm("ones", model={"init": "constant", "table_std": 1.0}, measures=("geometry:table",))
    (outcome,) = tasks.train(job(text, arm), silent)
    start, end = outcome.measures["table_start"], outcome.measures["table"]
    assert start["rank"] == 0 and start["shared"] == pytest.approx(1.0)
    assert end["rank"] > 0 and end["shared"] < 1


# -- who is there first


def test_bytes_until_a_loss() -> None:
    curve = [(100.0, 3.0), (400.0, 2.0), (800.0, 1.9)]
    assert bytes_until(curve, 3.5) == 100  # at the latest
    assert bytes_until(curve, 2.5) == pytest.approx(200)  # the middle of 100 and 400 on a log scale
    assert bytes_until(curve, 1.9) == pytest.approx(800)
    assert bytes_until(curve, 1.8) is None


def test_doublings_saved_and_lost() -> None:
    slow, fast = [(100.0, 3.0), (400.0, 2.0)], [(100.0, 2.5), (400.0, 1.5)]
    assert doublings(slow, fast) == pytest.approx(1.0)  # 2.0 at 200 bytes instead of 400
    assert doublings(fast, slow) == pytest.approx(-1.0)
    assert doublings(slow, slow) == pytest.approx(0.0)
    assert doublings([], fast) is None


def test_claims_read_the_arms_that_they_name() -> None:
    runs = [
        record("zeros, own head", 100, 3.0),
        record("zeros, own head", 400, 2.0),
        record("normal 0.02, own head", 100, 2.5),
        record("normal 0.02, own head", 400, 1.5),
        record("zeros", 400, table={"rank": 0}),
        record("zeros", 100, table={"rank": 3}),
    ]
    records = {(r.label, r.budget_bytes / 400): r for r in runs}
    assert geometry.random_before_zeros(records) == pytest.approx(1.0)
    assert geometry.random_before_ones(records) is None
    assert geometry.rank_of_zeros(records) == 0.0
    assert geometry.rank_of_zeros_under_a_head(records) is None


def test_a_figure_begins_at_the_start() -> None:
    one = record("a", 400, table={"effective": 5.0}, table_start={"effective": 9.0})
    assert geometry.points(one) == [(0.0, 9.0, "a"), (400.0, 5.0, "a")]
    assert geometry.points(record("a", 400)) == []
