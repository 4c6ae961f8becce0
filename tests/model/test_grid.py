"""The grid: what is equal for all arms, what is kept, how it goes on, and what it says of arms that fail."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small import PRESET as TINY

from bpe_lab.compare.cache import Cache
from bpe_lab.compare.candidates import Candidate, Failed, Missing
from bpe_lab.compare.presets import sample_texts
from bpe_lab.compare.recipe import Recipe
from bpe_lab.compare.texts import Texts
from bpe_lab.compare.trained import Trainer as TokenizerTrainer
from bpe_lab.downstream import Request, RunProgress
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError, FormatError
from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards
from bpe_lab_model import cost, presets, probing
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.equalising import equalised
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.grid import drawn, plan, run_grid, shards_of
from bpe_lab_model.presets import PRESETS
from bpe_lab_model.running import Outcome, Work, carry_out
from bpe_lab_model.windows import WindowIndex, steps
from bpe_lab_model.workers import Crew, Standing

PRESETS_HERE = {**PRESETS, "tiny": TINY}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "PRESETS", PRESETS_HERE)


@pytest.fixture
def all_rates() -> None:
    """Where the learning rates that are probed are what is tested."""


def one_rate(found: probing.Found) -> tuple[float, ...]:
    return () if found else (1.0,)


@pytest.fixture(autouse=True)
def fewer_rates(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "all_rates" not in request.fixturenames:
        monkeypatch.setattr(probing, "wanted", one_rate)


@pytest.fixture(scope="module")
def texts() -> tuple[Texts, Texts]:
    train, validation = sample_texts("ko")
    return Texts("train", train.documents[:40]), Texts("validation", validation.documents[:6])


def made(texts: Texts, *recipes: str) -> list[Candidate]:
    found = [TokenizerTrainer(Cache(None), 1).make(Recipe.parse(recipe), texts) for recipe in recipes]
    assert not any(isinstance(each, (Failed, Missing)) for each in found), found
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def arms(texts: tuple[Texts, Texts]) -> list[Candidate]:
    return made(texts[0], "unit=byte,vocab=400", "unit=jamo,vocab=400")


Straight = tuple[Path, list[RunRecord]]


@pytest.fixture(scope="module")
def straight(texts: tuple[Texts, Texts], arms: list[Candidate], tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """A grid of one seed that nothing interrupts: its folder and its records."""
    folder = tmp_path_factory.mktemp("straight") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "PRESETS", PRESETS_HERE)
        patch.setattr(probing, "wanted", one_rate)
        torch.set_num_threads(1)
        request = Request(arms, *texts, folder, preset="tiny", seeds=1, threads=1)
        return folder, run_grid(plan(request), 1)


@pytest.fixture
def kept(straight: Straight, tmp_path: Path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(straight[0], tmp_path / "kept"))


@pytest.fixture
def request_(texts: tuple[Texts, Texts], arms: list[Candidate], tmp_path: Path) -> Request:
    return Request(arms, *texts, tmp_path / "runs", preset="tiny", threads=1)


def grid_of(request: Request, n_jobs: int = 1, **changes: Any) -> list[RunRecord]:
    return run_grid(plan(replace(request, **changes)), n_jobs)


def nats(records: Sequence[RunRecord]) -> list[tuple[float, ...] | None]:
    return [record.scored.nats if record.scored else None for record in records]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """Return a list that will hold the works that are done."""
    done: list[tuple[str, tuple[int, ...]]] = []
    real = Crew.run

    def run(self: Crew, works: Sequence[Work], *rest: Any) -> None:
        done.extend((work.name, work.budgets) for work in works)
        real(self, works, *rest)

    monkeypatch.setattr(Crew, "run", run)
    return done


# -- what is equal


def test_every_arm_has_the_same_trunk_at_the_start_and_the_same_text_in_every_step(request_: Request) -> None:
    grid = plan(request_)
    a, b = grid.arms
    for seed in grid.seeds:
        models = [GPT(replace(x.config, seed=seed), embedding_keys(x.candidate, x.config.vocab_size)) for x in (a, b)]
        trunks = [{n: p for n, p in m.named_parameters() if "embedding" not in n} for m in models]
        assert trunks[0].keys() == trunks[1].keys() and len(trunks[0]) > 4
        assert all(torch.equal(trunks[0][name], trunks[1][name]) for name in trunks[0])
        seen = []
        for arm in (a, b):
            split = Shards.open(shards_of(grid, arm)).split("train")
            settings = grid.settings(seed=seed)
            index = WindowIndex(split, split.eos, TINY.context_bytes)
            taken = steps(index, settings.bytes_per_step, settings.seed, total_bytes=settings.total_bytes)
            seen.append([(step.n_bytes, step.bytes_seen, step.epoch) for step in taken])
        assert seen[0] == seen[1] and len(seen[0]) > 20


def test_a_half_done_grid_has_every_arm(request_: Request) -> None:
    runs = [(run.seed, run.arm.arm.unit, run.budget) for run in plan(request_).runs()]
    assert runs == [(s, unit, budget) for s in (0, 1) for unit in ("byte", "jamo") for budget in (6_000, 12_000)]


def test_progress_is_told(request_: Request) -> None:
    told: list[RunProgress] = []
    grid_of(request_, progress=told.append, candidates=request_.candidates[:1], budgets=(0.5,))
    assert told[-1].n_done == told[-1].n_runs == 2 and told[-1].what == ""
    assert told[0].what == "byte 400, learning rate 0.04"
    assert [t.what for t in told[-3:-1]] == ["byte 400, seed 1"] * 2 and told[-2].share > 0.9 and told[-2].bpb


def test_records_say_all_that_was_done(request_: Request, straight: Straight) -> None:
    records = straight[1]
    assert [(r.arm.unit, r.seed, r.budget_bytes) for r in records] == [
        (unit, 0, budget) for unit in ("byte", "jamo") for budget in (6_000, 12_000)
    ]
    grid = plan(request_)
    for record in records:
        assert record.status == "ok" and record.scored and record.preset == "tiny" and record.match == "bytes"
        assert sum(record.scored.bytes) == grid.validation.n_bytes <= 2_000 + max(map(len, grid.validation.documents))
        assert abs(record.bytes - record.budget_bytes) <= TINY.bytes_per_step
        assert record.tokens > 0 and record.flops > 0 and record.seconds > 0 and record.memory_bytes > 1e6
        assert record.curve[-1].bytes == record.bytes
        assert record.training["lr"] == record.training["lr_factor"] * TINY.lr
        assert f"{record.training['lr_factor']:g}" in record.training["probed"]
        assert {"n_block", "n_embedding", "n_positions"} <= record.model.keys()
        spoken = {"bytes_per_s", "tokens_per_s", "invalid_utf8", "cache_bytes_per_kb"}
        assert (spoken <= set(record.decoding)) if record.budget_bytes == 12_000 else not record.decoding
        assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert records[0].bytes == records[2].bytes and records[1].bytes == records[3].bytes
    assert records[0].tokens != records[2].tokens


def test_a_measured_cache_is_what_the_formula_says(request_: Request, straight: Straight) -> None:
    # One layer of width 16 in fp32 keeps 2 x 1 x 16 x 4 = 128 bytes a token, its own and the end of text before it.
    record = next(r for r in straight[1] if r.decoding)
    a_byte = plan(request_).arms[0].tokens_per_byte
    assert record.decoding["cache_bytes_per_kb"] == pytest.approx(128 * 1000 * a_byte, rel=0.25)


def test_a_finished_grid_leaves_records_alone(straight: Straight) -> None:
    assert sorted(path.name for path in straight[0].iterdir() if path.is_dir()) == ["probes"]
    assert len(list(straight[0].glob("*.run.json"))) == 4


def test_models_learn(straight: Straight) -> None:
    small, large = (r.scored for r in straight[1][:2])
    assert small and large and large.bpb < small.bpb < 8


def test_two_processes_find_what_one_does(request_: Request, straight: Straight) -> None:
    together = grid_of(request_, 2, seeds=1)
    assert nats(straight[1]) == nats(together)
    assert [r.training["key"] for r in straight[1]] == [r.training["key"] for r in together]


def test_text_is_drawn_by_content_whatever_its_order() -> None:
    documents = [f"문서 {i}번입니다.\n".encode() * 3 for i in range(50)]
    texts, names = Texts("x", documents), [f"d{i}" for i in range(50)]
    some, domains = drawn(texts, 600, names)
    other, _ = drawn(Texts("x", documents[::-1]), 600, None)
    assert some.n_bytes <= 600 < some.n_bytes + max(map(len, documents))
    assert set(some.documents) == set(other.documents)
    assert [names[documents.index(document)] for document in some.documents] == list(domains or ())
    assert drawn(texts, texts.n_bytes, None)[0] is texts
    assert drawn(texts, 1, None)[0].n_documents == 1


# -- going on


def test_what_lies_there_is_not_trained_again(straight: Straight, request_: Request, monkeypatch: Any) -> None:
    done = counting(monkeypatch)
    folder, records = straight
    files = {path: path.stat().st_mtime_ns for path in folder.glob("*.run.json")}
    assert grid_of(request_, seeds=1, folder=folder) == records
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.run.json")} == files
    assert not done


def test_a_changed_setting_makes_other_keys(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> list[str]:
        grid = plan(request_)
        return [grid.key(run, 1e-3) for run in grid.runs()]

    first = keys()
    assert len(set(first)) == 8 and keys() == first
    changed: list[dict[str, Any]] = [{"bytes_per_step": 400}, {"d_model": 32}, {"context_bytes": 32}, {"name": "other"}]
    for changes in (*changed, {"validation_bytes": 4_000}):
        monkeypatch.setattr(presets, "PRESETS", {"tiny": TINY.but(**changes)})
        assert not set(first) & set(keys()), changes
    monkeypatch.setattr(presets, "PRESETS", {"tiny": TINY.but(max_tokens=2_000)})
    assert keys() == first


def test_another_budget_takes_what_is_there(
    request_: Request, kept: Path, straight: Straight, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = counting(monkeypatch)
    more = grid_of(request_, seeds=1, budgets=(0.5, 1.0, 2.0), folder=kept)
    assert done == [("byte 400, seed 0", (24_000,)), ("jamo 400, seed 0", (24_000,))]
    assert [r for r in more if r.budget_bytes < 24_000] == straight[1]


def test_without_resume_everything_is_done_again(request_: Request, kept: Path, monkeypatch: Any) -> None:
    done = counting(monkeypatch)
    grid_of(request_, seeds=1, folder=kept, resume=False, candidates=request_.candidates[:1], budgets=(0.5,))
    assert done == [("byte 400, learning rate 0.04", (6_000,)), ("byte 400, seed 0", (6_000,))]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C."""


