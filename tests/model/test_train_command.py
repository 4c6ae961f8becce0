"""`bpe-lab lm train` as one types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from small import lm_train, shards, trainer

from bpe_lab.runs import RunRecord, read_records
from bpe_lab.shards import Shards
from bpe_lab_model.checkpoint import load
from bpe_lab_model.cli.training import _CHOICES
from bpe_lab_model.gpt import CHOICES

pytestmark = pytest.mark.usefixtures("plugged")

_TINY = "--preset demo --layers 1 --heads 2 --width 16 --context 96 --bytes 6k --batch-bytes 1500 --threads 1"
TINY = _TINY.split()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


def test_it_trains_scores_records_and_says_what_comes_next(
    text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    code, out, err = lm_train(capsys, text.folder, "-o", run, *TINY, "--dropout", "0.1", "--head", "free", "--seed", 4)
    assert code == 0, err
    assert "trained on 6.0" in out and "bits per byte" in out
    assert f"next: bpe-lab lm eval {run}" in out and f"bpe-lab lm sample {run}" in out
    assert "prove nothing about a tokenizer" in err
    (record,) = read_records(run)
    assert record == RunRecord.from_json(json.loads(json.dumps(record.to_json())))
    assert (record.arm.fingerprint, record.seed, record.preset, record.status) == (text.fingerprint, 4, "demo", "ok")
    assert record.scored is not None and f"validation: {record.scored.bpb:.4f} bits per byte" in out
    assert sum(record.scored.bytes) == record.corpus["validation_bytes"] == text.split("validation").n_bytes
    assert (record.model["tied"], record.model["dropout_attention"], record.model["seed"]) == (False, 0.1, 4)
    assert record.budget_bytes == 6000 <= record.bytes and record.training["steps"] == 4
    assert load(run).config.d_model == 16


def test_it_says_how_often_it_reads_a_small_text(
    text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [w for w in TINY if w not in ("--bytes", "6k")]
    code, out, err = lm_train(capsys, text.folder, "-o", tmp_path / "run", *words, "--epochs", "2")
    assert code == 0 and "read 2 times" in err and "(2 epochs)" in out.replace("2.01", "2")


def test_json_and_resume(text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    _, out, _ = lm_train(capsys, text.folder, "-o", run, *TINY, "--json", "--save-every", "2k")
    first: dict[str, Any] = json.loads(out)
    assert (first["command"], first["status"], first["steps"]) == ("lm train", "ok", 4)
    code, _, err = lm_train(capsys, text.folder, "-o", run, *TINY)
    assert code == 3 and "holds a run already" in err and "--resume" in err
    code, out, err = lm_train(capsys, text.folder, "-o", run, "--resume", "--json")
    assert code == 0, err
    assert json.loads(out)["bpb"] == first["bpb"]
    code, _, err = lm_train(capsys, text.folder, "-o", run, "--resume", "--lr", "0.5")
    assert code == 3 and " (now 0.5)" in err and "trained with lr " in err
    code, _, err = lm_train(capsys, text.folder, "-o", run, *TINY, "--force", "-q")
    assert code == 0 and len(list((run / "steps").iterdir())) == 1


def test_divergence_is_an_error_with_what_to_do(
    text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    code, _, err = lm_train(capsys, text.folder, "-o", run, *TINY, "--lr", "1e30", "--warmup", "0")
    assert code == 3 and "became nan" in err and "hint: try --lr 0.01" in err
    (record,) = read_records(run)
    assert record.status == "diverged" and record.scored is None
    with (run / "log.jsonl").open("a") as f:
        f.write("{}\n")
    code, _, err = lm_train(capsys, text.folder, "-o", run, *TINY)
    assert code == 3 and "the log of a run that saved no checkpoint" in err and "--force" in err
    code, _, err = lm_train(capsys, text.folder, "-o", run, *TINY, "--force")
    assert code == 0 and len((run / "log.jsonl").read_text().splitlines()) == 4


def test_a_folder_that_cannot_be_written_is_said_before_training(
    text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = lm_train(capsys, text.folder, "-o", tmp_path / "file" / "run", *TINY)
    assert code == 3 and "cannot write into the folder" in err and "tok/s" not in err


@pytest.mark.parametrize("objective", ["mlm", "seq2seq"])
def test_other_objectives(text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str], objective: str) -> None:
    run = tmp_path / "run"
    code, out, err = lm_train(capsys, text.folder, "-o", run, *TINY, "--objective", objective, "--position", "learned")
    assert code == 0, err
    assert "bits per byte over" not in out
    assert load(run).config.vocab_size > text.vocab_size


def test_bench_writes_nothing(text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = lm_train(capsys, text.folder, *TINY, "--bench", "8", "--json")
    found = json.loads(out)["bench"]
    assert code == 0 and found["steps"] == 4 and found["tokens_per_s"] > 0 and 0 < found["mfu"] < 1, err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "needs the folder of the run"),
        (["-o", "r", "--bytes", "1k", "--epochs", "2"], 2, "--bytes and --epochs"),
        (["-o", "r", "--resume"], 3, "no checkpoint to go on from"),
        (["-o", "r", "--resume", "--force"], 2, "--resume goes with neither"),
        (["-o", "r", "--preset", "huge"], 2, "no preset is called 'huge'"),
        (["-o", "r", "--bytes", "10"], 2, "less than one step"),
        (["-o", "r", "--lr", "-1"], 2, "must be above 0, got -1"),
        (["-o", "r", "--lr", "inf"], 2, "must be a finite number, got inf"),
        (["-o", "r", "--context", "0"], 2, "must be at least 1"),
        (["-o", "r", "--objective", "nsp"], 2, "no objective 'nsp'"),
        (["-o", "r", "--width", "17"], 2, "multiple of"),
        (["-o", "r", "--dropout", "1"], 2, "from 0 to below 1, got 1.0"),
    ],
)
def test_what_cannot_be_meant(
    text: Shards,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, err = lm_train(capsys, text.folder, *words)
    assert (found, message in err) == (code, True), err
    assert not list(tmp_path.iterdir())


def test_an_empty_validation_split_is_said_and_no_end(
    text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from small import TEXTS

    from bpe_lab.shards import write_shards

    bare = write_shards(tmp_path / "s", text.load_candidate(), {"train": TEXTS, "validation": []})
    code, out, err = lm_train(capsys, bare.folder, "-o", tmp_path / "run", *TINY)
    assert code == 0 and "no bits per byte" in err and "--hold-out" in err and "bits per byte over" not in out


def test_shards_cut_short(text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = shards(tmp_path / "s")
    ids = broken.folder / "train.ids.u16"
    ids.write_bytes(ids.read_bytes()[:-1] + b"\x01")
    code, _, err = lm_train(capsys, broken.folder, "-o", tmp_path / "run", *TINY)
    assert code == 3 and "train.ids.u16" in err


def test_a_resumed_run_with_other_shards_is_refused(
    text: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    trainer(text, run).run()
    for vocab in (310, 330):  # fewer ids than the model has, and more
        other = shards(tmp_path / f"other{vocab}", vocab=vocab)
        code, _, err = lm_train(capsys, other.folder, "-o", run, "--resume")
        assert code == 3 and "is of tokenizer" in err


def test_choices_are_the_models() -> None:
    assert {name: tuple(CHOICES[name]) for name in _CHOICES} == _CHOICES
