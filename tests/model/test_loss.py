"""The chunked cross-entropy against its slow, obvious twin: full logits and F.cross_entropy, in float64."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from bpe_lab.errors import ArgumentError, UnsupportedError
from bpe_lab_model.loss import IGNORE, summed_nats, token_nats


def full_nats(hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int) -> Tensor:
    """The twin: all logits at once, float64."""
    logits = hidden.double() @ weight[:n_vocab].double().t()  # (N, V)
    return F.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum")


def draw(n: int, d: int, n_vocab: int, n_rows: int, masked: float, seed: int, scale: float = 1.0) -> list[Tensor]:
    g = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, n_vocab, (n,), generator=g)
    targets[torch.rand(n, generator=g) < masked] = IGNORE
    return [torch.randn(n, d, generator=g) * scale, torch.randn(n_rows, d, generator=g), targets]


def both(f, hidden: Tensor, weight: Tensor, targets: Tensor, n_vocab: int, factor: float = 1.0, **more):
    """Value, and gradients by hidden states and weight of the value times `factor`."""
    hidden, weight = hidden.detach().clone().requires_grad_(), weight.detach().clone().requires_grad_()
    nats = f(hidden, weight, targets, n_vocab, **more)
    (nats * factor).backward()
    return nats.detach(), hidden.grad, weight.grad


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 40), d=st.integers(1, 9), n_vocab=st.integers(1, 70), padding=st.integers(0, 5),
    masked=st.sampled_from([0.0, 0.4, 1.0]), chunk=st.integers(1, 50), seed=st.integers(0, 99),
)  # fmt: skip
def test_equals_the_twin(n: int, d: int, n_vocab: int, padding: int, masked: float, chunk: int, seed: int) -> None:
    hidden, weight, targets = draw(n, d, n_vocab, n_vocab + padding, masked, seed)
    got = both(summed_nats, hidden, weight, targets, n_vocab, 0.37, chunk=chunk)
    want = both(full_nats, hidden, weight, targets, n_vocab, 0.37)
    torch.testing.assert_close(got[0], want[0], atol=1e-5 * n, rtol=0)
    for mine, theirs in zip(got[1:], want[1:], strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    each = token_nats(hidden, weight, targets, n_vocab, chunk)
    torch.testing.assert_close(each.double().sum(), want[0], atol=1e-5 * n, rtol=0)
    assert (each[targets == IGNORE] == 0).all()


def test_within_1e_5_nats_of_float64_at_the_size_of_a_batch() -> None:
    hidden, weight, targets = draw(1000, 64, 8000, 8064, 0.1, 0, scale=0.5)  # logits up to about 20
    want = full_nats(hidden, weight, targets, 8000)
    n = int((targets != IGNORE).sum())
    assert abs(float(summed_nats(hidden.requires_grad_(), weight, targets, 8000).detach() - want)) / n < 1e-5
    rows = hidden.detach().double() @ weight[:8000].double().t()
    each = F.cross_entropy(rows, targets, ignore_index=IGNORE, reduction="none")
    assert (token_nats(hidden, weight, targets, 8000).double() - each).abs().max() < 1e-5


def test_a_target_whose_probability_is_0_in_float32_has_its_nats() -> None:
    # Logits 0 and 200: the target's probability is e^-200, below the least float32, and its nats are 200 + e^-200.
    hidden = torch.tensor([[1.0]], requires_grad=True)
    nats = summed_nats(hidden, torch.tensor([[0.0], [200.0]]), torch.tensor([0]), 2)
    nats.backward()
    assert float(nats.detach()) == 200.0
    assert hidden.grad.tolist() == [[200.0]]  # softmax . weight - weight[target] = 200 - 0


def test_known_answer() -> None:
    # One row (1, 2), weights (1, 0), (0, 1), (0, 0): logits 1, 2, 0. Target 1: ln(e + e^2 + 1) - 2.
    # Gradient by the row: p0 (1, 0) + (p1 - 1) (0, 1); by weight i: (p_i - [i = 1]) (1, 2).
    total = math.e + math.e**2 + 1
    p = [math.e / total, math.e**2 / total, 1 / total]
    hidden, weight = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    nats, by_hidden, by_weight = both(summed_nats, hidden, weight, torch.tensor([1]), 3)
    assert float(nats) == pytest.approx(math.log(total) - 2, abs=1e-6)
    assert by_hidden[0].tolist() == pytest.approx([p[0], p[1] - 1], abs=1e-6)
    assert by_weight.flatten().tolist() == pytest.approx(
        [p[0], 2 * p[0], p[1] - 1, 2 * p[1] - 2, p[2], 2 * p[2]], abs=1e-6
    )


def test_bfloat16_hidden_states_have_float32_logits() -> None:
    hidden, weight, targets = draw(300, 64, 500, 512, 0.2, 1, scale=2.0)
    hidden = hidden.bfloat16()
    got = both(summed_nats, hidden, weight, targets, 500)
    want = both(full_nats, hidden, weight, targets, 500)
    assert abs(float(got[0] - want[0])) / 300 < 1e-5
    assert got[1].dtype == torch.bfloat16 and got[2].dtype == torch.float32
    torch.testing.assert_close(got[1], want[1], atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(got[2], want[2].float(), atol=1e-4, rtol=1e-4)
    rounded = F.cross_entropy(hidden @ weight[:500].bfloat16().t(), targets, ignore_index=IGNORE, reduction="sum")
    assert abs(float(rounded - want[0])) / 300 > 1e-4  # what is avoided: bfloat16 logits miss by far more


@pytest.mark.parametrize("f", [summed_nats, token_nats])
def test_autocast_does_not_reach_into_the_loss(f) -> None:
    hidden, weight, targets = draw(64, 32, 100, 128, 0.0, 2, scale=2.0)
    hidden.requires_grad_(f is summed_nats)
    plain = f(hidden, weight, targets, 100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(f(hidden, weight, targets, 100), plain)


def test_under_autocast_gradients_are_rough_and_nats_exact() -> None:
    hidden, weight, targets = draw(300, 32, 100, 128, 0.2, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = both(summed_nats, hidden, weight, targets, 100)
    want = both(summed_nats, hidden, weight, targets, 100)
    assert torch.equal(got[0], want[0])
    for rough, exact in zip(got[1:], want[1:], strict=True):
        assert 0 < float((rough - exact).norm() / exact.norm()) < 0.01


def test_tied_weights_and_accumulation_add_up() -> None:
    """The table is looked up and is the head, over two batches before one step."""
    _, table, ids = draw(60, 16, 50, 64, 0.0, 3)
    grads = []
    for f in (summed_nats, full_nats):
        weight = table.clone().requires_grad_()
        for part in (ids[:20], ids[20:]):
            (f(torch.tanh(F.embedding(part, weight)), weight, part.roll(-1), 50) / len(ids)).backward()
        grads.append(weight.grad)
    torch.testing.assert_close(grads[0], grads[1], atol=1e-5, rtol=1e-5)


def test_frozen_parts_get_no_gradient() -> None:
    hidden, weight, targets = draw(9, 4, 7, 7, 0.0, 4)
    want = both(full_nats, hidden, weight, targets, 7)
    only_hidden = hidden.clone().requires_grad_()
    summed_nats(only_hidden, weight, targets, 7).backward()
    torch.testing.assert_close(only_hidden.grad, want[1], atol=1e-5, rtol=1e-5)
    only_weight = weight.clone().requires_grad_()
    summed_nats(hidden, only_weight, targets, 7).backward()
    torch.testing.assert_close(only_weight.grad, want[2], atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        assert not summed_nats(only_hidden, only_weight, targets, 7).requires_grad


def test_a_second_backward_is_refused() -> None:
    hidden, weight, targets = draw(5, 4, 7, 7, 0.0, 5)
    nats = summed_nats(hidden.requires_grad_(), weight, targets, 7)
    nats.backward(retain_graph=True)
    first = hidden.grad.clone()
    with pytest.raises(UnsupportedError, match="second backward"):
        nats.backward()
    assert torch.equal(hidden.grad, first)
    nats = summed_nats(hidden, weight, targets, 7)
    (by_hidden,) = torch.autograd.grad(nats, hidden, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        by_hidden.sum().backward()


class Largest(TorchDispatchMode):
    """Sees every tensor that any operation returns: numbers of the largest, and bytes of all results that were kept."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.untyped_storage().nbytes() // 4)
        return result


