"""What a step's size changes and what it does not: accumulation, updates, the way, gradient-noise scale, seen text."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from experiment_jobs import job, record, silent
from hypothesis import given
from hypothesis import strategies as st
from small import shards, trainer, weights

from bpe_lab.shards import Shards
from bpe_lab_model import bpb
from bpe_lab_model.experiments import batches, tasks
from bpe_lab_model.experiments.batches import Noise, Way, cosine, noise_of
from bpe_lab_model.experiments.rows.training import ROWS
from bpe_lab_model.windows import Batch, Step, WindowIndex, steps

FIXED = {"dropout_residual": 0.0}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


# -- a step in one piece and in several


def step_of(text: Shards, n_rows: int) -> Step:
    """Return a step of the first rows, all in one batch."""
    index = WindowIndex(text.split("train"), text.eos, 96)
    inputs, targets = index.gather(index.windows(np.arange(n_rows)))
    batch = Batch(torch.from_numpy(inputs), torch.from_numpy(targets))
    return Step([batch], 96 * n_rows, batch.n_targets, 0, 96 * n_rows)


def cut(step: Step, n_rows: int) -> Step:
    """Return the same step in batches of so many rows."""
    (whole,) = step.batches
    starts = range(0, len(whole.inputs), n_rows)
    return replace(step, batches=[Batch(whole.inputs[i : i + n_rows], whole.targets[i : i + n_rows]) for i in starts])


def test_one_batch_of_32_and_8_accumulated_of_4_give_the_same_gradient(text: Shards) -> None:
    whole = step_of(text, 32)
    parts = cut(whole, 4)
    assert [len(b.inputs) for b in whole.batches] == [32] and [len(b.inputs) for b in parts.batches] == [4] * 8
    one = trainer(text, shape=FIXED)
    one.run_to(1200)
    a, b = one.gradient(whole), one.gradient(parts)
    assert a.norm() > 0.1
    assert (a - b).abs().max() < 1e-5
    other = one.gradient(cut(step_of(text, 28), 4))
    assert (a - other).norm() > 1e-2 * a.norm()


def test_accumulated_means_of_uneven_batches_are_not_the_mean_of_the_step(text: Shards) -> None:
    """What a loop does that divides each batch's loss by its own targets: rows of few tokens count too much."""
    whole = step_of(text, 32)
    one = trainer(text, shape=FIXED)
    index = WindowIndex(text.split("train"), text.eos, 96)
    lengths = index.windows(np.arange(32)).n_tokens
    assert lengths.min() < lengths.max()
    alone = [one.gradient(replace(part, n_targets=part.batches[0].n_targets)) for part in _alone(whole)]
    mean_of_means = torch.stack(alone).mean(0)
    assert (mean_of_means - one.gradient(whole)).norm() > 1e-3 * mean_of_means.norm()


def _alone(step: Step) -> list[Step]:
    return [replace(step, batches=[batch]) for batch in cut(step, 4).batches]


def test_two_steps_of_16_do_not_give_the_weights_of_one_step_of_32(text: Shards) -> None:
    given = {"total_bytes": 3072, "schedule": "constant", "warmup_share": 0.0, "shape": FIXED}
    large, small = (trainer(text, bytes_per_step=n, **given) for n in (3072, 1536))
    a, b = large.run(), small.run()
    assert (a.steps, b.steps) == (1, 2) and a.bytes == b.bytes
    x, y = weights(large)["embedding"], weights(small)["embedding"]
    assert (x - y).abs().max() > 1e-3


def test_the_measure_sees_rounding_alone_and_leaves_no_trace(text: Shards) -> None:
    one, other = trainer(text, shape=FIXED), trainer(text, shape=FIXED)
    one.run_to(1200)
    assert 0 < batches.cut_difference(one, 32) < 1e-5
    one.run(), other.run()
    for name, value in weights(one).items():
        assert torch.equal(value, weights(other)[name]), name


# -- the way


def test_cosines_of_known_vectors() -> None:
    a = torch.tensor([3.0, 4.0])
    assert cosine(a, torch.tensor([4.0, 3.0])) == pytest.approx(0.96)  # (12 + 12) / (5 x 5)
    assert cosine(a, torch.tensor([-4.0, 3.0])) == 0.0
    assert cosine(a, -7 * a) == pytest.approx(-1.0)
    assert cosine(a, torch.zeros(2)) == 0.0


def descend(lr: float, n_steps: int) -> Way:
    """Return the way down x^2 / 2 from 1, where the gradient is x: each step multiplies x with 1 - lr."""
    x = torch.nn.Parameter(torch.ones(1))
    optimizer, way = torch.optim.SGD([x], lr), Way()
    optimizer.register_step_post_hook(way)
    for _ in range(n_steps):
        x.grad = x.detach().clone()
        optimizer.step()
    return way


def test_a_bowl_is_crossed_with_large_steps_and_run_down_with_small_ones() -> None:
    assert descend(1.5, 5).cosines == pytest.approx([-1.0] * 4)
    assert descend(0.5, 5).cosines == pytest.approx([1.0] * 4)


def test_the_first_third_of_the_way_does_not_count() -> None:
    assert Way([0.9, 0.9, 0.1, 0.2, 0.3, 0.4]).cosine == pytest.approx(0.25)  # two of six fall out
    assert Way([0.5]).cosine == 0.5
    assert descend(0.5, 1).cosine is None


# -- the noise