def interrupting(after_share: float, of: str) -> Any:
    def watch(progress: RunProgress) -> None:
        if of in progress.what and progress.share >= after_share:
            raise Interrupted

    return watch


@pytest.mark.parametrize(
    ("of", "share", "n_kept"), [("jamo 400, seed 0", 0.3, 2), ("jamo 400, seed 0", 0.95, 3), ("learning rate", 0.5, 0)]
)
def test_a_grid_that_was_stopped_ends_like_one_that_was_not(
    request_: Request, straight: Straight, of: str, share: float, n_kept: int
) -> None:
    with pytest.raises(Interrupted):
        grid_of(request_, seeds=1, progress=interrupting(share, of))
    assert len(list(request_.folder.glob("*.run.json"))) == n_kept
    assert bool(list(request_.folder.glob("trunks/*/latest"))) == (of != "learning rate")
    resumed = grid_of(request_, seeds=1)
    assert nats(resumed) == nats(straight[1])
    assert [r.curve[-1].train_nats for r in resumed] == [r.curve[-1].train_nats for r in straight[1]]
    assert not (request_.folder / "trunks").exists()


def test_a_trunk_goes_on_from_its_checkpoint(request_: Request, tmp_path: Path) -> None:
    grid = plan(request_)
    arm = grid.arms[0]
    work = grid.work(arm, 0, grid.budgets, TINY.lr, shards_of(grid, arm))
    heard: list[float] = []

    def stop(share: float, _: float) -> None:
        heard.append(share)
        if share > 0.2:
            raise Interrupted

    with pytest.raises(Interrupted):
        carry_out(work, stop, lambda outcome: None)
    n_before = len(heard)
    outcomes: list[Outcome] = []
    carry_out(work, lambda share, _: heard.append(share), outcomes.append)
    assert heard[n_before] > heard[n_before - 1] >= 0.2
    straight: list[Outcome] = []
    carry_out(replace(work, folder=None), lambda *_: None, straight.append)
    assert [o.scored and o.scored.nats for o in outcomes] == [o.scored and o.scored.nats for o in straight]


