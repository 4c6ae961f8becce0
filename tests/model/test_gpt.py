"""The GPT: it equals the papers' formulas, sees nothing it must not see, and decodes with a cache as without."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bpe_lab.errors import ArgumentError, FormatError
from bpe_lab_model.gpt import CHOICES, GPT, Cache, Config
from bpe_lab_model.loss import IGNORE, summed_nats
from bpe_lab_model.positions import POSITIONS

V = 50


def model_of(**more: object) -> GPT:
    """A small model of large parameters, so that what is seen changes what comes out."""
    model = GPT(
        Config(**({"vocab_size": V, "context_bytes": 40, "n_layers": 2, "n_heads": 2, "d_model": 32} | more))
    ).eval()
    g = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.2, generator=g)
    return model


def ids(B: int, T: int, seed: int = 0) -> Tensor:
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(seed))


# What a model sees


@pytest.mark.parametrize("position", POSITIONS)
def test_the_past_does_not_see_the_future(position: str) -> None:
    model, x = model_of(position=position), ids(2, 20)
    for t in (1, 7, 19):
        changed = torch.cat((x[:, :t], (x[:, t:] + 1) % V), 1)
        with torch.no_grad():
            before, after = model(x), model(changed)
        assert torch.equal(before[:, :t], after[:, :t])
        assert (before[:, t:] != after[:, t:]).any(-1).all()


def test_two_way_sees_everything_but_other_segments() -> None:
    model, x = model_of(mask="two-way"), ids(1, 12)
    segments = torch.tensor([[0] * 8 + [1] * 4])
    changed = x.clone()
    changed[0, 7] = (x[0, 7] + 1) % V
    with torch.no_grad():
        assert (model(x) != model(changed)).any(-1).all()
        before, after = model(x, segments=segments), model(changed, segments=segments)
    assert (before[:, :8] != after[:, :8]).any(-1).all()
    assert torch.equal(before[:, 8:], after[:, 8:])


@pytest.mark.parametrize("position", ["rope", "relative", "learned"])
def test_a_prefix_is_seen_by_all_and_sees_nothing_of_the_target(position: str) -> None:
    """The Seq2Seq target: five and three positions of damaged text that see each other, then the text to restore."""
    model, x, prefix = model_of(mask="prefix", position=position), ids(2, 12), torch.tensor([5, 3])
    with torch.no_grad():
        before = model(x, prefix=prefix)
        for row, n in enumerate(prefix.tolist()):
            for t in range(12):
                changed = x.clone()
                changed[row, t] = (x[row, t] + 1) % V
                differs = (model(changed, prefix=prefix) != before).any(-1)
                sees = [t <= i or t < n for i in range(12)]
                assert differs[row].tolist() == sees, (row, t)
                assert not differs[1 - row].any()
        flags = torch.arange(12) < prefix[:, None]
        assert torch.equal(model(x, prefix=flags), before)


def test_packed_prefixes_are_seen_in_their_own_segment_only() -> None:
    model, x = model_of(mask="prefix"), ids(1, 11)
    segments = torch.tensor([[0] * 5 + [1] * 6])
    flags = torch.tensor([[1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0]]).bool()
    with torch.no_grad():
        packed = model(x, segments=segments, prefix=flags)
        alone = [model(x[:, :5], prefix=torch.tensor([3])), model(x[:, 5:], prefix=torch.tensor([2]))]
    torch.testing.assert_close(packed, torch.cat(alone, 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mask", ["causal", "two-way"])
@pytest.mark.parametrize("position", POSITIONS)
def test_packed_rows_are_what_they_are_alone(position: str, mask: str) -> None:
    model, x = model_of(position=position, mask=mask), ids(2, 20)
    segments = torch.tensor([[0] * 6 + [1] * 14, [3] * 11 + [4] * 5 + [3] * 4])
    with torch.no_grad():
        packed = model(x, segments=segments)
        first = torch.cat((model(x[:1, :6]), model(x[:1, 6:])), 1)
        torch.testing.assert_close(packed[:1], first, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            packed[1:, :11], model(x[1:, :11]), atol=1e-5, rtol=1e-5
        ) if mask == "causal" else None
        torch.testing.assert_close(packed[1:, 11:16], model(x[1:, 11:16]), atol=1e-5, rtol=1e-5)
        changed = x.clone()
        changed[0, :6] = (x[0, :6] + 1) % V
        assert torch.equal(model(changed, segments=segments)[0, 6:], packed[0, 6:])


def test_padding_on_the_right_changes_nothing() -> None:
    model, x = model_of(), ids(1, 9)
    with torch.no_grad():
        padded = model(torch.cat((x, ids(1, 5, 3)), 1))
    torch.testing.assert_close(padded[:, :9], model(x), atol=1e-5, rtol=1e-5)


# Decoding


def by_chunks(model: GPT, x: Tensor, sizes: list[int], cache: Cache, **more: Tensor) -> Tensor:
    parts, start = [], 0
    for n in sizes:
        here = {name: value[:, start : start + n] for name, value in more.items()}
        parts.append(model(x[:, start : start + n], cache=cache, **here))
        start += n
    assert start == x.shape[1]
    return torch.cat(parts, 1)


@pytest.mark.parametrize("feed_forward, norm", [("gelu", "rmsnorm"), ("swiglu", "layernorm")])
@pytest.mark.parametrize("position", POSITIONS)
def test_cached_equals_uncached(position: str, feed_forward: str, norm: str) -> None:
    model, x = model_of(position=position, feed_forward=feed_forward, norm=norm), ids(2, 30)
    with torch.no_grad():
        want = model(x)
        for sizes, chunk in (([1] * 30, 4), ([30], 256), ([13, 1, 9, 1, 1, 5], 7)):
            cache = Cache(chunk)
            torch.testing.assert_close(by_chunks(model, x, sizes, cache), want, atol=2e-5, rtol=2e-5)
            assert cache.length == 30
            assert cache.size_bytes == 2 * 30 * 2 * 2 * model.config.width * 4  # B T x K, V x layers x width x 4


@pytest.mark.parametrize("position", POSITIONS)
def test_cached_equals_uncached_with_segments(position: str) -> None:
    model, x = model_of(position=position), ids(2, 24)
    segments = torch.tensor([[0] * 5 + [1] * 19, [0] * 15 + [1] * 9])
    with torch.no_grad():
        want = model(x, segments=segments)
        for sizes in ([1] * 24, [5, 3, 1, 15], [10, 14]):
            got = by_chunks(model, x, sizes, Cache(6), segments=segments)
            torch.testing.assert_close(got, want, atol=2e-5, rtol=2e-5)
        with pytest.raises(ArgumentError, match="segments must be given in all calls"):
            cache = Cache()
            model(x, segments=segments, cache=cache)
            model(x[:, :1], cache=cache)


def test_cached_equals_uncached_with_a_prefix() -> None:
    model, x, prefix = model_of(mask="prefix"), ids(2, 14), torch.tensor([6, 4])
    with torch.no_grad():
        want, cache = model(x, prefix=prefix), Cache()
        parts = [model(x[:, :8], prefix=prefix, cache=cache), model(x[:, 8:11], prefix=prefix, cache=cache)]
        parts += [model(x[:, t : t + 1], prefix=prefix, cache=cache) for t in (11, 12, 13)]
        torch.testing.assert_close(torch.cat(parts, 1), want, atol=2e-5, rtol=2e-5)
        with pytest.raises(ArgumentError, match="prefix of 6 positions does not fit into 5"):
            model(x[:, :5], prefix=prefix, cache=Cache())


@pytest.mark.parametrize("position", ["rope", "alibi", "relative", "none"])
def test_a_rolling_cache_of_one_layer_is_the_window_itself(position: str) -> None:
    """With one layer, keys hold nothing of what was dropped, so the last token's state is that of the window alone."""
    model, x, held = model_of(position=position, n_layers=1), ids(1, 60), 10
    cache = Cache(4)
    with torch.no_grad():
        for t in range(60):
            if cache.length == held:
                cache.crop_left(1)
            rolled = model(x[:, t : t + 1], cache=cache)
            window = model(x[:, max(0, t + 1 - held) : t + 1])[:, -1:]
            torch.testing.assert_close(rolled, window, atol=5e-5, rtol=5e-5)
    assert cache.length == held and cache.n_dropped == 50
    assert cache.size_bytes == 2 * 10 * 32 * 4


