"""SSD and LSTM in attention's place: chunks equal the recurrence, nothing leaks, a state is a cache that does not grow."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from experiment_jobs import job, record, silent
from hypothesis import given, settings
from hypothesis import strategies as st
from small import shards
from torch import Tensor

from bpe_lab.errors import ArgumentError
from bpe_lab.shards import Shards
from bpe_lab_model import cost, mixers
from bpe_lab_model.experiments import mixing
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.gpt import GPT, Cache, Config

V = 50
STATEFUL = ("ssd", "lstm")


def model_of(mixer: str, **more: object) -> GPT:
    """A small model of large parameters, so that what is seen changes what comes out."""
    shape = {"vocab_size": V, "context_bytes": 40, "n_layers": 2, "n_heads": 2, "d_model": 32, "position": "none"}
    model = GPT(Config(**(shape | {"mixer": mixer} | more))).eval()
    g = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.3, generator=g)
    return model


def ids(B: int, T: int, seed: int = 0) -> Tensor:
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(seed))


# The recurrence, and the same in chunks


def test_the_recurrence_by_hand() -> None:
    # One head, N = P = 1, a = 1/2, B = C = 1. From nothing: 1; 1/2 + 2 = 2.5; 1.25 + 4 = 5.25.
    # From a state of 8 that is forgotten before the second token: 8/2 + 1 = 5; 0 + 2 = 2; 1 + 4 = 5.
    x, one = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1), torch.ones(1, 3, 1)
    log_decay = torch.full((1, 3, 1), math.log(0.5))
    runs, state = torch.tensor([[0, 1, 1]]), torch.full((1, 1, 1, 1), 8.0)
    for scan in (mixers.recurrent, mixers.chunked):
        y, h = scan(x, log_decay, one, one, None, None)
        torch.testing.assert_close(y.flatten(), torch.tensor([1.0, 2.5, 5.25]))
        assert h.item() == pytest.approx(5.25)
        y, h = scan(x, log_decay, one, one, runs, state)
        torch.testing.assert_close(y.flatten(), torch.tensor([5.0, 2.0, 5.0]))
        assert h.item() == pytest.approx(5.0)


def test_the_convolution_by_hand() -> None:
    # Taps 1, 10, 100 for the third, second, last token before, 1,000 for the token itself.
    x, taps = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).view(1, 5, 1), torch.tensor([[1.0, 10.0, 100.0, 1000.0]])
    whole, tail = mixers.convolved(x, taps, None, None)
    assert whole.flatten().tolist() == [1000, 2100, 3210, 4321, 5432]
    assert tail.flatten().tolist() == [3, 4, 5]
    more, _ = mixers.convolved(torch.tensor([[[6.0]]]), taps, None, tail)
    assert more.item() == 6543
    parted, tail = mixers.convolved(x, taps, torch.tensor([[0, 0, 0, 1, 1]]), None)
    assert parted.flatten().tolist() == [1000, 2100, 3210, 4000, 5400]
    assert tail.flatten().tolist() == [0, 4, 5]  # the third is of another run than what comes


@settings(max_examples=40, deadline=None)
@given(
    T=st.integers(1, 23),
    chunk=st.integers(1, 25),
    borders=st.none() | st.lists(st.lists(st.booleans(), min_size=23, max_size=23), min_size=2, max_size=2),
    goes_on=st.booleans(),
    seed=st.integers(0, 99),
)
def test_chunks_equal_the_recurrence(
    T: int, chunk: int, borders: "list[list[bool]] | None", goes_on: bool, seed: int
) -> None:
    """Values, states and gradients, with strong and weak decays, runs that begin anywhere, and a state to go on from."""
    g = torch.Generator().manual_seed(seed)
    B, H, P, N = 2, 3, 4, 5

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    given_ = [drawn(B, T, H, P), -drawn(B, T, H).abs() * 8 ** drawn(B, T, H), drawn(B, T, N), drawn(B, T, N)]
    if goes_on:
        given_.append(drawn(B, N, H, P))
    runs = None if borders is None else torch.tensor(borders)[:, :T].cumsum(1)
    wanted = drawn(B, T, H, P)
    found = []
    for scan in (mixers.recurrent, lambda *args: mixers.chunked(*args, chunk=chunk)):
        leaves = [x.clone().requires_grad_() for x in given_]
        y, h = scan(*leaves[:4], runs, leaves[4] if goes_on else None)
        gradients = torch.autograd.grad((y * wanted).sum() + h.sum(), leaves)
        found.append([y, h, *gradients])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


# What a model sees


@pytest.mark.parametrize("mixer", STATEFUL)
def test_the_past_does_not_see_the_future_and_all_of_it_counts(mixer: str) -> None:
    model, x = model_of(mixer), ids(2, 80)  # more than a chunk
    for t in (1, 63, 64, 79):
        changed = torch.cat((x[:, :t], (x[:, t:] + 1) % V), 1)
        with torch.no_grad():
            before, after = model(x), model(changed)
        torch.testing.assert_close(before[:, :t], after[:, :t], atol=0, rtol=0)
        assert (before[:, t:] != after[:, t:]).any(-1).all()


@pytest.mark.parametrize("position", ["none", "learned", "sinusoidal", "concat-split", "concat-wide"])
@pytest.mark.parametrize("mixer", STATEFUL)
def test_packed_rows_are_what_they_are_alone(mixer: str, position: str) -> None:
    model, x = model_of(mixer, position=position), ids(2, 20)
    segments = torch.tensor([[0] * 6 + [1] * 14, [3] * 11 + [4] * 1 + [3] * 8])  # 3 comes back, and begins anew
    with torch.no_grad():
        packed = model(x, segments=segments)
        rows = (x[:1, :6], x[:1, 6:], x[1:, :11], x[1:, 11:12], x[1:, 12:])
        alone = [model(row) for row in rows]
    torch.testing.assert_close(packed[:1], torch.cat(alone[:2], 1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[1:], torch.cat(alone[2:], 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mixer", STATEFUL)
def test_padding_on_the_right_changes_nothing(mixer: str) -> None:
    model, x = model_of(mixer), ids(1, 9)
    with torch.no_grad():
        padded = model(torch.cat((x, ids(1, 70, 3)), 1))
        torch.testing.assert_close(padded[:, :9], model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mixer", STATEFUL)
def test_packing_has_the_gradients_of_its_parts(mixer: str) -> None:
    model, x = model_of(mixer), ids(1, 12)
    segments = torch.tensor([[0] * 5 + [1] * 7])

    def gradients(*batches: SimpleNamespace) -> Tensor:
        model.zero_grad()
        for batch in batches:
            model.loss(batch).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    def batch(part: Tensor, segments: "Tensor | None" = None) -> SimpleNamespace:
        return SimpleNamespace(inputs=part, targets=part, positions=None, segments=segments, prefix=None)

    want = gradients(batch(x[:, :5]), batch(x[:, 5:]))
    assert want.norm() > 1
    torch.testing.assert_close(gradients(batch(x, segments)), want, atol=1e-4, rtol=1e-4)


# Decoding


def by_chunks(model: GPT, x: Tensor, sizes: list[int], cache: Cache, segments: "Tensor | None" = None) -> Tensor:
    parts, start = [], 0
    for n in sizes:
        here = None if segments is None else segments[:, start : start + n]
        parts.append(model(x[:, start : start + n], cache=cache, segments=here))
        start += n
    assert start == x.shape[1]
    return torch.cat(parts, 1)


@pytest.mark.parametrize("position", ["none", "learned"])
@pytest.mark.parametrize("mixer", STATEFUL)
def test_cached_equals_uncached_and_the_state_does_not_grow(mixer: str, position: str) -> None:
    model, x = model_of(mixer, position=position), ids(2, 30)
    segments = torch.tensor([[0] * 5 + [1] * 25, [0] * 15 + [1] * 9 + [2] * 6])
    want_bytes = 2 * cost.state_bytes(model.config)
    with torch.no_grad():
        for given_ in (None, segments):
            want = model(x, segments=given_)
            for sizes in ([1] * 30, [30], [6, 1, 8, 1, 1, 13]):
                cache = Cache()
                got = by_chunks(model, x, sizes, cache, given_)
                torch.testing.assert_close(got, want, atol=2e-5, rtol=2e-5)
                assert cache.length == 30 and cache.size_bytes == want_bytes
                assert [part.shape[1] for part in cache.last if part is not None] == [1] * (1 + (given_ is not None))


@pytest.mark.parametrize("mixer", STATEFUL)
def test_old_tokens_fade_and_an_emptied_cache_begins_anew(mixer: str) -> None:
    model, x, cache = model_of(mixer), ids(1, 8), Cache()
    with torch.no_grad():
        want = model(x)
        model(x[:, :4], cache=cache)
        cache.crop_left(3)
        assert (cache.length, cache.n_dropped) == (1, 3)
        torch.testing.assert_close(model(x[:, 4:], cache=cache), want[:, 4:], atol=2e-5, rtol=2e-5)
        cache.crop_left(99)
        assert cache.length == cache.size_bytes == 0
        torch.testing.assert_close(model(x, cache=cache), want, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("mixer", STATEFUL)
def test_a_new_token_costs_the_same_wherever_it_stands(mixer: str) -> None:
    """No tensor of a step is larger after 300 tokens than after 3: counted, so a busy machine changes nothing."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Sizes(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.made: list[int] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            self.made += [x.numel() for x in torch.utils._pytree.tree_leaves(out) if isinstance(x, Tensor)]
            return out

    model, made = model_of(mixer), []
    for n in (3, 300):
        cache = Cache()
        with torch.no_grad():
            model(ids(1, n), cache=cache)
            with Sizes() as sizes:
                model(ids(1, 1), cache=cache)
        made.append(sizes.made)
    assert made[0] == made[1] and len(made[0]) > 10


