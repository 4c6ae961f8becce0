"""A lookup is the one-hot product: values bit for bit, gradients but for rounding, training alike; what each costs."""

import math

import pytest
import torch
from experiment_jobs import job, record, silent
from hypothesis import given
from hypothesis import strategies as st
from small import shards

from bpe_lab.shards import Shards
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.experiments import lookups, tasks
from bpe_lab_model.experiments.lookups import OneHotGPT, compared, kept_bytes, lookup, one_hot_product
from bpe_lab_model.experiments.spec import Arm


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


@given(st.integers(1, 40), st.integers(1, 9), st.lists(st.integers(0, 39), min_size=1, max_size=30), st.integers(0, 99))
def test_values_are_equal_bit_for_bit_and_gradients_but_for_rounding(v: int, d: int, ids: list[int], seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    table = torch.randn(v, d, generator=drawn).requires_grad_()
    given = torch.tensor([id % v for id in ids])
    above = torch.randn(len(ids), d, generator=drawn)
    a, b = lookup(given, table), one_hot_product(given, table)
    assert torch.equal(a, b)
    (grad_a,), (grad_b,) = (torch.autograd.grad(x, table, above) for x in (a, b))
    torch.testing.assert_close(grad_a, grad_b, rtol=1e-5, atol=1e-6)
    if len(set(given.tolist())) == len(ids):  # nothing is added up, so nothing is rounded
        assert torch.equal(grad_a, grad_b)


def test_the_gradient_of_a_row_is_the_sum_over_its_occurrences() -> None:
    table = torch.zeros(3, 2).requires_grad_()
    above = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    for way in (lookup, one_hot_product):
        (found,) = torch.autograd.grad(way(torch.tensor([1, 0, 1]), table), table, above)
        assert found.tolist() == [[2.0, 20.0], [5.0, 50.0], [0.0, 0.0]]


def test_the_product_keeps_a_row_of_v_numbers_a_token() -> None:
    table, ids = torch.zeros(50, 4).requires_grad_(), torch.arange(10)
    assert kept_bytes(lookup, ids, table) == 10 * 8  # ids of 64 bits
    assert kept_bytes(one_hot_product, ids, table) == 10 * 50 * 4  # float32


def test_a_model_trains_alike_with_both(text: Shards) -> None:
    arm = Arm("product", task="lookups:train")
    (plain,) = tasks.train(job(text, budgets=(3_000,)), silent)
    (product,) = lookups.train(job(text, arm, budgets=(3_000,)), silent)
    assert plain.scored is not None and product.scored is not None
    assert product.scored.bpb == pytest.approx(plain.scored.bpb, rel=1e-4)
    assert plain.trained is not None and product.trained is not None
    losses = [[point.train_nats for point in o.trained.curve] for o in (plain, product) if o.trained]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_model_with_the_product_uses_it(text: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job(text)
    one = OneHotGPT(given.config, embedding_keys(given.candidate(), given.config.vocab_size))
    monkeypatch.setattr(lookups, "one_hot_product", lambda ids, table: 0 * lookup(ids, table))
    assert one(torch.tensor([[1, 2]])).abs().max() == 0


def test_the_task_tells_times_memory_and_differences(text: Shards) -> None:
    heard: list[float] = []
    given = job(text, Arm("V 200"), n_vocab=200, n_tokens=30, repeats=3)
    (outcome,) = lookups.measured(given, lambda share, bpb: heard.append(share))
    m = outcome.measures
    assert outcome.status == "ok" and outcome.trained is None and heard[-1] == 1.0
    assert m["difference"] == 0.0 and m["gradient_difference"] < 1e-5
    assert m["product_kept_bytes"] == 200 * 30 * 4 and m["lookup_kept_bytes"] == 30 * 8
    assert m["formula_times"] == 200 and m["times"] == pytest.approx(m["product_ms"] / m["lookup_ms"])
    assert 0 < m["product_ms"] < m["product_both_ms"]


def test_a_product_over_a_large_vocabulary_takes_longer() -> None:
    found = compared(8_192, 16, 128, 3)
    assert found["times"] > 5  # 8,192 by the formula, 400 measured on an idle machine


def test_claims_from_records() -> None:
    # Times of 2, 4, 8 ms for V of 100, 200, 400: exponent 1; at 400 a ratio of 40 where the formula says 400.
    runs = [
        record(
            f"V {n}",
            n_vocab=n,
            formula_times=n,
            times=n / 10,
            product_both_ms=n / 50,
            lookup_both_ms=0.5,
            difference=0.0,
            gradient_difference=1e-8 * n,
        )
        for n in (100, 200, 400)
    ]
    records = {(r.label, 1.0): r for r in [*runs, record("trained", bpb=2.0)]}
    assert lookups.exponent(records) == pytest.approx(0.0, abs=1e-9)
    assert lookups.dearer_than_said(records) == pytest.approx(math.log10(40 / 400))
    assert lookups.largest_difference(records) == 0.0
    assert lookups.largest_gradient_difference(records) == pytest.approx(4e-6)
    assert lookups.exponent({("V 100", 1.0): runs[0]}) is None
    assert lookups.points(runs[0]) == [(100.0, 0.5, "lookup"), (100.0, 2.0, "product")]
    assert lookups.points(record("trained", bpb=2.0)) == []