def test_a_checkpoint_beyond_the_budget_is_left_alone(request_: Request) -> None:
    grid = plan(request_)
    arm = grid.arms[0]
    work = grid.work(arm, 0, grid.budgets, TINY.lr, shards_of(grid, arm))
    first: list[Outcome] = []
    carry_out(work, lambda *_: None, first.append)  # leaves a trunk that stands where the larger budget leaves it
    again: list[Outcome] = []
    carry_out(work, lambda *_: None, again.append)
    assert [o.scored and o.scored.nats for o in again] == [o.scored and o.scored.nats for o in first]


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"schema": 99}', b'{"schema": 1}', b"\xff"])
def test_a_damaged_record_is_named(request_: Request, kept: Path, data: bytes) -> None:
    path = sorted(kept.glob("*.run.json"))[0]
    path.write_bytes(data)
    with pytest.raises(FormatError, match=path.name) as e:
        grid_of(request_, seeds=1, folder=kept)
    assert e.value.hint


def test_damaged_probes_are_named_and_damaged_shards_written_again(
    request_: Request, kept: Path, straight: Straight
) -> None:
    grid = plan(replace(request_, seeds=1, folder=kept))
    for path in shards_of(grid, grid.arms[1]).glob("train.ids.*"):
        path.write_bytes(path.read_bytes()[:-2])
    for path in kept.glob("jamo*.run.json"):
        path.unlink()
    assert nats(grid_of(request_, seeds=1, folder=kept)) == nats(straight[1])
    path = sorted(kept.glob("probes/*.json"))[0]
    for damaged in ("[1]", '{"-1": 2.0}', '{"1": NaN}'):
        path.write_text(damaged)
        with pytest.raises(FormatError, match=path.name):
            grid_of(request_, seeds=1, folder=kept)