# What cannot be


@pytest.mark.parametrize("mixer", STATEFUL)
def test_what_a_state_cannot_do_is_refused(mixer: str) -> None:
    for mask in ("two-way", "prefix"):
        with pytest.raises(ArgumentError, match=f"mixer={mixer} looks back only, got mask={mask}"):
            Config(V, mixer=mixer, mask=mask, position="none")
    for position in ("rope", "alibi", "relative"):
        with pytest.raises(ArgumentError, match=f"position={position} acts in attention") as refused:
            Config(V, mixer=mixer, position=position)
        assert "position=none" in refused.value.hint
    with pytest.raises(ArgumentError, match="prefix needs"):
        model_of(mixer)(ids(1, 3), prefix=torch.tensor([1]))
    cache = Cache()
    model_of(mixer)(ids(1, 3), cache=cache)
    with pytest.raises(ArgumentError, match="segments must be given in all calls"):
        model_of(mixer)(ids(1, 1), cache=cache, segments=torch.tensor([[1]]))
    with pytest.raises(ArgumentError, match="mixer must be one of attention, ssd, lstm"):
        Config(V, mixer="mamba")


def test_a_configuration_from_before_mixers_is_one_of_attention() -> None:
    old = json.loads(Config(300).to_json())
    for name in ("mixer", "d_state", "residual"):
        del old[name]
    assert Config.from_json(json.dumps(old)) == Config(300)
    names = [name for name, _ in GPT(Config(300, n_layers=1)).named_parameters()]
    assert names == [
        "embedding", "blocks.0.norm_1.weight", "blocks.0.attention.qkv.weight", "blocks.0.attention.out.weight",
        "blocks.0.norm_2.weight", "blocks.0.mlp.up.weight", "blocks.0.mlp.down.weight", "norm.weight",
    ]  # fmt: skip


