"""The tail of a long text after each way to cut: known figures, slow twins, and what learned positions cannot."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import bpe_lab
from bpe_lab import sample
from bpe_lab.compare.candidates import Ours
from bpe_lab_model import bpb
from bpe_lab_model.experiments import truncating
from bpe_lab_model.experiments.truncating import WAYS, LongText, bits_per_byte, long_texts, tail_nats
from bpe_lab_model.gpt import GPT, Config

C = 64
KOREAN = [d.text for d in sample.documents("ko")[:10]]
UNITS = ("byte", "jamo")


@pytest.fixture(scope="module", params=UNITS)
def candidate(request: pytest.FixtureRequest) -> Ours:
    return Ours(request.param, bpe_lab.train(texts=KOREAN, vocab_size=500, unit=request.param))


def long_text(candidate: Ours, n_bytes: int = 4 * C) -> LongText:
    text = " ".join(KOREAN).encode()[: n_bytes + 2].decode(errors="ignore").encode()[:n_bytes]
    return LongText.of(candidate, text, C // 4)


def model(candidate: Ours, **config: Any) -> GPT:
    shape = {"context_bytes": C, "n_layers": 2, "n_heads": 2, "d_model": 16, "init_std": 0.3, **config}
    return GPT(Config(candidate.n_ids, **shape))


EOS = 0


def probabilities(model: GPT, inputs: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model.eval().logits(model(torch.tensor([inputs])))[0].double().log_softmax(-1)  # (T, V)


def by_hand(model: GPT, text: LongText, visible: Any) -> float:
    """Return the nats of the tail, one token and one reading at a time; `visible(i)` is what is read before token i."""
    return -sum(float(probabilities(model, visible(i))[-1, text.ids[i]]) for i in range(text.first, len(text.ids)))


def test_the_tail_is_the_tokens_that_begin_in_the_last_quarter_context(candidate: Ours) -> None:
    text = long_text(candidate)
    assert all(start >= text.n_bytes - C // 4 for start in text.starts[text.first :])
    assert text.starts[text.first - 1] < text.n_bytes - C // 4
    assert 0 < text.tail_bytes <= C // 4


def test_a_model_that_knows_nothing_costs_log2_v_a_token_every_way(candidate: Ours) -> None:
    # All-zero rows and a tied head: every logit is 0, so each token costs log2(V).
    blank = model(candidate, init="zeros")
    text = long_text(candidate)
    right = math.log2(candidate.n_ids) * len(text.tail) / text.tail_bytes
    for way in WAYS:
        assert bits_per_byte(blank, [text], way, EOS) == pytest.approx(right, rel=1e-6), way


def test_a_model_that_looks_at_the_last_token_alone_loses_nothing(candidate: Ours) -> None:
    short_sighted = model(candidate)
    with torch.no_grad():
        for block in short_sighted.blocks:
            block.attention.out.weight.zero_()  # type: ignore[union-attr, operator]
    text = long_text(candidate)
    costs = {way: tail_nats(short_sighted, text, way, EOS) for way in WAYS}
    same = [costs[way] for way in ("alone", "chunked", "left", "rolling", "full")]
    assert same == pytest.approx([costs["alone"]] * 5, rel=1e-5)
    assert costs["right"] != pytest.approx(costs["alone"], rel=1e-5)  # the tail's first token follows another one


def test_left_full_and_alone_equal_a_reading_a_token(candidate: Ours) -> None:
    trained, text = model(candidate), long_text(candidate)
    edge = next(i for i, start in enumerate(text.starts) if start >= text.starts[text.first] - (C - C // 4))
    ways = {
        "full": lambda i: [EOS, *text.ids[:i]],
        "left": lambda i: text.ids[edge - 1 : i],
        "alone": lambda i: text.ids[text.first - 1 : i],
    }
    for way, visible in ways.items():
        assert tail_nats(trained, text, way, EOS) == pytest.approx(by_hand(trained, text, visible), rel=1e-5), way


def test_right_keeps_the_beginning_and_as_many_bytes_as_the_context(candidate: Ours) -> None:
    trained, text = model(candidate), long_text(candidate)
    kept = next(i for i, start in enumerate([*text.starts[1:], text.n_bytes]) if start > C - C // 4)
    found = by_hand(trained, text, lambda i: [EOS, *text.ids[:kept], *text.ids[text.first : i]])
    assert tail_nats(trained, text, "right", EOS) == pytest.approx(found, rel=1e-5)


def test_chunked_is_the_mean_over_the_places_in_a_window(candidate: Ours) -> None:
    trained, text = model(candidate), long_text(candidate)

    def cost(n_bytes: int) -> float:
        edge = next(i for i, start in enumerate(text.starts) if start >= text.starts[text.first] - n_bytes)
        return by_hand(trained, text, lambda i: text.ids[edge - 1 : i])

    costs = [cost(n_bytes) for n_bytes in (0, C // 4, C // 2, 3 * C // 4)]
    assert tail_nats(trained, text, "chunked", EOS) == pytest.approx(sum(costs) / 4, rel=1e-5)
    assert tail_nats(trained, text, "left", EOS) == pytest.approx(costs[3], rel=1e-6)
    assert tail_nats(trained, text, "alone", EOS) == pytest.approx(costs[0], rel=1e-6)


@pytest.mark.parametrize("position", ["rope", "alibi", "none"])
def test_with_one_layer_a_rolling_cache_equals_reading_the_last_context_anew(candidate: Ours, position: str) -> None:
    trained, text = model(candidate, position=position, n_layers=1), long_text(candidate)

    # What is read before token i: all that begins in the C bytes before it.
    def visible(i: int) -> list[int]:
        inputs, begins = [EOS, *text.ids], [0, *text.starts]
        return [id for id, begin in zip(inputs[: i + 1], begins, strict=False) if begin >= text.starts[i] - C]

    rolled = tail_nats(trained, text, "rolling", EOS, rolling_tokens=1)
    assert rolled == pytest.approx(by_hand(trained, text, visible), rel=1e-4)


def test_with_two_layers_a_rolling_cache_is_another_thing(candidate: Ours) -> None:
    trained, text = model(candidate), long_text(candidate)
    assert tail_nats(trained, text, "rolling", EOS, 1) != pytest.approx(tail_nats(trained, text, "left", EOS), rel=1e-4)


def test_a_cache_with_room_for_all_equals_reading_all(candidate: Ours) -> None:
    text = long_text(candidate, n_bytes=C)
    trained = model(candidate)
    whole = tail_nats(trained, text, "full", EOS)
    for n_tokens in (1, 7, 1000):
        assert tail_nats(trained, text, "rolling", EOS, n_tokens) == pytest.approx(whole, rel=1e-5)


def test_learned_positions_have_no_figure_beyond_the_context(candidate: Ours) -> None:
    learned, text = model(candidate, position="learned"), long_text(candidate)
    assert bits_per_byte(learned, [text], "full", EOS) is None
    assert bits_per_byte(learned, [text], "rolling", EOS) is None
    for way in ("left", "right", "chunked", "alone"):
        assert bits_per_byte(learned, [text], way, EOS) is not None


def test_scoring_leaves_the_model_in_training(candidate: Ours) -> None:
    trained = model(candidate, dropout_residual=0.5).train()
    first = bits_per_byte(trained, [long_text(candidate)], "left", EOS)
    assert trained.training and first == bits_per_byte(trained, [long_text(candidate)], "left", EOS)


# -- the texts


def test_long_documents_are_cut_and_short_ones_joined_within_their_domain() -> None:
    texts = [b"a" * 25, b"b" * 4, b"c" * 12, b"d" * 7]
    found = long_texts(texts, ["x", "x", "y", "x"], 10)
    # x: 25 gives two of 10 and a rest of 5; 5 + 1 + 4 + 1 + 7 joined give one of 10. y: one of 12 gives one of 10.
    joined = b"a" * 5 + b"\n" + b"b" * 4
    assert found == [("x", b"a" * 10), ("y", b"c" * 10), ("x", b"a" * 10), ("x", joined)]
    assert long_texts(texts, ["x", "x", "y", "x"], 10, join=False) == found[:3]


def test_no_character_is_cut() -> None:
    text = ("가" * 20).encode()
    found = long_texts([text], [""], 10)
    assert [piece.decode() for _, piece in found] == [
        "가" * 3
    ] * 6  # 9 bytes each; the last two characters are left out


def test_differences_are_those_of_the_arm() -> None:
    record = SimpleNamespace(measures={"tail": {"left": 2.0, "full": 2.5, "rolling": None}})
    records: Any = {("rope", 1.0): record, ("alibi", 1.0): record}
    assert truncating.rope_full_less_left(records) == 0.5  # type: ignore[arg-type]
    assert truncating.rope_rolling_less_left(records) is None  # type: ignore[arg-type]
    assert truncating.none_full_less_left(records) is None  # type: ignore[arg-type]


def test_scoring_context_is_the_one_of_bits_per_byte() -> None:
    # A text of exactly one context: the tail after all that is before it, as `bpb` scores it in one window.
    from bpe_lab.shards import encode_split

    candidate = Ours("byte", bpe_lab.train(texts=KOREAN, vocab_size=400))
    text = long_text(candidate, n_bytes=C)
    trained = model(candidate)
    split = encode_split(candidate, [" ".join(KOREAN).encode()[:C]], name="validation")
    nats = bpb.losses(trained, split, EOS, C)
    assert tail_nats(trained, text, "full", EOS) == pytest.approx(float(nats[text.first : -1].sum()), rel=1e-5)