# -- learning rates


def trial(bits: Mapping[float, float | None]) -> dict[float, float | None]:
    """Probe a made-up curve; return what was tried."""
    found: dict[float, float | None] = {}
    while factors := probing.wanted(found):
        found |= {factor: bits[factor] for factor in factors}
    return found


def valley(bottom: float) -> dict[float, float | None]:
    return {2.0**k: abs(k - math.log2(bottom)) for k in range(-6, 7)}


@pytest.mark.parametrize(
    ("bottom", "tried"),
    [
        (1.0, {0.5, 1, 2}),
        (2.0, {0.5, 1, 2, 4}),
        (8.0, {0.5, 1, 2, 4, 8, 16}),
        (64.0, {0.5, 1, 2, 4, 8, 16}),
        (0.25, {0.125, 0.25, 0.5, 1, 2}),
        (2**-6, {0.0625, 0.125, 0.25, 0.5, 1, 2}),
    ],
)
def test_probing_goes_on_beyond_an_edge(all_rates: None, bottom: float, tried: set[float]) -> None:
    found = trial(valley(bottom))
    assert found.keys() == tried
    assert probing.best(found) == min(max(bottom, 1 / 16), 16.0)


def test_probing_goes_down_where_training_diverges(all_rates: None) -> None:
    falls = {0.0625: 3.0, 0.125: 2.0, 0.25: 2.5} | dict.fromkeys((0.5, 1.0, 2.0))
    assert trial(falls).keys() == {0.0625, 0.125, 0.25, 0.5, 1, 2}
    assert probing.best(falls) == 0.125
    assert trial(dict.fromkeys(valley(1.0))).keys() == {0.0625, 0.125, 0.25, 0.5, 1, 2}
    assert probing.best(dict.fromkeys(valley(1.0))) is None


