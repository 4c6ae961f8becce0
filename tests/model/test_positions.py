"""Position schemes: which of them see a shift of all positions, what concatenation costs, and where tables end."""

import math

import pytest
import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError
from bpe_lab_model.gpt import GPT, Cache, Config
from bpe_lab_model.positions import FARTHEST, POSITIONS, Relative, alibi_slopes, count, rotate, scheme

TABLES = ("learned", "concat-split", "concat-wide")


def model_of(position: str, **more: object) -> GPT:
    """A small model whose parameters are large enough for positions to matter."""
    torch.manual_seed(0)
    model = GPT(Config(50, 40, 2, 2, 32, position=position, **more)).eval()  # type: ignore[arg-type]
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def ids(B: int, T: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 50, (B, T), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("position", POSITIONS)
def test_a_shift_of_all_positions_changes_what_it_should(position: str) -> None:
    model, x = model_of(position), ids(2, 16)
    with torch.no_grad():
        here, there = (model.logits(model(x, positions=torch.arange(16)[None] + k)) for k in (0, 23))
    change = float((here - there).abs().max())
    if position in ("rope", "alibi", "relative", "none"):
        assert change < 1e-4
    else:
        assert change > 1e-2


@pytest.mark.parametrize("position", POSITIONS)
def test_order_matters_to_all_but_none_of_two_layers(position: str) -> None:
    """Attention that sees all and knows no order cannot tell abc from bac at the last place; every scheme can."""
    model = GPT(Config(50, 40, 1, 2, 32, position=position, mask="two-way"))
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(1))
    x = ids(1, 8)
    swapped = x[:, [1, 0, *range(2, 8)]]
    assert not torch.equal(x, swapped)
    with torch.no_grad():
        change = float((model(x)[:, -1] - model(swapped)[:, -1]).abs().max())
    assert change < 1e-5 if position == "none" else change > 1e-3


