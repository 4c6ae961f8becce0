"""Schedules by hand, and which parameters decay."""

import math

import pytest
import torch
from torch import nn

from bpe_lab.errors import ArgumentError
from bpe_lab_model.optim import Schedule, adamw, set_rate

# Total 1000, warm-up 100, decay 400, so the fall goes from 600 to 1000.
WSD = [(0, 0.0), (25, 0.25), (100, 1.0), (350, 1.0), (600, 1.0), (700, 0.75), (900, 0.25), (1000, 0.0), (1500, 0.0)]
# 1 - sqrt(x): at 700 x = 1/4, at 825 x = 9/16.
ROOT = [(600, 1.0), (700, 0.5), (825, 0.25), (1000, 0.0)]
# Half a cosine from 100 to 1000: at 325 a quarter of it, cos(45 degrees); at 550 half; at 700 two thirds, cos(120) = -1/2.
COSINE = [(50, 0.5), (100, 1.0), (325, (1 + math.sqrt(0.5)) / 2), (550, 0.5), (700, 0.25), (1000, 0.0)]
CONSTANT = [(50, 0.5), (100, 1.0), (999, 1.0), (2000, 1.0)]
# Falls to a tenth: at 800, half way, 0.1 + 0.9 / 2.
FLOOR = [(600, 1.0), (800, 0.55), (1000, 0.1), (3000, 0.1)]


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Schedule("wsd", 1000, 100, 400), WSD),
        (Schedule("wsd", 1000, 100, 400, "1-sqrt"), ROOT),
        (Schedule("wsd", 1000, 100, 400, end=0.1), FLOOR),
        (Schedule("cosine", 1000, 100), COSINE),
        (Schedule("constant", 1000, 100), CONSTANT),
        (Schedule("wsd", 1000), [(0, 1.0), (1000, 1.0)]),
    ],
    ids=["wsd", "1-sqrt", "floor", "cosine", "constant", "bare"],
)
def test_values_worked_out_by_hand(schedule: Schedule, values: list[tuple[int, float]]) -> None:
    assert [schedule.factor(n) for n, _ in values] == pytest.approx([factor for _, factor in values], abs=1e-12)


def test_budgets_share_their_trunk_up_to_where_the_shorter_one_decays() -> None:
    short, long = Schedule("wsd", 1000, 50, 250), Schedule("wsd", 2000, 50, 500)
    assert short.decay_starts == 750 and long.decay_starts == 1500
    assert [short.factor(n) for n in range(0, 751, 10)] == [long.factor(n) for n in range(0, 751, 10)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Schedule("linear", 1000), "no schedule is called 'linear'"),  # type: ignore[arg-type]
        (lambda: Schedule("wsd", 1000, shape="root"), "no decay is called 'root'"),  # type: ignore[arg-type]
        (lambda: Schedule("wsd", 1000, 600, 500), "1,000 bytes do not hold 600 of warm-up and 500 of decay"),
        (lambda: Schedule("wsd", 0), "at least 1 byte"),
        (lambda: Schedule("wsd", 10, -1), "no negative"),
    ],
)
def test_schedules_that_cannot_be(make: object, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        make()  # type: ignore[operator]


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.ones(7, 4))
        self.position = nn.Embedding(9, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4)])
        self.head = nn.Parameter(torch.ones(7, 4))
        self.norm = nn.LayerNorm(4)


def test_only_matrices_of_blocks_decay() -> None:
    model = Toy()
    names = {id(p): name for name, p in model.named_parameters()}
    decaying, resting = adamw(model, 1e-3, weight_decay=0.3).param_groups
    assert [names[id(p)] for p in decaying["params"]] == ["blocks.0.weight"] and decaying["weight_decay"] == 0.3
    assert {names[id(p)] for p in resting["params"]} == set(names.values()) - {"blocks.0.weight"}
    assert resting["weight_decay"] == 0.0


def test_a_step_is_the_formula_of_adamw() -> None:
    # One weight of 2 with gradient 0.5, lr 0.1, decay 0.1: the decay leaves 2 (1 - 0.1 x 0.1) = 1.98; the first step's
    # corrected moments are 0.5 and 0.25, so it moves by 0.1 x 0.5 / sqrt(0.25) = 0.1 to 1.88.
    model = nn.Module()
    model.blocks = nn.Parameter(torch.full((1, 1), 2.0))
    optimizer = adamw(model, lr=1.0, weight_decay=0.1)
    set_rate(optimizer, 0.1)
    model.blocks.grad = torch.full((1, 1), 0.5)
    optimizer.step()
    assert model.blocks.item() == pytest.approx(1.88, abs=1e-6)


def test_it_is_fused_on_a_cpu_and_steps_as_the_plain_one_does() -> None:
    torch.manual_seed(1)
    fused, plain = Toy(), Toy()
    plain.load_state_dict(fused.state_dict())
    one = adamw(fused, 1e-2)
    assert one.param_groups[0]["fused"]
    other = torch.optim.AdamW(
        [{**g, "fused": False, "foreach": False} for g in adamw(plain, 1e-2).param_groups], fused=False
    )
    for _ in range(3):
        for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        one.step()
        other.step()
    for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