def test_probing_goes_on_where_it_was_interrupted(all_rates: None) -> None:
    assert probing.wanted({1.0: 2.0}) == (0.5, 2.0)


def test_the_grid_extends_at_the_edge(all_rates: None, request_: Request, monkeypatch: Any) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"tiny": TINY.but(lr=1e-4)})
    record = grid_of(request_, seeds=1, budgets=(0.5,), candidates=request_.candidates[:1])[0]
    assert max(map(float, record.training["probed"])) == 16 == record.training["lr_factor"]


def test_the_learning_rate_is_not_chosen_on_what_is_scored(request_: Request) -> None:
    grid = plan(request_)
    rest, held = grid.probing
    scored = set(grid.validation.documents)
    assert not scored & set(held.documents) and not set(held.documents) & set(rest.documents)
    assert sorted(rest.documents + held.documents) == sorted(grid.train.documents)
    assert 0 < held.n_bytes <= TINY.probing_bytes


def test_equal_documents_are_held_back_together() -> None:
    documents = [b"one\n", b"two\n"] * 20 + [b"three, which is longer\n"]
    rest, held = probing.hold_back(Texts("x", documents), 10)
    assert len(set(held.documents)) == 1 and not set(rest.documents) & set(held.documents)
    with pytest.raises(CorpusError, match="no two different documents"):
        probing.hold_back(Texts("x", [b"same\n"] * 9), 10)


# -- other ways to be equal


@pytest.mark.parametrize("n_vocab", [1_000, 3_000, 8_000])
def test_equal_parameters(n_vocab: int) -> None:
    chosen = PRESETS["cpu-nano"]
    configs = equalised([chosen.config(1_000), chosen.config(n_vocab)])
    totals = [cost.parameters(config)["total"] for config in configs]
    assert max(totals) / min(totals) < 1.01
    assert configs[0] == chosen.config(1_000)
    assert configs[1].d_model <= chosen.d_model and configs[1].n_layers == chosen.n_layers
    built = sum(p.numel() for p in GPT(configs[1]).parameters())
    assert built == totals[1]


def test_a_vocabulary_that_leaves_no_trunk_is_refused() -> None:
    chosen = PRESETS["demo"]
    with pytest.raises(ArgumentError, match=r"a vocabulary of 100,000.*the table alone has"):
        equalised([chosen.config(1_000), chosen.config(100_000)])


def test_match_params_trains_arms_of_equal_size(
    request_: Request, texts: tuple[Texts, Texts], monkeypatch: Any
) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"tiny": TINY.but(d_model=32)})
    arms = made(texts[0], "unit=byte,vocab=300", "unit=byte,vocab=420")
    records = grid_of(request_, candidates=arms, match="params", seeds=1, budgets=(0.5,))
    sizes = [r.model["n_parameters"] for r in records]
    assert max(sizes) / min(sizes) < 1.01 and records[0].model["d_model"] > records[1].model["d_model"]
    assert [r.match for r in records] == ["params", "params"]


def test_match_flops_needs_branches(request_: Request, straight: Straight) -> None:
    with pytest.raises(ArgumentError, match="equal FLOPs are read off between budgets"):
        plan(replace(request_, match="flops", budgets=(1.0,)))
    assert plan(replace(request_, match="flops")).budgets == (6_000, 12_000)
    by_arm = [[r.flops for r in straight[1] if r.arm.unit == unit] for unit in ("byte", "jamo")]
    assert all(small < large for small, large in by_arm)


# -- arms that fail


def test_an_arm_that_diverges_is_recorded(all_rates: None, request_: Request, monkeypatch: Any) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"tiny": TINY.but(lr=1e30)})
    records = grid_of(request_, seeds=1, candidates=request_.candidates[:1])
    assert [(r.status, r.scored) for r in records] == [("diverged", None)] * 2
    assert all("learning rate" in r.note for r in records)
    assert set(records[0].training["probed"].values()) == {None} and records[0].training["lr_factor"] == 1 / 16