# Where they start


@pytest.mark.parametrize("mixer", STATEFUL)
def test_parameters_start_from_seed_and_name_alone(mixer: str) -> None:
    shape = {"mixer": mixer, "position": "none", "n_heads": 2, "d_model": 32}
    torch.manual_seed(1)
    a = dict(GPT(Config(300, n_layers=1, **shape)).named_parameters())
    torch.manual_seed(2)
    b, other = (dict(GPT(Config(700, n_layers=1, seed=s, **shape)).named_parameters()) for s in (0, 1))
    trunk = [name for name in a if name != "embedding"]
    assert all(torch.equal(a[name], b[name]) for name in trunk)
    matrices = [name for name in trunk if a[name].dim() == 2]
    assert matrices and not any(torch.equal(b[name], other[name]) for name in matrices)


def test_deviations_and_gates_at_the_start() -> None:
    ssd = GPT(Config(300, n_layers=2, n_heads=4, d_model=256, mixer="ssd", position="none")).blocks[0].attention
    assert float(ssd.into.weight.detach().std()) == pytest.approx(0.02, rel=0.03)
    assert float(ssd.out.weight.detach().std()) == pytest.approx(0.01, rel=0.03)  # 0.02 / sqrt(2 x 2 layers)
    assert float(ssd.taps.detach().std()) == pytest.approx(1 / math.sqrt(12), rel=0.05)
    torch.testing.assert_close(
        torch.nn.functional.softplus(ssd.step),
        torch.tensor([0.001, 0.001 * 100 ** (1 / 3), 0.001 * 100 ** (2 / 3), 0.1]),
    )
    torch.testing.assert_close(ssd.decay.exp(), torch.tensor([1.0, 6.0, 11.0, 16.0]))
    lstm = GPT(Config(300, n_layers=1, n_heads=2, d_model=8, mixer="lstm", position="none")).blocks[0].attention.lstm
    assert lstm.bias_ih_l0.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16 and not lstm.bias_hh_l0.any()