@pytest.mark.parametrize("position", TABLES)
def test_learned_tables_have_a_row_more_than_the_context_and_say_where_they_end(position: str) -> None:
    model = model_of(position)
    assert len(model.position.weight) == 41
    with torch.no_grad():
        full = model(ids(1, 41))
        with pytest.raises(ArgumentError, match=r"position 41 .* reach 40") as caught:
            model(ids(1, 42))
        assert "position=rope" in str(caught.value.hint)
        with pytest.raises(ArgumentError, match="position 41"):
            model(ids(1, 2), positions=torch.tensor([[40, 41]]))
        cache = Cache()
        model(ids(1, 41)[:, :40], cache=cache)
        last = model(ids(1, 41)[:, 40:], cache=cache)
        torch.testing.assert_close(last, full[:, 40:])
        with pytest.raises(ArgumentError, match="position 41"):
            model(ids(1, 1), cache=cache)
        assert cache.length == 41  # the refused token left nothing behind
        cache.crop_left(20)
        with pytest.raises(ArgumentError, match="position 41"):  # a rolling cache does not roll the table
            model(ids(1, 1), cache=cache)
        packed = torch.arange(84)[None] // 42
        with pytest.raises(ArgumentError, match="position 41"):
            model(ids(1, 84), segments=packed)
        model(ids(1, 82), segments=torch.arange(82)[None] // 41)  # two rows of 41 fit


@pytest.mark.parametrize("position", [p for p in POSITIONS if p not in TABLES])
def test_the_others_go_beyond_the_context(position: str) -> None:
    model = model_of(position)
    with torch.no_grad():
        assert model(ids(1, 3 * FARTHEST)).isfinite().all()


def test_concatenation_sets_beside_and_not_on_top() -> None:
    for position, token_width, width in (("concat-split", 16, 32), ("concat-wide", 32, 64)):
        model = model_of(position)
        assert model.embedding.shape == (64, token_width) and model.config.width == width
        tokens = torch.randn(3, 5, token_width)
        x = model.position.embed(tokens, torch.arange(5)[None])
        assert x.shape == (3, 5, width)
        assert torch.equal(x[..., :token_width], tokens)
        assert torch.equal(x[1, :, token_width:], model.position.weight[:5])
        assert model.logits(model(ids(2, 5))).shape == (2, 5, 50)
    n_blocks = {
        p: sum(q.numel() for q in model_of(p).blocks.parameters()) for p in ("learned", "concat-split", "concat-wide")
    }
    assert n_blocks["learned"] == n_blocks["concat-split"] == 2 * (12 * 32**2 + 2 * 32)
    assert n_blocks["concat-wide"] == 2 * (12 * 64**2 + 2 * 64)


def test_sinusoidal_is_the_papers_formula() -> None:
    # PE(p, 2i) = sin(p / 10000^(2i/d)), PE(p, 2i+1) = cos(...); tokens times sqrt(d).
    d, tokens = 6, torch.randn(1, 4, 6)
    want = [[0.0] * d for _ in range(4)]
    for p in range(4):
        for i in range(3):
            angle = p / 10_000 ** (2 * i / d)
            want[p][2 * i], want[p][2 * i + 1] = math.sin(angle), math.cos(angle)
    got = scheme("sinusoidal", n_rows=9, d_model=d, n_heads=1, head=6, causal=True).embed(tokens, torch.arange(4)[None])
    torch.testing.assert_close(got, tokens * math.sqrt(d) + torch.tensor(want))


def test_rope_is_the_papers_formula() -> None:
    # The pair (x_i, x_(i + head/2)) is a point that turns by p x 10000^(-2i/head).
    head, x = 8, torch.randn(1, 5, 2, 8)
    rotary = scheme("rope", n_rows=9, d_model=16, n_heads=2, head=head, causal=True)
    got = rotate(x, rotary.angles(torch.arange(5)[None]))
    for p in range(5):
        for h in range(2):
            for i in range(4):
                turned = complex(x[0, p, h, i], x[0, p, h, i + 4]) * complex(
                    math.cos(p * 10_000 ** (-2 * i / head)), math.sin(p * 10_000 ** (-2 * i / head))
                )
                assert got[0, p, h, i] == pytest.approx(turned.real, abs=1e-5)
                assert got[0, p, h, i + 4] == pytest.approx(turned.imag, abs=1e-5)


def test_alibi_slopes_and_bias() -> None:
    # Eight heads: 1/2, 1/4, ... 1/256 (paper, section 3). Twelve: those eight, then the odd ones of sixteen.
    assert alibi_slopes(8) == [2.0**-i for i in range(1, 9)]
    assert alibi_slopes(12)[8:] == pytest.approx([2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])
    bias = scheme("alibi", n_rows=9, d_model=4, n_heads=2, head=2, causal=True).bias(
        torch.arange(3)[None], torch.arange(3)[None]
    )
    assert bias[0, 0].tolist() == [[0, -0.0625, -0.125], [-0.0625, 0, -0.0625], [-0.125, -0.0625, 0]]  # slope 1/16
    assert bias[0, 1, 2, 0] == -2 / 256


def test_relative_distances_are_clipped_and_learned() -> None:
    causal, both = Relative(2, causal=True), Relative(2, causal=False)
    assert len(causal.distance_bias) == FARTHEST + 1 and len(both.distance_bias) == 2 * FARTHEST + 1
    for relative, lowest in ((causal, 0), (both, -FARTHEST)):
        relative.distance_bias.data = torch.arange(lowest, FARTHEST + 1.0)[:, None].expand(-1, 2).contiguous()
        bias = relative.bias(torch.tensor([[0, 5, 500]]), torch.tensor([[0, 2, 500]]))[0, 1]
        assert bias.tolist() == [
            [0, max(lowest, -2), max(lowest, -128)], [5, 3, max(lowest, -128)], [128, 128, 0],
        ]  # fmt: skip
    model = model_of("relative")
    model(ids(2, 9)).sum().backward()
    grad = model.position.distance_bias.grad
    assert (grad[:9] != 0).any(1).all() and not grad[9:].any()


def test_positions_count_within_segments_and_on_from_a_cache() -> None:
    assert count(3, None, None, None).tolist() == [[0, 1, 2]]
    assert count(2, None, torch.tensor([[7]]), None).tolist() == [[8, 9]]
    segments = torch.tensor([[0, 0, 1, 1, 1], [4, 4, 4, 4, 5]])
    assert count(5, segments, None, None).tolist() == [[0, 1, 0, 1, 2], [0, 1, 2, 3, 0]]
    last, of = torch.tensor([[7], [2]]), torch.tensor([[0], [3]])
    assert count(5, segments, last, of).tolist() == [[8, 9, 0, 1, 2], [0, 1, 2, 3, 0]]
