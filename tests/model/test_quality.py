"""Measures of generated texts, and what decoding costs."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab import Tokenizer, train
from bpe_lab_model.cost import cache_bytes_per_token
from bpe_lab_model.decoding import decoding_figures, sample_batch
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.generate import Speaker, generate
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.quality import Copies, _blocks, _hashes, broken_characters, distinct_2, stray_jamo
from bpe_lab_model.sampling import GREEDY

TEXTS = [
    "오늘 날씨가 정말 좋습니다. 어제는 비가 왔습니다.\n",
    "배송이 빠르고 포장이 꼼꼼해서 좋았습니다!  다시 살게요 ㅋㅋㅋ\n",
]


@pytest.mark.parametrize(
    ("data", "is_cut", "expected"),
    [
        (b"", True, (0, 0)),
        ("나무".encode(), True, (0, 2)),
        ("\ufffd나".encode(), True, (0, 2)),  # the text says U+FFFD itself
        ("나무".encode()[:-1], True, (0, 1)),  # 무 was not finished
        ("나무".encode()[:-1], False, (1, 2)),  # the model ended there
        ("나무".encode()[1:], True, (2, 3)),  # 82 98 belong to no character: two bytes, two broken ones
        (b"\xeb\xacx", True, (1, 2)),  # the first two bytes of 무 are one
        (b"\xff\xfe", True, (2, 2)),
        (b"a\xed\xa0\x80", True, (3, 4)),  # a surrogate is no character: ED cannot come before A0
    ],
)
def test_broken_characters(data: bytes, is_cut: bool, expected: tuple[int, int]) -> None:
    assert broken_characters(data, is_cut) == expected


@given(st.binary(max_size=12))
def test_broken_characters_are_those_of_the_decoder(data: bytes) -> None:
    n_broken, n_chars = broken_characters(data, is_cut=False)
    assert n_chars == len(data.decode(errors="replace"))
    assert (n_broken == 0) == (data.decode(errors="ignore").encode() == data)


def test_stray_jamo_and_distinct_pairs() -> None:
    assert stray_jamo("가\u1100\u1161ㄱa") == 2
    # (나는, 간다), (간다, 나는), (나는, 간다) again, (간다, 집에)
    assert distinct_2(["나는 간다  나는\n간다 집에"]) == 0.75
    # no pair crosses from one text to the next
    assert distinct_2(["좋아요 정말", "좋아요 정말"]) == 0.5
    assert distinct_2(["하나", ""]) is None


def test_copied_strings_by_hand() -> None:
    text = "오늘 날씨가 정말 좋습니다. 어제는 비가 왔습니다."  # 28 characters
    copies = Copies([text])
    copies.look(["그래서 " + text[:22] + "끝", "아무것도 아닌 글입니다. 아무것도 아닌 글입니다."])
    # of the 9 strings the 3 that lie within the first 22 characters
    assert copies.share(text) == pytest.approx(3 / 9)
    assert copies.share("짧은 글") is None


def test_no_string_crosses_documents() -> None:
    sample = "가나다라마바사아자차카타파하거너더러머버"
    copies = Copies([sample])
    copies.look([sample[:10], sample[10:]])
    assert copies.share(sample) == 0


@given(
    st.lists(st.text("가나 다", max_size=40), max_size=5),
    st.lists(st.text("가나 다\x00😀", max_size=60), max_size=5),
    st.sampled_from([1, 2, 3, 5, 20]),
)
@settings(deadline=None)
def test_copies_are_what_searching_finds(samples: list[str], documents: list[str], n: int) -> None:
    copies = Copies(samples, n_chars=n)
    copies.look(documents)
    for sample in samples:
        strings = [sample[at : at + n] for at in range(len(sample) - n + 1)]
        expected = sum(any(string in document for document in documents) for string in strings)
        assert copies.share(sample) == (expected / len(strings) if strings else None)


def test_long_documents_pass_in_blocks() -> None:
    chars = random.Random(0).choices("가나다라마바사", k=600_000)
    document = "".join(chars)
    blocks = list(_blocks([document, "끝"], 20))
    assert len(blocks) == 3 and max(map(len, blocks)) < 300_000
    at = 262_144 - 7  # across the edge of a block
    copies = Copies([document[at : at + 20], "라" * 20])
    copies.look([document])
    assert [copies.share(sample) for sample in copies.samples] == [1, 0]


def test_hashes_are_of_the_string_alone() -> None:
    a, b = _hashes("x" + "가나다라마" * 4 + "y", 20), _hashes("가나다라마" * 4, 20)
    assert a[1] == b[0] and len(set(a.tolist())) == 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(texts=TEXTS, vocab_size=400, special_tokens=["<|endoftext|>"])


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> GPT:
    n = tokenizer.n_ids
    config = Config(vocab_size=n, context_bytes=128, n_layers=2, n_heads=2, d_model=32, init_std=0.25)
    return GPT(config, embedding_keys(tokenizer, n))


def test_side_by_side_is_as_one_by_one(tokenizer: Tokenizer, model: GPT) -> None:
    prompts = [b"", TEXTS[0].encode()[:20], "가".encode(), TEXTS[1].encode()[:50]]
    made = sample_batch(Speaker(model, tokenizer), prompts, 12, GREEDY)
    for prompt, ids, text, ended in zip(prompts, made.ids, made.texts, made.ended, strict=True):
        alone = generate(model, tokenizer, prompt, temperature=0, n_tokens=12, n_bytes=None, heal=False)
        expected = [step.id for step in alone]
        assert ids == (expected[:-1] if alone.ended else expected)
        assert ended == alone.ended and text == tokenizer.decode_bytes(ids)


def test_side_by_side_stays_within_the_context(tokenizer: Tokenizer, model: GPT) -> None:
    made = sample_batch(Speaker(model, tokenizer), [b"", "가나다".encode() * 8], 1000)
    assert max(map(len, made.ids)) < 128


def test_figures_of_decoding(tokenizer: Tokenizer, model: GPT) -> None:
    model.train()
    figures = decoding_figures(model, tokenizer, [text.encode() for text in TEXTS], n_bytes=10**9)
    assert model.training
    n_tokens, n_bytes = (sum(map(len, map(f, TEXTS))) for f in (tokenizer.encode, str.encode))
    assert figures["bytes_per_token"] == pytest.approx(n_bytes / n_tokens)
    assert figures["bytes_per_s"] == pytest.approx(figures["tokens_per_s"] * n_bytes / n_tokens)
    expected = cache_bytes_per_token(model.config) * 1000 * n_tokens / n_bytes
    assert figures["cache_bytes_per_kb"] == pytest.approx(expected)
    assert 0 < figures["invalid_utf8"] < 1  # it learned nothing: bytes in any order
    assert figures["stray_jamo"] == 0 and figures["sampled_characters"] > 100
    assert torch.is_grad_enabled()
    again = decoding_figures(model, tokenizer, [text.encode() for text in TEXTS], n_bytes=10**9)
    assert {**figures, "tokens_per_s": 0, "bytes_per_s": 0} == {**again, "tokens_per_s": 0, "bytes_per_s": 0}


def test_a_share_needs_no_text(tokenizer: Tokenizer, model: GPT) -> None:
    figures = decoding_figures(model, tokenizer, [], n_tokens=4)
    assert "tokens_per_s" not in figures and "invalid_utf8" in figures