# What they cost


def test_parameters_by_hand() -> None:
    # Width 32, 2 heads, N = 16: inner 64, convolved 64 + 2 x 16 = 96; into 32 x (64 + 96 + 2) = 5,184; taps 4 x 96 =
    # 384; decay, step, skip 3 x 2; norm 64; out 64 x 32 = 2,048: 7,686. Attention 4 x 32^2 = 4,096 and an MLP of 128,
    # 2 x 32 x 128 = 8,192, are 12,288, so the MLP has (12,288 - 7,686) / 64 = 71.9, 72 columns: 4,608.
    # Two layers of 7,686 + 4,608 + 2 norms of 32, and the last norm: 2 x 12,358 + 32 = 24,748.
    ssd = Config(64, 100, 2, 2, 32, mixer="ssd", position="none", d_state=16)
    assert mixers.parameters(ssd) == 7_686 and ssd.inner_width == 72
    assert cost.parameters(ssd)["block"] == 24_748
    # LSTM: 4 gates of 32 x 32 twice and 2 biases: 8 x 1,024 + 8 x 32 = 8,448; (12,288 - 8,448) / 64 = 60.
    lstm = Config(64, 100, 2, 2, 32, mixer="lstm", position="none")
    assert mixers.parameters(lstm) == 8_448 and lstm.inner_width == 60
    # A state of SSD is 16 x 64 numbers and 3 x 96 of the convolution, 1,312 a layer; of an LSTM 2 x 32.
    assert cost.state_bytes(ssd) == 2 * 1_312 * 4 and cost.state_bytes(lstm) == 2 * 64 * 4
    assert cost.cache_bytes(ssd, 5) == cost.cache_bytes(ssd, 5_000_000) == 10_496
    assert cost.cache_bytes_per_kb(ssd, 300) == 0 == cost.state_bytes(Config(64))
    assert cost.cache_bytes(Config(64, n_layers=1, d_model=8), 10) == 10 * 2 * 8 * 4
    # FLOPs: 6 (24,748 + 64 x 32) and per layer 6 (64 (16 + 64) + 2 x 16 x 64) = 6 x 7,168, at any length.
    assert cost.flops_per_token(ssd, 10) == cost.flops_per_token(ssd, 10_000) == 6 * (24_748 + 2_048 + 2 * 7_168)
    assert cost.flops_per_token(lstm, 7) == 6 * (cost.parameters(lstm)["block"] + 2_048)


@pytest.mark.parametrize("mixer", mixers.MIXERS)
@pytest.mark.parametrize("feed_forward", ["gelu", "swiglu", "none"])
@pytest.mark.parametrize("bias", [False, True])
def test_counts_equal_the_tensors(mixer: str, feed_forward: str, bias: bool) -> None:
    for norm, d_state in (("layernorm", None), ("dyt", 8), ("none", None)):
        config = Config(
            70, 20, 2, 2, 32, mixer=mixer, position="learned", feed_forward=feed_forward, bias=bias, norm=norm,
            d_state=d_state,
        )  # fmt: skip
        assert cost.parameters(config)["total"] == sum(p.numel() for p in GPT(config).parameters())