def test_a_cache_that_is_emptied_begins_anew() -> None:
    model, x = model_of(position="learned"), ids(1, 6)
    cache = Cache()
    with torch.no_grad():
        model(x, cache=cache)
        cache.crop_left(99)
        torch.testing.assert_close(model(x, cache=cache), model(x))


def test_two_way_has_no_cache_and_causal_no_prefix() -> None:
    with pytest.raises(ArgumentError, match="two-way model has no cache"):
        model_of(mask="two-way")(ids(1, 3), cache=Cache())
    with pytest.raises(ArgumentError, match=r"prefix needs .* 'causal'"):
        model_of()(ids(1, 3), prefix=torch.tensor([1]))


# The formulas


def reference(p: dict[str, Tensor], x: Tensor, n_layers: int, n_heads: int) -> Tensor:
    """GPT-2's logits by the papers: LayerNorm (1607.06450), attention (1706.03762), GELU (1606.08415), tied head."""
    T, d = x.shape[1], p["embedding"].shape[1]
    head = d // n_heads

    def layer_norm(h: Tensor, name: str) -> Tensor:
        mean = h.mean(-1, keepdim=True)
        variance = ((h - mean) ** 2).mean(-1, keepdim=True)
        return (h - mean) / (variance + 1e-5).sqrt() * p[f"{name}.weight"] + p.get(f"{name}.bias", 0)

    def linear(h: Tensor, name: str) -> Tensor:
        return h @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0)

    h = p["embedding"][x] + p["position.weight"][:T]  # (B, T, d)
    for i in range(n_layers):
        a = linear(layer_norm(h, f"blocks.{i}.norm_1"), f"blocks.{i}.attention.qkv")  # (B, T, 3d)
        seen = []
        for j in range(n_heads):
            q, k, v = (a[..., part * d + j * head : part * d + (j + 1) * head] for part in range(3))  # (B, T, head)
            scores = q @ k.transpose(1, 2) / math.sqrt(head)  # (B, T, T)
            scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)
            weights = scores.exp() / scores.exp().sum(-1, keepdim=True)  # (B, T, T)
            seen.append(weights @ v)  # (B, T, head)
        h = h + linear(torch.cat(seen, -1), f"blocks.{i}.attention.out")
        m = linear(layer_norm(h, f"blocks.{i}.norm_2"), f"blocks.{i}.mlp.up")  # (B, T, 4d)
        m = m * (1 + torch.erf(m / math.sqrt(2))) / 2
        h = h + linear(m, f"blocks.{i}.mlp.down")
    return layer_norm(h, "norm") @ p["embedding"][:V].T  # (B, T, V)


