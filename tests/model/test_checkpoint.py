"""Checkpoints: whole or not at all, every byte guarded, and a resumed run is the straight run."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from small import TEXTS, equal, model, shards, trainer, weights

from bpe_lab import Tokenizer
from bpe_lab.errors import FileError, FormatError
from bpe_lab.shards import Shards
from bpe_lab_model import checkpoint
from bpe_lab_model.checkpoint import MODEL, OPTIMIZER, STATE, TOKENIZER, load, save
from bpe_lab_model.progress import Progress
from bpe_lab_model.training import Trainer, settings_from


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


@pytest.fixture
def run(text: Shards, tmp_path: Path) -> Path:
    one = trainer(text, tmp_path / "run", total_bytes=1200)
    one.run()
    return tmp_path / "run"


def resumed(text: Shards, run: Path, **given: Any) -> Trainer:
    one = trainer(text, run, **given)
    one.resume(load(run))
    return one


# -- resuming


@pytest.mark.parametrize("n_bytes", [1300, 5000, 8000])
def test_a_resumed_run_is_the_straight_run_bit_for_bit(text: Shards, tmp_path: Path, n_bytes: int) -> None:
    # The text has about 7 kB, so 8000 lies in the second epoch, and the last stretch goes into the third.
    assert 6000 < text.split("train").n_bytes < 8000
    straight = trainer(text, tmp_path / "a", total_bytes=16_000)
    broken = trainer(text, tmp_path / "b", total_bytes=16_000)
    straight.run()
    broken.run_to(n_bytes)
    broken.save()
    on = resumed(text, tmp_path / "b", total_bytes=16_000)
    assert on.meter.bytes == broken.meter.bytes
    done = on.run()
    assert equal(weights(on), weights(straight))
    kept = ("bytes", "tokens", "flops", "steps")
    assert [getattr(done, name) for name in kept] == [getattr(straight.trained(), name) for name in kept]
    assert [(p.bytes, p.train_nats) for p in done.curve] == [(p.bytes, p.train_nats) for p in straight.trained().curve]


def test_settings_come_back_from_the_checkpoint(text: Shards, run: Path) -> None:
    assert settings_from(load(run).state) == trainer(text, total_bytes=1200).settings


def test_the_log_goes_on_where_the_checkpoint_stands(text: Shards, tmp_path: Path) -> None:
    run = tmp_path / "run"
    one = trainer(text, run)
    one.run_to(2000)
    one.save()
    one.run_to(4000)  # killed here: these steps are in the log, not in the checkpoint
    with (run / "log.jsonl").open("a") as f:
        f.write('{"bytes": 99')
    done = resumed(text, run).run()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, done.steps + 1))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lr": 0.5}, r"lr 0.01 \(now 0.5\)"),
        ({"seed": 3, "pack": True}, r"pack False \(now True\), seed 0 \(now 3\)"),
        ({"shape": {"d_model": 32}}, "another shape"),
    ],
)
def test_other_settings_are_refused(text: Shards, run: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(FormatError, match=said):
        resumed(text, run, total_bytes=1200, **changed)


def test_what_changes_no_result_may_change(text: Shards, run: Path) -> None:
    assert resumed(text, run, total_bytes=1200, max_tokens=77, keep_last=1, save_every_bytes=5).run().status == "ok"


def test_shards_of_another_tokenizer_are_refused(text: Shards, run: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="the checkpoint is of tokenizer"):
        resumed(shards(tmp_path / "other", vocab=310), run, total_bytes=1200)


def test_shards_of_another_text_are_refused(text: Shards, run: Path, tmp_path: Path) -> None:
    from bpe_lab.shards import write_shards

    texts = {"train": TEXTS[3:], "validation": TEXTS[:2]}
    other = write_shards(tmp_path / "other", text.load_candidate(), texts)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="another text"):
        resumed(other, run, total_bytes=1200)


# -- the folder


def test_a_checkpoint_needs_nothing_but_itself(text: Shards, run: Path) -> None:
    saved = load(run)
    assert saved.folder.parent.name == "steps" and saved.tokenizer_path is not None
    assert Tokenizer.load(saved.tokenizer_path).fingerprint == saved.fingerprint == text.fingerprint
    ids = torch.arange(10)[None]
    twin = load(saved.folder).model
    assert torch.equal(saved.model.eval()(ids), twin.eval()(ids))
    assert {p.name for p in saved.folder.iterdir()} == {MODEL, OPTIMIZER, STATE, TOKENIZER}


def test_older_ones_keep_the_model_alone(text: Shards, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer(text, run, save_every_bytes=1500).run()
    steps = sorted((run / "steps").iterdir())
    assert [int(s.name) // 1500 for s in steps] == [1, 2, 3, 4]
    assert [(s / OPTIMIZER).exists() for s in steps] == [False, False, False, True]
    assert load(steps[0]).state["progress"]["bytes"] == int(steps[0].name)
    with pytest.raises(FormatError, match=f"no {OPTIMIZER}"):
        trainer(text).resume(load(steps[0]))


@pytest.mark.parametrize(("keep_last", "left"), [(1, 1), (2, 2), (9, 4)])
def test_keep_last(text: Shards, tmp_path: Path, keep_last: int, left: int) -> None:
    run = tmp_path / "run"
    trainer(text, run, save_every_bytes=1500, keep_last=keep_last).run()
    steps = sorted((run / "steps").iterdir())
    assert len(steps) == left and (run / "latest").resolve() == steps[-1].resolve()


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, STATE, TOKENIZER])
def test_any_byte_that_is_flipped_is_found(text: Shards, run: Path, name: str) -> None:
    path = run / "latest" / name
    good = path.read_bytes()
    for at in [*range(0, len(good), max(1, len(good) // 12)), len(good) - 2]:
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        with pytest.raises(FormatError, match=f"{name}|format"):
            resumed(text, run, total_bytes=1200)
    path.write_bytes(good)
    resumed(text, run, total_bytes=1200)


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, STATE, TOKENIZER])
def test_a_file_cut_short_is_found(text: Shards, run: Path, name: str) -> None:
    path = run / "latest" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FormatError, match=name):
        resumed(text, run, total_bytes=1200)


def test_a_newer_format_is_refused_with_its_number(run: Path) -> None:
    path = run / "latest" / STATE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 7}))
    with pytest.raises(FormatError, match="is of format 7; this version reads up to 1"):
        load(run)


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no checkpoint"):
        load(tmp_path)


def test_it_overwrites_only_when_told_to(text: Shards, tmp_path: Path) -> None:
    gpt = model(text)
    save(tmp_path / "a", gpt, None, {"note": "first"})
    with pytest.raises(FileError, match="exists already"):
        save(tmp_path / "a", gpt, None, {})
    assert load(save(tmp_path / "a", gpt, None, {"note": "second"}, force=True)).state["note"] == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert load(tmp_path / "a").tokenizer_path is None


def test_what_is_no_checkpoint_is_never_replaced(text: Shards, tmp_path: Path) -> None:
    """Neither a run with its steps, nor a file, nor a folder of something else: `force` or not."""
    gpt = model(text)
    (tmp_path / "run" / "steps").mkdir(parents=True)
    save(tmp_path / "run" / "steps" / "1", gpt, None, {})
    (tmp_path / "pairs.jsonl").write_text("{}")
    for taken, said in (("run", "holds other things than a checkpoint"), ("pairs.jsonl", "is a file")):
        with pytest.raises(FileError, match=said):
            save(tmp_path / taken, gpt, None, {}, force=True)
    assert (tmp_path / "run" / "steps" / "1" / "state.json").is_file() and (tmp_path / "pairs.jsonl").is_file()
    (tmp_path / "empty").mkdir()
    assert load(save(tmp_path / "empty", gpt, None, {})).state["format"]


# -- writes that fail


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["write_synced", "swap_folder", "sync_folder"])
def test_a_save_that_fails_leaves_the_old_one_and_the_run_goes_on(
    text: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    run, warnings = tmp_path / "run", []

    def report(row: Progress) -> None:
        if row.step == 3:
            monkeypatch.setattr(checkpoint, where, full)
        if row.warning:
            warnings.append(row.warning)

    one = trainer(text, run, save_every_bytes=1500, report=report)
    with pytest.raises(FileError, match=r"cannot write the checkpoint .*: No space left on device"):
        one.run()
    assert one.meter.steps == 10 and len(warnings) == 3
    assert "No space left" in warnings[0] and "training goes on" in warnings[0]
    monkeypatch.undo()
    assert 1500 <= load(run).state["progress"]["bytes"] < 2400
    checkpoint.make_place(run)
    assert not [p for p in (run / "steps").iterdir() if p.name.startswith(".")]
    assert equal(weights(_ran(resumed(text, run, save_every_bytes=1500))), weights(one))


def _ran(one: Trainer) -> Trainer:
    one.run()
    return one


def test_a_log_that_cannot_be_written_is_no_end(text: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    one = trainer(text, tmp_path / "run", report=lambda row: warnings.append(row.warning))
    (tmp_path / "run" / "log.jsonl").mkdir(parents=True)
    assert one.run().status == "ok" and "log.jsonl" in warnings[0]
    assert load(tmp_path / "run").state["progress"]["steps"] == 10


def test_a_log_that_cannot_be_written_keeps_no_save_away(text: Shards, tmp_path: Path) -> None:
    one = trainer(text, tmp_path / "run", save_every_bytes=1500)
    (tmp_path / "run" / "log.jsonl").mkdir(parents=True)
    one.run_to(2000)
    assert [int(p.name) // 1500 for p in (tmp_path / "run" / "steps").iterdir()] == [1]


def test_a_full_disk_leaves_no_half_of_a_line_in_the_log(
    text: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run" / "log.jsonl"
    one = trainer(text, tmp_path / "run")
    one.run_to(1200)
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = path.read_bytes()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
        one.run_to(1800)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    one.run_to(2400)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 4]


def test_a_line_of_the_log_that_is_damaged_goes_on_resume(text: Shards, run: Path) -> None:
    path = run / "log.jsonl"
    good = path.read_bytes()
    path.write_bytes(good + b'{"bytes": 12{"bytes": 13}\n[]\n{"by')
    resumed(text, run, total_bytes=1200)
    assert path.read_bytes() == good


def test_a_run_without_its_link_is_read_from_its_newest_step(text: Shards, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer(text, run, save_every_bytes=1500).run()
    (run / "latest").unlink()
    (run / "steps" / ".000000999999.x.part").mkdir()
    (run / "steps" / "000000999999").mkdir()
    assert load(run).state["progress"]["steps"] == 10


def test_a_folder_in_the_way_is_put_back(text: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpt, rename = model(text), Path.rename
    save(tmp_path / "a", gpt, None, {"note": "first"})

    def fails_in_between(self: Path, target: Path) -> Path:
        return full() if self.suffix == ".part" and "old" not in self.name else rename(self, target)  # type: ignore[func-returns-value, return-value]

    monkeypatch.setattr(Path, "rename", fails_in_between)
    with pytest.raises(FileError, match="what was saved before stands"):
        save(tmp_path / "a", gpt, None, {"note": "second"}, force=True)
    assert load(tmp_path / "a").state["note"] == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


# -- from outside


def test_ctrl_c_ends_the_command_and_resume_goes_on(text: Shards, tmp_path: Path) -> None:
    pytest.importorskip("bpe_lab_model.presets")
    run = tmp_path / "run"
    words = ["lm", "train", str(text.folder), "-o", str(run)]
    options = ["--preset", "demo", "--bytes", "50MB", "--batch-bytes", "2k", "--threads", "1"]
    command = [sys.executable, "-m", "bpe_lab", *words]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (run / "log.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert time.monotonic() - sent < 10
    assert f"to go on: bpe-lab lm train {text.folder} -o {run} --resume" in said
    assert f"interrupted; {run / 'latest'} had been written" in said
    assert load(run).state["progress"]["steps"] >= 1