def largest(f, n: int, n_vocab: int) -> int:
    hidden, weight, targets = draw(n, 8, n_vocab, n_vocab, 0.0, 6)
    hidden.requires_grad_()
    weight.requires_grad_()
    with Largest() as seen:
        f(hidden, weight, targets, n_vocab).backward()
    return seen.numbers


def test_no_tensor_of_rows_by_vocabulary_ever_exists() -> None:
    """The largest tensor is a chunk of logits, whatever N; the twin's is (N, V), so the test can tell."""
    n_vocab = 2000
    assert largest(full_nats, 1024, n_vocab) >= 1024 * n_vocab
    assert largest(summed_nats, 1024, n_vocab) == 256 * n_vocab
    assert largest(summed_nats, 4096, n_vocab) == 256 * n_vocab


def peak_bytes(f, n: int, n_vocab: int) -> int:
    """Bytes that torch holds at most, above what it held before, from its allocator's own record."""
    from torch.profiler import ProfilerActivity, profile

    hidden, weight, targets = draw(n, 8, n_vocab, n_vocab, 0.0, 7)
    hidden.requires_grad_()
    weight.requires_grad_()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        f(hidden, weight, targets, n_vocab).backward()
    held = peak = 0
    for event in trace.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def test_peak_memory_does_not_grow_with_rows_times_vocabulary() -> None:
    # 3,072 more rows of 8: the twin's float64 logits alone grow by 3,072 x 2,000 x 8 bytes = 49 MB. Ours grow by their
    # gradient, its copy and the row numbers: below 3,072 x (3 x 32 + 64) bytes.
    n_vocab = 2000
    assert peak_bytes(full_nats, 4096, n_vocab) - peak_bytes(full_nats, 1024, n_vocab) > 49_000_000
    small, large = peak_bytes(summed_nats, 1024, n_vocab), peak_bytes(summed_nats, 4096, n_vocab)
    assert small > 256 * n_vocab * 4  # it sees at least the chunk of logits
    assert large - small < 3072 * 160


def test_what_does_not_fit_is_said() -> None:
    hidden, weight, targets = draw(5, 4, 7, 7, 0.0, 8)
    for f in (summed_nats, token_nats):
        with pytest.raises(ArgumentError, match=r"1 to 7 .*got 8"):
            f(hidden, weight, targets, 8)
        with pytest.raises(ArgumentError, match="must fit"):
            f(hidden[:, :3], weight, targets, 7)
        with pytest.raises(ArgumentError, match="below 6, got 6"):
            f(hidden, weight, torch.tensor([6, 1, 2, 3, 4]), 6)
        assert float(f(hidden[:0], weight, targets[:0], 7).sum()) == 0