def test_noise_of_gradients_with_a_known_covariance() -> None:
    """|G|^2 = 9 + 16 = 25, tr(Sigma) = 100 + 300 a byte, so 16 bytes; gradients of 10 bytes have a tenth of it."""
    drawn = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = torch.tensor([3.0, 4.0]) + drawn * torch.tensor([10.0, 30.0]).sqrt()
    found = noise_of(gradients, 10)
    assert found.spread == pytest.approx(400, rel=0.02)
    assert found.square == pytest.approx(25, rel=0.02)
    assert found.scale_bytes == pytest.approx(16, rel=0.03)
    # Two of them: E cos = |G|^2 / (|G|^2 + tr(Sigma) / B) where dimensions are many; here by the formula alone.
    assert found.cosine(16) == pytest.approx(0.5, rel=0.02)


def test_few_gradients_are_without_bias() -> None:
    """Means over 4,000 draws of 3 gradients each; |mean|^2 alone would say 25 + 40 / 3 = 38.3."""
    drawn = torch.randn(4_000, 3, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gradients = torch.tensor([3.0, 4.0]) + drawn * torch.tensor([10.0, 30.0]).sqrt()
    found = [noise_of(each, 10) for each in gradients]
    assert np.mean([n.square for n in found]) == pytest.approx(25, rel=0.05)
    assert np.mean([n.spread for n in found]) == pytest.approx(400, rel=0.05)


def two_batch_sizes(gradients: torch.Tensor, n_bytes: float) -> Noise:
    """The twin: McCandlish et al.'s estimators from a short and a long batch, appendix A.1."""
    short, long = n_bytes, n_bytes * len(gradients)
    square_short = float((gradients**2).sum(1).mean())
    square_long = float((gradients.mean(0) ** 2).sum())
    square = (long * square_long - short * square_short) / (long - short)
    return Noise((square_short - square_long) / (1 / short - 1 / long), square)


@given(st.integers(2, 9), st.integers(1, 5), st.integers(0, 10**6), st.floats(0.5, 4096))
def test_it_is_the_formula_for_two_batch_sizes(k: int, n: int, seed: int, n_bytes: float) -> None:
    gradients = torch.randn(k, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ours, theirs = noise_of(gradients, n_bytes), two_batch_sizes(gradients, n_bytes)
    assert ours.spread == pytest.approx(theirs.spread, rel=1e-9, abs=1e-9)
    assert ours.square == pytest.approx(theirs.square, rel=1e-9, abs=1e-9)


def test_without_a_common_direction_there_is_no_scale() -> None:
    found = noise_of(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), 10)  # mean 0: |G|^2 = (0 - 1) / 1
    assert found.square == -1.0 and found.scale_bytes is None and found.cosine(10) is None


# -- the task


def test_watching_changes_nothing_and_tells_what_the_way_was_like(text: Shards) -> None:
    budgets = (3_000, 6_000)
    given = job(text, budgets=budgets, n_gradients=6, rows_to_cut=8)
    plain, watched = list(tasks.train(given, silent)), list(batches.train(given, silent))
    assert [o.scored for o in plain] == [o.scored for o in watched]
    first, last = (o.measures for o in watched)
    # Six times 512 bytes to where the decay of 3,000 begins, about nine to that of 6,000.
    assert 512 <= first["bytes_per_update"] < 600
    assert -1 <= first["cosine"] <= 1 and last["cosine"] != first["cosine"]
    for m in (first, last):
        assert m["noise_bytes"] is None or m["cosine_of_noise"] == pytest.approx(
            m["bytes_per_update"] / (m["bytes_per_update"] + m["noise_bytes"])
        )
        assert 0 < m["cut_difference"] < 1e-5


def test_noise_is_of_weights_that_stand_still(text: Shards) -> None:
    one = trainer(text, shape=FIXED)
    one.run_to(1800)
    index = WindowIndex(text.split("train"), text.eos, 96)
    drawn = [step for step, _ in zip(steps(index, 96, 1_000_003, total_bytes=10**6), range(5), strict=False)]
    gradients = torch.stack([one.gradient(step) for step in drawn])
    assert batches.noise(one, 5) == noise_of(gradients, sum(s.n_bytes for s in drawn) / 5)


def test_seen_text_is_scored_as_validation_text_is(text: Shards) -> None:
    given = job(text, budgets=(6_000,))
    (budget, branch, _), candidate = next(tasks.train_branches(given, silent)), given.candidate()
    scored = bpb.score(branch.model, text.split("validation"), text.eos, context_bytes=64)
    finished = tasks.Finished(given, budget, branch.model, branch, branch.shards, candidate, scored)
    expected = bpb.score(branch.model, text.split("train"), text.eos, context_bytes=64).bpb
    found = batches.seen(replace(finished, job=job(text, seen_bytes=10**6)))
    assert found["seen_bpb"] == pytest.approx(expected, rel=1e-6)
    assert found["seen_gap"] == pytest.approx(scored.bpb - expected, rel=1e-6)
    some = batches.seen(replace(finished, job=job(text, seen_bytes=1_000)))
    assert some["seen_bpb"] != found["seen_bpb"] and math.isfinite(some["seen_bpb"])


def test_a_claim_about_cutting_takes_the_worst_arm() -> None:
    records = {("a", 1.0): record("a", cut_difference=1e-7), ("b", 1.0): record("b", cut_difference=3e-7)}
    assert batches.largest_cut_difference(records) == 3e-7
    assert batches.largest_cut_difference({("a", 1.0): record("a")}) is None


def test_the_row_has_six_sizes_at_equal_bytes() -> None:
    row = next(row for row in ROWS if row.name == "batch")
    sizes = [arm.training["bytes_per_step"] for arm in row.arms]
    assert sizes == [512 * 2**k for k in range(6)]
    assert len({(arm.text_share, arm.budgets) for arm in row.arms}) == 1 and all(arm.probes for arm in row.arms)
    assert row.screen >= 3