@pytest.mark.parametrize("mixer", STATEFUL)
@pytest.mark.parametrize("feed_forward", ["gelu", "swiglu"])
def test_trunks_have_equal_parameters_within_a_hundredth(mixer: str, feed_forward: str) -> None:
    for width, heads in ((32, 4), (64, 4), (128, 4), (256, 8), (768, 12)):
        base = Config(300, 512, 2, heads, width, position="none", feed_forward=feed_forward)
        other = Config(300, 512, 2, heads, width, position="none", feed_forward=feed_forward, mixer=mixer)
        a, b = (cost.parameters(config)["block"] for config in (base, other))
        assert abs(b / a - 1) < 0.01, (width, a, b)


def test_flops_of_ssd_are_what_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    config = Config(128, 256, 2, 2, 32, norm="none", mixer="ssd", position="none")
    model, B, T = GPT(config), 3, 2 * mixers.CHUNK
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.logits(model(torch.zeros(B, T, dtype=torch.long)))
    # torch counts products of matrices alone: not taps (4 x 128), heads' numbers (3 x 2) and the inner norm (64).
    uncounted = 2 * (4 * 128 + 3 * 2 + 64)
    assert counter.get_total_flops() == (cost.flops_per_token(config, T, False) - 2 * uncounted) * B * T


# The experiment's figures


def test_a_line_through_points() -> None:
    slope, missed = mixing.fitted([0.0, 1.0, 2.0], [0.0, 2.0, 1.0])  # slope (1 x 1) / 2; misses -0.5, 1, -0.5
    assert slope == 0.5 and missed == pytest.approx(math.sqrt(1.5 / 3))
    lengths = [512, 1024, 4096, 16384]
    powers, exponentials = [n**2.0 for n in lengths], [math.exp(n / 4000) for n in lengths]
    for values, power_fits in ((powers, True), (exponentials, False)):
        logs = [math.log(value) for value in values]
        by_power, by_exponential = (mixing.fitted(x, logs)[1] for x in ([math.log(n) for n in lengths], lengths))
        assert (by_power < by_exponential) is power_fits
    assert mixing.fitted([math.log(n) for n in lengths], [math.log(p) for p in powers])[0] == pytest.approx(2)


def test_which_curve_fits_is_asked_of_bytes_alone() -> None:
    errors = {"bytes": (0.25, 0.75), "BPE": (0.5, 0.25)}
    records = {
        (f"attention, {name}", 1.0): record(f"attention, {name}", power_error=power, exponential_error=exponential)
        for name, (power, exponential) in errors.items()
    }
    assert mixing.exponential_fits(records) == -0.5
    assert mixing.exponential_fits({}) is None


def test_activations_kept_for_the_backward_grow_with_the_text() -> None:
    for mixer in ("attention", *STATEFUL):
        model = model_of(mixer)
        kept = [mixing.kept_for_backward(model, ids(1, n)) for n in (64, 128, 256)]
        assert kept[0] > 64 * 32 * 4 and kept[0] < kept[1] < kept[2]
        assert kept[2] - kept[1] == pytest.approx(2 * (kept[1] - kept[0]), rel=0.2), mixer


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


@pytest.mark.parametrize("mixer", ["attention", "ssd"])
def test_the_task_trains_each_context_and_measures_each_length(text: Shards, mixer: str) -> None:
    arm = Arm(mixer, model={"mixer": mixer, "position": "none"}, measures=("mixing:lengths",))
    options = {"contexts": (1, 4), "lengths": (64, 256), "repeats": 1, "decoded": 2}
    (outcome,) = mixing.contexts(job(text, arm, (2_000,), **options), silent)
    found = outcome.measures
    assert list(found["bpb_at"]) == ["64", "256"] and outcome.scored is not None
    assert found["bpb_at"]["64"] == outcome.scored.bpb != found["bpb_at"]["256"] == found["bpb_longest"]
    assert math.isfinite(found["exponent"]) and found["train_bytes_per_s_longest"] > 0
    held = [found["cache_bytes_per_kb"][n] * int(n) / 1000 for n in ("64", "256")]
    assert (held[0] < held[1]) if mixer == "attention" else (held[0] == pytest.approx(held[1]))
