"""`bpe-lab lm eval`: what it prints, and what it refuses."""

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import bpe_lab
from bpe_lab import sample
from bpe_lab.cli import main
from bpe_lab.cli.exits import Exit
from bpe_lab.compare.candidates import Ours
from bpe_lab.compare.closed import train_closed
from bpe_lab.shards import write_shards
from bpe_lab_model import bpb, checkpoint
from bpe_lab_model.gpt import GPT, Config

TEXTS = [d.text.encode()[:400].decode(errors="ignore").encode() for d in sample.documents("ko")[:8]]
KINDS = ["chat", "news"] * 4


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer, shards, shards without validation, shards of another tokenizer, and a checkpoint."""
    folder = tmp_path_factory.mktemp("eval")
    tokenizer = bpe_lab.train(texts=[t.decode() for t in TEXTS], vocab_size=330)
    candidate = Ours("ko330", tokenizer)
    kinds = {"train": KINDS, "validation": KINDS}
    shards = write_shards(folder / "shards", candidate, {"train": TEXTS, "validation": TEXTS}, domains=kinds)
    write_shards(folder / "train-only", candidate, {"train": TEXTS})
    other = Ours("ko400", bpe_lab.train(texts=[t.decode() for t in TEXTS], vocab_size=400))
    write_shards(folder / "other", other, {"train": TEXTS, "validation": TEXTS})
    tokenizer.save(folder / "ko330.bpe")
    other.tokenizer.save(folder / "ko400.bpe")
    model = GPT(Config(shards.vocab_size, context_bytes=128, n_layers=1, n_heads=2, d_model=16))
    about = {"fingerprint": shards.fingerprint, "name": "ko330"}
    checkpoint.save(folder / "run", model, None, {"tokenizer": about}, folder / "ko330.bpe")
    checkpoint.save(folder / "bare", model, None, {"tokenizer": about})
    (folder / "news.txt").write_bytes("\n".join(t.decode().replace("\n", " ") for t in TEXTS[:4]).encode())
    (folder / "short.txt").write_bytes("값\n".encode())
    return folder


Ran = tuple[int, str, str]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(place)

    def call(*words: object) -> Ran:
        capfd.readouterr()
        code = main(["lm", "eval", *map(os.fspath, map(str, words))])
        said, talk = capfd.readouterr()
        return code, said, talk

    return call


def test_eval_prints_every_part(run: Any) -> None:
    code, said, _ = run("run", "shards")
    assert code == Exit.OK
    for words in (
        "run on shards (validation): 8 documents",
        "windows of 128 bytes, moved by 64",
        "bits per byte",
        "95 % over documents",
        "knowing nothing",
        "bits per character",
        "inside a syllable",
        "nats per token",
        "by domain",
        "by position",
        "by byte of the syllable",
        "by class of token",
        "end_of_text",
    ):
        assert words in said, said


def test_the_json_holds_sums_that_agree(run: Any, place: Path) -> None:
    code, said, _ = run("run", "shards", "--json")
    found = json.loads(said)
    assert code == Exit.OK
    assert (found["documents"], found["bytes"]) == (8, sum(map(len, TEXTS)))
    assert found["bits_per_byte"]["value"] == pytest.approx(found["nats"] / math.log(2) / found["bytes"])
    assert found["bits_per_byte"]["low"] < found["bits_per_byte"]["value"] < found["bits_per_byte"]["high"]
    n_chars = sum(len(t.decode()) for t in TEXTS)
    assert found["bits_per_char"] == pytest.approx(found["nats"] / math.log(2) / n_chars)
    for part in ("by_domain", "by_syllable", "by_class"):
        assert math.fsum(row["nats"] for row in found[part].values()) == pytest.approx(found["nats"])
        assert sum(row["bytes"] for row in found[part].values()) == found["bytes"]
    assert math.fsum(row["nats"] for row in found["by_position"]) == pytest.approx(found["nats"])
    model = checkpoint.load(place / "run").model
    from bpe_lab.shards import Shards

    split = Shards.open(place / "shards").split("validation")
    assert found["nats"] == pytest.approx(math.fsum(bpb.score(model, split, split.eos, context_bytes=128).nats))


def test_files_are_domains(run: Any) -> None:
    code, said, _ = run("run", "--corpus", "news.txt", "short.txt", "--documents", "line", "--json")
    found = json.loads(said)
    assert code == Exit.OK
    assert {name: row["documents"] for name, row in found["by_domain"].items()} == {"news.txt": 4, "short.txt": 1}
    assert found["by_domain"]["short.txt"]["bytes"] == 4


def test_a_document_shorter_than_the_context_is_no_error(run: Any) -> None:
    code, said, talk = run("run", "--corpus", "short.txt", "--context", "128")
    assert (code, talk) == (Exit.OK, "")
    assert "no interval" in said


def test_a_checkpoint_without_a_tokenizer_takes_one(run: Any) -> None:
    alone = json.loads(run("run", "--corpus", "news.txt", "--json")[1])
    given = json.loads(run("bare", "--corpus", "news.txt", "-t", "ko330.bpe", "--json")[1])
    assert given["nats"] == alone["nats"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("run", Exit.USAGE, "which text?"),
        ("run shards --corpus news.txt", Exit.USAGE, "which text?"),
        ("run train-only", Exit.INPUT, "0 documents of validation"),
        ("run other", Exit.INPUT, "tokenizer ko400"),
        ("run --corpus news.txt -t ko400.bpe", Exit.INPUT, "is not the tokenizer of this model"),
        ("run shards -t ko400.bpe", Exit.INPUT, "is not the tokenizer of this model"),
        ("bare --corpus news.txt", Exit.USAGE, "holds no tokenizer"),
        ("nowhere shards", Exit.INPUT, "holds no checkpoint"),
        ("run nowhere", Exit.INPUT, "no folder of shards: there is no such folder"),
        ("run news.txt", Exit.USAGE, "--corpus news.txt"),
        ("run shards --stride 0%", Exit.USAGE, "above 0%"),
        ("run shards --stride 129", Exit.USAGE, "stride_bytes must be from 1 to the context"),
    ],
)
def test_what_is_refused(run: Any, words: str, code: int, said: str) -> None:
    got, _, talk = run(*words.split())
    assert said in talk, talk
    assert got == code


@pytest.mark.parametrize("name", ["validation.ids.u16", "validation.ends.u32"])
def test_an_id_or_an_end_that_is_another_is_no_figure(run: Any, place: Path, name: str) -> None:
    """A wrong id has a loss as any other, so nothing but the checksum tells."""
    shutil.copytree(place / "shards", place / "damaged")
    file = place / "damaged" / name
    data = bytearray(file.read_bytes())
    data[4] ^= 1
    file.write_bytes(data)
    got, printed, talk = run("run", "damaged")
    shutil.rmtree(place / "damaged")
    assert (got, printed) == (Exit.INPUT, "")
    assert f"{name} is not as it was written" in talk


def test_a_longer_context_needs_positions_that_reach(run: Any, place: Path) -> None:
    torch.manual_seed(0)
    model = GPT(Config(330, context_bytes=128, n_layers=1, n_heads=2, d_model=16, position="learned"))
    about = {"fingerprint": checkpoint.load(place / "run").fingerprint}
    checkpoint.save(place / "learned", model, None, {"tokenizer": about}, place / "ko330.bpe", force=True)
    assert run("run", "shards", "--context", "256")[0] == Exit.OK
    code, _, talk = run("learned", "shards", "--context", "400")
    assert code != Exit.INTERNAL and "position" in talk, talk


def test_a_tokenizer_that_loses_text_is_marked(run: Any, place: Path) -> None:
    closed = train_closed("chars", "char", 60, TEXTS[:2])
    shards = write_shards(place / "closed", closed, {"train": TEXTS, "validation": TEXTS}, force=True)
    model = GPT(Config(shards.vocab_size, context_bytes=128, n_layers=1, n_heads=2, d_model=16))
    checkpoint.save(place / "lossy", model, None, {"tokenizer": {"fingerprint": closed.fingerprint}}, force=True)
    code, said, talk = run("lossy", "closed")
    assert code == Exit.OK and "the tokenizer loses text" in talk
    assert "by byte of the syllable" not in said
    assert json.loads(run("lossy", "closed", "--json")[1])["lossy"] is True
