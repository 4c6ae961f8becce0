"""Recall: distances as asked for, known answers, reading beyond the context, and the short training."""

import json
import math
import random
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import bpe_lab
from bpe_lab import sample
from bpe_lab.cli import main
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError, UnsupportedError
from bpe_lab.shards import encode_split, write_shards
from bpe_lab_model import checkpoint
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.probes import recall as probe

TEXTS = [d.text[:500] for d in sample.documents("ko")[:12]]
DISTANCES = (16, 64, 200, 512)
EOS = 0


@pytest.fixture(scope="module", params=["byte", "jamo", "syllable"])
def candidate(request: pytest.FixtureRequest) -> Ours:
    vocab = 2700 if request.param == "syllable" else 500
    return Ours(request.param, bpe_lab.train(texts=TEXTS, vocab_size=vocab, unit=request.param))


def model(candidate: Ours, **config: Any) -> GPT:
    shape = {"context_bytes": 64, "n_layers": 2, "n_heads": 2, "d_model": 16, "init_std": 0.3, **config}
    return GPT(Config(candidate.n_ids, **shape))


# -- questions


@pytest.mark.parametrize("rivals", [0, 3])
@pytest.mark.parametrize("distance", [16, 64, 512, 4096])
def test_the_value_stands_as_far_back_as_asked(distance: int, rivals: int) -> None:
    for question in probe.questions(distance, 20, rivals=rivals):
        data = question.text.encode()
        asked = question.text.rpartition("\n")[2]
        fact = question.text.partition("\n")[0]
        assert fact == asked + question.answer and asked.endswith("=")
        assert len(data) - (len(fact.encode()) - 1) == question.distance
        assert distance <= question.distance < distance + 32  # a line of three words has at most 30 bytes
        assert question.text.count(asked) == 2


def test_rivals_are_facts_about_other_keys() -> None:
    for question in probe.questions(256, 20, rivals=3):
        facts = [line.partition("=") for line in question.text.splitlines() if "=" in line]
        assert len(facts) == 5 and len({key for key, _, _ in facts}) == 4
    assert all(question.text.count("=") == 2 for question in probe.questions(256, 20))


def test_text_of_a_file_stands_between() -> None:
    text = "\n".join(TEXTS)
    for question in probe.questions(300, 10, between=text):
        _, _, rest = question.text.partition("\n")
        assert rest.rpartition("\n")[0] in text
        assert 296 <= question.distance <= 302
    with pytest.raises(ArgumentError, match="the text between has"):
        probe.questions(300, 1, between="짧은 글")


def test_questions_are_the_same_for_everyone_and_differ_by_seed() -> None:
    assert probe.questions(64, 5) == probe.questions(64, 5) != probe.questions(64, 5, seed=1)
    with pytest.raises(ArgumentError, match="at least a line"):
        probe.questions(3)


def test_a_lesson_asks_again_for_what_it_said() -> None:
    documents = list(probe.lesson(20_000, 256, seed=3))
    assert 20_000 <= sum(len(text.encode()) for text in documents) < 20_300
    for text in documents:
        assert len(text.encode()) <= 256
        values: dict[str, str] = {}
        for row in text.splitlines():
            key, is_fact, value = row.partition("=")
            if is_fact:
                assert values.setdefault(key, value) == value  # one value a key
    n_facts = sum(text.count("=") for text in documents)
    n_first = sum(len({row[0] for row in text.splitlines() if "=" in row}) for text in documents)
    assert n_facts > 2 * n_first


# -- known answers


def looked_up(candidate: Ours, right: bool) -> probe.Read:
    """Return a reader that looks the key up in the text of its row, or knows nothing."""

    def read(rows: list[list[int]]) -> torch.Tensor:
        logits = torch.zeros(len(rows), candidate.n_ids)
        for i, row in enumerate(rows):
            text = candidate.decode(row[1:]).decode()
            asked = text.rpartition("\n")[2]
            value = text[text.index(asked) + len(asked)]
            if right:
                logits[i, candidate.encode_ends([value.encode()])[0][0]] = 20.0
        return logits

    return read


def test_one_who_looks_it_up_is_right_at_every_distance(candidate: Ours) -> None:
    found = probe.curve(looked_up(candidate, right=True), candidate, EOS, DISTANCES, 20, rivals=2)
    assert [distance for distance, _ in found] == list(DISTANCES)
    for _, each in found:
        assert (each.exact, each.choice) == (1.0, 1.0) and each.bits < 1e-3


def test_one_who_knows_nothing_has_the_chance_line(candidate: Ours) -> None:
    # All tokens alike: log2(V) bits; the first of ten equal values is said, so the share right is that of its digit.
    asked = [question for distance in DISTANCES for question in probe.questions(distance, 100)]
    found = probe.recall(looked_up(candidate, right=False), candidate, EOS, asked)
    assert found.bits == pytest.approx(math.log2(candidate.n_ids))
    assert found.choice == pytest.approx(sum(q.answer == "0" for q in asked) / 400)
    assert abs(found.choice - probe.CHANCE) < 3 * math.sqrt(0.09 / 400)


