"""The loop: the same whatever the batches, the breaks and the branches; stops cleanly; never keeps what is spoiled."""

import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SETTINGS, equal, model, shards, trainer, weights
from torch.nn import functional as F

from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.shards import Shards
from bpe_lab_model import cost, devices
from bpe_lab_model.checkpoint import load
from bpe_lab_model.interrupts import uninterrupted
from bpe_lab_model.objectives import extra_ids, longest_row
from bpe_lab_model.prefetch import ahead
from bpe_lab_model.progress import Progress, describe
from bpe_lab_model.training import Settings, Trainer
from bpe_lab_model.windows import IGNORE, WindowIndex, steps


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


def plain_loop(text: Shards, settings: Settings) -> torch.nn.Module:
    """The obvious twin: one batch a step, full logits, the mean over its targets, AdamW unfused, the formula of the rate."""
    gpt = model(text, dropout_residual=0.0)
    matrices = [p for name, p in gpt.named_parameters() if name.startswith("blocks") and p.dim() == 2]
    others = [p for p in gpt.parameters() if all(p is not m for m in matrices)]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=False, foreach=False)
    index = WindowIndex(text.split("train"), text.eos, gpt.config.context_bytes)
    total, seen, whole = settings.total_bytes, 0, 10**6
    for step in steps(
        index, settings.bytes_per_step, settings.seed, total_bytes=total, max_tokens=whole, batch_cost=whole
    ):
        (batch,) = step.batches
        middle = seen + step.n_bytes / 2
        rate = min(1.0, middle / (0.1 * total), max(0.0, (total - middle) / (0.25 * total)))
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * rate
        logits = gpt.logits(gpt(batch.inputs))
        loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        optimizer.step()
        seen = step.bytes_seen
    return gpt


@pytest.mark.parametrize("max_tokens", [150, 10**6])
def test_it_is_the_plain_loop_however_a_step_is_cut_into_batches(text: Shards, max_tokens: int) -> None:
    plain = plain_loop(text, SETTINGS)
    ours = trainer(text, max_tokens=max_tokens, shape={"dropout_residual": 0.0})
    assert ours.run().steps == 10
    for (name, a), b in zip(ours.model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-5, msg=lambda m, name=name: f"{name}: {m}")


def test_packing_changes_nothing_but_rounding(text: Shards) -> None:
    alone, packed = (trainer(text, pack=pack, shape={"dropout_residual": 0.0}) for pack in (False, True))
    assert alone.run().tokens == packed.run().tokens
    for a, b in zip(alone.model.parameters(), packed.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("objective", ["mlm", "seq2seq:spans", "seq2seq:delete", "seq2seq:shuffle"])
def test_other_objectives_train_on_the_same_text_whatever_the_batches(text: Shards, objective: str) -> None:
    longest = longest_row(objective, 96)
    shape = {
        "dropout_residual": 0.0,
        "mask": "two-way" if objective == "mlm" else "prefix",
        "context_bytes": longest - 1,
        "vocab_size": text.vocab_size + extra_ids(objective),
    }
    given = {"objective": objective, "context_bytes": 96, "shape": shape, "total_bytes": 3000}
    one, other = (trainer(text, max_tokens=n, **given) for n in (250, 10**6))
    assert one.run().bytes == other.run().bytes == trainer(text, total_bytes=3000).run().bytes
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=5e-5)


def test_an_objective_needs_its_own_ids(text: Shards) -> None:
    with pytest.raises(ArgumentError, match="the shards have 321 ids, the model 320"):
        trainer(text, objective="mlm")


def test_a_seed_decides_everything_and_nothing_outside_is_touched(text: Shards) -> None:
    first = trainer(text)
    before = torch.manual_seed(5).get_state()
    first.run()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again, other = trainer(text), trainer(text, seed=1)
    again.run(), other.run()
    assert equal(weights(first), weights(again))
    assert not equal(weights(first), weights(other))


def test_dropout_differs_from_step_to_step_and_from_seed_to_seed(text: Shards) -> None:
    def loss_of_first_step(seed: int, dropout: float) -> float:
        rows: list[Progress] = []
        one = trainer(text, report=rows.append, seed=seed, shape={"dropout_residual": dropout})
        one.run_to(400)
        return rows[0].step_nats

    assert loss_of_first_step(0, 0.5) == loss_of_first_step(0, 0.5) != loss_of_first_step(0, 0.0)


def test_branches_equal_runs_of_their_own_and_leave_the_trunk_alone(text: Shards) -> None:
    trunk = trainer(text, warmup_share=0.1)
    ends = {}
    for budget in (6000, 12_000):
        branch = trunk.branch(budget)
        here = weights(trunk)
        assert branch.run().status == "ok"
        assert equal(weights(trunk), here)
        ends[budget] = weights(branch)
    assert equal(ends[6000], weights(_ran(trainer(text))))
    # The longer run has the trunk's warm-up, which is 600 bytes: a twentieth of it.
    assert equal(ends[12_000], weights(_ran(trainer(text, total_bytes=12_000, warmup_share=0.05))))