@pytest.mark.parametrize("bias", [True, False])
def test_with_nanogpts_settings_it_is_gpt_2_by_the_formulas(bias: bool) -> None:
    config = Config(V, 31, 3, 4, 32, position="learned", norm="layernorm", bias=bias)
    model = GPT(config)
    for name, parameter in model.named_parameters():  # biases that are 0 and norms that are 1 would hide mistakes
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
    x, y = ids(3, 32), ids(3, 32, 1)
    twin = {name: parameter.detach().double().requires_grad_() for name, parameter in model.named_parameters()}
    want = reference(twin, x, 3, 4)
    got = model.logits(model(x))
    torch.testing.assert_close(got.double(), want, atol=1e-5, rtol=1e-5)
    (-want.log_softmax(-1).gather(-1, y[..., None]).sum()).backward()
    batch = SimpleNamespace(inputs=x, targets=y, positions=None, segments=None, prefix=None)
    model.loss(batch).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(
            parameter.grad.double(), twin[name].grad, atol=2e-4, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_it_starts_as_nanogpt_does() -> None:
    model = GPT(Config(8000, 255, 4, 4, 128, position="learned", norm="layernorm", bias=True))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif parameter.dim() == 1:
            assert (parameter == 1).all()
        else:
            want = 0.02 / math.sqrt(8) if name.endswith(("attention.out.weight", "mlp.down.weight")) else 0.02
            assert float(parameter.detach()[:8000].std()) == pytest.approx(want, rel=0.02), name
            assert abs(float(parameter.detach().mean())) < 5 * want / math.sqrt(parameter.numel())
    nats = summed_nats(
        model(torch.randint(0, 8000, (2, 64))).flatten(0, 1), model.head_weight, torch.randint(0, 8000, (128,)), 8000
    )
    assert float(nats.detach()) / 128 == pytest.approx(math.log(8000), abs=0.1)


def test_permuting_ids_changes_nothing() -> None:
    """With rows permuted alike, another numbering of the same tokens has the same loss: padding stays padding."""
    keys = [b"t:%d" % i for i in range(V)]
    order = torch.randperm(V, generator=torch.Generator().manual_seed(2))
    x, y = ids(2, 20), ids(2, 20, 1)
    renumbered = torch.empty_like(order)
    renumbered[order] = torch.arange(V)  # token `order[i]` is now number i
    for tied in (True, False):
        config = Config(V, 40, 2, 2, 32, tied=tied)
        plain, permuted = GPT(config, keys), GPT(config, [keys[i] for i in order.tolist()])
        a, b = (
            float(summed_nats(m(s).flatten(0, 1), m.head_weight, t.flatten(), V).detach())
            for m, s, t in ((plain, x, y), (permuted, renumbered[x], renumbered[y]))
        )
        assert a == pytest.approx(b, abs=1e-4)
        wrong = float(summed_nats(permuted(x).flatten(0, 1), permuted.head_weight, y.flatten(), V).detach())
        assert abs(wrong - a) > 1e-3  # the test can tell


@pytest.mark.parametrize("where", ["dropout_embedding", "dropout_attention", "dropout_residual"])
def test_dropout_acts_in_training_alone(where: str) -> None:
    model, x = model_of(**{where: 0.5}), ids(1, 9)
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x), model_of()(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_padded_columns_are_no_tokens() -> None:
    model, x = model_of(), ids(1, 5)
    assert model.head_weight.shape == (64, 32)
    assert model.logits(model(x)).shape == (1, 5, V)
    before = model.loss(SimpleNamespace(inputs=x, targets=x, positions=None, segments=None, prefix=None))
    model.embedding.data[V:] = 9.0
    after = model.loss(SimpleNamespace(inputs=x, targets=x, positions=None, segments=None, prefix=None))
    assert torch.equal(before, after)


def test_ignored_targets_give_no_loss_and_no_gradient() -> None:
    model, x = model_of(), ids(2, 6)
    y = x.clone()
    y[0, 3:] = IGNORE
    y[1] = IGNORE
    nats = model.loss(SimpleNamespace(inputs=x, targets=y, positions=None, segments=None, prefix=None))
    want = F.cross_entropy(model.logits(model(x[:1, :3])).double()[0], y[0, :3], reduction="sum")
    torch.testing.assert_close(nats, want, atol=1e-4, rtol=1e-6)


def test_an_id_beyond_the_vocabulary_is_said_also_where_padding_has_a_row() -> None:
    for bad in (V, 63, 64, 1000):
        with pytest.raises(ArgumentError, match=f"below {V}, got {bad}"):
            model_of()(torch.tensor([[1, bad]]))


# The configuration


def test_a_configuration_comes_back_and_strangers_are_refused() -> None:
    config = Config(300, 64, 1, 2, 32, position="alibi", tied=False, init_std=0.1)
    assert Config.from_json(config.to_json()) == config
    for text, said in (
        ('{"vocab_size": 3, "moe": 8}', "moe"), ("[1]", "not the configuration"), ("{", "not the configuration"),
        ("{}", "vocab_size"),
    ):  # fmt: skip
        with pytest.raises(FormatError, match=said):
            Config.from_json(text)


def test_bounds_are_said() -> None:
    for name in CHOICES:
        with pytest.raises(ArgumentError, match=f"{name} must be one of .*got 'x'"):
            Config(300, **{name: "x"})
    for name in ("vocab_size", "context_bytes", "n_layers", "n_heads", "d_model"):
        with pytest.raises(ArgumentError, match=f"{name} must be at least 1, got 0"):
            Config(**({"vocab_size": 300} | {name: 0}))
    for part in ("embedding", "attention", "residual"):
        with pytest.raises(ArgumentError, match=f"dropout_{part} must be from 0 to below 1, got 1.0"):
            Config(300, **{f"dropout_{part}": 1.0})
    with pytest.raises(ArgumentError, match=r"multiple of .* 6, got 256"):
        Config(300, n_heads=3)