def test_a_tokenizer_that_merges_nothing_into_a_digit_is_needed() -> None:
    class Odd:
        def encode_ends(self, documents: list[bytes], threads: int | None = None) -> Any:
            import numpy as np

            return np.array([1, 2]), np.array([1, 1]), np.array([0, 2])

    with pytest.raises(UnsupportedError, match="not one token"):
        probe.recall(lambda rows: torch.zeros(1, 3), Odd(), EOS, probe.questions(64, 1))  # type: ignore[arg-type]


# -- reading


@pytest.mark.parametrize("position", ["rope", "alibi", "none", "relative"])
def test_reading_in_stretches_equals_one_forward(candidate: Ours, position: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(probe, "READ_TOKENS", 13)
    trained = model(candidate, position=position).eval()
    draw = random.Random(1)
    rows = [[draw.randrange(candidate.n_ids) for _ in range(n)] for n in (90, 5, 40, 41, 1)]
    found = probe.reader(trained, candidate, rows_at_a_time=2)(rows)
    with torch.no_grad():
        for row, logits in zip(rows, found, strict=True):
            assert logits.allclose(trained.logits(trained(torch.tensor([row]))[0, -1]), atol=1e-4)


def test_learned_positions_read_the_last_context_alone(candidate: Ours) -> None:
    trained = model(candidate, position="learned").eval()
    question = probe.questions(200, 1)[0]
    ids, ends, _ = candidate.encode_ends([question.text.encode()])
    n_bytes = len(question.text.encode())
    row = [EOS, *ids.tolist()]
    begins = [0, *ends.tolist()]
    n_kept = sum(n_bytes - 64 <= begin < n_bytes for begin in begins)
    with torch.no_grad():
        found = probe.reader(trained, candidate)([row])[0]
        expected = trained.logits(trained(torch.tensor([row[-n_kept - 1 :]]))[0, -1])  # and the token before them
    assert found.allclose(expected, atol=1e-4)


def test_reading_leaves_the_model_in_training(candidate: Ours) -> None:
    trained = model(candidate, dropout_residual=0.5).train()
    read, asked = probe.reader(trained, candidate), probe.questions(64, 3)
    assert probe.recall(read, candidate, EOS, asked) == probe.recall(read, candidate, EOS, asked)
    assert trained.training


# -- the command and the task


def test_the_command_prints_each_distance_and_the_chance(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    candidate = Ours("byte", bpe_lab.train(texts=TEXTS, vocab_size=300))
    shards = write_shards(tmp_path / "shards", candidate, {"train": [text.encode() for text in TEXTS]})
    about = {"fingerprint": shards.fingerprint, "name": "byte"}
    checkpoint.save(tmp_path / "run", model(candidate), None, {"tokenizer": about}, shards.tokenizer_path)
    (tmp_path / "between.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    words = ["lm", "probe", "recall", str(tmp_path / "run"), "--distances", "32,128", "--questions", "5"]
    assert main(words) == 0
    said = capfd.readouterr().out
    assert "best of ten 0.100" in said and said.count("beyond the context") == 1
    assert main([*words, "--json", "--between", str(tmp_path / "between.txt")]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [round(row["bytes"], -1) for row in found["distances"]] == [30, 130] and found["chance"] == 0.1
    assert main([*words, "--between", "nowhere.txt"]) != 0
    assert "cannot read nowhere.txt" in capfd.readouterr().err
    (tmp_path / "empty.txt").touch()
    assert main([*words, "--between", str(tmp_path / "empty.txt")]) == 3
    assert "empty.txt is empty" in capfd.readouterr().err
    assert main([*words, "--between", str(tmp_path / "between.txt"), "--rivals", "1"]) == 2
    assert "--rivals are lines among" in capfd.readouterr().err


def test_the_task_trains_on_lines_and_measures_every_distance(tmp_path: Path) -> None:
    from bpe_lab_model.experiments.rows.remembering import ROWS
    from bpe_lab_model.experiments.tasks import Job
    from bpe_lab_model.presets import PRESETS

    row = ROWS[0]
    preset = PRESETS["smoke"]
    candidate = Ours("byte", bpe_lab.train(texts=TEXTS, vocab_size=300))
    write_shards(tmp_path / "text", candidate, {"train": [text.encode() for text in TEXTS]})
    split = encode_split(candidate, [b"a"])
    job = Job(
        row.name, row.arms[0], preset, 0, 1e-2, (6_000,), tmp_path / "text", preset.config(split.vocab_size, 0),
        tmp_path / "own", {"distances": (16, 32, 100), "questions": 5},
    )  # fmt: skip
    from bpe_lab_model.experiments.remembering import learn, points

    shares: list[float] = []
    (outcome,) = learn(job, lambda share, bpb: shares.append(share))
    assert outcome.status == "ok" and outcome.scored is not None and all(a <= b for a, b in pairwise(shares))
    assert outcome.trained is not None and outcome.trained.bytes >= 6_000
    rows = outcome.measures["recall"]
    assert [each["distance"] for each in rows] == [16, 32, 100]
    assert outcome.measures["recall_near"] == rows[0]["best"]
    assert outcome.measures["recall_within"] == pytest.approx((rows[0]["best"] + rows[1]["best"]) / 2)
    assert outcome.measures["recall_beyond"] == rows[2]["best"]  # the context is 64 bytes

    assert set(outcome.measures["recall_rivals"][0]) == set(rows[0])
    record: Any = SimpleNamespace(measures=outcome.measures, label="x")
    assert points(record) == [(each["distance"], each["best"], "x") for each in rows]