def _ran(one: Trainer) -> Trainer:
    one.run()
    return one


def test_branches_ascend(text: Shards) -> None:
    trunk = trainer(text)
    trunk.branch(12_000)
    with pytest.raises(ArgumentError, match=r"begins at 4,500, and the trunk is at"):
        trunk.branch(6000)


def test_what_it_counts(text: Shards, tmp_path: Path) -> None:
    rows: list[Progress] = []
    one = trainer(text, tmp_path / "run", report=rows.append, max_tokens=200)
    done = one.run()
    assert (done.status, done.steps, len(rows)) == ("ok", 10, 10)
    assert 6000 <= done.bytes < 6000 + 96 and done.epochs == done.bytes / text.split("train").n_bytes
    # A row of n tokens costs n (6 (N_block + V_pad d) + 6 L d n): one layer, d 16, 6 x 16 = 96 more for each place.
    index = WindowIndex(text.split("train"), text.eos, 96)
    lengths = torch.cat(
        [(b.targets != IGNORE).sum(1) for s in steps(index, 600, 0, total_bytes=6000) for b in s.batches]
    )
    parts = cost.parameters(one.model.config)
    assert done.tokens == lengths.sum() == sum(row.step_tokens for row in rows)
    assert done.flops == 6 * (parts["block"] + parts["embedding"]) * done.tokens + 96 * (lengths**2).sum().item()
    assert sum(p.train_bytes for p in done.curve) == done.bytes
    assert math.fsum(p.train_nats for p in done.curve) == pytest.approx(math.fsum(row.step_nats for row in rows))
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["bytes"] for line in logged] == [row.bytes for row in rows]


def test_the_rate_is_the_schedule_at_the_middle_of_each_step(text: Shards) -> None:
    rows: list[Progress] = []
    one = trainer(text, report=rows.append)
    one.run()
    middles = [row.bytes - row.step_bytes / 2 for row in rows]
    assert [row.lr for row in rows] == [1e-2 * one.schedule.factor(m) for m in middles]
    assert rows[0].lr > 0 and rows[-1].lr > 0


def test_it_learns(text: Shards) -> None:
    rows: list[Progress] = []
    trainer(text, report=rows.append, total_bytes=30_000).run()
    first, last = (row.step_nats / row.step_tokens for row in (rows[0], rows[-1]))
    assert last < first - 1


def test_validation_is_scored_where_it_is_time_to(text: Shards) -> None:
    seen: list[int] = []
    one = trainer(text, eval_every_bytes=2000, evaluate=lambda gpt: float(seen.append(one.meter.bytes) or 3.5))
    done = one.run()
    assert [n // 2000 for n in seen] == [1, 2, 3]
    assert [p.bytes for p in done.curve if p.validation_bpb == 3.5] == seen


# -- divergence


def test_a_loss_that_is_not_a_number_stops_it(text: Shards, tmp_path: Path) -> None:
    one = trainer(text, tmp_path / "run", lr=1e30, warmup_share=0.0)
    done = one.run()
    assert done.status == "diverged" and done.steps < 10
    assert "became nan" in done.note and "learning rate of 1e+30" in done.note
    assert "--lr 0.01" in done.hint and "warm-up" in done.hint and "--clip" in done.hint
    assert not (tmp_path / "run" / "latest").exists()


def test_a_gradient_that_is_not_a_number_changes_nothing(text: Shards) -> None:
    one = trainer(text)
    one.run_to(2000)
    before = weights(one)
    one.model.embedding.register_hook(lambda grad: grad * math.inf)
    done = one.run()
    assert done.status == "diverged" and "the gradient became" in done.note
    assert equal(weights(one), before)


def test_a_diverged_branch_says_so(text: Shards) -> None:
    assert trainer(text, lr=1e30, warmup_share=0.0).branch(6000).run().status == "diverged"


# -- being ended


class Breaks:
    """Counts losses, and interrupts at one of them."""

    def __init__(self, one: Trainer, at: int) -> None:
        self.loss, self.left = one.model.loss, at
        one.model.loss = self  # type: ignore[method-assign, assignment]

    def __call__(self, batch: Any) -> torch.Tensor:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.loss(batch)


def test_ctrl_c_in_the_midst_of_a_step_keeps_the_last_finished_one(text: Shards, tmp_path: Path) -> None:
    one = trainer(text, tmp_path / "run", max_tokens=100)
    Breaks(one, at=13)
    with pytest.raises(KeyboardInterrupt):
        one.run()
    reached = one.meter.steps
    assert 0 < reached < 10 and one.trained().status == "stopped"
    on = trainer(text, tmp_path / "run", max_tokens=100)
    on.resume(load(tmp_path / "run"))
    assert on.meter.steps == reached
    assert on.run().steps == 10
    straight = trainer(text, max_tokens=100)
    straight.run()
    assert equal(weights(on), weights(straight))


def test_ctrl_c_before_the_first_step_is_finished_leaves_nothing(text: Shards, tmp_path: Path) -> None:
    one = trainer(text, tmp_path / "run")
    Breaks(one, at=1)
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_weights_change_waits_until_all_have(text: Shards, tmp_path: Path, number: int) -> None:
    class Terminated(BaseException):
        pass

    def handle(_number: int, _frame: object) -> None:
        raise Terminated

    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        one = trainer(text, tmp_path / "run")
        take = one.optimizer.step

        def step() -> None:  # type: ignore[misc]
            os.kill(os.getpid(), number)
            take()

        one.optimizer.step = step  # type: ignore[method-assign, assignment]
        with pytest.raises(Terminated):
            one.run()
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)
    assert one.meter.steps == 1
    assert equal(weights(_resumed(text, tmp_path / "run")), weights(one))


