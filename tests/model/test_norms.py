"""The norms against their papers' formulas, in float64."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bpe_lab_model.norms import EPSILON, NORMS, norm


def formula(name: str, x: Tensor, p: dict[str, Tensor]) -> Tensor:
    if name == "none":
        return x
    if name == "dyt":
        y = torch.tanh(p["alpha"] * x)
    elif name == "rmsnorm":
        y = x / ((x**2).mean(-1, keepdim=True) + EPSILON).sqrt()
    else:
        y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + EPSILON).sqrt()
    return y * p["weight"] + p.get("bias", 0)


@pytest.mark.parametrize("shape", [(1, 8), (5, 8), (2, 3, 8)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_equals_the_formula(name: str, bias: bool, shape: tuple[int, ...]) -> None:
    g = torch.Generator().manual_seed(0)
    module = norm(name, 8, bias)
    for parameter in module.parameters():
        parameter.data += torch.randn(parameter.shape, generator=g)
    x, grad = torch.randn(shape, generator=g, requires_grad=True), torch.randn(shape, generator=g)
    twin = {key: p.detach().double().requires_grad_() for key, p in module.named_parameters()}
    x_twin = x.detach().double().requires_grad_()
    got, want = module(x), formula(name, x_twin, twin)
    torch.testing.assert_close(got.double(), want, atol=1e-5, rtol=1e-5)
    got.backward(grad)
    want.backward(grad.double())
    torch.testing.assert_close(x.grad.double(), x_twin.grad, atol=1e-5, rtol=1e-5)
    for key, parameter in module.named_parameters():
        torch.testing.assert_close(parameter.grad.double(), twin[key].grad, atol=1e-5, rtol=1e-5)


def test_rmsnorm_on_a_cpu_equals_torchs() -> None:
    module, x = norm("rmsnorm", 64, False), torch.randn(9, 64)
    torch.testing.assert_close(module(x), F.rms_norm(x, (64,), None, EPSILON))
    torch.testing.assert_close(module(torch.zeros(2, 64)), torch.zeros(2, 64))
    assert module.double()(x.double()).dtype == torch.float64