def test_an_arm_that_loses_text_is_recorded_and_not_trained(request_: Request, texts: tuple[Texts, Texts]) -> None:
    arms = made(texts[0], "unit=byte,vocab=400", "unit=char,vocab=300,closed=true")
    records = grid_of(request_, candidates=arms, seeds=1, budgets=(0.5,))
    assert [r.status for r in records] == ["ok", "lossy"]
    assert records[1].scored is None and records[1].bytes == 0 and "not ranked" in records[1].note
    assert grid_of(request_, candidates=arms, seeds=1, budgets=(0.5,)) == records


# -- bad input


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"preset": "huge"}, r"no preset is called 'huge'(?s:.*)one of demo, study, cpu-nano, cpu-tiny, gpu-s, gpu-m"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"budgets": (0.001,)}, "at least ten steps of 512 bytes"),
        ({"budgets": (-1.0, 1.0)}, "at least ten steps"),
        ({"candidates": []}, "no tokenizer to train a model on"),
        ({"match": "time"}, "no match is called 'time'"),
        ({"validation": Texts("empty", [])}, "empty holds nothing but white space to score"),
        ({"validation": Texts("blank", [b"", b"\n \n"])}, "blank holds nothing but white space to score"),
        ({"train": Texts("blank", [b"\n" * 9000])}, "blank holds nothing but white space to train on"),
        ({"train": Texts("short", [b"abc"])}, "short has 3 bytes, preset tiny takes steps of 512"),
    ],
)
def test_what_cannot_be_done_is_said_before_training(request_: Request, changes: Any, says: str) -> None:
    with pytest.raises(BpeLabError, match=says):
        plan(replace(request_, **changes))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_holds_together(name: str) -> None:
    chosen = presets.preset(name)
    config, budgets = chosen.config(max(chosen.sizes)), chosen.budget_bytes()
    assert isinstance(config, Config) and max(budgets) == chosen.bytes_an_arm
    trunk = chosen.settings(budgets).scheduled()
    assert trunk.warmup_bytes == pytest.approx(presets.WARMUP_SHARE * budgets[0], abs=1)
    assert trunk.total_bytes == chosen.bytes_an_arm >= 40 * chosen.bytes_per_step
    assert chosen.trained_bytes(budgets) >= chosen.bytes_an_arm


# -- workers


def test_what_a_worker_raises_arrives(request_: Request, tmp_path: Path) -> None:
    grid = plan(request_)
    work = grid.probe_work(grid.arms[0], 1.0, tmp_path / "nothing")
    with pytest.raises(BpeLabError, match="no folder of shards"), Crew(2) as crew:
        crew.run([work], lambda *_: None, lambda _: None)


def test_a_worker_that_is_killed_is_told(request_: Request, tmp_path: Path) -> None:
    grid = plan(request_)
    work = grid.probe_work(grid.arms[0], 1.0, shards_of(grid, grid.arms[0], probe=True))
    with pytest.raises(BpeLabError, match=r"the process that trained .* ended with exit code -9"), Crew(2) as crew:

        def kill(_: Sequence[Standing]) -> None:
            for worker in crew._workers:
                os.kill(worker._process.pid, signal.SIGKILL)

        crew.run([work], lambda *_: None, kill)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    """A grid in two processes, as a program of its own."""
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            f"""
            import sys
            from pathlib import Path
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            import test_grid as t
            t.presets.PRESETS = {{"tiny": t.TINY.but(bytes_an_arm=40_000)}}
            train, held = t.sample_texts("ko")
            texts = t.Texts("train", train.documents[:40]), t.Texts("validation", held.documents[:6])
            arms = t.made(texts[0], "unit=byte,vocab=400", "unit=jamo,vocab=400")
            watch = lambda p: print(p.what, flush=True)
            request = t.Request(arms, *texts, Path(sys.argv[1]), preset="tiny", seeds=1, threads=2, progress=watch)
            t.run_grid(t.plan(request), 2)
            """
        )
    )
    yield path


@pytest.mark.full  # four processes that import torch
def test_ctrl_c_saves_what_the_workers_trained(script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    for line in process.stdout:
        if b"seed 0" in line:
            break
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    n_kept = len(list(folder.glob("*.run.json"))) + len(list(folder.glob("trunks/*/latest")))
    assert n_kept >= 1
    subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True, timeout=120)
    assert len(list(folder.glob("*.run.json"))) == 4