def _resumed(text: Shards, run: Path) -> Trainer:
    one = trainer(text, run)
    one.resume(load(run))
    return one


def test_steps_made_ahead_are_the_same_and_so_is_what_goes_wrong() -> None:
    def three(then: BaseException | None = None) -> Any:
        yield from "abc"
        if then:
            raise then

    assert list(ahead(three())) == list("abc")
    found = ahead(three(CorpusError("gone")))
    assert [next(found) for _ in range(3)] == list("abc")
    with pytest.raises(CorpusError, match="gone"):
        next(found)


def test_uninterrupted_says_nothing_where_nothing_came() -> None:
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


# -- precision, devices, and what is refused


def test_bf16_is_near_fp32_and_weights_stay_fp32(text: Shards) -> None:
    full, half = (trainer(text, precision=p, shape={"dropout_residual": 0.0}) for p in ("fp32", "bf16"))
    a, b = full.run(), half.run()
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}
    nats = [math.fsum(p.train_nats for p in done.curve) for done in (a, b)]
    assert nats[0] != nats[1] and nats[1] == pytest.approx(nats[0], rel=5e-3)


def test_auto_takes_bf16_only_where_it_was_found_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    for isa, gain, chosen in [
        ("avx512", 9.0, torch.float32),
        ("amx", 0.5, torch.float32),
        ("amx", 5.0, torch.bfloat16),
    ]:
        devices._bf16_pays.cache_clear()
        monkeypatch.setattr(devices, "isa", lambda isa=isa: isa)
        monkeypatch.setattr(devices, "bf16_gain", lambda gain=gain: gain)
        assert devices.dtype(torch.device("cpu")) == chosen
    devices._bf16_pays.cache_clear()
    assert devices.dtype(torch.device("cpu"), "bf16") == torch.bfloat16


def test_a_machine_is_told_without_names_and_paths() -> None:
    told = devices.machine(torch.device("cpu"))
    assert {"cpu", "isa", "n_cores", "torch", "device"} <= told.keys()
    assert os.uname().nodename not in map(str, told.values()) and not any("/" in str(v) for v in told.values())
    peak, source = devices.peak_flops(torch.device("cpu"), torch.float32)
    assert 1e8 < peak < 1e14 and source == "measured"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"total_bytes": 100}, "100 bytes are less than one step of 600"),
        ({"lr": 0.0}, "must be above 0, got 0"),
        ({"lr": math.nan}, "must be above 0, got nan"),
        ({"clip": -1.0}, "must not be negative"),
        ({"warmup_share": 0.9}, "do not hold"),
        ({"precision": "fp8"}, "no precision is called 'fp8'"),
        ({"device": "tpu"}, "no device is called 'tpu'"),
    ],
)
def test_settings_that_cannot_be(text: Shards, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        trainer(text, **wrong)


def test_shards_of_more_ids_than_the_model_has_rows(text: Shards) -> None:
    from bpe_lab_model.gpt import GPT, Config

    small = GPT(Config(300, context_bytes=96, n_layers=1, n_heads=2, d_model=16))
    with pytest.raises(ArgumentError, match="the shards have 320 ids, the model 300"):
        Trainer(small, text, SETTINGS)


def test_documents_shorter_than_the_context_are_no_error(text: Shards) -> None:
    assert trainer(text, shape={"context_bytes": 4096}).run().status == "ok"


def test_a_line_of_progress(text: Shards) -> None:
    rows: list[Progress] = []
    trainer(text, report=rows.append).run_to(2000)
    line = describe(replace(rows[-1], validation_bpb=2.5))
    assert "validation 2.500 BPB" in line and "tok/s" in line and "MFU" in line and line.endswith("left")


def test_nothing_to_train_on(text: Shards, tmp_path: Path) -> None:
    from bpe_lab.shards import write_shards

    empty = write_shards(tmp_path / "s", text.load_candidate(), {"train": [], "validation": [b"abc"]})
    with pytest.raises(CorpusError, match="0 documents of train"):
        trainer(empty)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_it_is_the_cpu_within_rounding(text: Shards) -> None:
    cpu, gpu = (trainer(text, device=d, precision="fp32", shape={"dropout_residual": 0.0}) for d in ("cpu", "cuda"))
    cpu.run(), gpu.run()
    for a, b in zip(cpu.model.parameters(), gpu.model.parameters(), strict=True):
        torch.testing.assert_close(a, b.cpu(), rtol=1e-2, atol=1e-4)
