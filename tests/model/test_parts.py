"""Blocks without some of their parts, and what learning rate they bear."""

import math

import pytest
import torch
from experiment_jobs import job, record, silent
from small import shards

from bpe_lab.runs import Point
from bpe_lab.shards import Shards
from bpe_lab_model import cost
from bpe_lab_model.experiments import parting
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.training import Trained

SHAPE = {"vocab_size": 50, "context_bytes": 40, "n_layers": 2, "n_heads": 2, "d_model": 32}


def test_without_residual_a_block_replaces_what_it_reads() -> None:
    x = torch.randint(0, 50, (1, 6), generator=torch.Generator().manual_seed(0))
    whole, bare = GPT(Config(**SHAPE)), GPT(Config(**SHAPE, residual=False))
    h = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(0))
    angles = whole.position.angles(torch.arange(6)[None])
    mask = whole._mask(torch.arange(6)[None], None, None, None)
    for model, kept in ((whole, 1), (bare, 0)):
        block = model.blocks[0]
        seen = kept * h + block.attention(block.norm_1(h), angles, mask, None)
        want = kept * seen + block.mlp(block.norm_2(seen))
        torch.testing.assert_close(block(h, angles, mask, None), want)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), bare.parameters(), strict=True))
    assert not torch.equal(whole(x), bare(x))


def test_without_feed_forward_there_is_attention_alone() -> None:
    config = Config(**SHAPE, feed_forward="none")
    model = GPT(config)
    assert not any("mlp" in name or "norm_2" in name for name, _ in model.named_parameters())
    # A block: attention 4 x 32^2 and one norm of 32; two of them and the last norm.
    assert cost.parameters(config)["block"] == 2 * (4096 + 32) + 32
    assert cost.parameters(config)["total"] == sum(p.numel() for p in model.parameters())
    h = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(0))
    angles, mask = model.position.angles(torch.arange(6)[None]), model._mask(torch.arange(6)[None], None, None, None)
    block = model.blocks[0]
    torch.testing.assert_close(block(h, angles, mask, None), h + block.attention(block.norm_1(h), angles, mask, None))


def test_heads_change_no_parameter() -> None:
    totals = {n: cost.parameters(Config(**SHAPE | {"n_heads": n}))["total"] for n in (1, 2, 4, 8)}
    assert len(set(totals.values())) == 1


# What learning rate a model bears


def trained(*bits: float, status: str = "ok") -> Trained:
    """Return a training whose points had so many bits per byte, ten tokens to a hundred bytes."""
    points = tuple(
        Point(100 * n, 10 * n, 1.0, 1.0, b * 100 * math.log(2), 100, 0.1) for n, b in enumerate(bits, start=1)
    )
    return Trained(status, 100, 10, 1.0, 1.0, 0, len(bits), 1.0, points)  # type: ignore[arg-type]


def test_divergence_is_no_number_or_less_than_knowing_nothing() -> None:
    # 1,024 tokens: 10 bits a token are 100 bits in 100 bytes, 1 bit a byte.
    assert parting.end_of(trained(1.0, 0.9, 0.8, 0.7), 1024) == pytest.approx(0.7)
    assert parting.end_of(trained(1.0, 4.0, 5.0, 0.99), 1024) == pytest.approx(0.99)  # it came back
    assert parting.end_of(trained(0.9, 0.8, 0.9, 1.01), 1024) is None
    assert parting.end_of(trained(*[0.9] * 7, 1.05), 1024) == pytest.approx(0.975)  # the last two of eight
    assert parting.end_of(trained(1.0, 0.9, math.nan), 1024) is None
    assert parting.end_of(trained(1.0, 0.5, status="diverged"), 1024) is None
    assert parting.end_of(trained(), 1024) is None


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


def test_a_hopeless_rate_is_a_result_and_no_crash(text: Shards) -> None:
    shares: list[float] = []
    work = job(text, Arm("plain"), (2_000,), factors=(0.1, 1e6), trial_bytes=2_000)
    (outcome,) = parting.train(work, lambda share, bpb: shares.append(share))
    found = outcome.measures
    assert outcome.status == "ok" and outcome.scored is not None
    assert found["highest_stable_lr"] == pytest.approx(0.1 * work.preset.lr) and found["diverged_share"] == 0.5
    assert list(found["bpb_by_lr"].values())[1] is None
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)
    points = parting.bpb_by_rate(record("plain", bpb_by_lr=found["bpb_by_lr"]))
    assert [label for *_, label in points] == ["plain"]


def test_where_training_itself_diverges_the_rates_are_still_told(text: Shards) -> None:
    work = job(text, Arm("plain"), (2_000,), lr=1e30, factors=(1.0,), trial_bytes=1_000)
    (outcome,) = parting.train(work, silent)
    assert outcome.status == "diverged" and outcome.measures["diverged_share"] == 0.0


def test_the_sign_of_dyt_turns_where_its_gain_is_lost() -> None:
    def records(*bits: float) -> dict[tuple[str, float], object]:
        names = [(norm, budget) for budget in (0.5, 2.0) for norm in ("DyT", "RMSNorm")]
        return {name: record(name[0], bpb=b) for name, b in zip(names, bits, strict=True)}

    # A gain of 0.2 at the least text, a loss of 0.1 at the most: 0.2 - (-0.1).
    assert parting.sign_turns(records(2.0, 2.2, 1.6, 1.5)) == pytest.approx(0.3)  # type: ignore[arg-type]
    assert parting.sign_turns({("DyT", 1.0): record("DyT", bpb=2.0)}) is None
