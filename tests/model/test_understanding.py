"""What a trained model is good for: snippets, how each objective reads a text, what it restores and how it goes on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab import sample
from bpe_lab.errors import CorpusError
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model.experiments import understanding
from bpe_lab_model.experiments.rows.objectives import LORA, OBJECTIVE, ROWS
from bpe_lab_model.experiments.spec import Arm, Experiment, found
from bpe_lab_model.experiments.tasks import Finished, Job
from bpe_lab_model.experiments.understanding import OPTIONS, Reader, known_words, snippets
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.objectives import Objective, extra_ids
from bpe_lab_model.presets import PRESETS
from bpe_lab_model.training import Trainer

DOMAINS = {kind: [d.text.encode() for d in sample.documents("ko", kind)] for kind in ("recipe", "news")}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """Two registers of the sample, some of each on both sides."""
    import bpe_lab
    from bpe_lab.compare.candidates import Ours

    candidate = Ours("small", bpe_lab.train(texts=[t.decode() for t in small.TEXTS], vocab_size=320))
    sides = {"train": slice(0, 5), "validation": slice(5, 8)}
    texts = {side: [t for those in DOMAINS.values() for t in those[part]] for side, part in sides.items()}
    labels = {side: [kind for kind, those in DOMAINS.items() for _ in those[part]] for side, part in sides.items()}
    folder = tmp_path_factory.mktemp("shards") / "s"
    return write_shards(folder, candidate, texts, domains=labels)  # type: ignore[arg-type]


def job_of(row: Experiment, name: str, shards: Shards, tmp_path: Path, **options: Any) -> Job:
    arm, preset = row.arm(name), PRESETS["smoke"]
    extra = extra_ids(arm.training.get("objective", "clm"))
    config = preset.config(shards.vocab_size + extra, 0, **arm.model)
    given = {**arm.options, **row.smoke, **options}
    return Job(row.name, arm, preset, 0, 1e-2, (2048,), shards.folder, config, tmp_path, given)


# -- snippets


@settings(max_examples=100, deadline=None)
@given(text=st.text("가나다 \n", max_size=60), n=st.integers(3, 20))
def test_snippets_are_words_in_order_within_bounds(text: str, n: int) -> None:
    found = [part.decode() for part in snippets(text.encode(), n)]
    assert all(n / 2 <= len(part.encode()) <= n for part in found)
    rest = iter(text.split())
    assert all(word in rest for part in found for word in part.split())


def test_snippets_by_hand() -> None:
    """Words of 9, 9, 9 and 30 bytes; two and a space are 19."""
    text = "오늘은\n날씨가  정말이 아무렇게나말해보자"
    assert [s.decode() for s in snippets(text.encode(), 20)] == ["오늘은 날씨가"]
    assert [s.decode() for s in snippets(text.encode(), 12)] == ["오늘은", "날씨가", "정말이"]


def test_sides_are_balanced_and_apart(shards: Shards, tmp_path: Path) -> None:
    job, candidate = job_of(LORA, "full", shards, tmp_path), shards.load_candidate()
    options = {**OPTIONS, "n_train": 30, "n_judge": 10, "n_test": 20}
    learned, judge, asked = understanding.labelled(job, candidate, options)
    for side, n in ((learned, 30), (judge, 10), (asked, 20)):
        assert [side.labels.count(kind) for kind in ("news", "recipe")] == [n // 2, n // 2]
    assert len({*learned.texts, *judge.texts, *asked.texts}) == 60
    joined = b" ".join(b" ".join(text.split()) for text in DOMAINS["recipe"][5:8])
    assert all(text in joined for text, kind in zip(asked.texts, asked.labels, strict=True) if kind == "recipe")
    other, _, same = understanding.labelled(replace(job, seed=1), candidate, options)
    assert same == asked and set(other.texts) != set(learned.texts)
    with pytest.raises(CorpusError, match="tells domains apart") as raised:
        understanding.labelled(job, candidate, {**options, "n_labels": 1})
    assert "--domain" in raised.value.hint


def test_one_domain_to_be_scored_leaves_a_fifth_of_the_training_text(shards: Shards, tmp_path: Path) -> None:
    candidate = shards.load_candidate()
    texts = {"train": [t for those in DOMAINS.values() for t in those[:5]], "validation": DOMAINS["news"][5:7]}
    labels = {"train": [kind for kind in DOMAINS for _ in range(5)], "validation": ["news"] * 2}
    of = write_shards(tmp_path / "s", candidate, texts, domains=labels)  # type: ignore[arg-type]
    found = understanding.labelled(
        job_of(LORA, "full", of, tmp_path), candidate, {**OPTIONS, "snippet_bytes": 24, "n_train": 1000}
    )
    assert len({text for side in found for text in side.texts}) == sum(map(len, found))
    assert all(len(side.kinds) == 2 for side in found) and len(found[2]) < len(found[0])


# -- how an objective reads a text


class Echo(GPT):
    """Says at each place the token that it reads there, plus one."""

    def forward(self, inputs: torch.Tensor, **given: Any) -> torch.Tensor:
        self.given = given
        return torch.nn.functional.one_hot(inputs + 1, 16).float()

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden


def reader(objective: str, mask: str) -> Reader:
    return Reader(Echo(Config(vocab_size=12, n_layers=1, n_heads=1, d_model=2, mask=mask)), objective, 10, 9)


def test_each_objective_sees_what_it_should() -> None:
    """A window 3 4 5 6 and its end 9, hidden 4 and 5; mask and <sep> are 10, <mark> is 11."""
    tokens, before, hidden = np.array([3, 4, 5, 6, 9]), np.array([9, 3, 4, 5, 6]), np.array([1, 2])
    assert reader("clm", "causal")._damaged(tokens, before, hidden)[0].tolist() == [9, 3, 4, 5, 6]
    assert reader("mlm", "two-way")._damaged(tokens, before, hidden)[0].tolist() == [3, 10, 10, 6, 9]
    inputs, prefix = reader("seq2seq:spans", "prefix")._damaged(tokens, before, hidden)
    assert (inputs.tolist(), prefix) == ([3, 11, 6, 10, 3, 4, 5, 6], 4)
    # The echo: clm reads 3 and 4 before the hidden places, mlm two masks, seq2seq 3 and 4 of the text itself.
    assert reader("clm", "causal").restored(tokens, before, hidden).tolist() == [4, 5]
    assert reader("mlm", "two-way").restored(tokens, before, hidden).tolist() == [11, 11]
    assert reader("seq2seq:spans", "prefix").restored(tokens, before, hidden).tolist() == [4, 5]


def test_each_objective_goes_on_in_its_way() -> None:
    for objective, mask, last in (("clm", "causal", 5), ("mlm", "two-way", 10), ("seq2seq:spans", "prefix", 5)):
        one = reader(objective, mask)
        assert int(one.next([3, 4], [5]).argmax()) == last + 1
    assert int(reader("clm", "causal").next([], []).argmax()) == 10  # after the end of the text before: 9 + 1
    assert one.model.given["prefix"].tolist() == [4]  # type: ignore[attr-defined]


def test_rows_are_those_of_training(shards: Shards) -> None:
    """With the places that training hid, a row of seq2seq is the one that training made, marks and prefix included."""
    tokens = np.array([5, 6, 7, 8, 5, 6, 7, 8, 4, 9])
    made = Objective("seq2seq:spans", 10).row(np.array([9, *tokens[:-1]]), tokens, 9, np.random.default_rng(3))
    source = made.inputs[: made.prefix - 1].tolist()
    at = source.index(11)
    hidden = np.arange(at, at + len(tokens) - 1 - (len(source) - 1))
    inputs, prefix = reader("seq2seq:spans", "prefix")._damaged(tokens, np.array([9, *tokens[:-1]]), hidden)
    assert (inputs.tolist(), prefix) == (made.inputs.tolist(), made.prefix)


# -- measures


class Knows(GPT):
    """Says at each place the token after the one that it reads, of a text in which no token comes twice."""

    table: dict[int, int]

    def forward(self, inputs: torch.Tensor, **given: Any) -> torch.Tensor:
        return inputs

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        found = torch.tensor([self.table.get(int(id), 0) for id in hidden])
        return torch.nn.functional.one_hot(found, self.config.vocab_size).float() * 50


def done_of(shards: Shards, model: GPT, tmp_path: Path, **options: Any) -> Finished:
    job = job_of(OBJECTIVE, "CLM", shards, tmp_path, **options)
    trainer = Trainer(model, shards, job.settings())
    return Finished(job, 2048, model, trainer, shards, shards.load_candidate(), None)


def test_a_model_that_knows_the_text_restores_it(tmp_path: Path) -> None:
    import bpe_lab
    from bpe_lab.compare.candidates import Ours

    candidate = Ours("bytes", bpe_lab.train(texts=["가"], vocab_size=260))
    text = "쑥국 끓여 먹자".encode()
    while len(set(text)) < len(text):
        text = bytes(dict.fromkeys(text))
    of = write_shards(tmp_path / "s", candidate, {"train": [text], "validation": [text]})
    ids = of.split("validation").ids.tolist()
    model = Knows(Config(vocab_size=of.vocab_size, context_bytes=64, n_layers=1, n_heads=1, d_model=2))
    model.table = dict(zip([of.eos, *ids], [*ids, of.eos], strict=True))
    right = understanding.restored(done_of(of, model, tmp_path))
    assert right["restored"] == 1 and right["restored_of_bytes"] == max(1, round(0.15 * len(ids)))
    model.table = {}
    assert understanding.restored(done_of(of, model, tmp_path))["restored"] == 0
    model.table = dict(zip([of.eos, *ids], [*ids, of.eos], strict=True))
    said = understanding.continued(done_of(of, model, tmp_path, prompt_bytes=1, sample_bytes=100))["sample"]
    assert said["n_bytes"] == len(text)  # one byte is no character, so it begins with nothing


def test_known_words_leave_the_ends_out() -> None:
    assert known_words(["바다가 좋다"], {"바다가"}) is None
    assert known_words(["a 바다가 b", "c 산이 d"], {"바다가"}) == 0.5


# -- tasks


def outcomes(row: Experiment, name: str, shards: Shards, tmp_path: Path) -> Iterator[Any]:
    job = job_of(row, name, shards, tmp_path, tune_epochs=0.5)
    told: list[float] = []
    yield from found(job.arm.task)(job, lambda share, bits: told.append(share))
    assert told and all(0 <= share <= 1 for share in told)


def test_every_figure_of_a_column_is_there(shards: Shards, tmp_path: Path) -> None:
    for row, name in ((OBJECTIVE, "MLM"), (LORA, "LoRA 1")):
        (done,) = outcomes(row, name, shards, tmp_path)
        assert done.status == "ok" and 0 <= done.measures["accuracy"] <= 1 and done.measures["chance"] == 0.5
        of_records = {"bpb", "seconds"}
        for key in {column.key for column in row.columns} - of_records:
            value: Any = done.measures
            for part in key.split("."):
                value = value[part]
    # LoRA of rank 1 on one layer of width 16 (16 + 48 + 32 + 80 + 80), and the layer over two labels: 2 x 16 + 2.
    assert (done.measures["n_trainable"], done.measures["optimizer_bytes"]) == (256 + 34, 8 * 290)


def test_rows_hold_together() -> None:
    for row in ROWS:
        names = {arm.name for arm in row.arms}
        keys = {column.key for column in row.columns}
        assert row.decisive <= names and len(names) == len(row.arms)
        assert {claim.column for claim in row.claims} <= keys and {figure.y for figure in row.figures} <= keys
        assert set(row.smoke) <= set(OPTIONS) and all(set(arm.options) <= set(OPTIONS) for arm in row.arms)
        for arm in row.arms:
            assert all(callable(found(name)) for name in (arm.task, *arm.measures))
    assert isinstance(ROWS[0].arms[0], Arm)
