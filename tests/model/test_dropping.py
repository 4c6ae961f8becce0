"""BPE-dropout in training: another segmentation each epoch, of the same text in the same order."""

import numpy as np
import pytest
import torch
from experiment_jobs import job, silent
from small import TEXTS, shards, trainer

import bpe_lab
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import UnsupportedError
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model.experiments import dropping, tasks
from bpe_lab_model.experiments.dropping import Epoch, Segmented, run_through
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.windows import WindowIndex, steps


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small", n_texts=6)


def segmented(text: Shards, dropout: float = 0.3, seed: int = 0) -> Segmented:
    candidate = text.load_candidate()
    assert candidate.tokenizer is not None
    return Segmented(text, candidate.tokenizer, dropout, seed)


def test_an_epoch_is_the_same_text_in_other_tokens_whose_ends_tile_it(text: Shards) -> None:
    plain, found = text.split("train"), segmented(text).epoch(0).split("train")
    back = text.load_candidate().decode_batch(np.asarray(found.ids, np.uint32), np.asarray(found.token_offsets))
    assert back == TEXTS[2:6]
    assert found.n_tokens > plain.n_tokens and found.n_bytes == plain.n_bytes
    for d, document in enumerate(back):
        ends = found.ends[int(found.token_offsets[d]) : int(found.token_offsets[d + 1])].astype(int)
        assert ends[-1] == len(document) and (np.diff(ends) > 0).all()
        ids = found.ids[int(found.token_offsets[d]) :][:3].astype(np.uint32)
        assert document[: ends[2]] == text.load_candidate().decode(ids)


def test_epochs_and_seeds_differ_and_equal_ones_are_equal(text: Shards) -> None:
    def ids(seed: int, epoch: int) -> bytes:
        return segmented(text, seed=seed).epoch(epoch).split("train").ids.tobytes()

    assert ids(0, 0) == ids(0, 0)
    assert len({ids(0, 0), ids(0, 1), ids(1, 0), ids(1, 1)}) == 4


def test_validation_text_is_as_it_was_written(text: Shards) -> None:
    assert np.array_equal(segmented(text).epoch(3).split("validation").ids, text.split("validation").ids)


def test_steps_hold_the_same_text_as_without(text: Shards) -> None:
    def windows(of: Shards) -> list[tuple[int, int]]:
        index = WindowIndex(of.split("train"), of.eos, 64)
        return [(step.n_bytes, step.epoch) for step in steps(index, 512, 0, epochs=2)]

    assert windows(text) == windows(segmented(text).epoch(1))


def test_without_dropout_it_is_plain_training(text: Shards) -> None:
    budgets = (4_000, 9_000)
    arm = Arm("none dropped", task="dropping:train", options={"dropout": 0.0})
    ours, plain = dropping.train(job(text, arm, budgets), silent), tasks.train(job(text, budgets=budgets), silent)
    for a, b in zip(ours, plain, strict=True):
        assert a.scored == b.scored and a.trained is not None and b.trained is not None
        assert (a.trained.bytes, a.trained.tokens, a.trained.steps) == (
            b.trained.bytes,
            b.trained.tokens,
            b.trained.steps,
        )


def test_with_dropout_training_sees_more_tokens_of_as_many_bytes(text: Shards) -> None:
    arm = Arm("dropped", task="dropping:train", options={"dropout": 0.3})
    (ours,), (plain,) = dropping.train(job(text, arm), silent), tasks.train(job(text), silent)
    assert ours.trained is not None and plain.trained is not None
    assert ours.trained.tokens > 1.05 * plain.trained.tokens and ours.trained.bytes == plain.trained.bytes
    assert ours.trained.epochs == plain.trained.epochs > 2
    assert ours.scored is not None and plain.scored is not None and ours.scored.tokens == plain.scored.tokens


def test_each_epoch_is_trained_on_its_own_segmentation(text: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    one, cut = trainer(text, total_bytes=9_000, bytes_per_step=512), segmented(text)
    n_bytes = text.split("train").n_bytes
    made: list[int] = []
    epoch = Segmented.epoch

    def noted(self: Segmented, number: int) -> Epoch:
        made.append(number)
        return epoch(self, number)

    monkeypatch.setattr(Segmented, "epoch", noted)
    run_through(one, cut, n_bytes + 100)
    assert made == [0, 1] and abs(one.meter.bytes - n_bytes - 100) <= 300
    run_through(one, cut, n_bytes + 700)  # goes on in the second epoch
    assert made == [0, 1, 1]
    run_through(one, cut, 3 * n_bytes)
    assert made == [0, 1, 1, 1, 2] and abs(one.meter.bytes - 3 * n_bytes) <= 300
    assert torch.isfinite(one.model.embedding).all()


def test_a_tokenizer_whose_tokens_own_no_bytes_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    jamo = bpe_lab.train(texts=[t.decode() for t in TEXTS[:4]], vocab_size=360, unit="jamo")
    folder = tmp_path_factory.mktemp("jamo") / "s"
    of = write_shards(folder, Ours("jamo", jamo), {"train": TEXTS[2:4], "validation": TEXTS[:2]})
    with pytest.raises(UnsupportedError, match="has no bytes of its own"):
        next(dropping.train(job(of, Arm("dropped", task="dropping:train")), silent))
