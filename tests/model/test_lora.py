"""Low-rank adapters: what they train, that merging them changes nothing, bounds of the rank."""

from dataclasses import replace
from pathlib import Path

import pytest
import small
import torch

from bpe_lab.errors import ArgumentError
from bpe_lab_model import lora, tuning
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.lora import Adapted, LoRA
from bpe_lab_model.rows import WindowIndex
from bpe_lab_model.tuning import Effort

SHAPE = Config(vocab_size=64, context_bytes=32, n_layers=2, n_heads=2, d_model=16)
IDS = torch.tensor([[5, 6, 7, 8]])


def spoken(model: GPT) -> GPT:
    """Give every B something to say."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, Adapted):
            torch.nn.init.normal_(module.b)
    return model


def trained(model: GPT) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("layers", lora.LAYERS)
@pytest.mark.parametrize("changes", [{}, {"bias": True, "feed_forward": "swiglu", "tied": False}])
def test_merged_weights_say_what_the_adapters_said(layers: lora.Layers, changes: dict[str, object]) -> None:
    model = GPT(replace(SHAPE, **changes))
    names, plain = set(model.state_dict()), model.logits(model(IDS))
    lora.attach(model, LoRA(3, layers))
    torch.testing.assert_close(model.logits(model(IDS)), plain)  # B is 0: as it was
    said = spoken(model).logits(model(IDS))
    assert (said - plain).abs().max() > 0.1
    lora.merge(model)
    assert set(model.state_dict()) == names and not any(isinstance(m, Adapted) for m in model.modules())
    torch.testing.assert_close(model.logits(model(IDS)), said, atol=1e-5, rtol=0)
    assert all(p.requires_grad for p in model.parameters())


def test_parameters_by_hand() -> None:
    """Width 16, MLP 64, two layers. A block: qkv 16 + 48, out 16 + 16, up 16 + 64, down 64 + 16, times the rank."""
    found = {}
    for layers in lora.LAYERS:
        model = GPT(SHAPE)
        names = lora.attach(model, LoRA(3, layers))
        found[layers] = (len(names), trained(model))
    assert found == {"all": (8, 2 * 3 * 256), "attention": (4, 2 * 3 * 96), "mlp": (4, 2 * 3 * 160)}


def test_only_adapters_get_gradients() -> None:
    model = GPT(SHAPE)
    lora.attach(model, LoRA(2, "attention"))
    spoken(model).logits(model(IDS)).sum().backward()
    assert {name.split(".")[-1] for name, p in model.named_parameters() if p.grad is not None} == {"a", "b"}


def test_adapters_start_from_seed_and_name() -> None:
    first, again, other = (GPT(SHAPE) for _ in range(3))
    for model, seed in ((first, 0), (again, 0), (other, 1)):
        lora.attach(model, LoRA(2), seed)
    a = first.blocks[0].attention.qkv.a
    torch.testing.assert_close(a, again.blocks[0].attention.qkv.a)
    assert not torch.equal(a, other.blocks[0].attention.qkv.a)
    assert not torch.equal(a, first.blocks[1].attention.qkv.a)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rank": 0}, "must be at least 1, got 0"),
        ({"rank": 4, "alpha": 0.0}, "alpha must be above 0"),
        ({"rank": 4, "layers": "head"}, "no layers are called 'head'"),
    ],
)
def test_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        LoRA(**given)


def test_a_rank_above_the_smallest_side_is_refused_and_changes_nothing() -> None:
    model = GPT(SHAPE)
    lora.attach(GPT(SHAPE), LoRA(16))
    with pytest.raises(ArgumentError, match=r"at most 16, the smaller side of blocks\.0\..*, got 17"):
        lora.attach(model, LoRA(17))
    assert trained(model) == sum(p.numel() for p in model.parameters())


def test_tuning_with_adapters_leaves_an_ordinary_model(tmp_path: Path) -> None:
    shards = small.shards(tmp_path / "s")
    plain, tuned = small.model(shards, dropout_residual=0.0), small.model(shards, dropout_residual=0.0)
    index = lambda of, context: WindowIndex(of.split("train"), of.eos, context)  # noqa: E731
    effort = Effort(epochs=0.5, lr=1e-2, bytes_per_step=600, adapters=LoRA(2, "mlp"))
    done = tuning.tune(tuned, shards, index, effort)
    # One layer of width 16: (16 + 64) twice, rank 2; AdamW keeps two numbers of 4 bytes for each.
    assert (done.n_trainable, done.optimizer_bytes, done.gradient_bytes) == (320, 2560, 1280)
    assert done.n_parameters == sum(p.numel() for p in plain.parameters())
    changed = {
        name
        for name, p in tuned.named_parameters()
        if not torch.equal(p, dict(plain.named_parameters())[name]) and p.requires_grad
    }
    assert changed == {"blocks.0.mlp.up.weight", "blocks.0.mlp.down.weight"}
    full = tuning.tune(plain, shards, index, replace(effort, adapters=None))
    assert full.n_trainable == full.n_parameters and full.optimizer_bytes == 8 * full.n_parameters
