"""Choosing the next token: each filter's probabilities exactly, and the fast way against the obvious one."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab.errors import ArgumentError
from bpe_lab_model.sampling import GREEDY, Sampling, choose, distribution, draw, greedy

HALVES = torch.tensor([1 / 8, 1 / 2, 1 / 8, 1 / 4], dtype=torch.float64).log()


def obvious(logits: list[float], sampling: Sampling) -> list[float]:
    """The same as `distribution` for one row, with lists and in the order of the words that define it."""
    ranked = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    if sampling.temperature == 0:
        return [float(i == ranked[0]) for i in range(len(logits))]
    weights = [math.exp((x - max(logits)) / sampling.temperature) for x in logits]
    kept = ranked[: sampling.top_k]
    if sampling.top_p not in (None, 1):
        total, mass, nucleus = sum(weights[i] for i in kept), 0.0, []
        for i in kept:
            nucleus.append(i)
            mass += weights[i] / total
            if mass >= sampling.top_p:
                break
        kept = nucleus
    total = sum(weights[i] for i in kept)
    return [weights[i] / total if i in kept else 0.0 for i in range(len(logits))]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [1 / 8, 1 / 2, 1 / 8, 1 / 4]),
        # p^2, scaled: 1/64, 16/64, 1/64, 4/64 of 22/64
        (Sampling(temperature=0.5), [1 / 22, 16 / 22, 1 / 22, 4 / 22]),
        (Sampling(temperature=0), [0, 1, 0, 0]),
        (Sampling(top_k=1), [0, 1, 0, 0]),
        (Sampling(top_k=2), [0, 2 / 3, 0, 1 / 3]),
        # ids 0 and 2 are equally heavy: the lower one stays
        (Sampling(top_k=3), [1 / 7, 4 / 7, 0, 2 / 7]),
        (Sampling(top_k=9), [1 / 8, 1 / 2, 1 / 8, 1 / 4]),
        # 1/2 alone does not reach 0.6, with 1/4 it does
        (Sampling(top_p=0.6), [0, 2 / 3, 0, 1 / 3]),
        (Sampling(top_p=0.5), [0, 1, 0, 0]),
        (Sampling(top_p=0.75), [0, 2 / 3, 0, 1 / 3]),
        (Sampling(top_p=0.76), [1 / 7, 4 / 7, 0, 2 / 7]),
        (Sampling(top_p=1e-9), [0, 1, 0, 0]),
        (Sampling(top_p=1.0), [1 / 8, 1 / 2, 1 / 8, 1 / 4]),
        # of the three that top_k leaves (1/7, 4/7, 2/7) the first two reach 0.8
        (Sampling(top_k=3, top_p=0.8), [0, 2 / 3, 0, 1 / 3]),
    ],
)
def test_what_is_drawn_from(sampling: Sampling, expected: list[float]) -> None:
    assert distribution(HALVES, sampling).tolist() == pytest.approx(expected, abs=1e-12)


@given(
    st.lists(st.integers(-6, 6).map(lambda n: n / 2), min_size=1, max_size=12),
    st.sampled_from([0, 0.3, 1, 2.5]),
    st.none() | st.integers(1, 14),
    st.none() | st.sampled_from([0.13, 0.35, 0.62, 0.93, 1.0]),
)
@settings(deadline=None, max_examples=200)
def test_it_is_what_the_words_say(logits: list[float], temperature: float, k: int | None, p: float | None) -> None:
    sampling = Sampling(temperature, k, p)
    expected = obvious(logits, sampling)
    batch = torch.tensor([logits, logits[::-1]])
    found = distribution(batch, sampling)
    assert found[0].tolist() == pytest.approx(expected, abs=1e-9)
    assert found.sum(-1).tolist() == pytest.approx([1, 1])


def test_a_tiny_temperature_is_greedy_and_overflows_nowhere() -> None:
    assert distribution(torch.tensor([900.0, 1000.0, -900.0]), Sampling(1e-300)).tolist() == [0, 1, 0]


def test_what_may_not_be_said_is_never_drawn() -> None:
    logits = torch.tensor([[0.0, -math.inf, 0.0]]).expand(500, 3)
    ids, probabilities = choose(logits, Sampling(temperature=100, top_p=1.0), torch.Generator().manual_seed(0))
    assert set(ids.tolist()) == {0, 2}
    assert probabilities[0].tolist() == [0.5, 0, 0.5]


def test_greedy_takes_the_lowest_id_among_equals() -> None:
    assert greedy(torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])).tolist() == [1, 0]
    assert greedy(torch.zeros(70_000)).item() == 0


def test_all_mass_in_one() -> None:
    one = torch.tensor([[-1e9, 0.0, -1e9]])
    for sampling in (GREEDY, Sampling(), Sampling(2.0, 2, 0.5)):
        ids, probabilities = choose(one, sampling, torch.Generator().manual_seed(1))
        assert ids.tolist() == [1] and probabilities[0].tolist() == [0, 1, 0]


def test_draws_follow_the_probabilities() -> None:
    # 16,000 draws: the share of a half has a standard deviation of 0.004, so 5 of them are 0.02
    rows = distribution(HALVES, Sampling()).expand(16_000, 4)
    shares = Counter(draw(rows, torch.Generator().manual_seed(3)).tolist())
    assert [shares[i] / 16_000 for i in range(4)] == pytest.approx([1 / 8, 1 / 2, 1 / 8, 1 / 4], abs=0.02)


def test_a_draw_is_where_the_number_falls() -> None:
    probabilities = torch.tensor([0.0, 0.25, 0.0, 0.5, 0.25, 0.0], dtype=torch.float64)
    uniform = torch.rand(200, 1, generator=torch.Generator().manual_seed(5), dtype=torch.float64).flatten().tolist()
    expected = [1 if u < 0.25 else 3 if u < 0.75 else 4 for u in uniform]
    assert draw(probabilities.expand(200, 6), torch.Generator().manual_seed(5)).tolist() == expected


def test_a_seed_gives_the_same_tokens_and_another_gives_others() -> None:
    logits = torch.zeros(20, 1000)
    first, again, other = (choose(logits, Sampling(), torch.Generator().manual_seed(s))[0].tolist() for s in (7, 7, 8))
    assert first == again != other


def test_greedy_leaves_the_generator_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    choose(torch.zeros(1, 5), GREEDY, generator)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": -0.1}, "temperature must be a number from 0, got -0.1"),
        ({"temperature": math.nan}, "temperature must be a number from 0, got nan"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1, got 1.1"),
    ],
)
def test_bad_values(values: dict[str, float], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Sampling(**values)
